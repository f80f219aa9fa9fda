// SPDX-License-Identifier: GPL-3.0-or-later
// fwdonord.toml(5): the donor's settings, as its machines want them.
#pragma once

#include <string>
#include <vector>

#include "donor/donor.hpp"
#include "image/signature.hpp"
#include "session/server.hpp"
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

/// Only what the catalogue needs: no secrets, no addresses.
[[nodiscard]] Result<DonorConfig> read_catalogue_config(const Settings& settings);
/// Everything. Errors name the setting and its source; InsecureSecret for a password file that
/// others can read.
[[nodiscard]] Result<DonorConfig> read_donor(const Settings& settings);

}  // namespace fwr::settings
