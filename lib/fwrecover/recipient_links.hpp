// SPDX-License-Identifier: GPL-3.0-or-later
// The links of a recipient besides the network, and the targets on them.
#pragma once

#include <vector>

#include "fwrecover/media.hpp"
#include "fwrecover/recipient_impl.hpp"
#include "recipient/words.hpp"
#include "settings/media_config.hpp"

namespace fwrecover {

/// True if a target is on a link without sessions, which needs no account.
[[nodiscard]] bool asks_on_lines(const fwr::settings::MediaConfig& media);
/// True if a target is on another link than the network.
[[nodiscard]] bool asks_elsewhere(const fwr::settings::MediaConfig& media);

/// Opens the links that the settings name, makes the inquiry that they ask for, and returns the
/// targets. A link that does not open is a problem, and the others are used. Errors: of the first
/// that does not open when no target is left; Interrupted.
[[nodiscard]] fwr::Result<std::vector<fwr::recipient::Target>> open_links(
    const fwr::settings::RecipientConfig& config, bool network, const Stop& stop, Media& media,
    Observer& observer);

}  // namespace fwrecover
