// SPDX-License-Identifier: GPL-3.0-or-later
// The identity of this system when the configuration does not give it.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::settings {

/// The name that this system is configured with.
[[nodiscard]] std::string host_name();

/// A GUID that stays the same on every start of this system, differs for each role, and does not
/// show the machine-id (machine-id(5)). Without a valid machine-id it is made from the host name,
/// and `doubt` says so.
[[nodiscard]] Result<Guid> machine_guid(std::string_view role, std::string& doubt);

}  // namespace fwr::settings
