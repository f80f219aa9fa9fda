// SPDX-License-Identifier: GPL-3.0-or-later
// The addresses behind lan.listen.
#include "fwrecover/listen_addresses.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "transport/resolver.hpp"

namespace fwrecover {
namespace {

using fwr::Address;
using fwr::AddressFamily;
using fwr::Result;
using fwr::settings::Settings;

constexpr std::string_view kName = "lan.listen";

using Resolved = std::vector<Result<std::vector<Address>>>;
Result<std::vector<Address>> join(const Settings& settings, const Resolved& resolved);

}  // namespace

Result<std::vector<Address>> resolve_listen(const Settings& settings,
                                            const std::vector<std::string>& hosts) {
  const auto resolved = fwr::transport::resolve_all(hosts, fwr::kRmcpPort, {});
  if (!resolved) return tl::unexpected(resolved.error());
  return join(settings, *resolved);
}

Result<> check_listen(const Settings& settings, const std::vector<std::string>& hosts) {
  Resolved resolved;
  for (const std::string& host : hosts) {
    auto addresses = fwr::transport::resolve_digits(host, fwr::kRmcpPort);
    const bool is_name = !addresses && addresses.error().code == fwr::Errc::NotFound;
    if (!is_name) resolved.push_back(std::move(addresses));
  }
  const auto joined = join(settings, resolved);
  return joined ? Result<>() : Result<>(tl::unexpected(joined.error()));
}

namespace {

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

/// All addresses in one list. Errors: that of the first host without an address; two addresses that
/// exclude one another.
Result<std::vector<Address>> join(const Settings& settings, const Resolved& resolved) {
  std::vector<Address> listen;
  for (const auto& addresses : resolved) {
    if (!addresses) return settings.complain(kName, addresses.error().message());
    for (const Address& address : *addresses) {
      if (lacks_interface(address))
        return settings.complain(
            kName, fmt::format("has {}: an address of one link needs its interface, as in "
                               "[fe80::1%eth0]",
                               to_text(address)));
      const auto other = std::find_if(listen.begin(), listen.end(), [&](const Address& before) {
        return overlap(before, address);
      });
      if (other != listen.end())
        return settings.complain(
            kName,
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

}  // namespace

}  // namespace fwrecover
