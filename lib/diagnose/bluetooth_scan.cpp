// SPDX-License-Identifier: GPL-3.0-or-later
// An inquiry and what it found, as events.
#include "fwrecover/bluetooth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "bluetooth/bluetooth.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/interruption.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;

fwr::Result<std::vector<fwr::Address>> parse_devices(const std::vector<std::string>& texts) {
  std::vector<fwr::Address> devices;
  devices.reserve(texts.size());
  for (const std::string& text : texts) {
    const auto device = fwr::parse_address(text.starts_with("bt:") ? text : "bt:" + text);
    if (!device) return tl::unexpected(device.error());
    devices.push_back(*device);
  }
  return devices;
}

void tell(const fwr::transport::BluetoothDevice& device, Observer& observer) {
  Event event("bt-device");
  event.set("address", to_text(device.address));
  event.set("donor", device.donor);
  if (device.donor) event.set("channel", std::int64_t{device.address.port});
  if (!device.name.empty()) event.set("name", device.name);
  if (!device.problem.empty()) event.set("problem", device.problem);
  observer.on_event(event);
}

}  // namespace

static Conclusion scan(const BluetoothScanOptions& options, const Stop& stop, Observer& observer) {
  auto known = parse_devices(options.devices);
  if (!known) return conclude(known.error());
  fwr::transport::BluetoothScanSettings settings;
  settings.adapter = options.adapter;
  settings.inquire = options.inquiry_ms > 0;
  settings.inquiry = std::chrono::milliseconds(options.inquiry_ms);
  settings.known = *std::move(known);
  const auto found = fwr::transport::scan_bluetooth(
      settings, {.limit = std::chrono::milliseconds(options.limit_ms), .interrupted = stop});
  if (!found) return conclude(found.error());
  for (const auto& device : *found) tell(device, observer);
  if (found->empty()) return conclude({Errc::NoResponse, "no Bluetooth device was found"});
  const auto donors =
      std::count_if(found->begin(), found->end(), [](const auto& device) { return device.donor; });
  return conclude_ok(fmt::format("{} devices, {} of them donors", found->size(), donors));
}

Conclusion bluetooth_scan(const BluetoothScanOptions& options, Observer& observer) {
  return interruptible({SIGINT, SIGTERM},
                       [&](const Stop& stop) { return scan(options, stop, observer); });
}

}  // namespace fwrecover
