// SPDX-License-Identifier: GPL-3.0-or-later
// What a recipient opens besides the network, and whom it asks there.
#pragma once

#include <vector>

#include "fwrecover/media.hpp"
#include "fwrecover/recipient_impl.hpp"
#include "recipient/words.hpp"
#include "settings/media_config.hpp"

namespace fwrecover {

/// Whether the settings name anybody to ask on a link without sessions, who asks for no account.
[[nodiscard]] bool asks_on_lines(const fwr::settings::MediaConfig& media);
/// Whether the settings name anybody to ask besides the network.
[[nodiscard]] bool asks_elsewhere(const fwr::settings::MediaConfig& media);

/// Opens what the settings name, looks who is in reach where they say so, and returns whom to ask.
/// A link that does not open is a problem, and the others are used. Errors: of the first that does
/// not open when nobody is left to ask; Interrupted.
[[nodiscard]] fwr::Result<std::vector<fwr::recipient::Target>> open_links(
    const fwr::settings::RecipientConfig& config, bool network, const Stop& stop, Media& media,
    Observer& observer);

}  // namespace fwrecover
