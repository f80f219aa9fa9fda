// SPDX-License-Identifier: GPL-3.0-or-later
// Whether two files or devices are the same storage, wholly or in part.
#pragma once

#include <string>

#include "file/file.hpp"

namespace fwr::flash {

/// Also when one lies on the other: a partition on its disk, a loop device on its file, a file on
/// the device of its file system, a mapped device on what it maps. As far as `sysfs` tells; what it
/// does not tell counts as apart.
[[nodiscard]] bool share_storage(const file::Stat& a, const file::Stat& b,
                                 const std::string& sysfs = "/sys");

}  // namespace fwr::flash
