// SPDX-License-Identifier: GPL-3.0-or-later
// [trust], which both files have: the public keys that may sign firmware.
#pragma once

#include <span>
#include <vector>

#include "image/signature.hpp"
#include "settings/row.hpp"

namespace fwr::settings {

[[nodiscard]] std::span<const Row<std::vector<image::PublicKey>>> trust_rows();

/// Reads the minisign public key files that trust.keys names. Errors name the file; a file that
/// another user could change is one.
[[nodiscard]] Result<std::vector<image::PublicKey>> read_trusted_keys(const Settings& settings);

}  // namespace fwr::settings
