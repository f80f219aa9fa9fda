// SPDX-License-Identifier: GPL-3.0-or-later
// Buses, cables and radio of a recipient.
#include "fwrecover/recipient_links.hpp"

#include <algorithm>
#include <utility>

namespace fwrecover {
namespace {

using fwr::Address;
using fwr::Errc;
using fwr::Error;
using fwr::Medium;
using fwr::Result;
using fwr::recipient::Target;
using fwr::settings::listened_to;
using fwr::settings::MediaConfig;
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

/// Whom an inquiry finds that says it is a donor. Errors: of scan_bluetooth().
Result<std::vector<Address>> donors_in_reach(const fwr::settings::BluetoothConfig& bluetooth,
                                             const Stop& stop) {
  fwr::transport::BluetoothScanSettings scan;
  scan.adapter = bluetooth.adapter;
  scan.names = false;
  const auto found =
      fwr::transport::scan_bluetooth(scan, {.limit = kScanLimit, .interrupted = stop});
  if (!found) return tl::unexpected(found.error());
  std::vector<Address> donors;
  for (const auto& device : *found)
    if (device.donor) donors.push_back(device.address);
  return donors;
}

void add_bluetooth(const std::vector<Address>& addresses, std::vector<Target>& targets) {
  for (const Address& address : addresses) {
    const bool known = std::any_of(targets.begin(), targets.end(), [&](const Target& target) {
      return target.path.peer.family == address.family && target.path.peer.bytes == address.bytes;
    });
    if (!known) targets.push_back({fwr::Path{{}, address, Medium::Bluetooth}, false});
  }
}

/// All that the settings name. The result is what did not open.
std::vector<Error> open_named(const fwr::settings::RecipientConfig& config, Media& media) {
  const MediaConfig& named = config.media;
  std::vector<Error> failures;
  const auto note = [&](const Result<>& opened) {
    if (!opened) failures.push_back(opened.error());
  };
  for (const std::string& device : bus_devices(named)) {
    auto heard = listened_to(named.icmb.allow, device);
    if (heard && heard->empty())
      failures.push_back(
          {Errc::BadConfiguration, device + ": icmb.allow has no node on this line"});
    note(media.open_bus(device, std::move(heard), {}));
  }
  for (const std::string& device : named.serial.devices)
    note(media.open_cable(device, config.iana, Media::Absent::Fails));
  if (named.bluetooth.is_used()) note(media.open_dialer());
  return failures;
}

bool is_open(const Address& peer, const Media& media) {
  return media.link_to(peer) != fwr::kLanLink;
}

}  // namespace

bool asks_on_lines(const MediaConfig& media) {
  return !line_targets(media).empty();
}

bool asks_elsewhere(const MediaConfig& media) {
  return asks_on_lines(media) || media.bluetooth.is_used();
}

Result<std::vector<Target>> open_links(const fwr::settings::RecipientConfig& config, bool network,
                                       const Stop& stop, Media& media, Observer& observer) {
  const MediaConfig& named = config.media;
  std::vector<Error> failures = open_named(config, media);
  std::vector<Target> targets = line_targets(named);
  std::erase_if(targets, [&](const Target& target) { return !is_open(target.path.peer, media); });

  Address anybody;
  anybody.family = fwr::AddressFamily::Bluetooth;
  if (is_open(anybody, media)) {
    add_bluetooth(named.bluetooth.targets, targets);
    const auto found = named.bluetooth.inquiry ? donors_in_reach(named.bluetooth, stop)
                                               : Result<std::vector<Address>>();
    if (found) {
      add_bluetooth(*found, targets);
    } else {
      if (found.error().code == Errc::Interrupted) return tl::unexpected(found.error());
      failures.push_back(found.error());
    }
  }

  // What ends the command is its error, and not a problem as well.
  const bool goes_on = network || !targets.empty();
  for (std::size_t i = goes_on ? 0 : 1; i < failures.size(); ++i)
    observer.on_event(Event("problem").set("text", failures[i].message()));
  if (goes_on) return targets;
  if (!failures.empty()) return tl::unexpected(failures.front());
  return fwr::fail(Errc::NoDonorAnswered, "no Bluetooth device in reach is a donor");
}

}  // namespace fwrecover
