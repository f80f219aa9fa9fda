// SPDX-License-Identifier: GPL-3.0-or-later
// Looks up the names of the donors to ask, and the interfaces to broadcast on.
#include "fwrecover/find_targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <thread>

#include "transport/hosts.hpp"

namespace fwrecover {
namespace {

using fwr::Address;
using fwr::Errc;
using fwr::Error;
using fwr::Result;

constexpr std::chrono::milliseconds kLookAgain_interval{250};

Result<FoundTargets> look_for_targets(const fwr::settings::LanConfig& lan,
                                      std::span<const std::string> hosts,
                                      const fwr::transport::Patience& patience);
bool is_passing(const Error& error);
Error why_none(const FoundTargets& found);

}  // namespace

Result<FoundTargets> find_targets(const fwr::settings::LanConfig& lan, bool elsewhere,
                                  const fwr::transport::Patience& patience,
                                  std::chrono::milliseconds look_for) {
  std::vector<std::string> hosts;
  for (const std::string& range : lan.targets) {
    auto expanded = fwr::transport::expand_range(range);
    if (!expanded) return tl::unexpected(expanded.error());
    hosts.insert(hosts.end(), expanded->begin(), expanded->end());
    if (hosts.size() > fwr::transport::kHostLimit)
      return fwr::fail(Errc::BadConfiguration, fmt::format("lan.targets names more than {} hosts",
                                                           fwr::transport::kHostLimit));
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
    const Error why = why_none(*found);
    if (!is_passing(why) || std::chrono::steady_clock::now() + kLookAgain_interval >= deadline)
      return tl::unexpected(why);
    if (patience.interrupted && patience.interrupted())
      return fwr::fail(Errc::Interrupted, "while waiting for the network");
    std::this_thread::sleep_for(kLookAgain_interval);
  }
}

Result<> number_zones(fwr::policy::Policy& policy) {
  for (auto* list : {&policy.allow, &policy.deny})
    for (std::string& entry : *list) entry = fwr::transport::number_zone(entry);
  return fwr::policy::validate(policy);
}

namespace {

/// One look at names and interfaces as they are now.
Result<FoundTargets> look_for_targets(const fwr::settings::LanConfig& lan,
                                      std::span<const std::string> hosts,
                                      const fwr::transport::Patience& patience) {
  auto resolved = fwr::transport::resolve_all(hosts, lan.port, patience);
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
      found.targets.push_back({fwr::Path{{}, address, fwr::Medium::Wired}, false});
    if (found.targets.size() > fwr::transport::kHostLimit)
      return fwr::fail(Errc::BadConfiguration, fmt::format("lan.targets has more than {} addresses",
                                                           fwr::transport::kHostLimit));
  }
  if (lan.broadcast) {
    auto paths = fwr::transport::broadcast_paths(lan.interfaces, lan.port);
    if (!paths && paths.error().code != Errc::NetworkDown) return tl::unexpected(paths.error());
    if (!paths) found.problems.push_back(paths.error());
    if (paths)
      for (const fwr::Path& path : *paths) found.targets.push_back({path, true});
  }
  return found;
}

/// Whether the error may be over soon.
bool is_passing(const Error& error) {
  return error.code == Errc::NetworkDown || error.code == Errc::NameLookupFailed;
}

/// Why there is no target: an error that may be over soon before one that is not.
Error why_none(const FoundTargets& found) {
  const auto passing = std::find_if(found.problems.begin(), found.problems.end(), is_passing);
  return passing != found.problems.end() ? *passing : found.problems.front();
}

}  // namespace

}  // namespace fwrecover
