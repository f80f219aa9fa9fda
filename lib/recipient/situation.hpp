// SPDX-License-Identifier: GPL-3.0-or-later
// What the state record says of a system, as the policy judges by it. PROTOCOL §7.4.
#pragma once

#include "flash/record/boot_record.hpp"
#include "policy/policy.hpp"

namespace fwr::recipient {

/// Floor, versions, the newest time and the images that failed here. Which keys are trusted now
/// does not matter: what is in the record was verified when it came there.
[[nodiscard]] policy::Situation situation_of(const flash::BootRecord& record);

/// "was rolled back by the administrator"
[[nodiscard]] std::string_view failure_words(flash::FailureReason reason);

}  // namespace fwr::recipient
