// SPDX-License-Identifier: GPL-3.0-or-later
// How long a recovery bears with a slow donor, and when it comes back to one. Pure.
// PROTOCOL §6.4, §8.1.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
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

/// Whether `left_bytes` take more than half of `time_left`: the other half is for the donor that
/// goes on when this one stops just before the end.
[[nodiscard]] inline bool too_slow(double bytes_per_s, std::uint64_t left_bytes,
                                   Duration time_left) {
  return static_cast<double>(left_bytes) >
         bytes_per_s * std::chrono::duration<double>(time_left).count() / 2;
}

inline constexpr std::chrono::seconds kLeastSpread{1};  // PROTOCOL §6.4

/// Later than `wait` by a random part: many recipients that were sent away together must not come
/// back together.
[[nodiscard]] inline TimePoint again_after(std::chrono::seconds wait, RandomSource& random,
                                           TimePoint now) {
  std::array<std::byte, 2> drawn{};
  random.fill(drawn);
  const Duration spread = std::max<Duration>(wait / 2, kLeastSpread);
  return now + wait + spread * ByteReader(drawn).u16() / 0x10000;
}

}  // namespace fwr::recipient
