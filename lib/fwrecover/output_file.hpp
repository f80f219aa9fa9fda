// SPDX-License-Identifier: GPL-3.0-or-later
// Files that a user names for output: only regular ones are ever replaced.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace fwr {

/// Writes `content` to what `path` names:
/// "-", and whatever is the same file as standard output: to standard output;
/// a regular file, or nothing yet: whole or not at all, by a file beside it and a rename;
/// a character device or a FIFO: into it, and it stays what it is;
/// a symbolic link of ours or of root: as above to what it leads to, and the link stays.
/// Everything else is refused: directories, block devices, sockets, links that lead nowhere, and
/// links of other users. Errors: NotFound, NoPermission, NoSpace, BadUsage, IoFailed.
/// True when it was standard output.
[[nodiscard]] Result<bool> write_output(const std::string& path, std::string_view content);

}  // namespace fwr
