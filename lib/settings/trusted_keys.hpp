// SPDX-License-Identifier: GPL-3.0-or-later
// [trust], which both files have: the public keys that may sign firmware.
#pragma once

#include <span>
#include <vector>

#include "image/signature.hpp"
#include "settings/row.hpp"

namespace fwr::settings {

[[nodiscard]] std::span<const Row<std::vector<image::PublicKey>>> trust_rows();

/// The minisign public key files that are named and that nobody else can change. Errors name the
/// file.
[[nodiscard]] Result<std::vector<image::PublicKey>> read_trusted_keys(const Settings& settings);

}  // namespace fwr::settings
