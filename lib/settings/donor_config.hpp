// SPDX-License-Identifier: GPL-3.0-or-later
// fwdonord.toml(5): the table of its settings, and the structures that they fill.
#pragma once

#include <string>
#include <vector>

#include "donor/words.hpp"
#include "image/signature.hpp"
#include "session/server_config.hpp"
#include "settings/media_config.hpp"
#include "settings/settings.hpp"

namespace fwr::settings {

[[nodiscard]] std::span<const Setting> donor_table();

struct DonorConfig {
  std::string catalogue;  ///< directory
  std::vector<image::PublicKey> trusted_keys;
  std::vector<std::string> listen;  ///< hosts of the LAN, not resolved yet; empty: nowhere
  MediaConfig media;
  donor::DonorConfig donor;
  session::ServerConfig server;
};

/// Reads only what the catalogue needs: no secrets, no addresses.
[[nodiscard]] Result<DonorConfig> read_catalogue_config(const Settings& settings);
/// Reads all. Errors name the setting and its source; InsecureSecret for a password file that other
/// users can read.
[[nodiscard]] Result<DonorConfig> read_donor(const Settings& settings);

}  // namespace fwr::settings
