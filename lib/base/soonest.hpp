// SPDX-License-Identifier: GPL-3.0-or-later
// The earliest of several deadlines, of which each may be absent.
#pragma once

#include <algorithm>
#include <optional>

#include "base/types.hpp"

namespace fwr {

/// Collects the deadlines of the parts of a machine:
///
///     Soonest soonest;
///     soonest.add(lease_ends_);          // a time
///     soonest.add(transfer.deadline());  // perhaps a time
///     return soonest.time();             // the earliest one; nullopt: every part waits for input
class Soonest {
 public:
  void add(TimePoint at) { time_ = time_ ? std::min(*time_, at) : at; }
  void add(const std::optional<TimePoint>& at) {
    if (at) add(*at);
  }
  [[nodiscard]] std::optional<TimePoint> time() const { return time_; }

 private:
  std::optional<TimePoint> time_;
};

}  // namespace fwr
