// SPDX-License-Identifier: GPL-3.0-or-later
// RFCOMM sockets of the kernel.
#pragma once

#include <memory>

#include "bluetooth/bluetooth_device.hpp"
#include "bluetooth/rfcomm_endpoint.hpp"

namespace fwr::transport {

/// Channel 0: only dials. Errors: NotFound, AddressUnavailable, NoPermission, IoFailed.
[[nodiscard]] Result<std::unique_ptr<StreamSockets>> open_rfcomm_sockets(const Adapter& adapter,
                                                                         BluetoothSecurity security,
                                                                         std::uint8_t channel);

}  // namespace fwr::transport
