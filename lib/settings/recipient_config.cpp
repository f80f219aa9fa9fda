// SPDX-License-Identifier: GPL-3.0-or-later
// The table of fwrecover.toml(5) and its conversion.
#include "settings/recipient_config.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include "config.h"
#include "settings/secret_environment.hpp"
#include "settings/trusted_file.hpp"
#include "transport/hosts.hpp"

namespace fwr::settings {
namespace {

constexpr std::array kTable{
    Setting{"system", "manufacturer", Kind::Integer, "0",
            "IANA number of the maker, as in Get Device ID"},
    Setting{"system", "product", Kind::Integer, "0", "product id, as in Get Device ID"},
    Setting{"system", "device", Kind::Integer, "0", "device id, as in Get Device ID"},
    Setting{"system", "revision", Kind::Integer, "0", "hardware revision of the board"},
    Setting{"system", "component", Kind::Text, "\"bmc\"", "which firmware this is"},
    Setting{"slots", "a", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwrecover/slot-a.img\"",
            "file or block device of slot a"},
    Setting{"slots", "b", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwrecover/slot-b.img\"",
            "file or block device of slot b"},
    Setting{"slots", "size", Kind::Size, "\"64MiB\"", "room in a slot that is a regular file"},
    Setting{"slots", "state", Kind::Path, "\"" FWR_LOCALSTATEDIR "/lib/fwrecover\"",
            "directory of the state record"},
    Setting{"slots", "active", Kind::Text, "",
            "a or b: what the system runs from, while there is no state record"},
    Setting{"slots", "trial", Kind::Duration, "\"10m\"",
            "time to confirm new firmware; 0: no limit"},
    Setting{"trust", "keys", Kind::PathList, "[\"" FWR_SYSCONFDIR "/fwrecover/keys/*.pub\"]",
            "minisign public keys that may sign firmware"},
    Setting{"donor", "user", Kind::Text, "\"fwrecover\"", "account on the donors"},
    Setting{"donor", "password_file", Kind::SecretPath, "",
            "its password; without: FWRECOVER_PASSWORD, or IPMI_PASSWORD"},
    Setting{"donor", "kg_file", Kind::SecretPath, "",
            "BMC key K_g; without: FWRECOVER_KG, or none"},
    Setting{"donor", "cipher_suite", Kind::Integer, "17", "17 or 3"},
    Setting{"lan", "targets", Kind::TextList, "[]", "donors by name, address or range"},
    Setting{"lan", "broadcast", Kind::Boolean, "true",
            "ask on every interface by broadcast and multicast"},
    Setting{"lan", "interfaces", Kind::TextList, "[]",
            "only these for broadcast; empty: all that are up"},
    Setting{"lan", "port", Kind::Integer, "623", "UDP port of donors without one of their own"},
    Setting{"icmb", "devices", Kind::TextList, "[]", "serial lines of buses; empty: none"},
    Setting{"icmb", "targets", Kind::TextList, "[]",
            "donors by address, such as \"0x0014\" or \"icmb:0x0014@/dev/ttyS1\""},
    Setting{"icmb", "broadcast", Kind::Boolean, "true", "ask everyone on these devices"},
    Setting{"icmb", "baud", Kind::Integer, "19200", "the same for all nodes of a bus"},
    Setting{"icmb", "rs485", Kind::Boolean, "false", "the driver turns the transmitter on and off"},
    Setting{"icmb", "address", Kind::Text, "\"auto\"", "of this node: auto, or such as 0x0021"},
    Setting{"icmb", "fixed", Kind::Boolean, "false", "rather none than another address"},
    Setting{"icmb", "allow", Kind::TextList, "[]", "only these nodes are listened to; empty: all"},
    Setting{"icmb", "slot", Kind::Duration, "\"2ms\"", "shortest unit of arbitration"},
    Setting{"icmb", "burst", Kind::Integer, "4096", "characters after which others may talk"},
    Setting{"icmb", "patience", Kind::Duration, "\"20s\"", "then a waiting frame gets priority"},
    Setting{"icmb", "echo_timeout", Kind::Duration, "\"300ms\"",
            "without an echo the bus counts as cut"},
    Setting{"serial", "devices", Kind::TextList, "[]",
            "serial lines with a donor at the other end; empty: none"},
    Setting{"serial", "baud", Kind::Integer, "115200", "the same at both ends"},
    Setting{"bluetooth", "targets", Kind::TextList, "[]",
            "donors by address, such as \"bt:00:11:22:33:44:55\""},
    Setting{"bluetooth", "inquiry", Kind::Boolean, "false", "look who is in reach, and ask them"},
    Setting{"bluetooth", "adapter", Kind::Text, "", "such as hci0; without: any that is there"},
    Setting{"bluetooth", "security", Kind::Text, "\"low\"", "low, medium or high"},
    Setting{"policy", "minimum_security_version", Kind::Integer, "0", "refuse anything below"},
    Setting{"policy", "role", Kind::Text, "\"any\"", "any, console or peer"},
    Setting{"policy", "media", Kind::TextList,
            "[\"wired\", \"wireless\", \"bluetooth\", \"serial\", \"icmb\"]",
            "media that offers may come over, the best first"},
    Setting{"policy", "return", Kind::Boolean, "true",
            "go back to a better medium when it is there again"},
    Setting{"policy", "return_after", Kind::Duration, "\"60s\"",
            "on a worse medium, before a better one is asked again"},
    Setting{"policy", "authenticated", Kind::Boolean, "false",
            "only where donors prove who they are: not icmb, not serial"},
    Setting{"policy", "allow", Kind::TextList, "[]", "only these donors, by GUID or address"},
    Setting{"policy", "deny", Kind::TextList, "[]", "never these donors, by GUID or address"},
    Setting{"policy", "downgrade", Kind::Boolean, "false",
            "allow an older version than the installed one"},
    Setting{"policy", "expired", Kind::Boolean, "false", "allow an image that has expired"},
    Setting{"policy", "version", Kind::Text, "", "only exactly this version"},
    Setting{"policy", "prefer", Kind::TextList,
            "[\"security-version\", \"version\", \"role\", \"medium\", \"load\", \"rtt\"]",
            "what decides among donors, first to last"},
    Setting{"policy", "preferred_role", Kind::Text, "\"console\"", "console or peer"},
    Setting{"policy", "offer_window", Kind::Duration, "\"3s\"", "how long offers are collected"},
    Setting{"policy", "donors", Kind::Integer, "256", "donors tried in one recovery"},
    Setting{"policy", "deadline", Kind::Duration, "\"1h\"", "for a whole recovery"},
    Setting{"health", "commands", Kind::TextList, "[]",
            "run by confirm --if-healthy, without a shell; each must exit with 0"},
    Setting{"health", "timeout", Kind::Duration, "\"1m\"", "for each of these commands"},
    Setting{"health", "after", Kind::Duration, "0", "how long the system must be up before"},
    Setting{"health", "rollback", Kind::Boolean, "false",
            "go back at once when it is not healthy, not only when the trial has run out"},
    Setting{"protocol", "iana", Kind::Integer, FWR_IANA_PEN_TEXT,
            "IANA number of the OEM commands"},
};

Result<std::optional<DonorRole>> read_role(const Settings& settings, std::string_view name) {
  const std::string role = settings.text(name);
  if (role == "any") return std::nullopt;
  if (role == to_text(DonorRole::Console)) return DonorRole::Console;
  if (role == to_text(DonorRole::Peer)) return DonorRole::Peer;
  return settings.complain(name, fmt::format("must be console or peer, and is '{}'", role));
}

Result<> read_allowed_media(const Settings& settings, policy::Policy& policy) {
  constexpr std::array kMedia{Medium::Wired, Medium::Wireless, Medium::Icmb, Medium::Bluetooth,
                              Medium::Serial};
  policy.allowed_media = 0;
  policy.media_order.clear();
  for (const std::string& name : settings.list("policy.media")) {
    const auto* found = std::find_if(kMedia.begin(), kMedia.end(),
                                     [&](Medium medium) { return to_text(medium) == name; });
    if (found == kMedia.end())
      return settings.complain(
          "policy.media",
          fmt::format("has '{}'; known are wired, wireless, bluetooth, serial, icmb", name));
    if ((policy.allowed_media & static_cast<std::uint8_t>(*found)) != 0) continue;
    policy.allowed_media |= static_cast<std::uint8_t>(*found);
    policy.media_order.push_back(*found);
  }
  if (policy.media_order.empty())
    return settings.complain("policy.media",
                             "is empty, and no offer would ever be taken: leave it out for all");
  return {};
}

Result<> read_preferences(const Settings& settings, policy::Policy& policy) {
  policy.order.clear();
  for (const std::string& name : settings.list("policy.prefer")) {
    const auto preference = policy::parse_preference(name);
    if (!preference)
      return settings.complain("policy.prefer",
                               fmt::format("has '{}'; known are security-version, version, role, "
                                           "medium, load, rtt",
                                           name));
    policy.order.push_back(*preference);
  }
  return {};
}

Result<policy::Policy> read_policy(const Settings& settings) {
  policy::Policy policy;
  auto required = read_role(settings, "policy.role");
  if (!required) return tl::unexpected(required.error());
  auto preferred = read_role(settings, "policy.preferred_role");
  if (!preferred) return tl::unexpected(preferred.error());
  policy.required_role = *required;
  policy.preferred_role = preferred->value_or(DonorRole::Console);
  policy.allow = settings.list("policy.allow");
  policy.deny = settings.list("policy.deny");
  policy.allow_downgrade = settings.flag("policy.downgrade");
  policy.allow_expired = settings.flag("policy.expired");
  policy.return_to_better = settings.flag("policy.return");
  policy.authenticated = settings.flag("policy.authenticated");
  if (!settings.text("policy.version").empty())
    policy.pinned_version = settings.text("policy.version");
  std::int64_t window_ms = 0;
  std::int64_t deadline_ms = 0;
  std::int64_t return_ms = 0;
  constexpr std::int64_t kDay_ms = 86'400'000;
  for (const auto& done : {read_allowed_media(settings, policy), read_preferences(settings, policy),
                           narrow(settings, "policy.minimum_security_version", 0, 0xffffffffLL,
                                  policy.minimum_security_version),
                           narrow(settings, "policy.donors", 1, 256, policy.donors_tried),
                           narrow(settings, "policy.offer_window", 100, 600'000, window_ms),
                           narrow(settings, "policy.return_after", 1000, 3'600'000, return_ms),
                           narrow(settings, "policy.deadline", 1000, 30 * kDay_ms, deadline_ms)})
    if (!done) return tl::unexpected(done.error());
  policy.offer_window = std::chrono::milliseconds(window_ms);
  policy.return_after =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::milliseconds(return_ms));
  policy.deadline =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::milliseconds(deadline_ms));
  return policy;
}

struct Split {
  std::vector<std::string> words;
  std::string wrong;  ///< empty: nothing
};

/// As a shell splits words, without anything else that a shell does. What would be more than a word
/// to a shell is refused: a command whose second half became an argument of the first, as in "true
/// && false", would find everything well.
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
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      split.words.back() += text[++i];
    } else if (c == '\\' && quote != '\'') {
      quote = c;
    } else {
      split.words.back() += c;
    }
  }
  if (quote != 0) split.wrong = fmt::format("has a quote that is not closed: {}", text);
  return split;
}

