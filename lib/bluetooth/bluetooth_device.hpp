// SPDX-License-Identifier: GPL-3.0-or-later
// What libbluetooth's functions want: addresses in its order, and the adapters of this system.
#pragma once

#include <bluetooth/bluetooth.h>

#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/error.hpp"

namespace fwr::transport {

[[nodiscard]] bdaddr_t to_device(const Address& address);
[[nodiscard]] Address from_device(const bdaddr_t& device);

struct Adapter {
  int index = -1;    ///< of "hci0"; negative: none in particular
  bdaddr_t own{};    ///< zero: of any adapter
  std::string name;  ///< for messages
};
/// "hci0" or an address; empty: none in particular. Error: NotFound, also in a kernel without
/// Bluetooth.
[[nodiscard]] Result<Adapter> find_adapter(const std::string& name);
/// The same, and the first one that is up when none is named. Errors: also IoFailed, it is down.
[[nodiscard]] Result<Adapter> find_working_adapter(const std::string& name);

/// Whether the link between an adapter of ours and a device is encrypted. Nothing: there is none,
/// or the kernel does not say.
[[nodiscard]] std::optional<bool> is_link_encrypted(const bdaddr_t& own, const bdaddr_t& device);

/// An error of a system call or of libbluetooth, with what to do where we know that.
[[nodiscard]] tl::unexpected<Error> bluetooth_error(const std::string& what, int error);

}  // namespace fwr::transport
