// SPDX-License-Identifier: GPL-3.0-or-later
// Which links are slow, and how long bytes take on them: both ends calculate alike. PROTOCOL §8.6,
// §11.7.
#pragma once

#include "base/link_properties.hpp"

namespace fwr {

/// From this rate on, a link on which both ends may send at a time has the times of a LAN.
inline constexpr std::uint64_t kUnhurriedLink_bps = 1'000'000;

/// A byte on a line of characters: start bit, 8 data bits, stop bit.
inline constexpr std::uint64_t kBitsOfCharacter = 10;

[[nodiscard]] constexpr Duration time_of_characters(std::uint64_t count, std::uint64_t bits_per_s) {
  constexpr std::uint64_t kNanoseconds = 1'000'000'000;
  return std::chrono::nanoseconds(count * kBitsOfCharacter * kNanoseconds / bits_per_s);
}

/// Whether an answer may have to wait for the link. A link of unknown rate is fast. A bus is slow
/// at every rate: its node has to claim an address before it asks, and then waits for its turn.
[[nodiscard]] constexpr bool is_slow(const LinkProperties& link) {
  if (link.bits_per_s == 0) return false;
  return link.half_duplex || link.bits_per_s < kUnhurriedLink_bps;
}

/// How long a slow link needs for so many bytes, as characters; zero for another.
[[nodiscard]] constexpr Duration time_on(const LinkProperties& link, std::uint32_t bytes) {
  return is_slow(link) ? time_of_characters(bytes, link.bits_per_s) : Duration::zero();
}

/// What may be on its way while the end that waits for it is silent: a frame of ours that waits for
/// the talks of others, and all that an endpoint keeps.
inline constexpr std::uint32_t kUnderway_bytes = 16384;

/// By how much silence on this link may be longer than on the network. PROTOCOL §11.7.
[[nodiscard]] constexpr Duration slack_of(const LinkProperties& link) {
  return time_on(link, kUnderway_bytes);
}

}  // namespace fwr
