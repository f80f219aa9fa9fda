// SPDX-License-Identifier: GPL-3.0-or-later
// The guard over two targets. PROTOCOL §7.4.
#include "flash/slots.hpp"

#include <algorithm>

#include "image/hash_tree.hpp"
#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

/// Boots of an image on trial before a boot loader with a counter goes back by itself.
constexpr unsigned kTrialBoots = 3;

std::string bytes_text(std::uint64_t bytes) {
  return std::to_string(bytes) + " bytes";
}

}  // namespace

// --- the guard -----------------------------------------------------------------------------------

tl::unexpected<Error> Slots::read_only(const std::string& what) const {
  return fail(Errc::Internal, what + " was opened for reading only");
}

Result<> Slots::check_inactive(SlotId slot) const {
  if (active_ == slot)
    return fail(Errc::Internal, describe(slot) + " is active and must not be written");
  return {};
}

/// The last line of defence, whatever the caller believes: an active slot is never written.
Result<> Slots::check_writable(SlotId slot) {
  if (parts_.access != Access::ReadWrite) return read_only(describe(slot));
  if (!active_) {
    const auto record = load_record();
    if (!record) return tl::unexpected(record.error());
  }
  return check_inactive(slot);
}

/// Without a record the active slot is a guess, and a state directory that is lost or not mounted
/// looks just like that. On a guess, only a slot that nothing can run from is written.
Result<> Slots::check_expendable(SlotId slot) {
  if (active_known_) return {};
  const auto nothing_there = blank(slot);
  if (!nothing_there) return tl::unexpected(nothing_there.error());
  if (*nothing_there) return {};
  return fail(Errc::ActiveSlotUnknown, "there is none in " + parts_.record->describe() + ", and " +
                                           describe(slot) + " is not blank: it may be the one");
}

// --- images --------------------------------------------------------------------------------------

Result<> Slots::try_out(SlotId slot) {
  if (auto record = load_record(); !record) return tl::unexpected(record.error());
  if (auto inactive = check_inactive(slot); !inactive) return inactive;
  if (auto expendable = check_expendable(slot); !expendable) return expendable;
  if (auto writable = parts_.record->try_store(); !writable) return writable;
  return target(slot).try_begin();
}

Result<> Slots::prepare(SlotId slot, std::uint64_t size) {
  if (auto allowed = check_writable(slot); !allowed) return allowed;
  const auto room = capacity(slot);
  if (!room) return tl::unexpected(room.error());
  if (size == 0 || size > std::min(*room, image::kImageLimit_bytes))
    return fail(Errc::ImageTooLarge, describe(slot) + " has " + bytes_text(*room) +
                                         ", the image has " + bytes_text(size));
  if (auto expendable = check_expendable(slot); !expendable) return expendable;
  // Blocks come in any order, and the image is verified by reading it back.
  const Traits traits = target(slot).traits();
  if (!traits.random_write || !traits.readable_back)
    return fail(Errc::Internal, describe(slot) + " is of a kind that is only written in one pass");
  prepared(slot) = 0;
  if (auto begun = target(slot).begin(size); !begun) return begun;
  const std::uint64_t tree_size = image::TreeShape(size).tree_size_bytes();
  if (auto reserved = parts_.scratch->reserve(tree_size); !reserved) return reserved;
  prepared(slot) = size;
  return {};
}

Result<> Slots::write(SlotId slot, std::uint64_t offset, ByteView bytes) {
  if (auto allowed = check_writable(slot); !allowed) return allowed;
  const std::uint64_t room = prepared(slot);
  if (bytes.size() > room || offset > room - bytes.size())
    return fail(Errc::Internal, "writing " + bytes_text(bytes.size()) + " at byte " +
                                    std::to_string(offset) + " of " + describe(slot) + ", where " +
                                    bytes_text(room) + " are prepared");
  return target(slot).write(offset, bytes);
}

Result<> Slots::flush(SlotId slot) {
  if (prepared(slot) == 0) return {};
  return target(slot).finish();
}

// --- the record ----------------------------------------------------------------------------------

Result<BootRecord> Slots::load_record() {
  active_.reset();
  auto record = parts_.record->load();
  if (!record) return record;
  const auto& stated = parts_.active_without_record;
  if (record->generation == 0) record->active = stated.value_or(record->active);
  active_known_ = record->generation != 0 || stated.has_value();
  active_ = record->active;
  return record;
}

Result<> Slots::store_record(const BootRecord& record) {
  if (parts_.access != Access::ReadWrite) return read_only(parts_.record->describe());
  // The system starts from what the path leads to, not from what was written and verified.
  Target& active = target(record.active);
  if (!active.in_place())
    return fail(Errc::SlotWriteFailed, active.describe() +
                                           " does not become active: its path does not lead to "
                                           "what was written any more");
  active_.reset();
  if (auto stored = parts_.record->store(record); !stored) return stored;
  active_ = record.active;
  active_known_ = true;
  // From here on it is only read, and what boots from it may claim the device.
  active.release();
  prepared(record.active) = 0;
  Bootloader& loader = *parts_.bootloader;
  return record.trial ? loader.select(record.active, kTrialBoots) : loader.confirm(record.active);
}

// --- the hash tree -------------------------------------------------------------------------------

Result<> Slots::read_tree(std::uint64_t offset, std::span<std::byte> out) {
  return parts_.scratch->read(offset, out);
}

Result<> Slots::write_tree(std::uint64_t offset, ByteView bytes) {
  if (parts_.access != Access::ReadWrite) return read_only(parts_.record->describe());
  return parts_.scratch->write(offset, bytes);
}

}  // namespace fwr::flash
