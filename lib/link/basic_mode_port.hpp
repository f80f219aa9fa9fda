// SPDX-License-Identifier: GPL-3.0-or-later
// One end of a serial cable with IPMI Basic Mode: characters on one side, messages of links without
// sessions on the other. PROTOCOL §12.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <optional>

#include "base/address.hpp"
#include "base/link_properties.hpp"
#include "base/types.hpp"
#include "wire/basic_mode.hpp"
#include "wire/ipmi.hpp"
#include "wire/plain.hpp"

namespace fwr::link {

struct BasicModeSettings {
  std::uint32_t baud = 115200;
  std::uint32_t line = 1;  ///< the number of this line: Address::scope
  std::uint32_t iana = 0;  ///< of stream messages
};

struct BasicModeStatistics {
  std::uint64_t sent = 0;  ///< messages
  std::uint64_t received = 0;
  std::uint64_t handshakes = 0;     ///< that came
  std::uint64_t not_start = 0;      ///< characters outside of a message
  std::uint64_t unfinished = 0;     ///< messages without an end: silence, or another one began
  std::uint64_t bad_escapes = 0;    ///< and messages that were too long
  std::uint64_t bad_checksums = 0;  ///< and messages that were too short
  std::uint64_t not_ours = 0;       ///< requests to other nodes, responses without a request
  std::uint64_t cut = 0;            ///< responses to stock clients
  std::uint64_t dropped = 0;        ///< messages in either direction without room
};

class BasicModePort {
 public:
  static constexpr std::size_t kLargestMessage_bytes =
      1 + wire::basic_mode::kLargestStream_bytes;         ///< of one Datagram
  static constexpr std::size_t kQueue = 32;               ///< messages
  static constexpr std::size_t kWanted = 2;               ///< messages that wait
  static constexpr std::chrono::milliseconds kAhead{50};  ///< of characters
  static constexpr std::chrono::milliseconds kCharacterTimeout{1000};

  explicit BasicModePort(const BasicModeSettings& settings) : settings_(settings) {}

  // The line. Call poll_output() until it is empty after each of the others.
  void handle_characters(ByteView heard, TimePoint now);
  void handle_timeout(TimePoint now);
  /// Characters for the line, at the pace of the line; handshakes go at once.
  [[nodiscard]] std::optional<Bytes> poll_output(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  /// The line was away: what was under way is lost.
  void reset();

  // Messages.
  /// False when it is lost: no room, malformed, too large, a response without a request.
  bool send(const Datagram& message, TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_receive();
  /// How many messages it wants now, so that the line has something to do and nothing waits long.
  [[nodiscard]] std::size_t room() const {
    return output_.size() < kWanted ? kWanted - output_.size() : 0;
  }

  /// Messages that have not been given to the line yet.
  [[nodiscard]] std::size_t waiting() const { return output_.size(); }

  [[nodiscard]] const BasicModeStatistics& statistics() const { return counters_; }
  [[nodiscard]] LinkProperties properties() const;

 private:
  static constexpr std::size_t kQuestions = 64;  ///< rqSeq has 6 bits

  /// A request of ours whose response may come, by its rqSeq.
  struct Asked {
    std::uint8_t tag = 0;
    std::uint8_t net_fn = 0;
    std::uint8_t command = 0;
  };
  /// A request of the other end that may be answered: where to, and under which tag it went up.
  struct Owed {
    std::uint8_t tag = 0;
    wire::LanMessage request;  ///< without its data
  };

  void handle_message(ByteView bytes);
  void handle_request(wire::LanMessage message);
  void handle_stream(const wire::LanMessage& message);
  void handle_response(wire::LanMessage message);
  void hand_up(wire::plain::Type type, ByteView bytes);
  [[nodiscard]] std::optional<wire::LanMessage> encode_request(ByteView message);
  [[nodiscard]] std::optional<wire::LanMessage> encode_response(ByteView message);
  [[nodiscard]] wire::LanMessage encode_stream(ByteView message);
  [[nodiscard]] std::uint8_t next_sequence();
  [[nodiscard]] Duration time_of(std::size_t characters) const;

  BasicModeSettings settings_;
  BasicModeStatistics counters_;
  wire::basic_mode::FrameDecoder decoder_;
  TimePoint last_character_{};

  std::uint8_t sequence_ = 0;  ///< of the last message of ours that was no response
  std::array<std::optional<Asked>, kQuestions> asked_;
  std::uint8_t tag_ = 0;  ///< under which the last request went up
  std::array<std::optional<Owed>, kQuestions> owed_;

  std::size_t handshakes_ = 0;     ///< to send
  std::deque<Bytes> output_;       ///< encoded messages
  TimePoint line_free_at_{};       ///< when it has sent what it was given, at its rate
  std::deque<Datagram> received_;  ///< for poll_receive()
};

}  // namespace fwr::link
