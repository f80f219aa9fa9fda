// SPDX-License-Identifier: GPL-3.0-or-later
// Events of the donor that wait to be polled.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "base/token_bucket.hpp"
#include "donor/lease.hpp"
#include "donor/words.hpp"

namespace fwr::donor {

class EventQueue {
 public:
  void add(DonorEvent event) {
    if (events_.size() < kEvents) events_.push_back(std::move(event));
  }
  void add(DonorEvent::Kind kind, const Lease& lease, std::string text = {}) {
    add({kind, lease.path, lease.user, lease.digest, std::move(text), 0, lease.system});
  }
  /// An offer costs its sender nothing, and addresses can be forged: limited in rate, and half of
  /// the queue stays free for what only a user can cause.
  void add_offer(DonorEvent event, TimePoint now) {
    if (offers_.admit(now) && events_.size() < kEvents / 2) events_.push_back(std::move(event));
  }
  [[nodiscard]] std::optional<DonorEvent> poll() {
    if (events_.empty()) return std::nullopt;
    DonorEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  static constexpr std::size_t kEvents = 256;  ///< further ones are dropped
  static constexpr unsigned kOffersPerSecond = 10;
  static constexpr unsigned kOffersAtOnce = 50;
  std::deque<DonorEvent> events_;
  TokenBucket offers_{kOffersPerSecond, kOffersAtOnce};
};

}  // namespace fwr::donor
