// SPDX-License-Identifier: GPL-3.0-or-later
// The addresses behind lan.listen.
#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "settings/settings.hpp"

namespace fwrecover {

/// Looks up the hosts of lan.listen. May wait for the resolver: only before a donor serves. Errors:
/// BadConfiguration, naming the setting.
[[nodiscard]] fwr::Result<std::vector<fwr::Address>> resolve_listen(
    const fwr::settings::Settings& settings, const std::vector<std::string>& hosts);

/// The same check without looking up a name, so that a serving donor does not wait. Names are left
/// out.
[[nodiscard]] fwr::Result<> check_listen(const fwr::settings::Settings& settings,
                                         const std::vector<std::string>& hosts);

}  // namespace fwrecover
