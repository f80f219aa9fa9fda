// SPDX-License-Identifier: GPL-3.0-or-later
// Secrets from environment variables.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace fwr::settings {

inline constexpr const char* kPasswordVariable = "FWRECOVER_PASSWORD";
inline constexpr const char* kKgVariable = "FWRECOVER_KG";
/// The variable that ipmitool -E reads; FWRECOVER_PASSWORD wins over it.
inline constexpr const char* kIpmiPasswordVariable = "IPMI_PASSWORD";

/// Takes a variable out of the environment and remembers it: the bytes that /proc/PID/environ
/// shows, which are those that the process began with, are overwritten.
void take_secret(const char* variable);
/// The variable's value, also after take_secret(). For kPasswordVariable also
/// kIpmiPasswordVariable.
[[nodiscard]] std::optional<Secret> environment_secret(const char* variable);

}  // namespace fwr::settings
