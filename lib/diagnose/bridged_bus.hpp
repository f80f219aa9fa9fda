// SPDX-License-Identifier: GPL-3.0-or-later
// Looking at an ICMB bus through a BMC that has a channel on it. PROTOCOL §11.8.
#pragma once

#include "fwrecover/bus.hpp"
#include "wire/icmb.hpp"

namespace fwrecover {

// As the functions of bus.hpp with BusOptions::via.
[[nodiscard]] Conclusion bridged_discover(const BusOptions& options, Observer& observer);
[[nodiscard]] Conclusion bridged_info(const BusOptions& options, fwr::wire::icmb::BusAddress node,
                                      Observer& observer);
[[nodiscard]] Conclusion bridged_statistics(const BusOptions& options,
                                            fwr::wire::icmb::BusAddress node, Observer& observer);
[[nodiscard]] Conclusion bridged_device_id(const BusOptions& options,
                                           fwr::wire::icmb::BusAddress node, Observer& observer);

}  // namespace fwrecover
