// SPDX-License-Identifier: GPL-3.0-or-later
// Whether a network interface is a radio, as nl80211 tells it.
#pragma once

#include <cstdint>
#include <optional>

namespace fwr::transport {

/// The answer for an interface of this network namespace, also where /sys shows those of another;
/// nothing when the kernel has no nl80211 or does not say.
[[nodiscard]] std::optional<bool> is_wireless(std::uint32_t interface);

}  // namespace fwr::transport
