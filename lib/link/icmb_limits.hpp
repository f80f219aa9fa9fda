// SPDX-License-Identifier: GPL-3.0-or-later
// Times and limits of the ICMB bus. PROTOCOL §8.5.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/slow_link.hpp"
#include "base/types.hpp"

namespace fwr::link {

/// All of them can be configured; the defaults are those of PROTOCOL §8.5. Times in characters are
/// times of the line: 10 bits each.
struct IcmbLimits {
  std::uint32_t baud = 19200;

  // Arbitration, PROTOCOL §11.2. A slot is no shorter than what a host can keep.
  std::uint32_t slot_characters = 2;
  std::chrono::microseconds shortest_slot{2000};
  std::uint32_t control_idle_slots = 2;       ///< of silence before a short frame
  std::uint32_t ordinary_idle_slots = 4;      ///< and before any other
  std::uint32_t open_idle_slots = 10;         ///< and when a frame has not come to its end
  std::uint32_t yield_slots = 4;              ///< more, for the node that talked last
  std::uint32_t highest_exponent = 6;         ///< random slots: 0 to 2^k - 1, k from 1 to this
  std::uint32_t answer_exponent = 4;          ///< of answers to a broadcast, at least
  std::uint32_t contention_characters = 64;   ///< in which a different echo is a collision
  std::uint32_t burst_characters = 4096;      ///< after which no further frame begins
  std::size_t short_payload_bytes = 256;      ///< of what may go as control
  std::chrono::milliseconds patience{20000};  ///< then an ordinary frame goes as control
  std::uint32_t tries = 16;                   ///< of one frame

  // The line.
  std::uint32_t ahead_characters = 32;          ///< written and not heard yet, at least
  std::chrono::milliseconds ahead_time{20};     ///< and for so long at least: the host may be busy
  std::chrono::milliseconds echo_timeout{300};  ///< without a further own character: cut
  /// In which frames of a talk that was broken off may still be heard, by a host that is late.
  std::chrono::milliseconds late_echo{60};
  std::chrono::milliseconds cut_retry{500};  ///< doubling
  std::chrono::milliseconds cut_retry_limit{4000};
  std::chrono::milliseconds character_timeout{100};  ///< silence that ends an open frame
  std::uint32_t babble_characters = 12288;       ///< without that silence or a whole frame: babble
  std::chrono::milliseconds babble_silence{25};  ///< more than a late host makes of none

  // Queues.
  std::size_t queued_frames = 64;
  std::size_t queued_bytes = 131072;
  std::chrono::milliseconds frame_lifetime{60000};
  std::size_t received_frames = 256;  ///< that were not taken yet
  std::size_t events = 64;
  std::size_t peers = 64;
  std::chrono::milliseconds duplicate_window{2000};
  /// More of it: what others may say before a frame goes again, three talks.
  std::uint32_t duplicate_characters = 12288;

  // Answers of the bridge to others than its operators, PROTOCOL §11.5.
  std::uint32_t stranger_share = 16;              ///< one character in so many of the line
  std::uint32_t stranger_burst_characters = 512;  ///< before that counts
  std::size_t stranger_answers = 4;               ///< that wait
  std::uint32_t broadcast_answers =
      8;  ///< that an answer to a broadcast counts for: others answer it too

  // Addresses, PROTOCOL §11.3.
  std::uint32_t claims = 3;
  std::chrono::milliseconds claim_interval{200};
  std::chrono::milliseconds claim_retry{2000};  ///< of a claim that the line did not take
  std::chrono::milliseconds defence_interval{100};
  std::chrono::milliseconds conflict_retry{10000};  ///< of a fixed address that another one holds
  std::size_t discoverers = 16;                     ///< that are remembered

  [[nodiscard]] Duration characters(std::uint64_t count) const {
    return time_of_characters(count, baud);
  }
  [[nodiscard]] std::uint32_t stranger_characters_per_s() const {
    constexpr std::uint32_t kBits = 10;
    return std::max(baud / kBits / stranger_share, 1U);
  }
  [[nodiscard]] Duration slot() const {
    return std::max<Duration>(characters(slot_characters), shortest_slot);
  }
  [[nodiscard]] Duration control_idle() const { return control_idle_slots * slot(); }
  [[nodiscard]] Duration ordinary_idle() const { return ordinary_idle_slots * slot(); }
  [[nodiscard]] Duration open_idle() const { return open_idle_slots * slot(); }
  [[nodiscard]] Duration duplicate_time() const {
    return duplicate_window + characters(duplicate_characters);
  }
  [[nodiscard]] std::size_t ahead() const {
    const auto by_time =
        ahead_time / std::max<Duration>(characters(1), std::chrono::nanoseconds(1));
    return std::max<std::size_t>(ahead_characters, static_cast<std::size_t>(by_time));
  }
};

}  // namespace fwr::link
