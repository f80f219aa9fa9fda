// SPDX-License-Identifier: GPL-3.0-or-later
// Hexadecimal text, comparison in constant time, and the end checks of the reader.
#include "base/bytes.hpp"

namespace fwr {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

/// The value of a hexadecimal digit, or 16.
constexpr unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10U;
  return 16;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    const auto value = static_cast<std::uint8_t>(b);
    text.push_back(kDigits[value >> 4U]);
    text.push_back(kDigits[value & 0x0fU]);
  }
  return text;
}

Result<Bytes> from_hex(std::string_view text, std::size_t limit) {
  if (text.size() % 2 != 0) return fail(Errc::BadField, "an odd number of hexadecimal digits");
  if (text.size() / 2 > limit)
    return fail(Errc::LimitExceeded, "more than " + std::to_string(limit) + " hexadecimal bytes");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const unsigned high = digit_value(text[i]);
    const unsigned low = digit_value(text[i + 1]);
    if (high > 15 || low > 15)
      return fail(Errc::BadField, "a character that is not a hexadecimal digit");
    bytes.push_back(static_cast<std::byte>((high << 4U) | low));
  }
  return bytes;
}

bool equal_constant_time(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  // volatile: the compiler must not leave the loop at the first difference.
  volatile unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = difference | static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

Result<> ByteReader::finish(std::string_view what) const {
  if (auto complete = finish_open(what); !complete) return complete;
  if (!rest_.empty())
    return fail(Errc::TrailingBytes,
                std::string(what) + ", " + std::to_string(rest_.size()) + " bytes too many");
  return {};
}

Result<> ByteReader::finish_open(std::string_view what) const {
  if (truncated_) return fail(Errc::Truncated, std::string(what));
  return {};
}

}  // namespace fwr
