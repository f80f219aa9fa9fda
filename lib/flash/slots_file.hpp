// SPDX-License-Identifier: GPL-3.0-or-later
// Opens the slots that the configuration names, with their state directory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "flash/slots.hpp"

namespace fwr::flash {

struct FileSlotsConfig {
  std::string slot_a;  ///< path of a regular file or block device
  std::string slot_b;
  std::uint64_t slot_size_bytes = 0;  ///< of a regular file (0: as large as the file is); a block
                                      ///< device has its own
  std::string state_directory;        ///< holds "state", "tree", "lock", "history.jsonl"
  /// The slot that the system runs from while there is no record; nullopt: slot a, if b is blank.
  std::optional<SlotId> active_without_record{};
};

/// ReadWrite creates the state directory and the record, and takes the advisory lock until the
/// object goes; a missing slot file is created when it is prepared. ReadOnly needs no write
/// permission anywhere and no lock. Errors: AlreadyRunning (another process holds the lock, with
/// its pid), NoPermission, NotFound, NoSpace, StateFailed, BadConfiguration (the slots share
/// storage, or one is neither a regular file nor a block device).
[[nodiscard]] Result<std::unique_ptr<Slots>> open_file_slots(const FileSlotsConfig& config,
                                                             Access access);
/// The parts of open_file_slots(), for a caller that puts its own before them.
[[nodiscard]] Result<Slots::Parts> open_file_parts(const FileSlotsConfig& config, Access access);

/// The process that has the slots of this state directory open for writing, as far as this user may
/// know.
[[nodiscard]] std::optional<int> slots_writer(const FileSlotsConfig& config);

}  // namespace fwr::flash
