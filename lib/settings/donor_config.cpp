// SPDX-License-Identifier: GPL-3.0-or-later
// The table of fwdonord.toml(5) and its conversion.
#include "settings/donor_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config.h"
#include "settings/recipient_config.hpp"
#include "transport/hosts.hpp"
#include "transport/resolver.hpp"

namespace fwr::settings {
namespace {

constexpr std::array kTable{
    Setting{"catalogue", "directory", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwdonor\"",
            "where the images are"},
    Setting{"trust", "keys", Kind::PathList, "[\"" FWR_SYSCONFDIR "/fwrecover/keys/*.pub\"]",
            "minisign public keys that may sign firmware"},
    Setting{"donor", "role", Kind::Text, "\"console\"", "console or peer"},
    Setting{"donor", "name", Kind::Text, "", "for people; without: the host's name"},
    Setting{"donor", "guid", Kind::Text, "", "without: made from /etc/machine-id"},
    Setting{"donor", "hold", Kind::Duration, "\"60s\"", "how long an offer holds"},
    Setting{"donor", "lease", Kind::Duration, "\"60s\"", "how long a lease lasts without a read"},
    Setting{"donor", "leases", Kind::Integer, "16", "recoveries served at one time"},
    Setting{"donor", "leases_per_user", Kind::Integer, "0",
            "of one account; 0: half of them, or all with a single account"},
    Setting{"donor", "credit", Kind::Size, "\"4MiB\"", "granted and unsent in one lease"},
    Setting{"lan", "listen", Kind::TextList, "[]",
            "addresses to serve at, such as [\"0.0.0.0:623\", \"[::]:623\"]; empty: none"},
    Setting{"icmb", "devices", Kind::TextList, "[]", "serial lines of buses; empty: none"},
    Setting{"icmb", "allow", Kind::TextList, "[]",
            "nodes that may take images, such as \"0x0021\" or \"icmb:0x0021@/dev/ttyS1\""},
    Setting{"icmb", "baud", Kind::Integer, "19200", "the same for all nodes of a bus"},
    Setting{"icmb", "rs485", Kind::Boolean, "false", "the driver turns the transmitter on and off"},
    Setting{"icmb", "address", Kind::Text, "\"auto\"", "of this node: auto, or such as 0x0014"},
    Setting{"icmb", "fixed", Kind::Boolean, "false", "rather none than another address"},
    Setting{"icmb", "operators", Kind::TextList, "[]", "nodes that may change this bridge"},
    Setting{"icmb", "slot", Kind::Duration, "\"2ms\"", "shortest unit of arbitration"},
    Setting{"icmb", "burst", Kind::Integer, "4096", "characters after which others may talk"},
    Setting{"icmb", "patience", Kind::Duration, "\"20s\"", "then a waiting frame gets priority"},
    Setting{"icmb", "echo_timeout", Kind::Duration, "\"300ms\"",
            "without an echo the bus counts as cut"},
    Setting{"serial", "devices", Kind::TextList, "[]",
            "serial lines to serve, whoever is at the other end; empty: none"},
    Setting{"serial", "baud", Kind::Integer, "115200", "the same at both ends"},
    Setting{"bluetooth", "enabled", Kind::Boolean, "false", "serve over RFCOMM"},
    Setting{"bluetooth", "channel", Kind::Integer, "23", "of RFCOMM"},
    Setting{"bluetooth", "connections", Kind::Integer, "7", "at one time"},
    Setting{"bluetooth", "adapter", Kind::Text, "", "such as hci0; without: any that is there"},
    Setting{"bluetooth", "security", Kind::Text, "\"low\"", "low, medium or high"},
    Setting{"session", "suite3", Kind::Boolean, "false", "also allow cipher suite 3 (SHA-1)"},
    Setting{"session", "kg_file", Kind::SecretPath, "", "BMC key K_g; without: none"},
    Setting{"session", "idle", Kind::Duration, "\"60s\"", "silent sessions are closed"},
    Setting{"session", "sessions", Kind::Integer, "64", "active at one time"},
    Setting{"user.*", "password_file", Kind::SecretPath, "",
            "its password, 1 to 20 bytes, mode 0600"},
    Setting{"user.*", "privilege", Kind::Text, "\"user\"", "user, operator or administrator"},
    Setting{"device", "manufacturer", Kind::Integer, FWR_IANA_PEN_TEXT, "for Get Device ID"},
    Setting{"device", "product", Kind::Integer, "0", "for Get Device ID"},
    Setting{"device", "device", Kind::Integer, "0", "for Get Device ID"},
    Setting{"device", "revision", Kind::Integer, "0", "for Get Device ID"},
    Setting{"protocol", "iana", Kind::Integer, FWR_IANA_PEN_TEXT,
            "IANA number of the OEM commands"},
};

Result<Guid> read_guid(const Settings& settings) {
  const std::string text = settings.text("donor.guid");
  if (text.empty()) {
    std::string doubt;
    auto made = machine_guid("donor", doubt);
    if (!doubt.empty()) settings.note_problem(doubt + ", or set donor.guid");
    return made;
  }
  auto guid = parse_guid(text);
  if (!guid) return settings.complain("donor.guid", guid.error().detail);
  return guid;
}

Result<wire::Privilege> read_privilege(const Settings& settings, const std::string& name) {
  const std::string text = settings.has(name) ? settings.text(name) : "user";
  if (text == "user") return wire::Privilege::User;
  if (text == "operator") return wire::Privilege::Operator;
  if (text == "administrator") return wire::Privilege::Administrator;
  return settings.complain(
      name, fmt::format("must be user, operator or administrator, and is '{}'", text));
}

Result<std::vector<session::Account>> read_accounts(const Settings& settings) {
  constexpr std::size_t kAccountLimit = 64;
  std::vector<session::Account> accounts;
  for (const std::string& name : settings.names("user.*")) {
    const std::string section = Settings::section_of("user.*", name);
    if (name.empty() || name.size() > wire::kMaxUserName_bytes)
      return fail(Errc::BadConfiguration, fmt::format("[{}]: a name has 1 to 16 bytes", section));
    if (accounts.size() == kAccountLimit)
      return fail(Errc::BadConfiguration, fmt::format("more than {} users", kAccountLimit));
    const std::string file = section + ".password_file";
    if (settings.text(file).empty())
      return fail(Errc::BadConfiguration, fmt::format("[{}]: password_file is missing", section));
    auto password = read_secret_setting(settings, file, "", "password");
    if (!password) return tl::unexpected(password.error());
    auto privilege = read_privilege(settings, section + ".privilege");
    if (!privilege) return tl::unexpected(privilege.error());
    accounts.push_back({name, *std::move(password), *privilege});
  }
  return accounts;
}

bool is_unspecified(const Address& address) {
  return std::all_of(address.bytes.begin(), address.bytes.end(),
                     [](std::uint8_t byte) { return byte == 0; });
}

/// Whether one socket would take what belongs to the other.
bool overlap(const Address& a, const Address& b) {
  if (a.family != b.family || a.port != b.port) return false;
  return a == b || is_unspecified(a) || is_unspecified(b);
}

bool lacks_interface(const Address& address) {
  const bool link_local = address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80;
  return address.family == AddressFamily::Ipv6 && link_local && address.scope == 0;
}

Result<std::vector<Address>> read_listen(const Settings& settings) {
  std::vector<Address> listen;
  const auto addresses_to_serve = settings.list("lan.listen");
  for (const std::string& text : addresses_to_serve)
    if (text.starts_with("bt:"))
      return settings.complain(
          "lan.listen", fmt::format("has '{}': set bluetooth.enabled to serve Bluetooth, and "
                                    "bluetooth.adapter for one of several adapters",
                                    text));
  const auto found = transport::resolve_all(addresses_to_serve, kRmcpPort, {});
  if (!found) return tl::unexpected(found.error());
  for (const auto& addresses : *found) {
    if (!addresses) return settings.complain("lan.listen", addresses.error().message());
    for (const Address& address : *addresses) {
      if (lacks_interface(address))
        return settings.complain(
            "lan.listen", fmt::format("has {}: an address of one link needs its interface, as in "
                                      "[fe80::1%eth0]",
                                      to_text(address)));
      const auto other = std::find_if(listen.begin(), listen.end(), [&](const Address& before) {
        return overlap(before, address);
      });
      if (other != listen.end())
        return settings.complain(
            "lan.listen",
            *other == address
                ? fmt::format("has {} twice", to_text(address))
                : fmt::format("has both {} and {}, of which one takes what is for the other: "
                              "leave one out",
                              to_text(*other), to_text(address)));
      listen.push_back(address);
    }
  }
  return listen;
}

Result<> read_donor_section(const Settings& settings, donor::DonorConfig& donor) {
  const std::string role = settings.text("donor.role");
  if (role != to_text(DonorRole::Console) && role != to_text(DonorRole::Peer))
    return settings.complain("donor.role",
                             fmt::format("must be console or peer, and is '{}'", role));
  donor.role = role == to_text(DonorRole::Peer) ? DonorRole::Peer : DonorRole::Console;
  donor.name = settings.has("donor.name") ? settings.text("donor.name") : transport::host_name();
  constexpr std::size_t kNameLimit_bytes = 31;
  if (donor.name.size() > kNameLimit_bytes) donor.name.resize(kNameLimit_bytes);
  std::int64_t hold_ms = 0;
  std::int64_t lease_ms = 0;
  for (const auto& done : {narrow(settings, "donor.hold", 1000, 3'600'000, hold_ms),
                           narrow(settings, "donor.lease", 5000, 3'600'000, lease_ms),
                           narrow(settings, "donor.leases", 1, 255, donor.leases),
                           narrow(settings, "donor.leases_per_user", 0, 255, donor.leases_per_user),
                           narrow(settings, "donor.credit", 65536, 64 << 20, donor.credit_bytes)})
    if (!done) return done;
  donor.hold = std::chrono::seconds(hold_ms / 1000);
  donor.lease = std::chrono::seconds(lease_ms / 1000);
  return {};
}

Result<> read_server_section(const Settings& settings, session::ServerConfig& server) {
  server.allow_suite3 = settings.flag("session.suite3");
  if (settings.has("session.kg_file")) {
    auto kg = read_secret_setting(settings, "session.kg_file", "", "K_g");
    if (!kg) return tl::unexpected(kg.error());
    server.kg = *std::move(kg);
  }
  // Sessions have handles of one byte (IPMI v2.0 §22.20), which are never zero.
  std::int64_t idle_ms = 0;
  for (const auto& done :
       {narrow(settings, "session.idle", 5000, 3'600'000, idle_ms),
        narrow(settings, "session.sessions", 1, 255, server.limits.active_sessions),
        narrow(settings, "device.manufacturer", 0, 0xffffff, server.identity.manufacturer_id),
        narrow(settings, "device.product", 0, 0xffff, server.identity.product_id),
        narrow(settings, "device.device", 0, 0xff, server.identity.device_id),
        narrow(settings, "device.revision", 0, 0x0f, server.identity.device_revision)})
    if (!done) return done;
  server.limits.idle = std::chrono::seconds(idle_ms / 1000);
  return {};
}

/// "0.1.0" is firmware revision 0.01 in Get Device ID, which writes the minor part in BCD
/// (IPMI v2.0 §20.1).
void set_firmware_revision(session::DeviceIdentity& identity) {
  const std::string_view version = PACKAGE_VERSION;
  const std::string_view minor_on = version.substr(std::min(version.find('.') + 1, version.size()));
  unsigned major = 0;
  unsigned minor = 0;
  // What is no number leaves zero.
  std::from_chars(version.data(), version.data() + version.size(), major);
  std::from_chars(minor_on.data(), minor_on.data() + minor_on.size(), minor);
  identity.firmware_major = static_cast<std::uint8_t>(major & 0x7fU);
  identity.firmware_minor = static_cast<std::uint8_t>(minor % 100);
}

}  // namespace

std::span<const Setting> donor_table() {
  return kTable;
}

Result<DonorConfig> read_catalogue_config(const Settings& settings) {
  DonorConfig config;
  config.catalogue = settings.text("catalogue.directory");
  auto keys = read_trusted_keys(settings);
  if (!keys) return tl::unexpected(keys.error());
  config.trusted_keys = *std::move(keys);
  return config;
}

Result<DonorConfig> read_donor(const Settings& settings) {
  auto config = read_catalogue_config(settings);
  if (!config) return config;
  auto guid = read_guid(settings);
  if (!guid) return tl::unexpected(guid.error());
  config->donor.guid = *guid;
  config->server.identity.guid = *guid;
  set_firmware_revision(config->server.identity);
  for (const auto& done :
       {narrow(settings, "protocol.iana", 0, 0xffffff, config->donor.iana),
        read_donor_section(settings, config->donor), read_server_section(settings, config->server)})
    if (!done) return tl::unexpected(done.error());
  auto accounts = read_accounts(settings);
  if (!accounts) return tl::unexpected(accounts.error());
  config->server.accounts = *std::move(accounts);
  // There is nobody else to keep leases for.
  if (config->donor.leases_per_user == 0 && config->server.accounts.size() <= 1)
    config->donor.leases_per_user = config->donor.leases;
  auto listen = read_listen(settings);
  if (!listen) return tl::unexpected(listen.error());
  config->listen = *std::move(listen);
  auto media = read_media(settings);
  if (!media) return tl::unexpected(media.error());
  config->media = *std::move(media);
  config->media.icmb.node.guid = *guid;
  if (auto done = read_bluetooth_listener(settings, config->media.bluetooth); !done)
    return tl::unexpected(done.error());
  auto operators = read_bus_addresses(settings, "icmb.operators");
  if (!operators) return tl::unexpected(operators.error());
  config->media.icmb.operators = *std::move(operators);
  const IcmbConfig& icmb = config->media.icmb;
  for (const auto& done : {check_bus_lines(settings, "icmb.allow", icmb.allow, icmb),
                           check_bus_lines(settings, "icmb.operators", icmb.operators, icmb)})
    if (!done) return tl::unexpected(done.error());
  return config;
}

}  // namespace fwr::settings
