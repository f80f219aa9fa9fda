// SPDX-License-Identifier: GPL-3.0-or-later
// What fwdonord reads at a start and at a reload, and the links that it serves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fwrecover/donor.hpp"
#include "fwrecover/media.hpp"
#include "session/link_servers.hpp"
#include "settings/donor_config.hpp"
#include "settings/settings.hpp"

namespace fwrecover {

/// The settings of this source and its overrides.
[[nodiscard]] fwr::Result<fwr::settings::Settings> load_donor(const DonorSource& source);
/// The configuration, if a donor with it would serve. Looks up no name, because a reload must not
/// wait. Errors: those of read_donor() and check_listen(), BadConfiguration.
[[nodiscard]] fwr::Result<fwr::settings::DonorConfig> read_startable(
    const fwr::settings::Settings& settings);

/// The settings that a reload leaves as they were, with their values.
using FixedSettings = std::map<std::string, std::string>;
[[nodiscard]] FixedSettings fixed_settings(const fwr::settings::Settings& settings);
/// The names of the settings that are not the same in both.
[[nodiscard]] std::string differences(const FixedSettings& before, const FixedSettings& after);

/// The peers that may take images from each line. On a cable that is the peer at its other end.
[[nodiscard]] std::vector<fwr::session::ServedLink> served_links(
    const fwr::settings::MediaConfig& config, const Media& media);
/// A donor with an empty list makes offers and serves nothing: event "problem".
void warn_of_empty_lists(const fwr::settings::MediaConfig& media, Observer& observer);
/// Events: "listening". Errors: that of the first link that does not open.
[[nodiscard]] fwr::Result<> open_media(const fwr::settings::DonorConfig& config, Media& media,
                                       Observer& observer);
/// The media that capabilities and offers name.
[[nodiscard]] std::uint8_t media_bits(bool network, const Media& media);

}  // namespace fwrecover
