// SPDX-License-Identifier: GPL-3.0-or-later
// What something with a name is that is no regular file, in words.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

namespace fwr {

[[nodiscard]] inline std::string_view kind_of_file(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode)) return "a character device";
  return S_ISBLK(mode) ? "a block device" : "something else";
}

/// "PATH: a directory, not a regular file".
[[nodiscard]] inline std::string not_regular(const std::string& path, std::string_view kind) {
  return path + ": " + std::string(kind) + ", not a regular file";
}

/// For open(2) with ENXIO.
inline constexpr std::string_view kCannotBeOpened = "a socket, or a device that is not there";

}  // namespace fwr
