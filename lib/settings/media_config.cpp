// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of [icmb], [serial], [bluetooth] and [protocol], and what their values mean.
#include "settings/media_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "config.h"
#include "link/serial_rates.hpp"

namespace fwr::settings {
namespace {

using wire::icmb::bus_address;
using wire::icmb::BusAddress;
using namespace std::chrono_literals;

Result<std::vector<std::string>> read_devices(const Settings& settings, std::string_view name);
Result<std::uint32_t> read_rate(const Settings& settings, std::string_view name);
Result<BusAddress> read_own_address(const Settings& settings, std::string_view name);
Result<bool> read_fixed(const Settings& settings, std::string_view name);
Result<link::BluetoothSecurity> read_security(const Settings& settings, std::string_view name);
Result<> number_devices(const Settings& settings, MediaConfig& media);

/// A frame that waits for 60 s is dropped (PROTOCOL §8.5): patience has to end before.
constexpr auto kLongestPatience = 50s;
constexpr std::int64_t kFastest_baud = 10'000'000;

constexpr auto kRows = std::to_array<Row<MediaConfig>>({
    {{"icmb", "devices", Kind::TextList, "[]", "serial lines of buses; empty: none"},
     read_by<read_devices, &MediaConfig::icmb, &IcmbConfig::devices>},
    {{"icmb", "allow", Kind::TextList, "[]",
      "nodes that a recipient listens to (empty: all), or that may take images from a donor, such "
      "as \"0x0021\" or \"icmb:0x0021@/dev/ttyS1\""},
     read_by<read_bus_addresses, &MediaConfig::icmb, &IcmbConfig::allow>},
    {{"icmb",
      "baud",
      Kind::Integer,
      "19200",
      "the same for all nodes of a bus",
      {1, kFastest_baud}},
     read_by<read_rate, &MediaConfig::icmb, &IcmbConfig::baud>},
    {{"icmb", "rs485", Kind::Boolean, "false", "the driver turns the transmitter on and off"},
     into<&MediaConfig::icmb, &IcmbConfig::rs485>},
    {{"icmb", "address", Kind::Text, "\"auto\"", "of this node: auto, or such as 0x0021"},
     read_by<read_own_address, &MediaConfig::icmb, &IcmbConfig::node,
             &link::IcmbSettings::address>},
    {{"icmb", "fixed", Kind::Boolean, "false",
      "fail if the address is taken; never choose another one"},
     read_by<read_fixed, &MediaConfig::icmb, &IcmbConfig::node, &link::IcmbSettings::fixed>},
    {{"icmb", "slot", Kind::Duration, "\"2ms\"", "shortest unit of arbitration", between(1ms, 1s)},
     into<&MediaConfig::icmb, &IcmbConfig::node, &link::IcmbSettings::limits,
          &link::IcmbLimits::shortest_slot>},
    {{"icmb",
      "burst",
      Kind::Integer,
      "4096",
      "characters after which others may talk",
      {256, 65536}},
     into<&MediaConfig::icmb, &IcmbConfig::node, &link::IcmbSettings::limits,
          &link::IcmbLimits::burst_characters>},
    {{"icmb", "patience", Kind::Duration, "\"20s\"", "then a waiting frame gets priority",
      between(1s, kLongestPatience)},
     into<&MediaConfig::icmb, &IcmbConfig::node, &link::IcmbSettings::limits,
          &link::IcmbLimits::patience>},
    {{"icmb", "echo_timeout", Kind::Duration, "\"300ms\"", "without an echo the bus counts as cut",
      between(50ms, 10s)},
     into<&MediaConfig::icmb, &IcmbConfig::node, &link::IcmbSettings::limits,
          &link::IcmbLimits::echo_timeout>},
    {{"serial", "devices", Kind::TextList, "[]",
      "serial lines with one system at the other end; empty: none"},
     read_by<read_devices, &MediaConfig::serial, &SerialConfig::devices>},
    {{"serial", "baud", Kind::Integer, "115200", "the same at both ends", {1, kFastest_baud}},
     read_by<read_rate, &MediaConfig::serial, &SerialConfig::baud>},
    {{"bluetooth", "adapter", Kind::Text, "", "such as hci0; without: any that is there"},
     into<&MediaConfig::bluetooth, &BluetoothConfig::adapter>},
    {{"bluetooth", "security", Kind::Text, "\"low\"", "low, medium or high"},
     read_by<read_security, &MediaConfig::bluetooth, &BluetoothConfig::security>},
});

constexpr std::array<Row<std::uint32_t>, 1> kProtocolRows{{
    {{"protocol",
      "iana",
      Kind::Integer,
      FWR_IANA_PEN_TEXT,
      "IANA number of the OEM commands",
      {0, 0xffffff}},
     assign<std::uint32_t>},
}};

}  // namespace

std::span<const Row<MediaConfig>> media_rows() {
  return kRows;
}
std::span<const Row<std::uint32_t>> protocol_rows() {
  return kProtocolRows;
}

Result<MediaConfig> read_media(const Settings& settings) {
  MediaConfig media;
  if (auto done = store(media_rows(), settings, media); !done) return tl::unexpected(done.error());
  media.icmb.node.limits.baud = media.icmb.baud;
  if (auto done = number_devices(settings, media); !done) return tl::unexpected(done.error());
  return media;
}

namespace {

Result<std::vector<std::string>> read_devices(const Settings& settings, std::string_view name) {
  std::vector<std::string> devices = settings.list(name);
  for (const std::string& device : devices) {
    if (device.empty() || !device.starts_with('/'))
      return settings.complain(name, fmt::format("has '{}', which is no path of a device", device));
    if (std::count(devices.begin(), devices.end(), device) > 1)
      return settings.complain(name, fmt::format("names {} twice", device));
  }
  return devices;
}

Result<std::uint32_t> read_rate(const Settings& settings, std::string_view name) {
  const auto baud = static_cast<std::uint32_t>(settings.integer(name));
  constexpr auto& kRates = link::kSerialRates;
  if (std::find(kRates.begin(), kRates.end(), baud) != kRates.end()) return baud;
  return settings.complain(
      name, fmt::format("is {}, which is no rate of serial lines; known are {}", baud,
                        fmt::join(kRates, ", ")));
}

Result<NamedAddress> parse_bus_peer(const std::string& text) {
  constexpr std::string_view kBusPrefix = "icmb:";
  return parse_named_address(text.starts_with(kBusPrefix) ? text : std::string(kBusPrefix) + text);
}

Result<BusAddress> read_own_address(const Settings& settings, std::string_view name) {
  const std::string text = settings.text(name);
  if (text == "auto") return BusAddress::Unassigned;
  const auto named = parse_bus_peer(text);
  const BusAddress address = named ? bus_address(named->address) : BusAddress::Unassigned;
  if (named && named->line.empty() && is_assignable(address)) return address;
  return settings.complain(name,
                           fmt::format("must be auto or 0x0001 to 0xfeff, and is '{}'", text));
}

Result<bool> read_fixed(const Settings& settings, std::string_view name) {
  const bool fixed = settings.flag(name);
  if (!fixed || settings.text("icmb.address") != "auto") return fixed;
  return settings.complain(name, "needs an address in icmb.address");
}

Result<link::BluetoothSecurity> read_security(const Settings& settings, std::string_view name) {
  const std::string text = settings.text(name);
  const auto security = link::parse_bluetooth_security(text);
  if (security) return *security;
  return settings.complain(name, fmt::format("must be low, medium or high, and is '{}'", text));
}

/// Gives each device its number. A device is a bus or a cable.
Result<> number_devices(const Settings& settings, MediaConfig& media) {
  for (const std::string& device : media.icmb.devices) media.names.add(device);
  for (const std::string& device : media.serial.devices) {
    if (media.names.number(device) != 0)
      return settings.complain("serial.devices",
                               fmt::format("names {}, which icmb.devices names too", device));
    media.names.add(device);
  }
  if (media.names.size() > LineNames::kLineLimit)
    return settings.complain(
        "serial.devices",
        fmt::format("and icmb.devices name more than {} lines", LineNames::kLineLimit));
  return {};
}

}  // namespace

Result<> store_bus_targets(const Settings& settings, std::string_view name, MediaConfig& media) {
  auto targets = read_bus_addresses(settings, name);
  if (!targets) return tl::unexpected(targets.error());
  media.icmb.targets = *std::move(targets);
  for (const NamedAddress& target : media.icmb.targets) {
    const bool known = media.names.number(target.line) != 0;
    if (target.line.empty() && media.icmb.devices.empty())
      return settings.complain(name,
                               fmt::format("has {}, and no line leads there: name one behind it, "
                                           "as in {}@/dev/ttyS1, or in icmb.devices",
                                           to_text(target.address), to_text(target.address)));
    if (known || target.line.empty()) continue;
    if (!target.line.starts_with('/') || media.names.size() == LineNames::kLineLimit)
      return settings.complain(name,
                               fmt::format("has '{}', which is no line to open", target.line));
    // Only the named targets on this line are asked.
    media.names.add(target.line);
  }
  return {};
}

Result<std::vector<NamedAddress>> read_bus_addresses(const Settings& settings,
                                                     std::string_view name) {
  std::vector<NamedAddress> list;
  for (const std::string& text : settings.list(name)) {
    auto named = parse_bus_peer(text);
    if (!named) return settings.complain(name, named.error().detail);
    if (named->address.scope != 0)
      return settings.complain(name, fmt::format("has '{}': a line has a name here", text));
    list.push_back(*std::move(named));
  }
  return list;
}

Result<> check_bus_lines(const Settings& settings, std::string_view name,
                         const std::vector<NamedAddress>& list, const IcmbConfig& icmb) {
  const auto is_here = [&](const std::string& line) {
    return std::find(icmb.devices.begin(), icmb.devices.end(), line) != icmb.devices.end() ||
           std::any_of(icmb.targets.begin(), icmb.targets.end(),
                       [&](const NamedAddress& target) { return target.line == line; });
  };
  for (const NamedAddress& entry : list)
    if (!entry.line.empty() && !is_here(entry.line))
      return settings.complain(name,
                               fmt::format("has {}@{}, and no device or target is on that line",
                                           to_text(entry.address), entry.line));
  return {};
}

std::vector<BusAddress> on_line(const std::vector<NamedAddress>& list, std::string_view device) {
  std::vector<BusAddress> addresses;
  for (const NamedAddress& entry : list)
    if (entry.line.empty() || entry.line == device) addresses.push_back(bus_address(entry.address));
  return addresses;
}

std::optional<std::vector<BusAddress>> listened_to(const std::vector<NamedAddress>& list,
                                                   std::string_view device) {
  if (list.empty()) return std::nullopt;
  std::vector<BusAddress> addresses = on_line(list, device);
  const bool any_node =
      std::find(addresses.begin(), addresses.end(), BusAddress::Broadcast) != addresses.end();
  if (any_node) return std::nullopt;
  return addresses;
}

}  // namespace fwr::settings
