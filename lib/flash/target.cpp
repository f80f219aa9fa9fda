// SPDX-License-Identifier: GPL-3.0-or-later
// What all kinds of targets have in common.
#include "flash/target.hpp"

#include <algorithm>

#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

constexpr std::size_t kChunk_bytes = 1U << 20;
constexpr std::byte kErased{0xff};

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
    if (!std::all_of(part.begin(), part.end(),
                     [](std::byte b) { return b == std::byte{0} || b == kErased; }))
      return false;
  }
  return true;
}

}  // namespace fwr::flash
