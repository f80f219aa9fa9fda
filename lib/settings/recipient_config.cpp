// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of fwrecover.toml(5), and what their values mean.
#include "settings/recipient_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "config.h"
#include "settings/machine_id.hpp"
#include "settings/secret.hpp"
#include "settings/secret_environment.hpp"
#include "settings/trusted_file.hpp"
#include "settings/trusted_keys.hpp"

namespace fwr::settings {
namespace {

using session::Credentials;
using namespace std::chrono_literals;

Result<std::string> read_component(const Settings& settings, std::string_view name);
Result<std::optional<flash::SlotId>> read_active(const Settings& settings, std::string_view name);
Result<std::uint32_t> read_trial_s(const Settings& settings, std::string_view name);
Result<> store_icmb_targets(const Settings& settings, std::string_view name,
                            RecipientConfig& config);
Result<std::vector<Address>> read_bluetooth_targets(const Settings& settings,
                                                    std::string_view name);
Result<std::optional<DonorRole>> read_role(const Settings& settings, std::string_view name);
Result<DonorRole> read_preferred_role(const Settings& settings, std::string_view name);
Result<> store_media(const Settings& settings, std::string_view name, RecipientConfig& config);
/// `List`: policy.allow or policy.deny.
template <auto List>
Result<> store_donors(const Settings& settings, std::string_view name, RecipientConfig& config);
Result<std::vector<policy::Preference>> read_preferences(const Settings& settings,
                                                         std::string_view name);
std::string without_zone_name(std::string entry);
policy::Policy without_zone_names(policy::Policy policy);
Result<std::vector<std::vector<std::string>>> read_commands(const Settings& settings,
                                                            std::string_view name);

constexpr auto kRows = std::to_array<Row<RecipientConfig>>({
    {{"system",
      "manufacturer",
      Kind::Integer,
      "0",
      "IANA number of the maker, as in Get Device ID",
      {0, 0xffffff}},
     into<&RecipientConfig::platform, &Platform::manufacturer_id>},
    {{"system", "product", Kind::Integer, "0", "product id, as in Get Device ID", {0, 0xffff}},
     into<&RecipientConfig::platform, &Platform::product_id>},
    {{"system", "device", Kind::Integer, "0", "device id, as in Get Device ID", {0, 0xff}},
     into<&RecipientConfig::platform, &Platform::device_id>},
    {{"system", "revision", Kind::Integer, "0", "hardware revision of the board", {0, 0xff}},
     into<&RecipientConfig::platform, &Platform::hardware_revision>},
    {{"system", "component", Kind::Text, "\"bmc\"", "which firmware this is"},
     read_by<read_component, &RecipientConfig::platform, &Platform::component>},
    {{"slots", "a", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwrecover/slot-a.img\"",
      "file or block device of slot a"},
     into<&RecipientConfig::slots, &flash::FileSlotsConfig::slot_a>},
    {{"slots", "b", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwrecover/slot-b.img\"",
      "file or block device of slot b"},
     into<&RecipientConfig::slots, &flash::FileSlotsConfig::slot_b>},
    {{"slots",
      "size",
      Kind::Size,
      "\"64MiB\"",
      "room in a slot that is a regular file",
      {4096, std::int64_t{image::kImageLimit_bytes}}},
     into<&RecipientConfig::slots, &flash::FileSlotsConfig::slot_size_bytes>},
    {{"slots", "state", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwrecover\"",
      "directory of the state record"},
     into<&RecipientConfig::slots, &flash::FileSlotsConfig::state_directory>},
    {{"slots", "active", Kind::Text, "",
      "a or b: what the system runs from, while there is no state record"},
     read_by<read_active, &RecipientConfig::slots, &flash::FileSlotsConfig::active_without_record>},
    {{"slots", "trial", Kind::Duration, "\"10m\"", "time to confirm new firmware; 0: no limit",
      between(0s, 366 * 24h)},
     read_by<read_trial_s, &RecipientConfig::trial_limit_s>},
    {{"lan", "targets", Kind::TextList, "[]", "donors by name, address or range"},
     into<&RecipientConfig::lan, &LanConfig::targets>},
    {{"lan", "broadcast", Kind::Boolean, "true",
      "ask on every interface by broadcast and multicast"},
     into<&RecipientConfig::lan, &LanConfig::broadcast>},
    {{"lan", "interfaces", Kind::TextList, "[]",
      "only these for broadcast; empty: all that are up"},
     into<&RecipientConfig::lan, &LanConfig::interfaces>},
    {{"lan",
      "port",
      Kind::Integer,
      "623",
      "UDP port of donors without one of their own",
      {1, 65535}},
     into<&RecipientConfig::lan, &LanConfig::port>},
    {{"icmb", "targets", Kind::TextList, "[]",
      "donors by address, such as \"0x0014\" or \"icmb:0x0014@/dev/ttyS1\""},
     store_icmb_targets},
    {{"icmb", "broadcast", Kind::Boolean, "true", "ask everyone on these devices"},
     into<&RecipientConfig::media, &MediaConfig::icmb, &IcmbConfig::broadcast>},
    {{"bluetooth", "targets", Kind::TextList, "[]",
      "donors by address, such as \"bt:00:11:22:33:44:55\""},
     read_by<read_bluetooth_targets, &RecipientConfig::media, &MediaConfig::bluetooth,
             &BluetoothConfig::targets>},
    {{"bluetooth", "inquiry", Kind::Boolean, "false", "search for donors in reach, and ask them"},
     into<&RecipientConfig::media, &MediaConfig::bluetooth, &BluetoothConfig::inquiry>},
    {{"policy",
      "minimum_security_version",
      Kind::Integer,
      "0",
      "refuse anything below",
      {0, 0xffffffff}},
     into<&RecipientConfig::policy, &policy::Policy::minimum_security_version>},
    {{"policy", "role", Kind::Text, "\"any\"", "any, console or peer"},
     read_by<read_role, &RecipientConfig::policy, &policy::Policy::required_role>},
    {{"policy", "media", Kind::TextList,
      "[\"wired\", \"wireless\", \"bluetooth\", \"serial\", \"icmb\"]",
      "media that offers may come over, the best first"},
     store_media},
    {{"policy", "return", Kind::Boolean, "true",
      "go back to a better medium when it is there again"},
     into<&RecipientConfig::policy, &policy::Policy::return_to_better>},
    {{"policy", "return_after", Kind::Duration, "\"60s\"",
      "on a worse medium, before a better one is asked again", between(1s, 1h)},
     into<&RecipientConfig::policy, &policy::Policy::return_after>},
    {{"policy", "authenticated", Kind::Boolean, "false",
      "only where donors prove their identity: not icmb, not serial"},
     into<&RecipientConfig::policy, &policy::Policy::authenticated>},
    {{"policy", "allow", Kind::TextList, "[]", "only these donors, by GUID or address"},
     store_donors<&policy::Policy::allow>},
    {{"policy", "deny", Kind::TextList, "[]", "never these donors, by GUID or address"},
     store_donors<&policy::Policy::deny>},
    {{"policy", "downgrade", Kind::Boolean, "false",
      "allow an older version than the installed one"},
     into<&RecipientConfig::policy, &policy::Policy::allow_downgrade>},
    {{"policy", "expired", Kind::Boolean, "false", "allow an image that has expired"},
     into<&RecipientConfig::policy, &policy::Policy::allow_expired>},
    {{"policy", "version", Kind::Text, "", "only exactly this version"},
     into<&RecipientConfig::policy, &policy::Policy::pinned_version>},
    {{"policy", "prefer", Kind::TextList,
      "[\"security-version\", \"version\", \"role\", \"medium\", \"load\", \"rtt\"]",
      "what decides among donors, first to last"},
     read_by<read_preferences, &RecipientConfig::policy, &policy::Policy::order>},
    {{"policy", "preferred_role", Kind::Text, "\"console\"", "console or peer"},
     read_by<read_preferred_role, &RecipientConfig::policy, &policy::Policy::preferred_role>},
    {{"policy", "offer_window", Kind::Duration, "\"3s\"", "how long offers are collected",
      between(100ms, 10min)},
     into<&RecipientConfig::policy, &policy::Policy::offer_window>},
    {{"policy", "donors", Kind::Integer, "256", "donors tried in one recovery", {1, 256}},
     into<&RecipientConfig::policy, &policy::Policy::donors_tried>},
    {{"policy", "deadline", Kind::Duration, "\"1h\"", "for a whole recovery",
      between(1s, 30 * 24h)},
     into<&RecipientConfig::policy, &policy::Policy::deadline>},
    {{"health", "commands", Kind::TextList, "[]",
      "run by confirm --if-healthy, without a shell; each must exit with 0"},
     read_by<read_commands, &RecipientConfig::health, &HealthConfig::commands>},
    {{"health", "timeout", Kind::Duration, "\"1m\"", "for each of these commands",
      between(1s, 24h)},
     into<&RecipientConfig::health, &HealthConfig::timeout>},
    {{"health", "after", Kind::Duration, "0", "how long the system must be up before",
      between(0s, 24h)},
     into<&RecipientConfig::health, &HealthConfig::after>},
    {{"health", "rollback", Kind::Boolean, "false",
      "go back at once when it is not healthy, not only when the trial has run out"},
     into<&RecipientConfig::health, &HealthConfig::rollback>},
});

Result<std::string> read_user(const Settings& settings, std::string_view name);
Result<Secret> read_password(const Settings& settings, std::string_view name);
Result<> store_kg(const Settings& settings, std::string_view name, Credentials& credentials);
Result<session::CipherSuite> read_suite(const Settings& settings, std::string_view name);

constexpr auto kAccountRows = std::to_array<Row<Credentials>>({
    {{"donor", "user", Kind::Text, "\"fwrecover\"", "account on the donors"},
     read_by<read_user, &Credentials::user>},
    {{"donor", "password_file", Kind::SecretPath, "",
      "its password; without: FWRECOVER_PASSWORD, or IPMI_PASSWORD"},
     read_by<read_password, &Credentials::password>},
    {{"donor", "kg_file", Kind::SecretPath, "", "BMC key K_g; without: FWRECOVER_KG, or none"},
     store_kg},
    {{"donor", "cipher_suite", Kind::Integer, "17", "17 or 3"},
     read_by<read_suite, &Credentials::suite>},
});

}  // namespace

std::span<const Setting> recipient_table() {
  static const std::vector<Setting> kTable =
      table_of(kRows, kAccountRows, media_rows(), trust_rows(), protocol_rows());
  return kTable;
}

Result<RecipientConfig> read_recipient(const Settings& settings) {
  RecipientConfig config;
  auto keys = read_trusted_keys(settings);
  if (!keys) return tl::unexpected(keys.error());
  config.trusted_keys = *std::move(keys);
  auto media = read_media(settings);
  if (!media) return tl::unexpected(media.error());
  config.media = *std::move(media);
  std::string doubt;
  auto guid = machine_guid("recipient", doubt);
  if (!guid) return tl::unexpected(guid.error());
  // Only a bus uses the GUID.
  if (!doubt.empty() && !config.media.icmb.devices.empty()) settings.note_problem(doubt);
  config.media.icmb.node.guid = *guid;
  for (const auto& done :
       {store(kRows, settings, config), store(protocol_rows(), settings, config.iana)})
    if (!done) return tl::unexpected(done.error());
  const IcmbConfig& icmb = config.media.icmb;
  for (const auto& good : {check_bus_lines(settings, "icmb.allow", icmb.allow, icmb),
                           policy::validate(without_zone_names(config.policy))})
    if (!good) return tl::unexpected(good.error());
  if (const auto wrong = complaint_about_directory(config.slots.state_directory))
    settings.note_problem(fmt::format("slots.state: {} {}: it decides which slot is active",
                                      config.slots.state_directory, *wrong));
  return config;
}

Result<Credentials> read_credentials(const Settings& settings) {
  Credentials credentials;
  if (auto done = store(kAccountRows, settings, credentials); !done)
    return tl::unexpected(done.error());
  return credentials;
}

bool lacks_password(const Settings& settings) {
  const std::string file = settings.secret_path("donor.password_file");
  if (file.empty()) return !environment_secret(kPasswordVariable);
  std::error_code unknown;
  return !std::filesystem::exists(file, unknown) && !unknown;
}

namespace {

Result<std::string> read_component(const Settings& settings, std::string_view name) {
  std::string component = settings.text(name);
  if (image::is_component(component)) return component;
  return settings.complain(name, "must be 1 to 15 characters of a-z 0-9 . _ -");
}

Result<std::optional<flash::SlotId>> read_active(const Settings& settings, std::string_view name) {
  const std::string slot = settings.text(name);
  if (slot.empty()) return std::nullopt;
  for (const flash::SlotId id : {flash::SlotId::A, flash::SlotId::B})
    if (slot == to_text(id)) return id;
  return settings.complain(name, fmt::format("must be a or b, and is '{}'", slot));
}

/// In seconds, rounded up, because half a second must not become "no limit".
Result<std::uint32_t> read_trial_s(const Settings& settings, std::string_view name) {
  return static_cast<std::uint32_t>((settings.integer(name) + 999) / 1000);
}

Result<> store_icmb_targets(const Settings& settings, std::string_view name,
                            RecipientConfig& config) {
  return store_bus_targets(settings, name, config.media);
}

Result<std::vector<Address>> read_bluetooth_targets(const Settings& settings,
                                                    std::string_view name) {
  constexpr std::string_view kPrefix = "bt:";
  std::vector<Address> targets;
  for (const std::string& text : settings.list(name)) {
    const auto address =
        parse_address(text.starts_with(kPrefix) ? text : std::string(kPrefix) + text);
    if (!address) return settings.complain(name, address.error().detail);
    targets.push_back(*address);
  }
  if (targets.size() > link::kInquiredDevices)
    return settings.complain(name,
                             fmt::format("names more than {} devices", link::kInquiredDevices));
  return targets;
}

Result<std::optional<DonorRole>> read_role(const Settings& settings, std::string_view name) {
  const std::string role = settings.text(name);
  if (role == "any") return std::nullopt;
  if (role == to_text(DonorRole::Console)) return DonorRole::Console;
  if (role == to_text(DonorRole::Peer)) return DonorRole::Peer;
  return settings.complain(name, fmt::format("must be console or peer, and is '{}'", role));
}

Result<DonorRole> read_preferred_role(const Settings& settings, std::string_view name) {
  const auto role = read_role(settings, name);
  if (!role) return tl::unexpected(role.error());
  return role->value_or(DonorRole::Console);
}

Result<> store_media(const Settings& settings, std::string_view name, RecipientConfig& config) {
  constexpr std::array kMedia{Medium::Wired, Medium::Wireless, Medium::Icmb, Medium::Bluetooth,
                              Medium::Serial};
  policy::Policy& policy = config.policy;
  policy.allowed_media = 0;
  policy.media_order.clear();
  for (const std::string& text : settings.list(name)) {
    const auto* found = std::find_if(kMedia.begin(), kMedia.end(),
                                     [&](Medium medium) { return to_text(medium) == text; });
    if (found == kMedia.end())
      return settings.complain(
          name, fmt::format("has '{}'; known are wired, wireless, bluetooth, serial, icmb", text));
    if ((policy.allowed_media & static_cast<std::uint8_t>(*found)) != 0) continue;
    policy.allowed_media |= static_cast<std::uint8_t>(*found);
    policy.media_order.push_back(*found);
  }
  if (policy.media_order.empty())
    return settings.complain(name,
                             "is empty, and no offer would ever be taken: leave it out for all");
  return {};
}

/// The settings name a line, the policy numbers it.
template <auto List>
Result<> store_donors(const Settings& settings, std::string_view name, RecipientConfig& config) {
  std::vector<std::string> list = settings.list(name);
  for (std::string& entry : list) {
    const auto named = parse_named_address(entry);
    if (!named || named->line.empty()) {
      if (policy::names_a_donor(without_zone_name(entry))) continue;
      return settings.complain(
          name, fmt::format("has \"{}\", which is neither a GUID nor an address", entry));
    }
    Address address = named->address;
    address.scope = config.media.names.number(named->line);
    if (address.scope == 0)
      return settings.complain(
          name, fmt::format("has {}, and no device or target is on that line", entry));
    entry = to_text(address);
  }
  config.policy.*List = std::move(list);
  return {};
}

/// With the number 1 for an interface that is named: "[fe80::1%eth0]" to "[fe80::1%1]". Which
/// number the interface has is known only when a recovery begins.
std::string without_zone_name(std::string entry) {
  const std::size_t zone = entry.find('%');
  if (zone == std::string::npos) return entry;
  const std::size_t end = std::min(entry.find(']', zone), entry.size());
  const std::string name = entry.substr(zone + 1, end - zone - 1);
  if (name.find_first_not_of("0123456789") != std::string::npos)
    entry.replace(zone + 1, name.size(), "1");
  return entry;
}

policy::Policy without_zone_names(policy::Policy policy) {
  for (auto* list : {&policy.allow, &policy.deny})
    for (std::string& entry : *list) entry = without_zone_name(std::move(entry));
  return policy;
}

Result<std::vector<policy::Preference>> read_preferences(const Settings& settings,
                                                         std::string_view name) {
  std::vector<policy::Preference> order;
  for (const std::string& text : settings.list(name)) {
    const auto preference = policy::parse_preference(text);
    if (!preference)
      return settings.complain(name, fmt::format("has '{}'; known are security-version, version, "
                                                 "role, medium, load, rtt",
                                                 text));
    order.push_back(*preference);
  }
  return order;
}

struct Split {
  std::vector<std::string> words;
  std::string wrong;  ///< empty: nothing
};

/// Splits words as a shell does, and does nothing else that a shell does. Characters that a shell
/// would act on are refused: in "true && false" they would become arguments of "true", which finds
/// everything well.
Split split_words(std::string_view text) {
  constexpr std::string_view kOfShells = "|&;<>`$\n";
  Split split;
  bool inside = false;  // a word
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      inside = false;
      continue;
    }
    if (quote == 0 && kOfShells.find(c) != std::string_view::npos) {
      const std::string shown = c == '\n' ? "a line feed" : fmt::format("'{}'", c);
      split.wrong = fmt::format(
          "has {} outside of quotation marks, and there is no shell to act on it: write sh -c "
          "'...' "
          "around the whole, or quote it: {}",
          shown, text);
      return split;
    }
    if (!inside) split.words.emplace_back();
    inside = true;
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if ((quote == 0 && (c == '\'' || c == '"')) ||
               (c == '\\' && quote != '\'' && i + 1 == text.size())) {
      quote = c;  // a backslash at the end of the text is never closed
    } else if (c == '\\' && quote != '\'') {
      split.words.back() += text[++i];
    } else {
      split.words.back() += c;
    }
  }
  if (quote != 0) split.wrong = fmt::format("has a quote that is not closed: {}", text);
  return split;
}

