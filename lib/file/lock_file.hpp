// SPDX-License-Identifier: GPL-3.0-or-later
// A file whose only use is its lock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace fwr::file {

/// Held until it goes; the file stays. flock(2) asks for no more than an open descriptor, one for
/// reading is enough. So the file has mode 0600, and nothing that others may read is ever locked:
/// no user without privileges can keep a recovery from happening.
class LockFile {
 public:
  LockFile() = default;
  LockFile(LockFile&&) noexcept = default;
  LockFile& operator=(LockFile&&) noexcept = default;
  ~LockFile();
  /// Waits at most `patience` for another holder. The file says which process holds it. One that
  /// an older version left readable is replaced when no living process of ours holds it.
  /// Errors: AlreadyRunning, naming the process; IoFailed when the holder is no process of ours, or
  /// the path is no regular file of this user; NotFound, NoPermission, NoSpace.
  [[nodiscard]] static Result<LockFile> take(const std::string& path,
                                             std::chrono::milliseconds patience = {});
  /// The process that holds it at this moment; nothing: none does, or this user may not know.
  [[nodiscard]] static std::optional<int> holder(const std::string& path);

 private:
  explicit LockFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace fwr::file
