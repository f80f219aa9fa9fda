// SPDX-License-Identifier: GPL-3.0-or-later
// Times of links on which characters take time: both ends reckon with them alike. PROTOCOL §11.7.
#pragma once

#include "base/link_properties.hpp"

namespace fwr {

/// A link of at least this rate, or of one that nobody knows, keeps nobody waiting.
inline constexpr std::uint64_t kUnhurriedLink_bps = 1'000'000;

[[nodiscard]] constexpr bool is_slow(const LinkProperties& link) {
  return link.bits_per_s != 0 && link.bits_per_s < kUnhurriedLink_bps;
}

/// How long a slow link needs for so many bytes, as characters of 10 bits; zero for another.
[[nodiscard]] constexpr Duration time_on(const LinkProperties& link, std::uint32_t bytes) {
  constexpr std::uint64_t kBitsPerByte = 10;
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  if (!is_slow(link)) return Duration::zero();
  return std::chrono::nanoseconds(bytes * kBitsPerByte * kNanoseconds / link.bits_per_s);
}

/// What may be on its way while the end that waits for it is silent: a frame of ours that waits for
/// the talks of others, and all that an endpoint keeps.
inline constexpr std::uint32_t kUnderway_bytes = 16384;

/// By how much silence on this link may be longer than on the network. PROTOCOL §11.7.
[[nodiscard]] constexpr Duration slack_of(const LinkProperties& link) {
  return time_on(link, kUnderway_bytes);
}

}  // namespace fwr
