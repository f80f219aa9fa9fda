// SPDX-License-Identifier: GPL-3.0-or-later
// fwrecover.toml(5): the table of its settings, and the structures that they fill.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/types.hpp"
#include "flash/slots_file.hpp"
#include "image/signature.hpp"
#include "policy/policy.hpp"
#include "session/conversation.hpp"
#include "settings/media_config.hpp"
#include "settings/settings.hpp"

namespace fwr::settings {

[[nodiscard]] std::span<const Setting> recipient_table();

struct LanConfig {
  std::vector<std::string> targets;  ///< hosts and ranges, not resolved yet
  bool broadcast = true;
  std::vector<std::string> interfaces;
  std::uint16_t port = kRmcpPort;
};

/// What `confirm --if-healthy` requires before it confirms.
struct HealthConfig {
  std::vector<std::vector<std::string>> commands;  ///< the arguments of each command
  std::chrono::milliseconds timeout{0};            ///< for each command
  std::chrono::milliseconds after{0};              ///< how long the system must be up
  bool rollback = false;
};

struct RecipientConfig {
  std::uint32_t iana = 0;
  Platform platform;
  flash::FileSlotsConfig slots;
  std::uint32_t trial_limit_s = 0;
  std::vector<image::PublicKey> trusted_keys;
  LanConfig lan;
  MediaConfig media;
  policy::Policy policy;
  HealthConfig health;
};

/// Errors: BadConfiguration, NotFound and the like, each naming the setting and its source.
[[nodiscard]] Result<RecipientConfig> read_recipient(const Settings& settings);
/// The account on the donors, which only a recovery needs. Environment: FWRECOVER_PASSWORD,
/// FWRECOVER_KG.
[[nodiscard]] Result<session::Credentials> read_credentials(const Settings& settings);
/// Neither the named file nor the environment has a password: the caller meant to give none.
[[nodiscard]] bool lacks_password(const Settings& settings);

}  // namespace fwr::settings
