// SPDX-License-Identifier: GPL-3.0-or-later
// Non-volatile memory as the recovery sees it: two slots, a state record, a scratch place for the
// hash tree.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "flash/boot_record.hpp"

namespace fwr::flash {

/// Every call is complete when it returns. Offsets and sizes in bytes. The simulator implements it
/// with torn writes.
class Slots {
 public:
  virtual ~Slots() = default;

  /// Bytes that fit. Errors: SlotUnreadable, also when there is nothing; NoPermission.
  [[nodiscard]] virtual Result<std::uint64_t> capacity(SlotId slot) = 0;
  /// Fills `out` from `offset`; bytes past the end of what was ever written read as zero. Errors:
  /// SlotUnreadable; NoPermission, which says nothing about the slot.
  [[nodiscard]] virtual Result<> read(SlotId slot, std::uint64_t offset,
                                      std::span<std::byte> out) = 0;
  /// Makes room for `size` bytes, and for their hash tree, before the first write. Bytes that the
  /// slot has keep their value, so that it can be called before anything is requested. Only the
  /// inactive slot is ever prepared or written. Errors: ImageTooLarge, NoSpace, NoPermission,
  /// SlotUnreadable, SlotWriteFailed; ActiveSlotUnknown when no record says that it is inactive and
  /// it is not blank; Internal for the active slot.
  [[nodiscard]] virtual Result<> prepare(SlotId slot, std::uint64_t size) = 0;
  /// Within what was prepared. Errors: NoSpace, NoPermission, SlotWriteFailed.
  [[nodiscard]] virtual Result<> write(SlotId slot, std::uint64_t offset, ByteView bytes) = 0;
  /// What was written is in non-volatile memory when this returns, and later reads come from there.
  [[nodiscard]] virtual Result<> flush(SlotId slot) = 0;
  /// Whether nothing was ever written: every byte is 00h or FFh, or there is no slot yet. Such a
  /// slot cannot be what the system runs from. Errors: as read().
  [[nodiscard]] virtual Result<bool> blank(SlotId slot);
  /// Whether prepare() would be allowed to write there, as far as that is known without a change of
  /// anything. Errors: as prepare().
  [[nodiscard]] virtual Result<> try_out(SlotId) { return {}; }
  /// "slot b (/var/lib/fwrecover/slot-b.img)", for messages.
  [[nodiscard]] virtual std::string describe(SlotId slot) const = 0;

  /// The record; a fresh one (generation 0, all empty) when there is none yet. Errors:
  /// CorruptState, StateFailed.
  [[nodiscard]] virtual Result<BootRecord> load_record() = 0;
  [[nodiscard]] virtual Result<> store_record(const BootRecord& record) = 0;

  /// Scratch memory for the hash tree of the inactive slot's image. Contents are verified by the
  /// reader.
  [[nodiscard]] virtual Result<> read_tree(std::uint64_t offset, std::span<std::byte> out) = 0;
  [[nodiscard]] virtual Result<> write_tree(std::uint64_t offset, ByteView bytes) = 0;
};

/// Regular files or block devices.
struct FileSlotsConfig {
  std::string slot_a;
  std::string slot_b;
  std::uint64_t slot_size_bytes = 0;  ///< of regular files (0: as large as the file is); block
                                      ///< devices know theirs
  std::string state_directory;        ///< holds "state", "tree", "lock", "history.jsonl"
  /// What the system runs from while there is no record; nullopt: slot a, if b is blank.
  std::optional<SlotId> active_without_record{};
};
enum class Access : std::uint8_t { ReadOnly, ReadWrite };
/// ReadWrite creates the state directory and the record, and takes the advisory lock until the
/// object goes; a missing slot file is created when it is prepared. ReadOnly needs no write
/// permission anywhere and no lock. Errors: AlreadyRunning (another process holds the lock, with
/// its pid), NoPermission, NotFound, NoSpace, StateFailed, BadConfiguration (the slots share
/// storage, or one is neither a regular file nor a block device).
[[nodiscard]] Result<std::unique_ptr<Slots>> open_file_slots(const FileSlotsConfig& config,
                                                             Access access);

/// The process that has the slots of this state directory open for writing, as far as this user may
/// know.
[[nodiscard]] std::optional<int> slots_writer(const FileSlotsConfig& config);

/// The state directory's history: one JSON value a line, the last kHistoryLines of them.
inline constexpr std::size_t kHistoryLines = 1000;
inline constexpr std::size_t kHistoryLine_bytes = 8192;
/// `line` has no line feed. Any number of processes may call it at one time. Errors: LimitExceeded,
/// Internal (not one line of JSON), NoPermission, NotFound, NoSpace, IoFailed.
[[nodiscard]] Result<> append_history(const std::string& state_directory, const std::string& line);
/// Oldest first; empty when there is none. A line that a power cut tore is left out. Errors:
/// NoPermission, IoFailed.
[[nodiscard]] Result<std::vector<std::string>> read_history(const std::string& state_directory);

}  // namespace fwr::flash
