// SPDX-License-Identifier: GPL-3.0-or-later
// Programs that are run and waited for, without a shell, and how long this system has been up.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace fwr::transport {

/// Runs a program, found as execvp(3) finds it, and waits. It reads from /dev/null; what it prints
/// on standard output is dropped. At the limit it is killed with all that it started and that did
/// not leave its process group. nullopt: it exited with 0; else what happened, in words. Errors:
/// Interrupted, soon after `interrupted` says so.
[[nodiscard]] Result<std::optional<std::string>> run_command(
    const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
    const std::function<bool()>& interrupted);

/// Since the kernel started, with the time that the system slept.
[[nodiscard]] std::chrono::milliseconds uptime();

}  // namespace fwr::transport
