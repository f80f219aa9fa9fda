// SPDX-License-Identifier: GPL-3.0-or-later
// The times of a link. PROTOCOL §8.6.
#include "recipient/link_timers.hpp"

#include <algorithm>

#include "base/slow_link.hpp"
#include "wire/plain.hpp"
#include "wire/stream.hpp"

namespace fwr::recipient {
namespace {

constexpr std::size_t kGranule = wire::oem::kGranule_bytes;
/// Traffic of other nodes that may delay an answer: PROTOCOL §8.5, and the frame that is over it.
constexpr std::uint32_t kTalk_bytes = 6144;
constexpr std::int64_t kQueue_s = 10;  // so much of the image is granted and not here
constexpr std::int64_t kLeastQueue_bytes = 8192;
constexpr std::int64_t kMostQueue_bytes = 32768;
constexpr std::size_t kStreamHeader_bytes = 1 + wire::stream::kSegmentHeader_bytes;
constexpr std::int64_t kMostGranules = 0xffff;

}  // namespace

std::uint16_t segment_granules_of(const LinkProperties& link) {
  std::size_t message = link.largest_message_bytes;
  if (link.suggested_message_bytes != 0) message = std::min(message, link.suggested_message_bytes);
  const std::size_t data = message > kStreamHeader_bytes ? message - kStreamHeader_bytes : 0;
  return static_cast<std::uint16_t>(std::clamp<std::size_t>(data / kGranule, 1, kMostGranules));
}

std::size_t response_data_limit_bytes(const LinkProperties& link) {
  constexpr std::size_t kHeader_bytes = wire::plain::kHeader_bytes;
  return link.largest_message_bytes > kHeader_bytes ? link.largest_message_bytes - kHeader_bytes
                                                    : 0;
}

LinkTimers timers_of(const LinkProperties& link) {
  LinkTimers timers;
  // Without sessions no other recipient shares this address: a lease lasts as it is promised.
  if (!link.sessions) timers.keep_lease = timers.keep_session;
  if (!is_slow(link)) return timers;

  const Duration talk = time_on(link, kTalk_bytes);
  timers.command.first_timeout += std::chrono::ceil<std::chrono::milliseconds>(talk);
  timers.first_round += talk;
  timers.offer_window = std::chrono::seconds(3) + 3 * talk;
  timers.farewell += 2 * talk;
  timers.pace_window += 10 * talk;
  timers.stream.stall += 4 * talk;
  // Silence, not delay: while others talk nothing of ours can come.
  timers.stream.grant = {.first = std::chrono::seconds(1) + 2 * talk,
                         .shortest = std::chrono::milliseconds(500) + talk,
                         .longest = std::chrono::seconds(2) + 3 * talk};
  const auto rate = static_cast<std::int64_t>(link.bits_per_s / kBitsOfCharacter);
  // A faster one needs more to be busy while a grant is on its way.
  const std::int64_t most = std::max(kMostQueue_bytes, rate);
  timers.stream.line = LineStream{
      .in_flight_bytes =
          static_cast<std::size_t>(std::clamp(rate * kQueue_s, kLeastQueue_bytes, most)),
      .segment_granules = segment_granules_of(link),
  };
  return timers;
}

}  // namespace fwr::recipient
