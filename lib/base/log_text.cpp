// SPDX-License-Identifier: GPL-3.0-or-later
// Replaces what a log, a terminal or a JSON writer cannot show.
#include "base/log_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace fwr {
namespace {

constexpr bool is_printable_ascii(std::uint8_t c) {
  return c >= 0x20 && c < 0x7f;
}

/// Size of the UTF-8 sequence at the front: 0 when it is malformed, an overlong form, a surrogate,
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

struct Range {
  char32_t first;
  char32_t last;
};
/// Characters that are invisible or move visible ones: Cf, Zl, Zp and Default_Ignorable_Code_Point
/// of Unicode 15. A name with them reads as another one, or runs backwards over the words beside
/// it.
constexpr std::array<Range, 27> kUnseen{{
    {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},       {0x61c, 0x61c},
    {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},       {0x8e2, 0x8e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},     {0x200b, 0x200f},
    {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},     {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},     {0x110bd, 0x110bd},
    {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},   {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff}, {0xffffe, 0xfffff}, {0x10fffe, 0x10ffff},
}};

bool is_unseen(ByteView sequence) {
  constexpr std::array<std::uint32_t, 5> kLeadBits{0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t code = static_cast<std::uint8_t>(sequence[0]) & kLeadBits.at(sequence.size());
  for (const std::byte next : sequence.subspan(1))
    code = (code << 6U) | (static_cast<std::uint8_t>(next) & 0x3fU);
  return std::any_of(kUnseen.begin(), kUnseen.end(),
                     [&](const Range& r) { return code >= r.first && code <= r.last; });
}

}  // namespace

std::string log_text(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0 || is_unseen(bytes.first(length)))
      text.push_back('?');
    else
      text += as_text(bytes.first(length));
    bytes = bytes.subspan(length == 0 ? 1 : length);
  }
  return text;
}

std::string ascii_text(std::string_view from, std::size_t most_chars) {
  std::string text(from.substr(0, most_chars));
  for (char& c : text)
    if (!is_printable_ascii(static_cast<std::uint8_t>(c))) c = '?';
  return text;
}

}  // namespace fwr
