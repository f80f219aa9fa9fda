// SPDX-License-Identifier: GPL-3.0-or-later
// The state record in its file. PROTOCOL §7.4.
#pragma once

#include <string>

#include "file/file.hpp"
#include "flash/boot_record.hpp"

namespace fwr::flash {

class StateFile {
 public:
  explicit StateFile(std::string state_directory);

  /// A fresh record when there is no file. Errors: CorruptState, NoPermission, StateFailed.
  [[nodiscard]] Result<BootRecord> load() const;
  /// Writes the copy that does not count now; it counts once this returns. Only under the lock.
  /// Errors: CorruptState, NoPermission, NoSpace, StateFailed; Internal when the record is not
  /// newer than the one in the file.
  [[nodiscard]] Result<> store(const BootRecord& record) const;
  /// Creates the file with a fresh record, or makes sure that a boot would find what is there. Only
  /// under the lock, before the first store().
  [[nodiscard]] Result<> create_if_missing() const;

 private:
  [[nodiscard]] UniqueFd open(int flags) const;
  [[nodiscard]] Result<Chosen> read_chosen(int fd) const;
  [[nodiscard]] Result<> create(const BootRecord& record) const;

  std::string directory_;
  std::string path_;
};

}  // namespace fwr::flash
