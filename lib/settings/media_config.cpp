// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of [icmb] and [serial] to what ports and lines want.
#include "settings/media_config.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "transport/hosts.hpp"

namespace fwr::settings {
namespace {

using wire::icmb::bus_address;
using wire::icmb::BusAddress;

/// A frame that waits for 60 s is dropped (PROTOCOL §8.5): patience has to end before.
constexpr std::int64_t kPatience_ms = 50'000;
constexpr std::string_view kBusPrefix = "icmb:";
constexpr std::string_view kRates =
    "1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600";

Result<NamedAddress> parse_bus_peer(const std::string& text) {
  return parse_named_address(text.starts_with(kBusPrefix) ? text : std::string(kBusPrefix) + text);
}

Result<> read_rate(const Settings& settings, std::string_view name, std::uint32_t& baud) {
  if (auto done = narrow(settings, name, 1, 10'000'000, baud); !done) return done;
  if (transport::is_known_rate(baud)) return {};
  return settings.complain(
      name, fmt::format("is {}, which is no rate of serial lines; known are {}", baud, kRates));
}

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

Result<> read_own_address(const Settings& settings, link::IcmbSettings& node) {
  const std::string text = settings.text("icmb.address");
  node.fixed = settings.flag("icmb.fixed");
  if (text == "auto") {
    if (!node.fixed) return {};
    return settings.complain("icmb.fixed", "needs an address in icmb.address");
  }
  const auto named = parse_bus_peer(text);
  const BusAddress address = named ? bus_address(named->address) : BusAddress::Unassigned;
  if (!named || !named->line.empty() || !is_assignable(address))
    return settings.complain("icmb.address",
                             fmt::format("must be auto or 0x0001 to 0xfeff, and is '{}'", text));
  node.address = address;
  return {};
}

Result<> read_times(const Settings& settings, link::IcmbLimits& limits) {
  std::int64_t slot_ms = 0;
  std::int64_t patience_ms = 0;
  std::int64_t echo_ms = 0;
  for (const auto& done : {narrow(settings, "icmb.slot", 1, 1000, slot_ms),
                           narrow(settings, "icmb.burst", 256, 65536, limits.burst_characters),
                           narrow(settings, "icmb.patience", 1000, kPatience_ms, patience_ms),
                           narrow(settings, "icmb.echo_timeout", 50, 10'000, echo_ms)})
    if (!done) return done;
  limits.shortest_slot = std::chrono::milliseconds(slot_ms);
  limits.patience = std::chrono::milliseconds(patience_ms);
  limits.echo_timeout = std::chrono::milliseconds(echo_ms);
  return {};
}

Result<IcmbConfig> read_icmb(const Settings& settings) {
  IcmbConfig icmb;
  auto devices = read_devices(settings, "icmb.devices");
  if (!devices) return tl::unexpected(devices.error());
  icmb.devices = *std::move(devices);
  for (const auto& done :
       {read_rate(settings, "icmb.baud", icmb.serial.baud), read_own_address(settings, icmb.node),
        read_times(settings, icmb.node.limits)})
    if (!done) return tl::unexpected(done.error());
  icmb.node.limits.baud = icmb.serial.baud;
  icmb.serial.rs485 = settings.flag("icmb.rs485");
  auto allow = read_bus_addresses(settings, "icmb.allow");
  if (!allow) return tl::unexpected(allow.error());
  icmb.allow = *std::move(allow);
  return icmb;
}

constexpr std::size_t kLineDigits = 2;

/// What of a numbered line's text stands before its "@", such as "icmb:0x0014" or "serial:", when
/// `words` ends with it; otherwise nothing.
std::string_view address_at_end(std::string_view words) {
  constexpr std::string_view kCable = "serial:";
  constexpr std::string_view kBus = "icmb:0x";
  constexpr std::size_t kAddressDigits = 4;
  if (words.ends_with(kCable)) return kCable;
  if (words.size() < kBus.size() + kAddressDigits) return {};
  words.remove_prefix(words.size() - kBus.size() - kAddressDigits);
  const bool is_hex = words.find_first_not_of("0123456789abcdef", kBus.size()) == words.npos;
  return words.starts_with(kBus) && is_hex ? words : std::string_view();
}

constexpr const char* kMachineId = "/etc/machine-id";

/// machine-id(5): 32 hexadecimal digits in a line, not all zero. An image that many machines start
/// from has an empty file there, or "uninitialized".
bool is_machine_id(std::string_view text) {
  constexpr std::size_t kDigits = 32;
  if (text.ends_with('\n')) text.remove_suffix(1);
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos &&
         text.find_first_not_of('0') != text.npos;
}

}  // namespace

Result<Guid> machine_guid(std::string_view role, std::string& doubt) {
  constexpr std::size_t kLimit_bytes = 64;
  const auto id = read_text_file(kMachineId, kLimit_bytes);
  const bool good = id && is_machine_id(*id);
  if (!good)
    doubt = fmt::format(
        "{}: the identity of this system is made from its host name, {}, which "
        "others may have, too; systemd-machine-id-setup(1) makes an id",
        id ? fmt::format("{} has no id", kMachineId) : id.error().detail, transport::host_name());
  const std::string text =
      fmt::format("fwrecover {} {}", role, good ? *id : transport::host_name());
  std::array<unsigned char, 32> hash{};
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), hash.data(), nullptr) != 1)
    return fail(Errc::Internal, "SHA-256 is not available");
  Guid guid{};
  for (std::size_t i = 0; i < guid.size(); ++i) guid[i] = static_cast<std::byte>(hash[i]);
  // Version 4, variant 10b (RFC 4122 §4.4); bytes travel least significant first.
  guid[9] = (guid[9] & std::byte{0x0f}) | std::byte{0x40};
  guid[7] = (guid[7] & std::byte{0x3f}) | std::byte{0x80};
  return guid;
}

std::uint32_t LineNames::add(const std::string& device) {
  if (const std::uint32_t known = number(device); known != 0) return known;
  devices_.push_back(device);
  return static_cast<std::uint32_t>(devices_.size());
}

std::uint32_t LineNames::number(std::string_view device) const {
  const auto found = std::find(devices_.begin(), devices_.end(), device);
  return found == devices_.end()
             ? 0
             : static_cast<std::uint32_t>(std::distance(devices_.begin(), found)) + 1;
}

std::string LineNames::device(std::uint32_t number) const {
  return number == 0 || number > devices_.size() ? std::string() : devices_[number - 1];
}

std::string LineNames::text(const Address& address) const {
  const std::string name = device(address.scope);
  if (address.family == AddressFamily::Ipv6) return transport::text_with_zone(address);
  if (name.empty()) return to_text(address);
  if (address.family == AddressFamily::Serial) return "serial:" + name;
  if (address.family != AddressFamily::Icmb) return to_text(address);
  Address nameless = address;
  nameless.scope = 0;
  return to_text(nameless) + "@" + name;
}

std::string LineNames::named(const std::string& words) const {
  std::string out;
  std::string_view rest = words;
  for (std::size_t at = rest.find('@'); at != rest.npos; at = rest.find('@')) {
    const std::string_view link = address_at_end(rest.substr(0, at));
    std::string_view digits = rest.substr(at + 1);
    digits = digits.substr(0, std::min(digits.find_first_not_of("0123456789"), digits.size()));
    std::uint32_t line = 0;
    if (!link.empty() && digits.size() <= kLineDigits)
      std::from_chars(digits.data(), digits.data() + digits.size(), line);
    const std::string name = device(line);
    out.append(rest.substr(0, at));
    if (name.empty() || !link.ends_with(':')) out += '@';
    out += name;
    rest.remove_prefix(at + 1 + (name.empty() ? 0 : digits.size()));
  }
  return transport::words_with_zones(out.append(rest));
}

Result<MediaConfig> read_media(const Settings& settings) {
  MediaConfig media;
  auto icmb = read_icmb(settings);
  if (!icmb) return tl::unexpected(icmb.error());
  media.icmb = *std::move(icmb);
  auto cables = read_devices(settings, "serial.devices");
  if (!cables) return tl::unexpected(cables.error());
  media.serial.devices = *std::move(cables);
  if (auto done = read_rate(settings, "serial.baud", media.serial.serial.baud); !done)
    return tl::unexpected(done.error());
  media.bluetooth.link.adapter = settings.text("bluetooth.adapter");
  const auto security = transport::parse_bluetooth_security(settings.text("bluetooth.security"));
  if (!security)
    return settings.complain("bluetooth.security",
                             fmt::format("must be low, medium or high, and is '{}'",
                                         settings.text("bluetooth.security")));
  media.bluetooth.link.security = *security;
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
  return media;
}

Result<> read_bus_targets(const Settings& settings, MediaConfig& media) {
  auto targets = read_bus_addresses(settings, "icmb.targets");
  if (!targets) return tl::unexpected(targets.error());
  media.icmb.targets = *std::move(targets);
  media.icmb.broadcast = settings.flag("icmb.broadcast");
  for (const NamedAddress& target : media.icmb.targets) {
    const bool known = media.names.number(target.line) != 0;
    if (target.line.empty() && media.icmb.devices.empty())
      return settings.complain("icmb.targets",
                               fmt::format("has {}, and no line leads there: name one behind it, "
                                           "as in {}@/dev/ttyS1, or in icmb.devices",
                                           to_text(target.address), to_text(target.address)));
    if (known || target.line.empty()) continue;
    if (!target.line.starts_with('/') || media.names.size() == LineNames::kLineLimit)
      return settings.complain("icmb.targets",
                               fmt::format("has '{}', which is no line to open", target.line));
    // Only for whom it was named for: nobody else on it is asked.
    media.names.add(target.line);
  }
  return {};
}

Result<> read_bluetooth_targets(const Settings& settings, BluetoothConfig& bluetooth) {
  constexpr std::string_view kPrefix = "bt:";
  bluetooth.inquiry = settings.flag("bluetooth.inquiry");
  for (const std::string& text : settings.list("bluetooth.targets")) {
    const auto address =
        parse_address(text.starts_with(kPrefix) ? text : std::string(kPrefix) + text);
    if (!address) return settings.complain("bluetooth.targets", address.error().detail);
    bluetooth.targets.push_back(*address);
  }
  if (bluetooth.targets.size() > transport::kInquiredDevices)
    return settings.complain("bluetooth.targets", fmt::format("names more than {} devices",
                                                              transport::kInquiredDevices));
  return {};
}

Result<> read_bluetooth_listener(const Settings& settings, BluetoothConfig& bluetooth) {
  bluetooth.enabled = settings.flag("bluetooth.enabled");
  if (auto done = narrow(settings, "bluetooth.channel", 1, 30, bluetooth.channel); !done)
    return done;
  return narrow(settings, "bluetooth.connections", 1, 7, bluetooth.connections);
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
  const bool everybody =
      std::find(addresses.begin(), addresses.end(), BusAddress::Broadcast) != addresses.end();
  if (everybody) return std::nullopt;
  return addresses;
}

}  // namespace fwr::settings
