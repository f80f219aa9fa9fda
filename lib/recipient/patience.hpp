// SPDX-License-Identifier: GPL-3.0-or-later
// How long to bear with a donor that is slow. Pure. PROTOCOL §8.1.
#pragma once

#include <cstdint>
#include <optional>

#include "base/types.hpp"

namespace fwr::recipient {

class Patience {
 public:
  /// A donor begins, and is looked at each `window`: `done_bytes` are in place already.
  void begin(std::uint64_t done_bytes, Duration window, TimePoint now) {
    done_bytes_ = done_bytes;
    window_ = window;
    began_ = now;
  }
  /// When the present window ends.
  [[nodiscard]] TimePoint deadline() const { return began_ + window_; }

  /// Bytes a second in the window that has just ended; the next one begins. nullopt: not yet.
  [[nodiscard]] std::optional<double> rate(std::uint64_t done_bytes, TimePoint now) {
    if (now < deadline()) return std::nullopt;
    const double lasted_s = std::chrono::duration<double>(now - began_).count();
    const double rate = static_cast<double>(done_bytes - done_bytes_) / lasted_s;
    begin(done_bytes, window_, now);
    return rate;
  }

 private:
  std::uint64_t done_bytes_ = 0;
  Duration window_{};
  TimePoint began_{};
};

/// Whether `left_bytes` take more than half of `time_left`: the other half is for whoever goes on
/// when this donor stops just before the end.
[[nodiscard]] inline bool too_slow(double bytes_per_s, std::uint64_t left_bytes,
                                   Duration time_left) {
  return static_cast<double>(left_bytes) >
         bytes_per_s * std::chrono::duration<double>(time_left).count() / 2;
}

}  // namespace fwr::recipient
