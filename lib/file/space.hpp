// SPDX-License-Identifier: GPL-3.0-or-later
// Allocating the space of a file before it is needed.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace fwr::file {

/// Makes a regular file at least `size` bytes long, with all of that allocated. The bytes that it
/// has stay. `what`: the file, for messages. Errors: NoSpace, found before anything is allocated
/// where the file system tells; otherwise failure_as(code)'s.
[[nodiscard]] Result<> reserve(int fd, const std::string& what, std::uint64_t size, Errc code);

}  // namespace fwr::file
