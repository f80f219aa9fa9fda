// SPDX-License-Identifier: GPL-3.0-or-later
// Whether a recovery is needed, and whether it may take the place of the image to go back to.
#pragma once

#include <optional>

#include "fwrecover/assessment.hpp"
#include "fwrecover/interruption.hpp"
#include "fwrecover/recipient.hpp"
#include "settings/recipient_config.hpp"

namespace fwrecover {

/// The conclusion of a request that installs nothing: the system is healthy, or a recovery would
/// overwrite the image that a running trial goes back to. nullopt: the recovery may begin. Errors:
/// OnTrial, Interrupted, NoRecord.
[[nodiscard]] fwr::Result<std::optional<Conclusion>> settle(
    const RequestOptions& options, const fwr::settings::RecipientConfig& config,
    fwr::flash::Slots& slots, const Stop& stop, std::optional<Assessment>& assessed,
    Observer& observer);
/// What settle() looks at, for a command that requests nothing. Events: "problem". Errors: as
/// above.
[[nodiscard]] fwr::Result<Assessment> look_at_installed(
    const fwr::settings::RecipientConfig& config, fwr::flash::Slots& slots, const Stop& stop,
    Observer& observer);

}  // namespace fwrecover
