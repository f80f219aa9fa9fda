// SPDX-License-Identifier: GPL-3.0-or-later
// Looking for Bluetooth devices and the donors among them. No configuration is needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fwrecover/event.hpp"

namespace fwrecover {

struct BluetoothScanOptions {
  std::string adapter;               ///< "hci0", or its address; empty: the first that is on
  std::int64_t inquiry_ms = 5120;    ///< how long to look for devices; 0: ask only those named
  std::vector<std::string> devices;  ///< "bt:00:11:22:33:44:55": asked too, found or not
  std::int64_t limit_ms = 60'000;    ///< for all of it
};
/// Finds devices and asks each whether it is a donor. Events: "bt-device". Fails with "not-built"
/// in a build without Bluetooth, "not-found" on a kernel without; with "no-response" when nobody
/// was found.
FWR_API Conclusion bluetooth_scan(const BluetoothScanOptions& options, Observer& observer);

}  // namespace fwrecover
