// SPDX-License-Identifier: GPL-3.0-or-later
// The state directory's history: one JSON value a line.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace fwr::flash {

/// More lines than that are thinned out, oldest first.
inline constexpr std::size_t kHistoryLines = 1000;
inline constexpr std::size_t kHistoryLine_bytes = 8192;
/// `line` has no line feed. Any number of processes may call it at one time. Errors: LimitExceeded,
/// Internal (not one line of JSON), NoPermission, NotFound, NoSpace, IoFailed.
[[nodiscard]] Result<> append_history(const std::string& state_directory, const std::string& line);
/// Oldest first; empty when there is none. A line that a power cut tore is left out. Errors:
/// NoPermission, IoFailed.
[[nodiscard]] Result<std::vector<std::string>> read_history(const std::string& state_directory);

}  // namespace fwr::flash
