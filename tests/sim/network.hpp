// SPDX-License-Identifier: GPL-3.0-or-later
// Simulated media in virtual time, with the faults that a network has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "bus.hpp"
#include "chronicle.hpp"
#include "plan.hpp"

namespace fwr::sim {

/// 10.medium.kind.number
[[nodiscard]] Address address_of(std::size_t medium, std::size_t host, std::uint16_t port);
[[nodiscard]] Address broadcast_on(std::size_t medium);
[[nodiscard]] std::size_t host_of(const Address& address);
/// Of an address of either kind.
[[nodiscard]] std::size_t medium_of(const Address& address);
/// The path of a broadcast from this host on this medium.
[[nodiscard]] Path way_to_all(const Plan& plan, std::size_t medium, std::size_t host,
                              std::uint16_t port);

struct Delivery {
  TimePoint at{};
  std::uint64_t order = 0;
  std::size_t host = 0;
  std::size_t medium = 0;
  Datagram datagram;  ///< as the receiver sees it: local is its own address
};

class Network {
 public:
  Network(const Plan& plan, Chronicle& chronicle);

  /// Who listens where. Broadcasts reach all hosts of a medium that are attached as `listens`.
  void attach(std::size_t medium, std::size_t host, bool listens);
  /// A process opens its end of a bus, or it ends. Other media need no such thing.
  void open(std::size_t medium, std::size_t host, TimePoint now);
  void close(std::size_t medium, std::size_t host);
  /// From one of the sender's addresses to one on the same medium.
  void send(std::size_t host, Datagram datagram, TimePoint now);
  /// Out of nowhere, with whatever addresses.
  void inject(std::size_t medium, std::size_t host, Datagram datagram, TimePoint at) {
    deliver(medium, host, std::move(datagram), at);
  }
  /// Whether the sender's queue has room: a donor's stream is pulled only then.
  [[nodiscard]] bool has_room(std::size_t medium, std::size_t host, TimePoint now) const;
  [[nodiscard]] std::optional<TimePoint> next(TimePoint now) const;
  /// What buses carry.
  void work(TimePoint now);
  /// Null: the medium is none.
  [[nodiscard]] Bus* bus(std::size_t medium) { return buses_.at(medium).get(); }
  [[nodiscard]] const Bus* bus(std::size_t medium) const { return buses_.at(medium).get(); }
  [[nodiscard]] std::optional<Delivery> receive(TimePoint now);
  [[nodiscard]] std::uint64_t sent(std::size_t host) const;
  /// The latest datagrams that anybody sent; an outsider has heard them.
  [[nodiscard]] const std::vector<Delivery>& heard() const { return heard_; }
  /// The same of buses.
  [[nodiscard]] const std::vector<Delivery>& heard_on_buses() const { return heard_on_buses_; }
  static constexpr Duration kQueue = std::chrono::milliseconds(50);

 private:
  struct Attached {
    std::size_t host;
    bool listens;
  };
  void send_lan(const Address& from, const Address& to, Bytes bytes, TimePoint now);
  static void remember(Delivery delivery, std::vector<Delivery>& in, std::size_t& place);
  void carry(std::size_t medium, std::size_t to_host, const Datagram& datagram, TimePoint leaves,
             TimePoint now);
  void deliver(std::size_t medium, std::size_t host, Datagram datagram, TimePoint at);
  [[nodiscard]] bool applies(const Fault& fault, std::size_t medium, std::size_t from,
                             std::size_t to, TimePoint now) const;
  bool strikes(std::size_t fault_number);
  bool damage(std::size_t medium, std::size_t from, std::size_t to, Datagram& datagram,
              Duration& extra, unsigned& copies, TimePoint now);

  static constexpr std::size_t kHeard = 64;
  const Plan& plan_;
  Chronicle& chronicle_;
  std::vector<Dice> dice_;  ///< one for each fault
  Dice jitter_;
  std::vector<std::vector<Attached>> attached_;
  std::vector<std::unique_ptr<Bus>> buses_;                           ///< null for other media
  std::map<std::pair<std::size_t, std::size_t>, TimePoint> free_at_;  ///< of a host on a medium
  std::map<std::pair<TimePoint, std::uint64_t>, Delivery> waiting_;
  std::map<std::size_t, std::uint64_t> sent_;
  std::vector<Delivery> heard_;
  std::size_t heard_next_ = 0;
  std::vector<Delivery> heard_on_buses_;
  std::size_t heard_on_buses_next_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace fwr::sim
