// SPDX-License-Identifier: GPL-3.0-or-later
// Non-volatile memory as the recovery sees it: two targets, the state record, and a place for the
// hash tree. This is the guard: the active slot is never written, whatever the caller believes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "flash/bootloader.hpp"
#include "flash/record/boot_record.hpp"
#include "flash/stores.hpp"
#include "flash/target.hpp"

namespace fwr::flash {

enum class Access : std::uint8_t { ReadOnly, ReadWrite };

/// Every call is complete when it returns. Offsets and sizes are in bytes. No I/O of its own: the
/// parts do it.
class Slots final {
 public:
  struct Parts {
    Access access = Access::ReadWrite;
    /// The slot that the system runs from while there is no record; nullopt: slot a, if b is blank.
    std::optional<SlotId> active_without_record{};
    std::unique_ptr<RecordStore> record;             ///< outlives the others: it may hold a lock
    std::array<std::unique_ptr<Target>, 2> targets;  ///< slot a, slot b
    std::unique_ptr<Scratch> scratch;
    std::unique_ptr<Bootloader> bootloader;
  };
  explicit Slots(Parts parts) : parts_(std::move(parts)) {}

  /// Target::capacity(), read(), blank() and describe().
  [[nodiscard]] Result<std::uint64_t> capacity(SlotId slot) { return target(slot).capacity(); }
  [[nodiscard]] Result<> read(SlotId slot, std::uint64_t offset, std::span<std::byte> out) {
    return target(slot).read(offset, out);
  }
  [[nodiscard]] Result<bool> blank(SlotId slot) { return target(slot).blank(); }
  [[nodiscard]] std::string describe(SlotId slot) const { return target(slot).describe(); }

  /// Checks without changing anything that prepare() would be allowed. Errors: as prepare().
  [[nodiscard]] Result<> try_out(SlotId slot);
  /// Makes room for `size` bytes, and for their hash tree, before the first write. Bytes that the
  /// slot has keep their value. Errors: ImageTooLarge, NoSpace, NoPermission, SlotUnreadable,
  /// SlotWriteFailed; ActiveSlotUnknown when no record says that the slot is inactive and it is not
  /// blank; Internal for the active slot.
  [[nodiscard]] Result<> prepare(SlotId slot, std::uint64_t size);
  /// Within what was prepared. Errors: NoSpace, NoPermission, SlotWriteFailed; Internal for the
  /// active slot.
  [[nodiscard]] Result<> write(SlotId slot, std::uint64_t offset, ByteView bytes);
  /// When this returns, all bytes written are in non-volatile memory, and later reads come from
  /// there.
  [[nodiscard]] Result<> flush(SlotId slot);

  /// RecordStore::load(). Errors: CorruptState, StateFailed.
  [[nodiscard]] Result<BootRecord> load_record();
  /// Stores the record, then tells the boot loader. The active slot of `record` is only read from
  /// then on. Errors: those of RecordStore::store(); SlotWriteFailed when the path of the slot does
  /// not lead to what was written any more.
  [[nodiscard]] Result<> store_record(const BootRecord& record);

  /// Scratch memory for the hash tree of the inactive slot's image.
  [[nodiscard]] Result<> read_tree(std::uint64_t offset, std::span<std::byte> out);
  [[nodiscard]] Result<> write_tree(std::uint64_t offset, ByteView bytes);

 private:
  [[nodiscard]] Target& target(SlotId slot) const {
    return *parts_.targets[static_cast<std::size_t>(slot)];
  }
  [[nodiscard]] std::uint64_t& prepared(SlotId slot) {
    return prepared_bytes_[static_cast<std::size_t>(slot)];
  }
  [[nodiscard]] Result<> check_writable(SlotId slot);
  [[nodiscard]] Result<> check_inactive(SlotId slot) const;
  [[nodiscard]] Result<> check_expendable(SlotId slot);
  [[nodiscard]] tl::unexpected<Error> read_only(const std::string& what) const;

  Parts parts_;
  std::array<std::uint64_t, 2> prepared_bytes_{};
  std::optional<SlotId> active_;  ///< as the stored record says; nullopt: load it first
  bool active_known_ = false;     ///< stated by a record or by the configuration, not assumed
};

}  // namespace fwr::flash
