// SPDX-License-Identifier: GPL-3.0-or-later
// Reading a slot whole, and what follows from it.
#include "flash/slot_contents.hpp"

#include <algorithm>
#include <string>

#include "image/hash_tree.hpp"
#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

constexpr std::size_t kChunk_bytes = 1U << 20;

}  // namespace

Result<Digest> digest_slot(Slots& slots, SlotId slot, std::uint64_t size_bytes, const Stop& stop) {
  image::TreeBuilder builder(size_bytes, image::TreeBuilder::Emit{});
  Bytes chunk(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk_bytes, size_bytes)));
  for (std::uint64_t offset = 0; offset < size_bytes; offset += chunk.size()) {
    const auto part = std::span(chunk).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), size_bytes - offset)));
    if (auto read = slots.read(slot, offset, part); !read) return tl::unexpected(read.error());
    if (stop && stop())
      return fail(Errc::Interrupted, "while " + slots.describe(slot) + " was read");
    if (auto added = builder.add(part); !added) return tl::unexpected(added.error());
  }
  return builder.finish();
}

Result<> check_contents(Slots& slots, const BootRecord& record, SlotId slot, const Stop& stop) {
  const auto manifest = image::parse_manifest(record.slot(slot).manifest);
  if (!manifest) return tl::unexpected(manifest.error());
  const auto digest = digest_slot(slots, slot, manifest->size_bytes, stop);
  if (!digest) return tl::unexpected(digest.error());
  if (*digest != manifest->digest)
    return fail(Errc::DigestMismatch, "read " + fwr::to_text(*digest) + ", the manifest says " +
                                          fwr::to_text(manifest->digest));
  return {};
}

Result<BootRecord> go_back(Slots& slots, const BootRecord& record, const Stop& stop,
                           Failure failure) {
  auto changed = roll_back(record, failure);
  if (!changed) return changed;
  const SlotId to = changed->active;
  const auto refuse = [&](const std::string& why) {
    return fail(Errc::NoPreviousImage, slots.describe(to) + ": " + why + "; slot " +
                                           std::string(to_text(record.active)) + " stays active");
  };
  const auto whole = check_contents(slots, record, to, stop);
  if (!whole && whole.error().code == Errc::Interrupted) return tl::unexpected(whole.error());
  if (!whole) return refuse(whole.error().message());
  const auto manifest = image::parse_manifest(record.slot(to).manifest);
  if (manifest && manifest->security_version < record.security_floor)
    return refuse("its security version " + std::to_string(manifest->security_version) +
                  " is below the floor " + std::to_string(record.security_floor));
  return changed;
}

}  // namespace fwr::flash
