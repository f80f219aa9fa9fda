// SPDX-License-Identifier: GPL-3.0-or-later
// One direction of a simulated network in virtual time: delay, rate, loss, reordering, doubling,
// MTU.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "base/address.hpp"
#include "base/types.hpp"

namespace fwr::test {

inline constexpr std::size_t kIpUdpHeaders_bytes = 48;  // IPv6 and UDP

struct LinkOptions {
  Duration delay{};
  double bytes_per_s = 0;       ///< 0: as fast as it comes
  std::size_t queue_bytes = 0;  ///< in front of the rate; more is dropped; 0: no limit
  double loss = 0;              ///< probability of a datagram to vanish
  double doubled = 0;           ///< probability of a datagram to come twice
  Duration jitter{};            ///< added at random: datagrams overtake one another
  std::size_t mtu = 65575;      ///< larger datagrams vanish: nothing fragments
};

class SimLink {
 public:
  explicit SimLink(LinkOptions options, std::uint32_t seed = 1) : options_(options), dice_(seed) {}

  LinkOptions& options() { return options_; }
  [[nodiscard]] std::uint64_t sent_bytes() const { return sent_bytes_; }
  [[nodiscard]] std::uint64_t too_large() const { return too_large_; }

  void send(Datagram datagram, TimePoint now) {
    const std::size_t size = datagram.bytes.size() + kIpUdpHeaders_bytes;
    sent_bytes_ += size;
    if (size > options_.mtu) {
      ++too_large_;
      return;
    }
    TimePoint leaves = now;
    if (options_.bytes_per_s > 0) {
      const auto queued = std::max(free_at_, now) - now;
      const double waiting = std::chrono::duration<double>(queued).count() * options_.bytes_per_s;
      if (options_.queue_bytes > 0 && waiting > static_cast<double>(options_.queue_bytes)) return;
      const auto takes = std::chrono::duration_cast<Duration>(
          std::chrono::duration<double>(static_cast<double>(size) / options_.bytes_per_s));
      free_at_ = std::max(free_at_, now) + takes;
      leaves = free_at_;
    }
    if (chance(options_.doubled)) deliver(datagram, leaves);
    if (!chance(options_.loss)) deliver(std::move(datagram), leaves);
  }

  [[nodiscard]] std::optional<TimePoint> next() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.begin()->first;
  }
  [[nodiscard]] std::optional<Datagram> receive(TimePoint now) {
    if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
    Datagram datagram = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    return datagram;
  }

 private:
  bool chance(double probability) {
    return probability > 0 && std::uniform_real_distribution<>(0, 1)(dice_) < probability;
  }
  void deliver(Datagram datagram, TimePoint leaves) {
    Duration extra{};
    if (options_.jitter > Duration::zero())
      extra =
          Duration(std::uniform_int_distribution<Duration::rep>(0, options_.jitter.count())(dice_));
    waiting_.emplace(leaves + options_.delay + extra, std::move(datagram));
  }

  LinkOptions options_;
  std::mt19937 dice_;
  TimePoint free_at_{};
  std::multimap<TimePoint, Datagram> waiting_;
  std::uint64_t sent_bytes_ = 0, too_large_ = 0;
};

}  // namespace fwr::test
