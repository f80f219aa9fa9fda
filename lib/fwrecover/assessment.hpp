// SPDX-License-Identifier: GPL-3.0-or-later
// The health of the installed firmware, from the record and the active slot.
#pragma once

#include <optional>
#include <string>

#include "flash/slots.hpp"
#include "fwrecover/event.hpp"
#include "fwrecover/interruption.hpp"
#include "settings/recipient_config.hpp"

namespace fwrecover {

struct Assessment {
  bool healthy = false;
  std::string summary;      ///< one sentence
  bool only_trial = false;  ///< nothing is wrong but that the trial ran out
  /// What the active slot holds, when it is what its signed manifest says.
  std::optional<fwr::Digest> whole_image;
  /// Why it could not be looked at, when that says nothing about the firmware: no permission, a
  /// record of a newer version, or an interruption.
  std::optional<fwr::Error> hidden;
};

/// Reads the whole active slot. Events: "finding", "health".
[[nodiscard]] Assessment assess(const fwr::settings::RecipientConfig& config,
                                fwr::flash::Slots& slots, const Stop& stop, Observer& observer);

}  // namespace fwrecover
