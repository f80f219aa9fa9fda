// SPDX-License-Identifier: GPL-3.0-or-later
// A build without Bluetooth answers every call with NotBuilt.
#include "bluetooth/bluetooth.hpp"

namespace fwr::transport {
namespace {

tl::unexpected<Error> absent() {
  return fail(Errc::NotBuilt,
              "Bluetooth (configured with --disable-bluetooth, or without libbluetooth)");
}

}  // namespace

// NOLINTBEGIN(performance-unnecessary-value-param): the types are those of the real ones
Result<std::unique_ptr<Endpoint>> open_rfcomm_listener(const RfcommListenerSettings&,
                                                       BluetoothObserver) {
  return absent();
}
Result<std::unique_ptr<Endpoint>> open_rfcomm_dialer(const BluetoothSettings&, BluetoothObserver) {
  return absent();
}
// NOLINTEND(performance-unnecessary-value-param)
Result<std::vector<BluetoothDevice>> scan_bluetooth(const BluetoothScanSettings&, const Patience&) {
  return absent();
}

}  // namespace fwr::transport