Result<HealthConfig> read_health(const Settings& settings) {
  constexpr std::int64_t kDay_ms = 86'400'000;
  constexpr std::size_t kCommands = 64;
  HealthConfig health;
  std::int64_t timeout_ms = 0;
  std::int64_t after_ms = 0;
  for (const auto& done : {narrow(settings, "health.timeout", 1000, kDay_ms, timeout_ms),
                           narrow(settings, "health.after", 0, kDay_ms, after_ms)})
    if (!done) return tl::unexpected(done.error());
  health.timeout = std::chrono::milliseconds(timeout_ms);
  health.after = std::chrono::milliseconds(after_ms);
  health.rollback = settings.flag("health.rollback");
  for (const std::string& command : settings.list("health.commands")) {
    Split split = split_words(command);
    if (!split.wrong.empty()) return settings.complain("health.commands", split.wrong);
    if (split.words.empty() || split.words.front().empty())
      return settings.complain("health.commands", "has a command without a name");
    if (health.commands.size() == kCommands)
      return settings.complain("health.commands",
                               fmt::format("has more than {} commands", kCommands));
    health.commands.push_back(std::move(split.words));
  }
  return health;
}

Result<LanConfig> read_lan(const Settings& settings) {
  LanConfig lan;
  lan.targets = settings.list("lan.targets");
  lan.broadcast = settings.flag("lan.broadcast");
  lan.interfaces = settings.list("lan.interfaces");
  if (auto done = narrow(settings, "lan.port", 1, 65535, lan.port); !done)
    return tl::unexpected(done.error());
  return lan;
}

