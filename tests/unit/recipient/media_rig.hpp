// SPDX-License-Identifier: GPL-3.0-or-later
// A recipient with a LAN and an ICMB bus, and donors on both, in virtual time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/soonest.hpp"
#include "session/plain_server.hpp"
#include "support/bus_rig.hpp"
#include "support/recovery_rig.hpp"
#include "wire/plain.hpp"
#include "wire/stream.hpp"

namespace fwr::test {

inline Address bus_address(std::uint16_t number) {
  return wire::icmb::to_address(wire::icmb::BusAddress{number}, 1);
}

inline link::test::RigOptions quiet_bus(std::size_t nodes) {
  link::test::RigOptions options;
  options.nodes = nodes;
  return options;
}
inline link::test::RigOptions noisy_bus(std::size_t nodes, double bit_error_rate,
                                        link::BusNoise noise = link::BusNoise::Line) {
  link::test::RigOptions options = quiet_bus(nodes);
  options.bus.bit_error_rate = bit_error_rate;
  options.bus.noise = noise;
  return options;
}

/// A donor that serves every node of its bus.
class PlainDonor {
 public:
  PlainDonor(const donor::DonorConfig& config, std::vector<SignedImage> images,
             const LinkProperties& properties, TimePoint now)
      : catalogue(std::move(images)),
        random_(17),
        donor(config, catalogue, random_, now),
        server(server_config(config, properties), config.iana, donor) {}

  void receive(const Datagram& message, TimePoint now) {
    server.handle_datagram(message.path, message.bytes, now);
  }
  std::optional<Datagram> poll_transmit(TimePoint now) {
    if (const auto at = deadline(); at && *at <= now) {
      donor.handle_timeout(now);
      server.handle_timeout(now);
    }
    while (auto event = donor.poll_event()) events.push_back(*event);
    return server.poll_transmit(now);
  }
  [[nodiscard]] std::optional<TimePoint> deadline() const {
    const auto mine = donor.deadline();
    const auto its = server.deadline();
    if (mine && its) return std::min(*mine, *its);
    return mine ? mine : its;
  }
  [[nodiscard]] bool saw(donor::DonorEvent::Kind kind) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const donor::DonorEvent& event) { return event.kind == kind; });
  }

  MemoryCatalogue catalogue;

 private:
  static session::PlainServerConfig server_config(const donor::DonorConfig& config,
                                                  const LinkProperties& properties) {
    session::PlainServerConfig server;
    server.link = LinkId{1};
    server.properties = properties;
    server.identity.guid = config.guid;
    server.allowed.everybody = true;
    return server;
  }
  SeededRandom random_;

 public:
  donor::Donor donor;
  session::PlainServer server;
  std::vector<donor::DonorEvent> events;
};

/// Node 0 of the bus is the recipient; donors are the next ones; behind them who only talks.
class MediaRig {
 public:
  static constexpr std::size_t kAhead_bytes = 4096;  ///< that wait in a donor's port

  explicit MediaRig(link::test::RigOptions options, std::uint64_t capacity = 16U << 20)
      : config(recovery_config(capacity)), slots(capacity), bus(options) {
    config.policy.deadline = std::chrono::hours(10);
    config.links = {{AddressFamily::Icmb, 1, bus[0].port->properties()}};
    bus.others_due = [this] { return due(); };
    bus.others_work = [this] { work(); };
  }

  PlainDonor& add_bus_donor(std::size_t node, std::vector<SignedImage> images,
                            donor::DonorConfig donor_config = {}) {
    donor_config.iana = kIana;
    donor_config.name = "bus donor " + std::to_string(node);
    if (donor_config.guid == Guid{}) donor_config.guid.fill(static_cast<std::byte>(node + 100));
    donor_config.media = static_cast<std::uint8_t>(Medium::Icmb);
    if (bus_donors.size() <= node) bus_donors.resize(node + 1);
    bus_donors[node] = std::make_unique<PlainDonor>(donor_config, std::move(images),
                                                    bus[node].port->properties(), bus.now());
    bus[node].on_message = [this, node](const Datagram& message) {
      bus_donors[node]->receive(message, bus.now());
    };
    return *bus_donors[node];
  }
  DonorHost& add_lan_donor(std::vector<SignedImage> images, const DonorOptions& options = {}) {
    lan_donors.push_back(std::make_unique<DonorHost>(options, std::move(images), bus.now()));
    return *lan_donors.back();
  }
  void ask_bus() {
    Path path;
    path.peer = wire::icmb::to_address(wire::icmb::BusAddress::Broadcast, 1);
    path.medium = Medium::Icmb;
    config.targets.push_back({.path = path, .broadcast = true});
  }
  void ask_lan() {
    config.targets.push_back({.path = Path{{}, broadcast_address()}, .broadcast = true});
  }