Result<std::vector<std::vector<std::string>>> read_commands(const Settings& settings,
                                                            std::string_view name) {
  constexpr std::size_t kCommands = 64;
  std::vector<std::vector<std::string>> commands;
  for (const std::string& command : settings.list(name)) {
    Split split = split_words(command);
    if (!split.wrong.empty()) return settings.complain(name, split.wrong);
    if (split.words.empty() || split.words.front().empty())
      return settings.complain(name, "has a command without a name");
    if (commands.size() == kCommands)
      return settings.complain(name, fmt::format("has more than {} commands", kCommands));
    commands.push_back(std::move(split.words));
  }
  return commands;
}

Result<std::string> read_user(const Settings& settings, std::string_view name) {
  std::string user = settings.text(name);
  if (user.size() <= wire::kMaxUserName_bytes) return user;
  return settings.complain(name, "must have at most 16 bytes");
}

Result<Secret> read_password(const Settings& settings, std::string_view name) {
  return read_secret_setting(settings, name, kPasswordVariable, "password");
}

Result<> store_kg(const Settings& settings, std::string_view name, Credentials& credentials) {
  if (!settings.has(name) && !environment_secret(kKgVariable)) return {};
  auto kg = read_secret_setting(settings, name, kKgVariable, "K_g");
  if (!kg) return tl::unexpected(kg.error());
  credentials.kg = *std::move(kg);
  return {};
}

Result<session::CipherSuite> read_suite(const Settings& settings, std::string_view name) {
  const std::int64_t suite = settings.integer(name);
  if (suite == 17) return session::CipherSuite::Suite17;
  if (suite == 3) return session::CipherSuite::Suite3;
  return settings.complain(name, fmt::format("must be 17 or 3, and is {}", suite));
}

}  // namespace

}  // namespace fwr::settings
