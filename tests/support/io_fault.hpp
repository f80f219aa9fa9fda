// SPDX-License-Identifier: GPL-3.0-or-later
// Sees, cuts short or fails the file calls of the program that it is linked into.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace fwr::test {

enum class IoKind : std::uint8_t { Read, Write, Truncate, Sync, Rename, Unlink };

/// One call, before it happens.
struct IoCall {
  IoKind kind;
  std::string path;  ///< of the file, or the old name
  std::uint64_t offset = 0;
  std::size_t count = 0;
  Bytes bytes;  ///< of a write
};

/// What happens instead. A count that is shorter than asked for makes a short read or write.
struct IoReply {
  std::optional<std::size_t> count;
  int error_number = 0;
};

using IoHook = std::function<IoReply(const IoCall&)>;

/// While it lives, every call goes through `hook`; one at a time.
class IoFault {
 public:
  explicit IoFault(IoHook hook);
  ~IoFault();
  IoFault(const IoFault&) = delete;
  IoFault& operator=(const IoFault&) = delete;
};

/// Waits for a child process: "signal N" or "exit N".
[[nodiscard]] std::string end_of(pid_t child);
/// Runs `body` in a child process. Its text, or end_of() when it did not come back.
[[nodiscard]] std::string in_child(const std::function<std::string()>& body);

/// Exit status of a child that was ended by kill_at().
inline constexpr int kKilled = 99;
/// A hook that ends the process at the n-th change of a file (from 0), after an eighth of a write.
[[nodiscard]] IoHook kill_at(std::size_t n);

}  // namespace fwr::test
