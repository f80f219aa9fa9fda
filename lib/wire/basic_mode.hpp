// SPDX-License-Identifier: GPL-3.0-or-later
// IPMI serial Basic Mode: messages between characters with a meaning. IPMI v2.0 §14.4, PROTOCOL
// §12.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "wire/layout.hpp"

namespace fwr::wire::basic_mode {

inline constexpr std::byte kStart{0xa0};
inline constexpr std::byte kStop{0xa5};
inline constexpr std::byte kHandshake{0xa6};
inline constexpr std::byte kEscape{0xaa};

/// Between the delimiters and before escapes: an IPMI message with a segment of 32 granules.
inline constexpr std::size_t kLargestMessage_bytes = 2076;
/// Beside the data: two addresses, two numbers with LUNs, the command, two checks.
inline constexpr std::size_t kMessageOverhead_bytes = 7;
/// What stock clients have room for.
inline constexpr std::size_t kStockMessage_bytes = 47;

/// OEM software id 30h (IPMI v2.0 §5.5): who asks from here takes the largest message.
inline constexpr std::uint8_t kOwnAddress = 0x61;

/// Of the OEM/Group network function; no response is owed to it. PROTOCOL §12.3.
inline constexpr std::uint8_t kStreamCommand = 0x40;
struct StreamBody {
  static constexpr std::string_view kName = "serial stream message";
  std::uint32_t iana = 0;
  std::uint16_t check = 0;  ///< CRC-16/X-25 of the message
  Bytes message;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<3>("iana", m.iana);    // 1:3
    c.template le<2>("check", m.check);  // 4:5
    c.rest("message", m.message);        // 6:
  }
};
inline constexpr std::size_t kStreamOverhead_bytes = 5;
inline constexpr std::size_t kLargestStream_bytes =
    kLargestMessage_bytes - kMessageOverhead_bytes - kStreamOverhead_bytes;

/// With delimiters and escapes. Precondition: the message is within its limit.
[[nodiscard]] Bytes encode(ByteView message);

/// What a character was, or completed.
enum class Heard : std::uint8_t {
  Part,       ///< of a message that is not complete
  Message,    ///< message() is whole; its checks are another matter
  Handshake,  ///< of the other end: it has room
  Restart,    ///< begins a message before the last one ended
  BadEscape,
  TooLong,
  NotStart,  ///< outside of a message
};

/// Finds messages in characters. Survives any; after garbage the next start begins anew.
class FrameDecoder {
 public:
  FrameDecoder() { bytes_.reserve(kLargestMessage_bytes); }
  [[nodiscard]] Heard push(std::byte character);
  /// After silence: what comes is outside until a start. True when a message was open.
  bool forget();
  /// After push() returned Message, until the next call.
  [[nodiscard]] ByteView message() const { return bytes_; }
  [[nodiscard]] bool in_message() const { return state_ != State::Outside; }

 private:
  enum class State : std::uint8_t { Outside, Inside, Escaped };
  [[nodiscard]] Heard append(std::byte byte);

  State state_ = State::Outside;
  Bytes bytes_;
};

}  // namespace fwr::wire::basic_mode
