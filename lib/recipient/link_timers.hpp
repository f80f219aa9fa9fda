// SPDX-License-Identifier: GPL-3.0-or-later
// What a link's speed makes of the recipient's times and of what it keeps in flight. Pure.
// PROTOCOL §8.6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/link_properties.hpp"
#include "base/types.hpp"
#include "session/conversation.hpp"

namespace fwr::recipient {

/// When a grant counts as lost.
struct GrantTimes {
  Duration first = std::chrono::seconds(1);  // RFC 6298 §2.1
  Duration shortest = std::chrono::milliseconds(20);
  Duration longest = std::chrono::seconds(2);
};

/// A slow line: its rate is known beforehand and need not be measured, and it keeps the order.
struct LineStream {
  std::size_t in_flight_bytes = 0;
  std::uint16_t segment_granules = 1;
};

struct StreamTimers {
  GrantTimes grant;
  Duration stall = std::chrono::seconds(10);
  std::optional<LineStream> line;
};

struct LinkTimers {
  session::ClientTimers command;
  Duration first_round = std::chrono::milliseconds(500);
  Duration offer_window{0};  ///< at least, also when the policy says less
  Duration keep_session = std::chrono::seconds(20);
  Duration keep_lease = std::chrono::seconds(2);
  Duration farewell = std::chrono::seconds(2);
  Duration pace_window = std::chrono::seconds(30);
  StreamTimers stream;
};

[[nodiscard]] LinkTimers timers_of(const LinkProperties& link);
/// The largest segment that the link takes, or a smaller one that it suggests.
[[nodiscard]] std::uint16_t segment_granules_of(const LinkProperties& link);
/// The most data that a response may have, so that its message fits.
[[nodiscard]] std::size_t response_data_limit_bytes(const LinkProperties& link);

}  // namespace fwr::recipient
