// SPDX-License-Identifier: GPL-3.0-or-later
// Secrets that were given in the environment.
#pragma once

#include <optional>

#include "base/types.hpp"

namespace fwr::settings {

inline constexpr const char* kPasswordVariable = "FWRECOVER_PASSWORD";
inline constexpr const char* kKgVariable = "FWRECOVER_KG";
/// What ipmitool -E reads; after FWRECOVER_PASSWORD.
inline constexpr const char* kIpmiPasswordVariable = "IPMI_PASSWORD";

/// As it is, or as protect_secrets() found it. For kPasswordVariable also kIpmiPasswordVariable.
[[nodiscard]] std::optional<Secret> environment_secret(const char* variable);

}  // namespace fwr::settings
