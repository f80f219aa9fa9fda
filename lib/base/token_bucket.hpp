// SPDX-License-Identifier: GPL-3.0-or-later
// A rate, and how much of it at once.
#pragma once

#include <algorithm>

#include "base/types.hpp"

namespace fwr {

/// A token bucket that is kept as one time: when it will be full again.
class TokenBucket {
 public:
  TokenBucket(unsigned per_second, unsigned burst)
      : interval_(per_second == 0 ? Duration::max()
                                  : Duration(std::chrono::seconds(1)) / per_second),
        depth_(per_second == 0 || burst == 0 ? Duration(-1) : interval_ * (burst - 1)) {}

  [[nodiscard]] bool has_token(TimePoint now) const {
    return depth_ >= Duration::zero() && std::max(full_at_, now) - now <= depth_;
  }
  /// Only when has_token(). With more than there is it goes into debt.
  void take(TimePoint now, unsigned count = 1) {
    full_at_ = std::max(full_at_, now) + interval_ * count;
  }

  /// Takes a token if there is one.
  [[nodiscard]] bool admit(TimePoint now) {
    if (!has_token(now)) return false;
    take(now);
    return true;
  }

 private:
  Duration interval_;
  Duration depth_;
  TimePoint full_at_{};
};

}  // namespace fwr
