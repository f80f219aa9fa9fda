// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes the configuration of both programs, from the file's text to what their machines get, and
// the texts that settings have inside: hosts, addresses, GUIDs.
//
// The configuration looks up no name. An input that names files other than the ones made here is
// not taken further than the table of settings.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "fuzz.hpp"
#include "fwrecover/conclude.hpp"
#include "settings/donor_config.hpp"
#include "settings/recipient_config.hpp"
#include "transport/hosts.hpp"

namespace fwr::fuzz {
namespace {

using settings::Setting;
using settings::Settings;

/// A file in memory under a path that every process has.
class MemoryFile {
 public:
  MemoryFile(const char* name, int number, mode_t mode) : fd_(number) {
    const int made = memfd_create(name, 0);
    require(made >= 0 && dup2(made, fd_) == fd_ && fchmod(fd_, mode) == 0, "a file in memory");
    close(made);
  }
  void set(ByteView content) const {
    require(ftruncate(fd_, 0) == 0 && pwrite(fd_, content.data(), content.size(), 0) ==
                                          static_cast<ssize_t>(content.size()),
            "a file in memory can be written");
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

struct Files {
  MemoryFile config{"config", 100, 0644};
  MemoryFile secret{"secret", 101, 0600};
  MemoryFile key{"key", 102, 0644};
  Files() {
    secret.set(as_bytes("secret\n"));
    key.set(as_bytes("RWQBAQEBAQEBAYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n"));
  }
};
const Files& files() {
  static const Files kAll;
  return kAll;
}

bool ends_with_any(const std::string& name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

/// Whether reading on opens only the files that were made here.
bool stays_here(const Settings& settings) {
  for (const auto& [name, value, source] : settings.effective()) {
    if (ends_with_any(name, {"_file"}) && !settings.text(name).empty() &&
        settings.text(name) != files().secret.path())
      return false;
    if (name == "trust.keys")
      for (const std::string& path : settings.list(name))
        if (path != files().key.path()) return false;
  }
  return true;
}

void require_good_error(const Error& error) {
  require(!error.detail.empty(), "an error says what and where");
  const fwrecover::Conclusion end = fwrecover::conclude(error);
  require(end.exit_code != 0 && !end.message.empty(), "an error ends the program with a message");
}

void as_recipient(const Settings& settings) {
  const auto config = settings::read_recipient(settings);
  if (!config) return require_good_error(config.error());
  require(config->policy.deadline >= std::chrono::seconds(1), "a recovery has a deadline");
  require(config->policy.donors_tried >= 1 && config->policy.donors_tried <= 256, "donors");
  require(policy::validate(config->policy).has_value(), "the policy is one that judge() knows");
  require(config->slots.slot_size_bytes <= image::kImageLimit_bytes, "the size of a slot");
  require(image::is_component(config->platform.component), "the component");
  require(config->lan.port != 0, "the port");
  require(settings.integer("slots.trial") == 0 || config->trial_limit_s != 0,
          "a short trial does not become one without limit");
  const auto credentials = settings::read_credentials(settings);
  if (!credentials) return require_good_error(credentials.error());
  require(credentials->user.size() <= wire::kMaxUserName_bytes, "the user name");
}

void as_donor(const Settings& settings) {
  const auto config = settings::read_donor(settings);
  if (!config) return require_good_error(config.error());
  require(config->donor.leases >= 1 && config->donor.lease >= std::chrono::seconds(5), "leases");
  require(config->donor.name.size() <= 31, "the name");
  require(config->server.limits.active_sessions >= 1, "sessions");
  require(config->server.limits.idle >= std::chrono::seconds(5), "idle sessions");
  for (const session::Account& account : config->server.accounts)
    require(account.name.size() <= wire::kMaxUserName_bytes && !account.password.empty(),
            "an account has a name and a password");
}

/// What `config` prints, given back as overrides, is the same configuration. A name that has an
/// equals sign cannot be given back.
void require_same_again(std::span<const Setting> table, const Settings& settings) {
  const auto effective = settings.effective();
  std::vector<std::string> overrides;
  overrides.reserve(effective.size());
  for (const auto& [name, value, source] : effective) {
    if (name.find('=') != std::string::npos) return;
    overrides.push_back(fmt::format("{}={}", name, value));
  }
  const auto again = Settings::load(table, "", false, overrides);
  require(again.has_value(), "what is printed can be read");
  for (const auto& [name, value, source] : effective)
    require(again->text(name) == settings.text(name) && again->list(name) == settings.list(name) &&
                again->integer(name) == settings.integer(name) &&
                again->flag(name) == settings.flag(name),
            "what is printed is what holds");
}

void configuration(Input& in) {
  const bool donor = in.flag();
  const auto table = donor ? settings::donor_table() : settings::recipient_table();
  std::vector<std::string> overrides(in.below(3));
  for (std::string& text : overrides) text = as_text(in.bytes());
  files().config.set(in.rest());
  const auto settings = Settings::load(table, files().config.path(), true, overrides);
  if (!settings) {
    require(settings.error().exit_code() == ExitCode::Usage, "a wrong setting is wrong usage");
    return require_good_error(settings.error());
  }
  require_same_again(table, *settings);
  if (!stays_here(*settings)) return;
  donor ? as_donor(*settings) : as_recipient(*settings);
}

void range(std::string_view text) {
  const auto hosts = transport::expand_range(text);
  if (!hosts) return require_good_error(hosts.error());
  require(!hosts->empty() && hosts->size() <= transport::kHostLimit, "the hosts of a range");
}

void address(std::string_view text) {
  const auto read = parse_address(text);
  if (!read) return;
  const auto again = parse_address(to_text(*read));
  require(again && *again == *read, "decode(encode(x)) == x: address");
}

void guid_or_digest(std::string_view text) {
  if (const auto guid = parse_guid(text)) {
    const auto again = parse_guid(to_text(*guid));
    require(again && *again == *guid, "decode(encode(x)) == x: GUID");
  }
  if (const auto digest = parse_digest(text)) {
    const auto again = parse_digest(to_text(*digest));
    require(again && *again == *digest, "decode(encode(x)) == x: digest");
  }
}

enum class InputKind : std::uint8_t { Configuration, Range, Address, GuidOrDigest };
constexpr std::array<NamedAction<InputKind>, 5> kInputKinds{{
    {InputKind::Configuration, "configuration"},
    {InputKind::Configuration, "configuration"},
    {InputKind::Range, "range"},
    {InputKind::Address, "address"},
    {InputKind::GuidOrDigest, "guid-or-digest"},
}};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fwr::fuzz;
  Input in(data, size);
  switch (draw_action(in, kInputKinds)) {
    case InputKind::Configuration: configuration(in); break;
    case InputKind::Range: range(fwr::as_text(in.rest())); break;
    case InputKind::Address: address(fwr::as_text(in.rest())); break;
    case InputKind::GuidOrDigest: guid_or_digest(fwr::as_text(in.rest())); break;
  }
  return 0;
}
