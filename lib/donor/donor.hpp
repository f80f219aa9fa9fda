// SPDX-License-Identifier: GPL-3.0-or-later
// The donor machine: offers, leases, reads and the image stream. Sits behind session::Server.
// PROTOCOL §5, §6.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "donor/catalogue.hpp"
#include "session/server.hpp"

namespace fwr::donor {

/// PROTOCOL §6.3, same rows, same order (lease_table()).
enum class LeaseState : std::uint8_t { Free, Leased, Serving };
enum class LeaseEvent : std::uint8_t { Accept, Read, Release, Report, Expire, Withdraw };
struct LeaseRow {
  LeaseState from;
  LeaseEvent event;
  LeaseState to;
};
[[nodiscard]] std::span<const LeaseRow> lease_table();
[[nodiscard]] std::string_view to_text(LeaseState state);
[[nodiscard]] std::string_view to_text(LeaseEvent event);

struct DonorConfig {
  std::uint32_t iana = 0;
  DonorRole role = DonorRole::Console;
  std::uint8_t media = static_cast<std::uint8_t>(Medium::Wired);
  Guid guid{};
  std::string name;  ///< for people, at most 31 characters
  std::chrono::seconds hold{60};
  std::chrono::seconds lease{60};
  std::uint8_t leases = 16;
  std::uint8_t leases_per_user = 0;  ///< 0: half of them
  std::uint32_t credit_bytes = 4U << 20;
  std::uint16_t segment_limit_granules = 512;
  /// Seconds since 1970, as transport::wall_clock(); nothing: no clock, and nothing expires.
  std::function<std::optional<std::int64_t>()> wall_clock = {};
};

/// For the log: what an administrator wants to know of a donor.
struct DonorEvent {
  enum class Kind : std::uint8_t {
    Offered,
    Accepted,
    Refused,
    Released,
    Reported,
    Expired,
    Withdrawn
  };
  Kind kind = Kind::Offered;
  Path path;
  std::string user;
  Digest digest{};
  std::string text;
  std::uint8_t result = 0;
  /// What the recipient says it is; nothing when it never asked in this session.
  std::optional<Platform> system = {};
};

class Donor final : public session::Application {
 public:
  /// `catalogue` and `random` must outlive the donor.
  Donor(DonorConfig config, Catalogue& catalogue, RandomSource& random, TimePoint now);
  ~Donor() override;

  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint now) override;
  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now) override;
  std::optional<Outgoing> next_payload(LinkId link, TimePoint now) override;
  void session_closed(std::uint32_t session, TimePoint now) override;

  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] std::optional<DonorEvent> poll_event();
  /// Another catalogue from now on; leases of images that it lacks end (withdraw).
  void replace_catalogue(Catalogue& catalogue, TimePoint now);
  [[nodiscard]] std::size_t leases() const;
  /// How often each row of lease_table() was taken.
  [[nodiscard]] std::span<const std::uint64_t> rows_taken() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::donor
