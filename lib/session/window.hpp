// SPDX-License-Identifier: GPL-3.0-or-later
// Session sequence numbers: the ones that we give, and the sliding window over those that come.
// PROTOCOL §8.3.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>

namespace fwr::session {

/// Packets behind the highest that are still accepted once.
inline constexpr std::uint32_t kSequenceWindow = 128;

class SequenceWindow {
 public:
  /// Whether this number may still come. Zero never may (IPMI v2.0 §13.28.2). Numbers are compared
  /// across the wrap: the half of the circle that is ahead of the highest is new.
  [[nodiscard]] bool allows(std::uint32_t sequence) const {
    if (sequence == 0) return false;
    if (!highest_) return true;
    const std::uint32_t ahead = sequence - *highest_;
    if (ahead == 0) return false;
    if (ahead < kHalf) return true;
    const std::uint32_t behind = *highest_ - sequence;
    return behind <= kSequenceWindow && !seen_[behind - 1];
  }

  /// Only after the packet's authentication code was found good, and only for an allowed number.
  void accept(std::uint32_t sequence) {
    if (!highest_) {
      highest_ = sequence;
      return;
    }
    const std::uint32_t ahead = sequence - *highest_;
    if (ahead < kHalf) {
      if (ahead > kSequenceWindow) {
        seen_.reset();
      } else {
        seen_ <<= ahead;
        seen_.set(ahead - 1);
      }
      highest_ = sequence;
    } else {
      seen_.set(*highest_ - sequence - 1);
    }
  }

 private:
  static constexpr std::uint32_t kHalf = 0x80000000U;
  std::optional<std::uint32_t> highest_;
  std::bitset<kSequenceWindow> seen_;  ///< bit n: the number n + 1 below the highest came
};

/// 1, 2, ... and after the highest number 1 again.
class SequenceCounter {
 public:
  explicit SequenceCounter(std::uint32_t last = 0) : last_(last) {}
  [[nodiscard]] std::uint32_t next() {
    if (++last_ == 0) last_ = 1;
    return last_;
  }

 private:
  std::uint32_t last_;
};

}  // namespace fwr::session
