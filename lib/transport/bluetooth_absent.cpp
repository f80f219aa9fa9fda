// SPDX-License-Identifier: GPL-3.0-or-later
// What the facade asks for, in a build without Bluetooth: it is told so.
#include "transport/bluetooth.hpp"

namespace fwr::transport {
namespace {

tl::unexpected<Error> absent() {
  return fail(Errc::NotFound,
              "this build has no Bluetooth (configured with --disable-bluetooth, or without "
              "libbluetooth)");
}

}  // namespace

Result<std::unique_ptr<Endpoint>> open_rfcomm_listener(const RfcommListenerSettings&,
                                                       BluetoothObserver) {
  return absent();
}
Result<std::unique_ptr<Endpoint>> open_rfcomm_dialer(const BluetoothSettings&, BluetoothObserver) {
  return absent();
}
Result<std::vector<BluetoothDevice>> scan_bluetooth(const BluetoothScanSettings&, const Patience&) {
  return absent();
}

}  // namespace fwr::transport
