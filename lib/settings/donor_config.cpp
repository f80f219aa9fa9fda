// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of fwdonord.toml(5), and what their values mean.
#include "settings/donor_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config.h"
#include "settings/machine_id.hpp"
#include "settings/secret.hpp"
#include "settings/trusted_keys.hpp"

namespace fwr::settings {
namespace {

using namespace std::chrono_literals;

Result<DonorRole> read_role(const Settings& settings, std::string_view name);
Result<std::string> read_name(const Settings& settings, std::string_view name);
Result<Guid> read_guid(const Settings& settings, std::string_view name);
Result<std::vector<std::string>> read_listen(const Settings& settings, std::string_view name);
Result<> store_kg(const Settings& settings, std::string_view name, DonorConfig& config);
Result<std::vector<session::Account>> read_accounts(const Settings& settings);
void set_firmware_revision(session::DeviceIdentity& identity);

constexpr std::array<Row<DonorConfig>, 1> kCatalogueRows{{
    {{"catalogue", "directory", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwdonor\"",
      "where the images are"},
     into<&DonorConfig::catalogue>},
}};

constexpr auto kRows = std::to_array<Row<DonorConfig>>({
    {{"donor", "role", Kind::Text, "\"console\"", "console or peer"},
     read_by<read_role, &DonorConfig::donor, &donor::DonorConfig::role>},
    {{"donor", "name", Kind::Text, "", "for people; without: the host's name"},
     read_by<read_name, &DonorConfig::donor, &donor::DonorConfig::name>},
    {{"donor", "guid", Kind::Text, "", "without: made from /etc/machine-id"},
     read_by<read_guid, &DonorConfig::donor, &donor::DonorConfig::guid>},
    {{"donor", "hold", Kind::Duration, "\"60s\"", "how long an offer holds", between(1s, 1h)},
     into<&DonorConfig::donor, &donor::DonorConfig::hold>},
    {{"donor", "lease", Kind::Duration, "\"60s\"", "how long a lease lasts without a read",
      between(5s, 1h)},
     into<&DonorConfig::donor, &donor::DonorConfig::lease>},
    {{"donor", "leases", Kind::Integer, "16", "recoveries served at one time", {1, 255}},
     into<&DonorConfig::donor, &donor::DonorConfig::leases>},
    {{"donor",
      "leases_per_user",
      Kind::Integer,
      "0",
      "of one account; 0: half of them, or all with a single account",
      {0, 255}},
     into<&DonorConfig::donor, &donor::DonorConfig::leases_per_user>},
    {{"donor",
      "credit",
      Kind::Size,
      "\"4MiB\"",
      "granted and unsent in one lease",
      {64 << 10, 64 << 20}},
     into<&DonorConfig::donor, &donor::DonorConfig::credit_bytes>},
    {{"lan", "listen", Kind::TextList, "[]",
      "addresses to serve at, such as [\"0.0.0.0:623\", \"[::]:623\"]; empty: none"},
     read_by<read_listen, &DonorConfig::listen>},
    {{"icmb", "operators", Kind::TextList, "[]", "nodes that may change this bridge"},
     read_by<read_bus_addresses, &DonorConfig::media, &MediaConfig::icmb, &IcmbConfig::operators>},
    {{"bluetooth", "enabled", Kind::Boolean, "false", "serve over RFCOMM"},
     into<&DonorConfig::media, &MediaConfig::bluetooth, &BluetoothConfig::enabled>},
    {{"bluetooth", "channel", Kind::Integer, "23", "of RFCOMM", {1, 30}},
     into<&DonorConfig::media, &MediaConfig::bluetooth, &BluetoothConfig::channel>},
    {{"bluetooth", "connections", Kind::Integer, "7", "at one time", {1, 7}},
     into<&DonorConfig::media, &MediaConfig::bluetooth, &BluetoothConfig::connections>},
    {{"session", "suite3", Kind::Boolean, "false", "also allow cipher suite 3 (SHA-1)"},
     into<&DonorConfig::server, &session::ServerConfig::allow_suite3>},
    {{"session", "kg_file", Kind::SecretPath, "", "BMC key K_g; without: none"}, store_kg},
    {{"session", "idle", Kind::Duration, "\"60s\"", "silent sessions are closed", between(5s, 1h)},
     into<&DonorConfig::server, &session::ServerConfig::limits, &session::ServerLimits::idle>},
    // Sessions have handles of one byte (IPMI v2.0 §22.20), which are never zero.
    {{"session", "sessions", Kind::Integer, "64", "active at one time", {1, 255}},
     into<&DonorConfig::server, &session::ServerConfig::limits,
          &session::ServerLimits::active_sessions>},
    // read_accounts() reads these.
    {{"user.*", "password_file", Kind::SecretPath, "", "its password, 1 to 20 bytes, mode 0600"}},
    {{"user.*", "privilege", Kind::Text, "\"user\"", "user, operator or administrator"}},
    {{"device",
      "manufacturer",
      Kind::Integer,
      FWR_IANA_PEN_TEXT,
      "for Get Device ID",
      {0, 0xffffff}},
     into<&DonorConfig::server, &session::ServerConfig::identity,
          &session::DeviceIdentity::manufacturer_id>},
    {{"device", "product", Kind::Integer, "0", "for Get Device ID", {0, 0xffff}},
     into<&DonorConfig::server, &session::ServerConfig::identity,
          &session::DeviceIdentity::product_id>},
    {{"device", "device", Kind::Integer, "0", "for Get Device ID", {0, 0xff}},
     into<&DonorConfig::server, &session::ServerConfig::identity,
          &session::DeviceIdentity::device_id>},
    {{"device", "revision", Kind::Integer, "0", "for Get Device ID", {0, 0x0f}},
     into<&DonorConfig::server, &session::ServerConfig::identity,
          &session::DeviceIdentity::device_revision>},
});

}  // namespace

std::span<const Setting> donor_table() {
  static const std::vector<Setting> kTable =
      table_of(kCatalogueRows, kRows, media_rows(), trust_rows(), protocol_rows());
  return kTable;
}

Result<DonorConfig> read_catalogue_config(const Settings& settings) {
  DonorConfig config;
  if (auto done = store(kCatalogueRows, settings, config); !done)
    return tl::unexpected(done.error());
  auto keys = read_trusted_keys(settings);
  if (!keys) return tl::unexpected(keys.error());
  config.trusted_keys = *std::move(keys);
  return config;
}

Result<DonorConfig> read_donor(const Settings& settings) {
  auto config = read_catalogue_config(settings);
  if (!config) return config;
  auto media = read_media(settings);
  if (!media) return tl::unexpected(media.error());
  config->media = *std::move(media);
  for (const auto& done :
       {store(kRows, settings, *config), store(protocol_rows(), settings, config->donor.iana)})
    if (!done) return tl::unexpected(done.error());
  config->server.identity.guid = config->donor.guid;
  config->media.icmb.node.guid = config->donor.guid;
  set_firmware_revision(config->server.identity);
  auto accounts = read_accounts(settings);
  if (!accounts) return tl::unexpected(accounts.error());
  config->server.accounts = *std::move(accounts);
  // There is no other account to keep leases for.
  if (config->donor.leases_per_user == 0 && config->server.accounts.size() <= 1)
    config->donor.leases_per_user = config->donor.leases;
  const IcmbConfig& icmb = config->media.icmb;
  for (const auto& good : {check_bus_lines(settings, "icmb.allow", icmb.allow, icmb),
                           check_bus_lines(settings, "icmb.operators", icmb.operators, icmb)})
    if (!good) return tl::unexpected(good.error());
  return config;
}

namespace {

Result<DonorRole> read_role(const Settings& settings, std::string_view name) {
  const std::string role = settings.text(name);
  for (const DonorRole known : {DonorRole::Console, DonorRole::Peer})
    if (role == to_text(known)) return known;
  return settings.complain(name, fmt::format("must be console or peer, and is '{}'", role));
}

Result<std::string> read_name(const Settings& settings, std::string_view name) {
  constexpr std::size_t kNameLimit_bytes = 31;
  std::string text = settings.has(name) ? settings.text(name) : host_name();
  if (text.size() > kNameLimit_bytes) text.resize(kNameLimit_bytes);
  return text;
}

Result<Guid> read_guid(const Settings& settings, std::string_view name) {
  const std::string text = settings.text(name);
  if (text.empty()) {
    std::string doubt;
    auto made = machine_guid("donor", doubt);
    if (!doubt.empty()) settings.note_problem(doubt + ", or set donor.guid");
    return made;
  }
  auto guid = parse_guid(text);
  if (!guid) return settings.complain(name, guid.error().detail);
  return guid;
}

Result<std::vector<std::string>> read_listen(const Settings& settings, std::string_view name) {
  std::vector<std::string> listen = settings.list(name);
  for (const std::string& text : listen)
    if (text.starts_with("bt:"))
      return settings.complain(
          name, fmt::format("has '{}': set bluetooth.enabled to serve Bluetooth, and "
                            "bluetooth.adapter for one of several adapters",
                            text));
  return listen;
}

Result<> store_kg(const Settings& settings, std::string_view name, DonorConfig& config) {
  if (!settings.has(name)) return {};
  auto kg = read_secret_setting(settings, name, "", "K_g");
  if (!kg) return tl::unexpected(kg.error());
  config.server.kg = *std::move(kg);
  return {};
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

}  // namespace fwr::settings