  void start() {
    recovery = std::make_unique<recipient::Recovery>(config, slots, random_);
    bus[0].on_message = [this](const Datagram& message) {
      recovery->handle_datagram(message.path, message.bytes, bus.now());
      take_events();
    };
    began = bus.now();
    recovery->start(began, 1800000000);
    work();
  }
  bool run(Duration limit = std::chrono::hours(10)) {
    if (!recovery) start();
    return bus.run_until([&] { return recovery->finished(); }, limit);
  }
  bool run_to(recipient::State state, Duration limit = std::chrono::hours(1)) {
    if (!recovery) start();
    return bus.run_until([&] { return recovery->state() == state; }, limit);
  }
  bool run_to_bytes(std::uint64_t fetched, Duration limit = std::chrono::hours(10)) {
    if (!recovery) start();
    return bus.run_until([&] { return progress && progress->done_bytes >= fetched; }, limit);
  }
  [[nodiscard]] bool succeeded() const {
    return finished && !finished->error && recovery->state() == recipient::State::Done;
  }
  [[nodiscard]] std::string detail() const {
    return finished && finished->error ? finished->error->message() : std::string("no error");
  }
  [[nodiscard]] double seconds(recipient::State from, recipient::State to) const {
    return std::chrono::duration<double>(reached.at(to) - reached.at(from)).count();
  }

  recipient::RecoveryConfig config;
  MemorySlots slots;
  link::test::BusRig bus;
  std::vector<std::unique_ptr<PlainDonor>> bus_donors;
  std::vector<std::unique_ptr<DonorHost>> lan_donors;
  std::unique_ptr<recipient::Recovery> recovery;
  TimePoint began{};
  bool lan_cut = false;  ///< at the recipient's own end

  std::vector<recipient::State> states;
  std::map<recipient::State, TimePoint> reached;
  std::vector<recipient::Offered> offered;
  std::vector<recipient::Dropped> dropped;
  std::vector<recipient::Chosen> chosen;
  std::optional<recipient::Progress> progress;
  std::optional<recipient::Finished> finished;

 private:
  std::optional<TimePoint> due() {
    Soonest soonest;
    if (recovery && !recovery->finished()) soonest.add(recovery->deadline());
    for (const auto& host : lan_donors) soonest.add(host->next());
    for (std::size_t node = 1; node < bus_donors.size(); ++node)
      if (bus_donors[node] && bus[node].port) soonest.add(bus_donors[node]->deadline());
    return soonest.time();
  }
  void work() {
    const TimePoint now = bus.now();
    for (const auto& host : lan_donors) {
      host->work(now);
      while (auto datagram = host->from_donor.receive(now))
        if (!host->cut && !lan_cut && recovery) {
          recovery->handle_datagram(datagram->path, datagram->bytes, now);
          take_events();
        }
    }
    for (std::size_t node = 1; node < bus_donors.size(); ++node) {
      if (!bus_donors[node] || !bus[node].port) continue;
      // As the transport does: what is in the port cannot be overtaken.
      while (bus[node].port->waiting_bytes() < kAhead_bytes) {
        auto message = bus_donors[node]->poll_transmit(now);
        if (!message) break;
        bus.send(node, wire::icmb::bus_address(message->path.peer), std::move(message->bytes));
      }
    }
    if (!recovery || recovery->finished()) return;
    recovery->set_link_properties({AddressFamily::Icmb, 1, bus_properties()});
    if (const auto at = recovery->deadline(); at && *at <= now) recovery->handle_timeout(now);
    while (auto datagram = recovery->poll_transmit(now)) route(std::move(*datagram));
    take_events();
  }
  LinkProperties bus_properties() {
    return sender_ ? bus[0].port->properties(*sender_) : config.links.front().properties;
  }
  void route(Datagram datagram) {
    if (datagram.path.peer.family == AddressFamily::Icmb) {
      bus.send(0, wire::icmb::bus_address(datagram.path.peer), std::move(datagram.bytes));
      return;
    }
    if (lan_cut) return;
    const bool to_all = datagram.path.peer == broadcast_address();
    for (const auto& host : lan_donors) {
      if (host->cut || (!to_all && host->address != datagram.path.peer)) continue;
      Datagram copy = datagram;
      copy.path.local = ipv4(1, 40000);
      host->to_donor.send(std::move(copy), bus.now());
    }
  }
  void take_events() {
    while (auto event = recovery->poll_event()) {
      if (const auto* entered = std::get_if<recipient::Entered>(&*event)) {
        states.push_back(entered->state);
        reached.try_emplace(entered->state, bus.now());
      } else if (const auto* offer = std::get_if<recipient::Offered>(&*event)) {
        offered.push_back(*offer);
      } else if (const auto* drop = std::get_if<recipient::Dropped>(&*event)) {
        dropped.push_back(*drop);
      } else if (const auto* choice = std::get_if<recipient::Chosen>(&*event)) {
        chosen.push_back(*choice);
        sender_ = choice->candidate.path.peer;
      } else if (const auto* some = std::get_if<recipient::Progress>(&*event)) {
        progress = *some;
      } else if (auto* end = std::get_if<recipient::Finished>(&*event)) {
        finished = std::move(*end);
      }
    }
  }

  SeededRandom random_{99};
  std::optional<Address> sender_;
};

}  // namespace fwr::test