/// policy.allow and policy.deny name lines, which the policy knows by number.
Result<> number_lines(const Settings& settings, const LineNames& names, policy::Policy& policy) {
  for (auto& [name, list] :
       {std::pair{"policy.allow", &policy.allow}, {"policy.deny", &policy.deny}}) {
    for (std::string& entry : *list) {
      entry = transport::number_zone(entry);
      const auto named = parse_named_address(entry);
      if (!named || named->line.empty()) continue;
      Address address = named->address;
      address.scope = names.number(named->line);
      if (address.scope == 0)
        return settings.complain(
            name, fmt::format("has {}, and no device or target is on that line", entry));
      entry = to_text(address);
    }
  }
  return {};
}

Result<std::optional<flash::SlotId>> read_active(const Settings& settings) {
  const std::string slot = settings.text("slots.active");
  if (slot.empty()) return std::nullopt;
  for (const flash::SlotId id : {flash::SlotId::A, flash::SlotId::B})
    if (slot == to_text(id)) return id;
  return settings.complain("slots.active", fmt::format("must be a or b, and is '{}'", slot));
}

/// ".../keys/*.pub" to the files that there are.
std::vector<std::string> expand_pattern(const std::string& pattern) {
  if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
  glob_t found{};
  std::vector<std::string> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return files;
}

}  // namespace

