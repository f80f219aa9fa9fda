// SPDX-License-Identifier: GPL-3.0-or-later
// Delimiters and escapes of serial Basic Mode (IPMI v2.0 §14.4.1, §14.4.2).
#include "wire/basic_mode.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <utility>

namespace fwr::wire::basic_mode {
namespace {

/// The byte, and what stands for it behind an escape.
using Pair = std::pair<std::byte, std::byte>;
constexpr std::array kEscapes{
    Pair{kStart, std::byte{0xb0}},          Pair{kStop, std::byte{0xb5}},
    Pair{kHandshake, std::byte{0xb6}},      Pair{kEscape, std::byte{0xba}},
    Pair{std::byte{0x1b}, std::byte{0x3b}},
};

std::optional<std::byte> escaped(std::byte byte) {
  for (const auto& [plain, code] : kEscapes)
    if (plain == byte) return code;
  return std::nullopt;
}

std::optional<std::byte> unescaped(std::byte code) {
  for (const auto& [plain, known] : kEscapes)
    if (known == code) return plain;
  return std::nullopt;
}

}  // namespace

Bytes encode(ByteView message) {
  assert(message.size() <= kLargestMessage_bytes);
  Bytes out;
  out.reserve(message.size() + message.size() / 32 + 4);  // five bytes in 256 are escaped
  out.push_back(kStart);
  for (const std::byte byte : message) {
    const auto code = escaped(byte);
    if (code) out.push_back(kEscape);
    out.push_back(code.value_or(byte));
  }
  out.push_back(kStop);
  return out;
}

Heard FrameDecoder::push(std::byte character) {
  if (character == kStart) {
    bytes_.clear();
    return std::exchange(state_, State::Inside) == State::Outside ? Heard::Part : Heard::Restart;
  }
  switch (state_) {
    case State::Outside: return character == kHandshake ? Heard::Handshake : Heard::NotStart;
    case State::Escaped: {
      const auto plain = unescaped(character);
      state_ = plain ? State::Inside : State::Outside;
      return plain ? append(*plain) : Heard::BadEscape;
    }
    case State::Inside: break;
  }
  if (character == kHandshake) return Heard::Handshake;
  if (character == kEscape) {
    state_ = State::Escaped;
    return Heard::Part;
  }
  if (character != kStop) return append(character);
  state_ = State::Outside;
  return Heard::Message;
}

Heard FrameDecoder::append(std::byte byte) {
  if (bytes_.size() == kLargestMessage_bytes) {
    state_ = State::Outside;
    return Heard::TooLong;
  }
  bytes_.push_back(byte);
  return Heard::Part;
}

bool FrameDecoder::forget() {
  return std::exchange(state_, State::Outside) != State::Outside;
}

}  // namespace fwr::wire::basic_mode
