// SPDX-License-Identifier: GPL-3.0-or-later
// Settings of the media that are no LAN: [icmb], [serial], [bluetooth], the same words for both
// programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "bluetooth/bluetooth.hpp"
#include "link/icmb_port.hpp"
#include "settings/settings.hpp"
#include "transport/serial_port.hpp"

namespace fwr::settings {

/// Serial lines have numbers, which addresses carry, and names, which people know.
class LineNames {
 public:
  static constexpr std::size_t kLineLimit = 16;  ///< of all kinds together

  /// The number of a device, from 1; the same one each time.
  std::uint32_t add(const std::string& device);
  /// 0: there is no such line.
  [[nodiscard]] std::uint32_t number(std::string_view device) const;
  /// "icmb:0x0014@/dev/ttyS1": the text of an address with the name of its line.
  [[nodiscard]] std::string text(const Address& address) const;
  /// Words of a machine, in which the addresses have numbers: with names.
  [[nodiscard]] std::string named(const std::string& words) const;
  /// "/dev/ttyS1"; empty: there is no such line.
  [[nodiscard]] std::string device(std::uint32_t number) const;
  [[nodiscard]] std::size_t size() const { return devices_.size(); }

 private:
  std::vector<std::string> devices_;
};

struct IcmbConfig {
  std::vector<std::string> devices;  ///< empty: no bus
  transport::SerialSettings serial;
  link::IcmbSettings node;  ///< of each line; its number, GUID and lists are to be filled in
  std::vector<NamedAddress> allow;
  std::vector<NamedAddress> operators;  ///< of a donor's bridge
  std::vector<NamedAddress> targets;    ///< of a recipient
  bool broadcast = false;               ///< of a recipient: ask everybody on `devices`
};

struct SerialConfig {
  std::vector<std::string> devices;  ///< a cable each; empty: none
  transport::SerialSettings serial;
};

struct BluetoothConfig {
  transport::BluetoothSettings link;
  std::vector<Address> targets;  ///< of a recipient
  bool inquiry = false;          ///< of a recipient
  /// Of a recipient: whether anybody is to be asked.
  [[nodiscard]] bool is_used() const { return inquiry || !targets.empty(); }
  bool enabled = false;  ///< of a donor, and what follows
  std::uint8_t channel = transport::kRfcommChannel;
  std::size_t connections = 7;
};

struct MediaConfig {
  IcmbConfig icmb;
  SerialConfig serial;
  BluetoothConfig bluetooth;
  LineNames names;  ///< of all devices
};

/// What both programs have. Errors: BadConfiguration, naming the setting.
[[nodiscard]] Result<MediaConfig> read_media(const Settings& settings);
/// The recipient's own: whom to ask. A target may name a device that is not in icmb.devices.
[[nodiscard]] Result<> read_bus_targets(const Settings& settings, MediaConfig& media);
[[nodiscard]] Result<> read_bluetooth_targets(const Settings& settings, BluetoothConfig& bluetooth);
/// The donor's own.
[[nodiscard]] Result<> read_bluetooth_listener(const Settings& settings,
                                               BluetoothConfig& bluetooth);

/// The same on every start of this machine, another one for each role, and nothing that tells its
/// machine-id (machine-id(5)). Without a valid one it is made from the host name, and `doubt` says
/// so.
[[nodiscard]] Result<Guid> machine_guid(std::string_view role, std::string& doubt);

/// "0x0014", "icmb:0x0014" or "icmb:0x0014@/dev/ttyS1", from the list that is a setting.
[[nodiscard]] Result<std::vector<NamedAddress>> read_bus_addresses(const Settings& settings,
                                                                   std::string_view name);
/// Entries of such a list that name a line name one of a bus here. Errors: BadConfiguration.
[[nodiscard]] Result<> check_bus_lines(const Settings& settings, std::string_view name,
                                       const std::vector<NamedAddress>& list,
                                       const IcmbConfig& icmb);
/// Of these those that mean this line.
[[nodiscard]] std::vector<wire::icmb::BusAddress> on_line(const std::vector<NamedAddress>& list,
                                                          std::string_view device);
/// To whom a recipient with this list listens on this line; nothing: to everybody, because there is
/// no list or 0xffff is in it. A list that names nodes of other lines only leaves nobody here.
[[nodiscard]] std::optional<std::vector<wire::icmb::BusAddress>> listened_to(
    const std::vector<NamedAddress>& list, std::string_view device);

}  // namespace fwr::settings
