// SPDX-License-Identifier: GPL-3.0-or-later
// Bluetooth for the facade: endpoints that carry RMCP over RFCOMM, and the search for donors.
// PROTOCOL §13. A build without Bluetooth has these too; they answer NotFound and say why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "bluetooth/bluetooth_names.hpp"
#include "link/bluetooth_words.hpp"
#include "transport/endpoint.hpp"
#include "transport/resolver.hpp"

namespace fwr::transport {

using link::kInquiredDevices;
using link::kRfcommChannel;

inline constexpr std::chrono::milliseconds kInquiry{5120};  ///< four units of 1.28 s

struct RfcommListenerSettings {
  BluetoothSettings link;
  std::uint8_t channel = kRfcommChannel;  ///< 1 to 30
  std::string name;                       ///< of the service in its SDP record
  std::size_t connections = 7;            ///< at one time; a piconet has no more
};
/// A donor's end: takes connections, and registers an SDP record where a service keeps them. A
/// missing record is a Problem, not an Error. Errors: NotFound (no such adapter, no Bluetooth in
/// this build or this kernel), AddressUnavailable (the channel is taken), NoPermission, IoFailed.
[[nodiscard]] Result<std::unique_ptr<Endpoint>> open_rfcomm_listener(
    const RfcommListenerSettings& settings, BluetoothObserver observer);

/// A recipient's end: connects to each device that the handler sends to, and asks SDP for a channel
/// that an address lacks. Errors as above.
[[nodiscard]] Result<std::unique_ptr<Endpoint>> open_rfcomm_dialer(
    const BluetoothSettings& settings, BluetoothObserver observer);

/// A device that an inquiry found, or that was asked by its address.
struct BluetoothDevice {
  Address address;   ///< its port: the donor's channel, 0 when it is none
  std::string name;  ///< as the device says; may be empty, and is not to be trusted
  bool donor = false;
  std::string problem;  ///< why it could not be asked; empty: it was
};
struct BluetoothScanSettings {
  std::string adapter;         ///< as in BluetoothSettings
  bool inquire = true;         ///< look for devices in reach
  std::vector<Address> known;  ///< asked too, found or not
  std::chrono::milliseconds inquiry = kInquiry;
  bool names = true;  ///< ask for names too
};
/// An inquiry, then an SDP search at each device, within the limit of `patience`: devices that were
/// not asked by then have a problem. Errors: as above, and Interrupted.
[[nodiscard]] Result<std::vector<BluetoothDevice>> scan_bluetooth(
    const BluetoothScanSettings& settings, const Patience& patience);

}  // namespace fwr::transport
