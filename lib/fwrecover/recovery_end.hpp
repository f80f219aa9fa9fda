// SPDX-License-Identifier: GPL-3.0-or-later
// The conclusions of a recovery, and of a look for offers.
#pragma once

#include <optional>
#include <string>

#include "fwrecover/assessment.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/recovery_driver.hpp"
#include "policy/policy.hpp"
#include "settings/recipient_config.hpp"

namespace fwrecover {

/// The targets and the wanted component, in words.
struct Asked {
  std::string targets;
  std::string wanted;
};
/// Also reports it: event "asked".
[[nodiscard]] Asked report_asked(const fwr::recipient::RecoveryConfig& config, const Media& media,
                                 Observer& observer);
/// The kinds of links that were asked, for advice.
[[nodiscard]] Where where_asked(bool network, const Media& media);

/// Also writes the history. Events: "recovered".
[[nodiscard]] Conclusion conclude_recovery(const RecoveryDriver& driver,
                                           const fwr::settings::RecipientConfig& config,
                                           const Media& media, const Asked& asked,
                                           const Where& where, Observer& observer);
[[nodiscard]] Conclusion conclude_offers(const RecoveryDriver& driver, bool verify,
                                         const Media& media, const Asked& asked,
                                         const Where& where);
/// Donors answered, and the installed image is as good as theirs: no failure. nullopt: another end.
[[nodiscard]] std::optional<Conclusion> conclude_nothing(const RecoveryDriver& driver,
                                                         const fwr::policy::Situation& situation,
                                                         const std::optional<Assessment>& assessed);
/// Reports an expiry date that was not judged because the clock is not set: event "problem".
void report_unjudged_expiry(const RecoveryDriver& driver, const fwr::policy::Situation& situation,
                            Observer& observer);

}  // namespace fwrecover
