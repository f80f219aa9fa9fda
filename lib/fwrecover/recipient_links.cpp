// SPDX-License-Identifier: GPL-3.0-or-later
// Buses, cables and radio of a recipient.
#include "fwrecover/recipient_links.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace fwrecover {
namespace {

using fwr::Address;
using fwr::Errc;
using fwr::Error;
using fwr::Medium;
using fwr::Result;
using fwr::recipient::Target;
using fwr::settings::MediaConfig;
using fwr::settings::on_line;
using fwr::wire::icmb::bus_address;
using fwr::wire::icmb::BusAddress;

constexpr auto kScanLimit = std::chrono::seconds(30);  // an inquiry, and a search at each device

/// The lines of buses, among them those that only a target names.
std::vector<std::string> bus_devices(const MediaConfig& media) {
  std::vector<std::string> devices = media.icmb.devices;
  for (const fwr::NamedAddress& target : media.icmb.targets)
    if (!target.line.empty() &&
        std::find(devices.begin(), devices.end(), target.line) == devices.end())
      devices.push_back(target.line);
  return devices;
}

/// On buses, and at the other ends of cables.
std::vector<Target> line_targets(const MediaConfig& media) {
  std::vector<Target> targets;
  const auto add = [&](Address address, const std::string& device) {
    address.scope = media.names.number(device);
    targets.push_back(
        {fwr::Path{{}, address, Medium::Icmb}, bus_address(address) == BusAddress::Broadcast});
  };
  for (const fwr::NamedAddress& named : media.icmb.targets) {
    if (!named.line.empty()) {
      add(named.address, named.line);
      continue;
    }
    for (const std::string& device : media.icmb.devices) add(named.address, device);
  }
  if (media.icmb.broadcast)
    for (const std::string& device : media.icmb.devices)
      add(to_address(BusAddress::Broadcast, 0), device);
  for (const std::string& device : media.serial.devices) {
    Address other_end;
    other_end.family = fwr::AddressFamily::Serial;
    other_end.scope = media.names.number(device);
    targets.push_back({fwr::Path{{}, other_end, Medium::Serial}, false});
  }
  return targets;
}

/// Who is named, and whom an inquiry finds. Errors: Interrupted; others are a problem only.
Result<std::vector<Target>> bluetooth_targets(const fwr::settings::BluetoothConfig& bluetooth,
                                              const Stop& stop, Observer& observer) {
  std::vector<Address> addresses = bluetooth.targets;
  if (bluetooth.inquiry) {
    fwr::transport::BluetoothScanSettings scan;
    scan.adapter = bluetooth.link.adapter;
    scan.names = false;
    const auto found =
        fwr::transport::scan_bluetooth(scan, {.limit = kScanLimit, .interrupted = stop});
    if (!found && found.error().code == Errc::Interrupted) return tl::unexpected(found.error());
    if (!found) observer.on_event(Event("problem").set("text", found.error().message()));
    for (const auto& device : found ? *found : std::vector<fwr::transport::BluetoothDevice>{}) {
      const bool named = std::any_of(
          addresses.begin(), addresses.end(),
          [&](const Address& address) { return address.bytes == device.address.bytes; });
      if (device.donor && !named) addresses.push_back(device.address);
    }
  }
  std::vector<Target> targets;
  targets.reserve(addresses.size());
  for (const Address& address : addresses)
    targets.push_back({fwr::Path{{}, address, Medium::Bluetooth}, false});
  return targets;
}

}  // namespace

bool asks_elsewhere(const MediaConfig& media) {
  return !line_targets(media).empty() || media.bluetooth.is_used();
}

Result<std::vector<Target>> open_links(const fwr::settings::RecipientConfig& config, bool network,
                                       const Stop& stop, Lines& lines, Observer& observer) {
  const MediaConfig& media = config.media;
  std::optional<Error> first_error;
  const auto note = [&](const Result<>& opened) {
    if (opened) return;
    if (!first_error) first_error = opened.error();
    observer.on_event(Event("problem").set("text", opened.error().message()));
  };
  for (const std::string& device : bus_devices(media))
    note(lines.open_bus(device, on_line(media.icmb.allow, device), {}));
  for (const std::string& device : media.serial.devices)
    note(lines.open_cable(device, config.iana, Lines::Absent::Fails));
  if (media.bluetooth.is_used()) note(lines.open_dialer());
  if (lines.empty() && !network && first_error) return tl::unexpected(*first_error);

  std::vector<Target> targets = line_targets(media);
  if (media.bluetooth.is_used()) {
    const auto found = bluetooth_targets(media.bluetooth, stop, observer);
    if (!found) return tl::unexpected(found.error());
    targets.insert(targets.end(), found->begin(), found->end());
  }
  targets.erase(std::remove_if(targets.begin(), targets.end(),
                               [&](const Target& target) {
                                 return lines.link_to(target.path.peer) == fwr::kLanLink;
                               }),
                targets.end());
  if (targets.empty() && !network)
    return fwr::fail(Errc::NoDonorAnswered, "no Bluetooth device in reach is a donor");
  return targets;
}

}  // namespace fwrecover
