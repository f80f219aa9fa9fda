// SPDX-License-Identifier: GPL-3.0-or-later
// A donor in the simulator: the real donor machine behind the real server, with a watch over both,
// and the lies of donors that lie.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "lease_watch.hpp"
#include "network.hpp"
#include "session/plain_server.hpp"
#include "session/server.hpp"

namespace fwr::sim {

inline constexpr std::string_view kUser = "fw";
inline constexpr std::string_view kPassword = "secret";

/// Catalogue in memory. A lying donor's gives other bytes than it should.
class SimCatalogue final : public donor::Catalogue {
 public:
  explicit SimCatalogue(std::vector<Release> releases);
  [[nodiscard]] std::span<const donor::Entry> entries() const override { return entries_; }
  [[nodiscard]] Result<> read_image(const Digest& digest, std::uint64_t offset,
                                    std::span<std::byte> out) override;
  [[nodiscard]] Result<> read_tree(const Digest& digest, std::uint64_t offset,
                                   std::span<std::byte> out) override;
  [[nodiscard]] const std::vector<Release>& releases() const { return releases_; }
  [[nodiscard]] donor::Entry& entry(std::size_t index) { return entries_.at(index); }

  double wrong_blocks = 0, wrong_tree = 0, unreadable = 0;
  std::optional<Dice> dice;
  Chronicle* chronicle = nullptr;

 private:
  Result<> read(const Digest& digest, Bytes Content::*part, std::uint64_t offset,
                std::span<std::byte> out, double wrong, FaultKind lie);
  void injected(FaultKind lie) {
    if (chronicle != nullptr) chronicle->injected(lie);
  }
  std::vector<Release> releases_;
  std::vector<donor::Entry> entries_;
};

using LeaseRows = std::array<std::uint64_t, 13>;

class DonorHost final : public session::Application {
 public:
  DonorHost(const Plan& plan, std::size_t number, Network& network, Chronicle& chronicle);

  void handle(const Delivery& delivery, TimePoint now);
  /// Timers, planned faults, and what the network has room for.
  void work(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> next(TimePoint now) const;

  [[nodiscard]] std::size_t host() const { return kFirstDonor + number_; }
  [[nodiscard]] bool lies() const { return lies_; }
  /// Whether it has trickled: it keeps a lease for as long as it draws out what was granted.
  [[nodiscard]] bool has_trickled() const { return trickle_at_.has_value(); }
  [[nodiscard]] bool is_up() const { return machine_ != nullptr; }
  [[nodiscard]] LeaseRows all_lease_rows() const;
  /// Leases and sessions that are left.
  [[nodiscard]] std::size_t promises() const;
  /// What is in its catalogue.
  [[nodiscard]] std::span<const Release> releases() const;

  // The application of the server.
  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint now) override;
  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now) override;
  std::optional<Outgoing> next_payload(LinkId link, TimePoint now) override;
  void session_closed(std::uint32_t session, TimePoint now) override;

 private:
  struct Machine {
    Machine(const DonorPlan& plan, DonorHost& host, Dice dice, TimePoint now);
    DiceRandom random;
    SimCatalogue catalogue;
    donor::Donor donor;
    session::Server server;
    std::map<std::size_t, session::PlainServer> plain;  ///< of each bus
    LeaseWatch watch;
    std::unique_ptr<SimCatalogue> later;  ///< after a withdrawal
  };
  void boot(TimePoint now);
  void crash();
  void withdraw(TimePoint now);
  void apply_plan(TimePoint now);
  void die_talking(TimePoint now);
  void transmit(TimePoint now);
  void check_limits() const;
  void note_request(const Datagram& request);
  void check_reply(const Datagram& reply);
  void check_allowed(const Datagram& reply) const;
  [[nodiscard]] bool allows(const Address& peer) const;
  [[nodiscard]] std::optional<Datagram> poll(std::size_t medium, TimePoint now);
  void take_events();
  void send(Datagram datagram, TimePoint now);
  [[nodiscard]] bool lying(FaultKind kind, TimePoint now) const;
  void set_lies(SimCatalogue& catalogue, TimePoint now);
  void lie_about(const session::Requester& from, const wire::IpmiRequest& request,
                 std::optional<wire::IpmiResponse>& response, TimePoint now);
  bool lie_payload(Outgoing& out, TimePoint now);

  const Plan& plan_;
  const DonorPlan& mine_;
  std::size_t number_;
  Network& network_;
  Chronicle& chronicle_;
  Dice dice_;
  std::unique_ptr<Machine> machine_;
  std::vector<std::size_t> done_faults_;
  std::uint64_t boots_ = 0;
  bool lies_ = false;
  LeaseRows rows_{};
  std::optional<TimePoint> trickle_at_;
  TimePoint dead_until_{};
  /// A message without a session that may still be answered.
  struct Asked {
    Address peer;
    std::uint32_t key = 0;
    std::size_t limit_bytes = 0;
  };
  static constexpr std::size_t kAsked = 512;
  std::deque<Asked> asked_;
};

}  // namespace fwr::sim