std::span<const Setting> recipient_table() {
  return kTable;
}

namespace {

/// A key that another user could change is none to trust.
Result<image::PublicKey> read_key(const Settings& settings, const std::string& path) {
  constexpr std::size_t kKeyFileLimit_bytes = 4096;
  const auto file = read_deciding_file(path, kKeyFileLimit_bytes);
  if (!file) return settings.complain("trust.keys", file.error().message());
  if (file->complaint)
    return settings.complain(
        "trust.keys", fmt::format("names {}, which {}: only root and the user of this program may "
                                  "change the keys that it trusts",
                                  path, *file->complaint));
  auto key = image::parse_public_key(file->text);
  if (!key)
    return settings.complain("trust.keys", fmt::format("names {}: {}", path, key.error().detail));
  return key;
}

}  // namespace

Result<std::vector<image::PublicKey>> read_trusted_keys(const Settings& settings) {
  std::vector<image::PublicKey> keys;
  std::vector<std::string> paths;
  for (const std::string& pattern : settings.list("trust.keys")) {
    for (const std::string& path : expand_pattern(pattern)) {
      auto key = read_key(settings, path);
      if (!key) return tl::unexpected(key.error());
      const auto same_id =
          std::find_if(keys.begin(), keys.end(),
                       [&](const image::PublicKey& known) { return known.id == key->id; });
      if (same_id != keys.end() && same_id->key == key->key) continue;
      if (same_id != keys.end())
        settings.note_problem(
            fmt::format("{} and {} are different keys with one id, {}: both are tried, and one of "
                        "them was made to be taken for the other",
                        paths.at(static_cast<std::size_t>(same_id - keys.begin())), path,
                        image::to_text(key->id)));
      if (keys.size() == image::kTrustedKeyLimit)
        return settings.complain("trust.keys",
                                 fmt::format("names more than {} keys", image::kTrustedKeyLimit));
      keys.push_back(*key);
      paths.push_back(path);
    }
  }
  return keys;
}

Result<Secret> read_secret_setting(const Settings& settings, const std::string& name,
                                   const char* environment, std::string_view what) {
  auto secret = read_secret(settings.secret_path(name), environment, what);
  if (!secret && settings.has(name))
    return fail(secret.error().code,
                fmt::format("{}: '{}': {}", settings.source(name), name, secret.error().detail));
  if (!secret) return secret;
  if (const auto weak = weakness(*secret))
    settings.note_problem(fmt::format("the {} of {} {}; take 20 random characters", what,
                                      settings.has(name) ? name : environment, *weak));
  return secret;
}

