// SPDX-License-Identifier: GPL-3.0-or-later
// Messages of a cable, in and out of its port.
#include "transport/basic_mode_line.hpp"

#include <algorithm>
#include <utility>

namespace fwr::transport {

std::size_t BasicModeLine::send(std::span<const Datagram> messages, TimePoint now) {
  const std::size_t count = std::min(messages.size(), room());
  // What the port refuses is lost and counted, as on any network.
  for (const Datagram& message : messages.first(count)) (void)port_.send(message, now);
  flush(now);
  return count;
}

std::optional<link::LineOutput> BasicModeLine::poll_output(TimePoint now) {
  if (is_blocked()) return std::nullopt;
  auto characters = port_.poll_output(now);
  if (!characters) return std::nullopt;
  return link::LineOutput{.discard = false, .characters = *std::move(characters)};
}

void BasicModeLine::hand_up(const Receive& take, TimePoint) {
  while (const auto message = port_.poll_receive()) take(message->path, message->bytes);
}

}  // namespace fwr::transport
