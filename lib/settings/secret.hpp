// SPDX-License-Identifier: GPL-3.0-or-later
// Passwords and K_g: from a file that only its owner can read, or from the environment.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::settings {

class Settings;

inline constexpr std::size_t kSecretLimit_bytes = 20;  ///< IPMI v2.0 §22.30, Set User Password

/// A password or K_g: one line of a file that only its owner, root or the running user, can read or
/// replace, or the value of an environment variable when the path is empty. Control characters are
/// refused, so that other tools take the same file for the same password; a K_g may have them when
/// it is no text. Errors: InsecureSecret (others can read or replace it), NotFound (which does not
/// repeat the path: it may be the secret itself), BadConfiguration (empty, longer than 20 bytes,
/// more than one line).
[[nodiscard]] Result<Secret> read_secret(const std::string& path, const char* environment,
                                         std::string_view what);
/// The secret of a setting, or of the environment variable when the setting has none. The settings
/// note a problem when it is weak. Errors: those of read_secret().
[[nodiscard]] Result<Secret> read_secret_setting(const Settings& settings, std::string_view name,
                                                 const char* environment, std::string_view what);
/// What is weak about a secret, for a warning: it is short, or has few different bytes.
[[nodiscard]] std::optional<std::string> weakness(const Secret& secret);

}  // namespace fwr::settings