Result<Platform> read_platform(const Settings& settings) {
  Platform platform;
  for (const auto& done :
       {narrow(settings, "system.manufacturer", 0, 0xffffff, platform.manufacturer_id),
        narrow(settings, "system.product", 0, 0xffff, platform.product_id),
        narrow(settings, "system.device", 0, 0xff, platform.device_id),
        narrow(settings, "system.revision", 0, 0xff, platform.hardware_revision)})
    if (!done) return tl::unexpected(done.error());
  platform.component = settings.text("system.component");
  const bool good = !platform.component.empty() && platform.component.size() <= 15 &&
                    platform.component.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string::npos;
  if (!good)
    return settings.complain("system.component", "must be 1 to 15 characters of a-z 0-9 . _ -");
  return platform;
}

Result<RecipientConfig> read_recipient(const Settings& settings) {
  RecipientConfig config;
  auto platform = read_platform(settings);
  if (!platform) return tl::unexpected(platform.error());
  auto policy = read_policy(settings);
  if (!policy) return tl::unexpected(policy.error());
  auto health = read_health(settings);
  if (!health) return tl::unexpected(health.error());
  config.health = *std::move(health);
  auto lan = read_lan(settings);
  if (!lan) return tl::unexpected(lan.error());
  auto keys = read_trusted_keys(settings);
  if (!keys) return tl::unexpected(keys.error());
  auto media = read_media(settings);
  if (!media) return tl::unexpected(media.error());
  if (auto done = read_bus_targets(settings, *media); !done) return tl::unexpected(done.error());
  if (auto done = check_bus_lines(settings, "icmb.allow", media->icmb.allow, media->icmb); !done)
    return tl::unexpected(done.error());
  if (auto done = read_bluetooth_targets(settings, media->bluetooth); !done)
    return tl::unexpected(done.error());
  std::string doubt;
  auto guid = machine_guid("recipient", doubt);
  if (!guid) return tl::unexpected(guid.error());
  // Elsewhere nothing goes by it.
  if (!doubt.empty() && !media->icmb.devices.empty()) settings.note_problem(doubt);
  media->icmb.node.guid = *guid;
  auto active = read_active(settings);
  if (!active) return tl::unexpected(active.error());
  config.slots.active_without_record = *active;
  config.platform = *std::move(platform);
  config.policy = *std::move(policy);
  if (auto done = number_lines(settings, media->names, config.policy); !done)
    return tl::unexpected(done.error());
  if (auto good = policy::validate(config.policy); !good) return tl::unexpected(good.error());
  config.lan = *std::move(lan);
  config.media = *std::move(media);
  config.trusted_keys = *std::move(keys);
  config.slots.slot_a = settings.text("slots.a");
  config.slots.slot_b = settings.text("slots.b");
  config.slots.state_directory = settings.text("slots.state");
  if (const auto wrong = complaint_about_directory(config.slots.state_directory))
    settings.note_problem(fmt::format("slots.state: {} {}: it decides which slot is active",
                                      config.slots.state_directory, *wrong));
  std::int64_t trial_ms = 0;
  constexpr std::int64_t kYear_ms = 366LL * 86'400'000;
  for (const auto& done :
       {narrow(settings, "slots.size", 4096, static_cast<std::int64_t>(image::kImageLimit_bytes),
               config.slots.slot_size_bytes),
        narrow(settings, "slots.trial", 0, kYear_ms, trial_ms),
        narrow(settings, "protocol.iana", 0, 0xffffff, config.iana)})
    if (!done) return tl::unexpected(done.error());
  // Up, because half a second must not become "no limit".
  config.trial_limit_s = static_cast<std::uint32_t>((trial_ms + 999) / 1000);
  return config;
}

