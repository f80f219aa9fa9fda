// SPDX-License-Identifier: GPL-3.0-or-later
// Replaces what a log, a terminal or a JSON writer would stumble over.
#include "donor/log_text.hpp"

#include <cstdint>

namespace fwr::donor {
namespace {

constexpr std::size_t kName_chars = 31;

constexpr bool is_printable_ascii(std::uint8_t c) {
  return c >= 0x20 && c < 0x7f;
}

/// Bytes of the UTF-8 sequence at the front: 0 when it is malformed, too long a form, a surrogate,
/// past U+10FFFF, or a C1 control character (RFC 3629 §4).
std::size_t sequence_length(ByteView bytes) {
  const auto at = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : std::uint8_t{0};
  };
  const auto continues = [&](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return is_printable_ascii(lead) ? 1 : 0;
  if (lead == 0xc2 && at(1) < 0xa0) return 0;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if ((lead & 0xf0U) == 0xe0U) {
    if ((lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) > 0x9f)) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if ((lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f)) return 0;
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string log_text(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0)
      text.push_back('?');
    else
      text += as_text(bytes.first(length));
    bytes = bytes.subspan(length == 0 ? 1 : length);
  }
  return text;
}

std::string donor_name(std::string_view name) {
  std::string text(name.substr(0, kName_chars));
  for (char& c : text)
    if (!is_printable_ascii(static_cast<std::uint8_t>(c))) c = '?';
  return text;
}

}  // namespace fwr::donor
