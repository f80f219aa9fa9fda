// SPDX-License-Identifier: GPL-3.0-or-later
// What all kinds of targets have in common.
#include "flash/target.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

constexpr std::size_t kChunk_bytes = 1U << 20;

/// Whether each byte is 00h or FFh. Takes eight bytes at a time, because a slot of some hundred MiB
/// is read between the choice of a donor and the transfer.
bool is_blank(ByteView bytes) {
  constexpr std::uint64_t kLowestBits = 0x0101010101010101U;
  std::size_t at = 0;
  for (; bytes.size() - at >= sizeof(std::uint64_t); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if ((word & kLowestBits) * 0xff != word) return false;
  }
  return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(),
                     [](std::byte b) { return b == std::byte{0} || b == std::byte{0xff}; });
}

}  // namespace

Result<bool> Target::blank() {
  const auto room = capacity();
  if (!room) return tl::unexpected(room.error());
  // No image reaches farther, and nothing behind it is ever written.
  const std::uint64_t end = std::min(*room, image::kImageLimit_bytes);
  Bytes chunk(kChunk_bytes);
  for (std::uint64_t offset = 0; offset < end; offset += kChunk_bytes) {
    const auto part = std::span(chunk).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(kChunk_bytes, end - offset)));
    if (auto done = read(offset, part); !done) return tl::unexpected(done.error());
    if (!is_blank(part)) return false;
  }
  return true;
}

}  // namespace fwr::flash
