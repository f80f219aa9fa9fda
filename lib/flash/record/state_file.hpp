// SPDX-License-Identifier: GPL-3.0-or-later
// The state record in its file. PROTOCOL §7.4.
#pragma once

#include <string>

#include "base/unique_fd.hpp"
#include "file/lock_file.hpp"
#include "flash/stores.hpp"

namespace fwr::flash {

class StateFile final : public RecordStore {
 public:
  /// `lock`: held as long as the object; empty for a reader.
  explicit StateFile(std::string state_directory, file::LockFile lock = {});

  [[nodiscard]] Result<BootRecord> load() const override;
  /// Writes the copy that does not count now. Only under the lock.
  [[nodiscard]] Result<> store(const BootRecord& record) override;
  [[nodiscard]] Result<> try_store() const override;
  [[nodiscard]] std::string describe() const override { return directory_; }
  /// Creates the file with a fresh record, or makes sure that a boot would find what is there. Only
  /// under the lock, before the first store().
  [[nodiscard]] Result<> create_if_missing() const;

 private:
  [[nodiscard]] UniqueFd open(int flags) const;
  [[nodiscard]] Result<Chosen> read_chosen(int fd) const;
  [[nodiscard]] Result<> create(const BootRecord& record) const;

  file::LockFile lock_;  ///< keeps a second recovery out
  std::string directory_;
  std::string path_;
};

}  // namespace fwr::flash
