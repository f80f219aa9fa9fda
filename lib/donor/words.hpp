// SPDX-License-Identifier: GPL-3.0-or-later
// The vocabulary of the donor: its configuration, its events, and the states of a lease.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/types.hpp"

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
  /// Seconds since 1970, as transport::wall_clock(). nullopt: no clock, and no image expires.
  std::function<std::optional<std::int64_t>()> wall_clock = {};
};

/// An event for the log of the donor's administrator.
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
  /// The recipient's description of itself; nullopt when it never asked in this session.
  std::optional<Platform> system = {};
};

}  // namespace fwr::donor
