// SPDX-License-Identifier: GPL-3.0-or-later
// Ports on a bus that does not exist, in virtual time.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "link/bus_model.hpp"
#include "link/icmb_port.hpp"
#include "support/random.hpp"

namespace fwr::link::test {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::icmb::BusAddress;

using fwr::test::SeededRandom;

struct RigOptions {
  std::size_t nodes = 2;
  BusOptions bus;
  IcmbLimits limits;
  Duration latency{};  ///< up to this, at random: what a host needs to hear and to act
  bool wait_for_addresses = true;
};

/// One host with its port. What it received and what happened is kept.
struct RigNode {
  std::unique_ptr<SeededRandom> random;
  std::unique_ptr<IcmbPort> port;
  std::deque<Datagram> received;
  std::vector<IcmbEvent> events;
  std::deque<std::pair<TimePoint, Bytes>> on_the_way;
  std::function<void(const Datagram&)> on_message;

  [[nodiscard]] std::size_t count(IcmbEvent::Kind kind) const {
    std::size_t n = 0;
    for (const IcmbEvent& event : events) n += event.kind == kind ? 1 : 0;
    return n;
  }
};

class BusRig {
 public:
  explicit BusRig(RigOptions options)
      : options_(options), bus_(options.nodes, options.bus), dice_(options.bus.seed + 7) {
    for (std::size_t i = 0; i < options.nodes; ++i) nodes_.push_back(make(i, {}));
    if (options.wait_for_addresses) {
      run_until([&] {
        for (const RigNode& node : nodes_)
          if (node.port && node.port->address() == BusAddress::Unassigned) return false;
        return true;
      });
      run_for(milliseconds(500));  // what is left of "online"
    }
  }

  static Guid guid_of(std::size_t index) {
    Guid guid{};
    guid[0] = static_cast<std::byte>(index);
    guid[15] = static_cast<std::byte>(index + 1);
    return guid;
  }

  RigNode make(std::size_t index, std::optional<IcmbSettings> settings) {
    RigNode node;
    node.random = std::make_unique<SeededRandom>(options_.bus.seed * 100 + index);
    IcmbSettings mine;
    mine.limits = options_.limits;
    mine.limits.baud = options_.bus.baud;
    mine.guid = guid_of(index);
    mine.address = BusAddress{static_cast<std::uint16_t>(0x10 + index)};
    node.port = std::make_unique<IcmbPort>(settings.value_or(mine), *node.random, now_);
    return node;
  }
  void replace(std::size_t index, const IcmbSettings& settings) {
    nodes_[index] = make(index, settings);
  }
  IcmbSettings settings_of(std::size_t index) const {
    IcmbSettings settings;
    settings.limits = options_.limits;
    settings.limits.baud = options_.bus.baud;
    settings.guid = guid_of(index);
    settings.address = BusAddress{static_cast<std::uint16_t>(0x10 + index)};
    return settings;
  }
  /// Its host is switched off: nothing is written, heard or kept.
  void kill(std::size_t index) {
    nodes_[index].port.reset();
    nodes_[index].on_the_way.clear();
    bus_.discard(index);
  }

  RigNode& operator[](std::size_t index) { return nodes_[index]; }
  BusModel& bus() { return bus_; }
  [[nodiscard]] TimePoint now() const { return now_; }

  /// What else lives in this time: when it wants to work, and its work, after each step.
  std::function<std::optional<TimePoint>()> others_due;
  std::function<void()> others_work;

  Path path(std::size_t from, BusAddress to) const {
    Path path;
    path.medium = Medium::Icmb;
    path.local = wire::icmb::to_address(nodes_[from].port->address(), 1);
    path.peer = wire::icmb::to_address(to, 1);
    return path;
  }
  bool send(std::size_t from, BusAddress to, Bytes bytes) {
    const bool taken = nodes_[from].port->send({path(from, to), std::move(bytes)}, now_);
    pump(from);
    return taken;
  }
  BusAddress address(std::size_t index) const { return nodes_[index].port->address(); }

  template <class Done>
  bool run_until(Done done, Duration limit = seconds(600)) {
    const TimePoint end = now_ + limit;
    while (!done()) {
      const TimePoint next = next_event();
      if (next > end) {
        now_ = end;
        return false;
      }
      step(next);
    }
    return true;
  }
  void run_for(Duration duration) {
    (void)run_until([] { return false; }, duration);
  }

 private:
  TimePoint next_event() {
    TimePoint next = TimePoint::max();
    if (const auto bus = bus_.next()) next = std::min(next, *bus);
    for (RigNode& node : nodes_) {
      if (!node.port) continue;
      if (const auto due = node.port->deadline()) next = std::min(next, std::max(*due, now_));
      if (!node.on_the_way.empty()) next = std::min(next, node.on_the_way.front().first);
    }
    if (others_due)
      if (const auto due = others_due()) next = std::min(next, std::max(*due, now_));
    return next;
  }

  Duration latency() {
    if (options_.latency <= Duration::zero()) return Duration::zero();
    return Duration(
        static_cast<Duration::rep>(dice_() % static_cast<std::uint64_t>(options_.latency.count())));
  }

  void step(TimePoint at) {
    now_ = std::max(now_, at);
    bus_.advance(now_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      RigNode& node = nodes_[i];
      Bytes heard = bus_.take_heard(i);
      if (!node.port) continue;
      if (!heard.empty()) {
        const TimePoint last = node.on_the_way.empty() ? now_ : node.on_the_way.back().first;
        node.on_the_way.emplace_back(std::max(last, now_ + latency()), std::move(heard));
      }
      Bytes ready;
      while (!node.on_the_way.empty() && node.on_the_way.front().first <= now_) {
        const Bytes& part = node.on_the_way.front().second;
        ready.insert(ready.end(), part.begin(), part.end());
        node.on_the_way.pop_front();
      }
      if (!ready.empty()) node.port->handle_characters(ready, now_);
      if (const auto due = node.port->deadline(); due && *due <= now_)
        node.port->handle_timeout(now_);
      pump(i);
    }
    if (others_work) others_work();
  }

  void pump(std::size_t i) {
    RigNode& node = nodes_[i];
    while (auto output = node.port->poll_output(now_)) {
      if (output->discard) bus_.discard(i);
      if (!output->characters.empty()) bus_.write(i, output->characters, now_);
    }
    while (auto event = node.port->poll_event()) node.events.push_back(*event);
    while (auto message = node.port->poll_receive()) {
      if (node.on_message) node.on_message(*message);
      node.received.push_back(*std::move(message));
    }
  }

  RigOptions options_;
  BusModel bus_;
  std::mt19937_64 dice_;
  TimePoint now_{};
  std::vector<RigNode> nodes_;
};

/// A stream segment of `data` random bytes behind its 16-byte header.
inline Bytes segment(std::mt19937_64& dice, std::size_t data) {
  Bytes message(1 + 16 + data);
  for (std::byte& b : message) b = static_cast<std::byte>(dice() & 0xffU);
  message[0] = std::byte{3};
  message[1] = std::byte{2};
  return message;
}
/// A short request.
inline Bytes request(std::uint8_t tag) {
  return Bytes{std::byte{1}, static_cast<std::byte>(tag), std::byte{0x18}, std::byte{1}};
}

}  // namespace fwr::link::test
