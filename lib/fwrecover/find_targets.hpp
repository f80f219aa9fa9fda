// SPDX-License-Identifier: GPL-3.0-or-later
// Looks up the names of the donors to ask, and the interfaces to broadcast on.
#pragma once

#include <chrono>
#include <vector>

#include "base/error.hpp"
#include "policy/policy.hpp"
#include "recipient/words.hpp"
#include "settings/recipient_config.hpp"
#include "transport/resolver.hpp"

namespace fwrecover {

struct FoundTargets {
  std::vector<fwr::recipient::Target> targets;
  std::vector<fwr::Error>
      problems;  ///< hosts that did not resolve: the others are asked all the same
};
/// Turns names, ranges and broadcast into paths. `elsewhere`: other media have targets, too. While
/// there is no target because no interface is up, or no name server answers, it looks again for
/// `look_for`. Errors: BadConfiguration, naming the host, or when neither broadcast nor a
/// target is configured; NotFound (the only names do not exist); NetworkDown and NameLookupFailed,
/// which may be over soon; Interrupted.
[[nodiscard]] fwr::Result<FoundTargets> find_targets(const fwr::settings::LanConfig& lan,
                                                     bool elsewhere,
                                                     const fwr::transport::Patience& patience,
                                                     std::chrono::milliseconds look_for);

/// Puts the number of the interface in place of its name in policy.allow and policy.deny, as the
/// addresses of donors have it. Errors: BadConfiguration: there is no such interface.
[[nodiscard]] fwr::Result<> number_zones(fwr::policy::Policy& policy);

}  // namespace fwrecover
