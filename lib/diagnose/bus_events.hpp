// SPDX-License-Identifier: GPL-3.0-or-later
// What nodes of a bus say of themselves, as fields of events.
#pragma once

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "fwrecover/event.hpp"
#include "wire/icmb.hpp"

namespace fwrecover {

inline constexpr std::uint8_t kGetDeviceId = 0x01;  ///< of network function App

void set_statistics(Event& event, const fwr::wire::icmb::BridgeStatistics& statistics);
/// `data` is behind the completion code of Get Device ID (IPMI v2.0 §20.1). Errors: Truncated.
[[nodiscard]] fwr::Result<> set_device_id(Event& event, fwr::ByteView data);

}  // namespace fwrecover
