// SPDX-License-Identifier: GPL-3.0-or-later
// The settings that both files have for media that are no LAN: [icmb], [serial], [bluetooth]; and
// [protocol].
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "link/bluetooth_words.hpp"
#include "link/icmb_port.hpp"
#include "settings/line_names.hpp"
#include "settings/row.hpp"

namespace fwr::settings {

struct IcmbConfig {
  std::vector<std::string> devices;  ///< empty: no bus
  std::uint32_t baud = 0;
  bool rs485 = false;       ///< the driver turns the transmitter on and off
  link::IcmbSettings node;  ///< for each line; the driver adds its number, GUID and lists
  std::vector<NamedAddress> allow;
  std::vector<NamedAddress> operators;  ///< of a donor's bridge
  std::vector<NamedAddress> targets;    ///< of a recipient
  bool broadcast = false;               ///< of a recipient: ask all nodes on `devices`
};

struct SerialConfig {
  std::vector<std::string> devices;  ///< a cable each; empty: none
  std::uint32_t baud = 0;
};

struct BluetoothConfig {
  std::string adapter;  ///< "hci0", or its address; empty: any that is there
  link::BluetoothSecurity security = link::BluetoothSecurity::Low;
  std::vector<Address> targets;  ///< of a recipient
  bool inquiry = false;          ///< of a recipient
  /// For a recipient: true if the settings lead to a donor over Bluetooth.
  [[nodiscard]] bool is_used() const { return inquiry || !targets.empty(); }
  bool enabled = false;  ///< of a donor, and what follows
  std::uint8_t channel = link::kRfcommChannel;
  std::size_t connections = 7;
};

struct MediaConfig {
  IcmbConfig icmb;
  SerialConfig serial;
  BluetoothConfig bluetooth;
  LineNames names;  ///< of all devices
};

/// The rows of [icmb], [serial] and [bluetooth] that both files have.
[[nodiscard]] std::span<const Row<MediaConfig>> media_rows();
/// [protocol] of both files.
[[nodiscard]] std::span<const Row<std::uint32_t>> protocol_rows();
/// Reads media_rows(). Errors: BadConfiguration, naming the setting.
[[nodiscard]] Result<MediaConfig> read_media(const Settings& settings);
/// Stores icmb.targets of a recipient. A target may name a device that is not in icmb.devices.
[[nodiscard]] Result<> store_bus_targets(const Settings& settings, std::string_view name,
                                         MediaConfig& media);

/// "0x0014", "icmb:0x0014" or "icmb:0x0014@/dev/ttyS1", from the list that is a setting.
[[nodiscard]] Result<std::vector<NamedAddress>> read_bus_addresses(const Settings& settings,
                                                                   std::string_view name);
/// Checks that each entry that names a line names a bus of this program. Errors: BadConfiguration.
[[nodiscard]] Result<> check_bus_lines(const Settings& settings, std::string_view name,
                                       const std::vector<NamedAddress>& list,
                                       const IcmbConfig& icmb);
/// The entries that have this line, or no line.
[[nodiscard]] std::vector<wire::icmb::BusAddress> on_line(const std::vector<NamedAddress>& list,
                                                          std::string_view device);
/// The nodes that a recipient with this list listens to on this line. Nothing: to all nodes,
/// because the list is empty or has 0xffff. A list that names only nodes of other lines gives an
/// empty one.
[[nodiscard]] std::optional<std::vector<wire::icmb::BusAddress>> listened_to(
    const std::vector<NamedAddress>& list, std::string_view device);

}  // namespace fwr::settings