Result<session::Credentials> read_credentials(const Settings& settings) {
  session::Credentials credentials;
  credentials.user = settings.text("donor.user");
  if (credentials.user.size() > wire::kMaxUserName_bytes)
    return settings.complain("donor.user", "must have at most 16 bytes");
  auto password =
      read_secret_setting(settings, "donor.password_file", kPasswordVariable, "password");
  if (!password) return tl::unexpected(password.error());
  credentials.password = *std::move(password);
  if (settings.has("donor.kg_file") || environment_secret(kKgVariable)) {
    auto kg = read_secret_setting(settings, "donor.kg_file", kKgVariable, "K_g");
    if (!kg) return tl::unexpected(kg.error());
    credentials.kg = *std::move(kg);
  }
  const std::int64_t suite = settings.integer("donor.cipher_suite");
  if (suite != 17 && suite != 3)
    return settings.complain("donor.cipher_suite",
                             fmt::format("must be 17 or 3, and is {}", suite));
  credentials.suite = suite == 3 ? session::CipherSuite::Suite3 : session::CipherSuite::Suite17;
  return credentials;
}

bool lacks_password(const Settings& settings) {
  const std::string file = settings.secret_path("donor.password_file");
  if (file.empty()) return !environment_secret(kPasswordVariable);
  std::error_code unknown;
  return !std::filesystem::exists(file, unknown) && !unknown;
}

namespace {

constexpr std::chrono::milliseconds kLookAgain_interval{250};

/// One look at names and interfaces as they are now.
Result<FoundTargets> look_for_targets(const LanConfig& lan, std::span<const std::string> hosts,
                                      const transport::Patience& patience) {
  auto resolved = transport::resolve_all(hosts, lan.port, patience);
  if (!resolved) return tl::unexpected(resolved.error());
  FoundTargets found;
  for (const auto& addresses : *resolved) {
    if (!addresses && addresses.error().code == Errc::BadConfiguration)
      return tl::unexpected(addresses.error());
    if (!addresses) {
      found.problems.push_back(addresses.error());
      continue;
    }
    for (const Address& address : *addresses)
      found.targets.push_back({Path{{}, address, Medium::Wired}, false});
    if (found.targets.size() > transport::kHostLimit)
      return fail(Errc::BadConfiguration,
                  fmt::format("lan.targets has more than {} addresses", transport::kHostLimit));
  }
  if (lan.broadcast) {
    auto paths = transport::broadcast_paths(lan.interfaces, lan.port);
    if (!paths && paths.error().code != Errc::NetworkDown) return tl::unexpected(paths.error());
    if (!paths) found.problems.push_back(paths.error());
    if (paths)
      for (const Path& path : *paths) found.targets.push_back({path, true});
  }
  return found;
}

/// Whether that may be over soon.
bool is_passing(const Error& error) {
  return error.code == Errc::NetworkDown || error.code == Errc::NameLookupFailed;
}

/// Why nobody is left to ask: what may be over soon before what is not.
Error nobody_to_ask(const FoundTargets& found) {
  const auto passing = std::find_if(found.problems.begin(), found.problems.end(), is_passing);
  return passing != found.problems.end() ? *passing : found.problems.front();
}

}  // namespace

Result<FoundTargets> find_targets(const LanConfig& lan, bool elsewhere,
                                  const transport::Patience& patience,
                                  std::chrono::milliseconds look_for) {
  std::vector<std::string> hosts;
  for (const std::string& range : lan.targets) {
    auto expanded = transport::expand_range(range);
    if (!expanded) return tl::unexpected(expanded.error());
    hosts.insert(hosts.end(), expanded->begin(), expanded->end());
    if (hosts.size() > transport::kHostLimit)
      return fail(Errc::BadConfiguration,
                  fmt::format("lan.targets names more than {} hosts", transport::kHostLimit));
  }
  if (hosts.empty() && !lan.broadcast) {
    if (elsewhere) return FoundTargets{};
    return fail(
        Errc::BadConfiguration,
        "nobody to ask: lan.broadcast is false, and neither lan.targets nor icmb, serial or "
        "bluetooth names anybody");
  }
  const auto deadline = std::chrono::steady_clock::now() + look_for;
  while (true) {
    auto found = look_for_targets(lan, hosts, patience);
    if (!found || !found->targets.empty() || elsewhere) return found;
    const Error why = nobody_to_ask(*found);
    if (!is_passing(why) || std::chrono::steady_clock::now() + kLookAgain_interval >= deadline)
      return tl::unexpected(why);
    if (patience.interrupted && patience.interrupted())
      return fail(Errc::Interrupted, "while waiting for the network");
    std::this_thread::sleep_for(kLookAgain_interval);
  }
}

}  // namespace fwr::settings
