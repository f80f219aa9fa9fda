// SPDX-License-Identifier: GPL-3.0-or-later
// What an errno of a file operation means: the only map from errno to Errc for files, and the words
// for what is no regular file.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace fwr::file {

/// NotFound, NoPermission, NoSpace, AlreadyExists; every other number is IoFailed.
[[nodiscard]] Errc errc_of(int error_number);
/// The system's sentence for an errno.
[[nodiscard]] std::string words_of(int error_number);

/// errc_of() with the detail "<what>: <words of the system>".
[[nodiscard]] tl::unexpected<Error> failure(int error_number, const std::string& what);
/// The same for a file with a purpose of its own, such as a slot: lack of space or permission keeps
/// its code, every other number becomes `code`.
[[nodiscard]] tl::unexpected<Error> failure_as(Errc code, const std::string& what,
                                               int error_number);

/// failure() for what could not be opened or read: a directory, a socket and a device without a
/// driver are not_regular().
[[nodiscard]] tl::unexpected<Error> read_failure(int error_number, const std::string& path);

/// "a directory", "a pipe" and so on, for a file that is not regular.
[[nodiscard]] std::string_view kind_of(mode_t mode);
/// IoFailed, "PATH: a directory, not a regular file".
[[nodiscard]] tl::unexpected<Error> not_regular(const std::string& path, std::string_view kind);
}  // namespace fwr::file
