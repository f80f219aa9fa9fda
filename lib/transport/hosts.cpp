// SPDX-License-Identifier: GPL-3.0-or-later
// Host ranges, the resolver, and the system's interfaces.
#include "transport/hosts.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include "base/parse.hpp"
#include "transport/socket_address.hpp"
#include "transport/wireless.hpp"

namespace fwr::transport {
namespace {

constexpr std::string_view kLanPrefix = "lan:";

tl::unexpected<Error> bad_range(std::string_view text, std::string_view why) {
  return fail(Errc::BadConfiguration, fmt::format("host '{}': {}", text, why));
}

std::optional<std::uint32_t> number(std::string_view digits, std::uint32_t limit) {
  const auto value = digits.starts_with("0x") ? std::nullopt : parse_number(digits);
  if (!value || *value > limit) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

/// What the resolver would take for an IPv4 address, and people for another one: it reads
/// 010.0.0.1 as 8.0.0.1, 10.1 as 10.0.0.1, and 0x7f000001 and 2130706433 as 127.0.0.1.
bool is_doubtful_ipv4(const std::string& host) {
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) return false;
  return host.find_first_not_of("0123456789.") == std::string::npos ||
         inet_aton(host.c_str(), &address) != 0;
}

/// "3" or "1-8"; the width of the first number is kept: "01-10".
Result<> expand_part(std::string_view whole, std::string_view head, std::string_view part,
                     std::string_view tail, std::vector<std::string>& out) {
  constexpr std::uint32_t kHighest = 999'999'999;
  const std::size_t dash = part.find('-');
  const std::string_view low_text = part.substr(0, dash);
  const std::string_view high_text =
      dash == std::string_view::npos ? low_text : part.substr(dash + 1);
  const auto low = number(low_text, kHighest);
  const auto high = number(high_text, kHighest);
  if (!low || !high) return bad_range(whole, "a range is numbers, as in node[1-8,12]");
  if (*low > *high) return bad_range(whole, "a range goes from low to high");
  if (*high - *low >= kHostLimit - std::min(out.size(), kHostLimit))
    return bad_range(whole, fmt::format("more than {} hosts", kHostLimit));
  for (std::uint32_t i = *low; i <= *high; ++i)
    out.push_back(fmt::format("{}{:0{}}{}", head, i, low_text.size(), tail));
  return {};
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

/// Splits "host", "host:port", "[v6]", "[v6]:port", and a bare IPv6 address.
Result<HostPort> split_port(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad_range(text, "the bracket is not closed");
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':'))
      return bad_range(text, "after an address in brackets comes :port");
    port = rest.empty() ? rest : rest.substr(1);
    if (!rest.empty() && port.empty()) return bad_range(text, "the port is missing");
  } else if (const std::size_t colon = text.find(':');
             colon != std::string_view::npos &&
             text.find(':', colon + 1) == std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return bad_range(text, "the port is missing");
  }
  if (host.empty()) return bad_range(text, "the host is missing");
  if (!text.starts_with('[') && host.find("::") != std::string_view::npos && host.ends_with(":623"))
    return bad_range(text, "an IPv6 address with a port stands in brackets, as [fe80::1]:623");
  HostPort result{std::string(host), default_port};
  if (!port.empty()) {
    const auto value = number(port, 65535);
    if (!value || *value == 0) return bad_range(text, "a port is a number from 1 to 65535");
    result.port = static_cast<std::uint16_t>(*value);
  }
  return result;
}

struct FreeAddrinfo {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
struct FreeIfaddrs {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

/// One part of a list, without commas but those of its range.
Result<> expand_name(std::string_view text, std::vector<std::string>& hosts) {
  const std::size_t open = text.find('[');
  const std::size_t close = text.find(']', open == std::string_view::npos ? 0 : open);
  const auto plain = [&]() -> Result<> {
    if (hosts.size() >= kHostLimit)
      return bad_range(text, fmt::format("more than {} hosts", kHostLimit));
    hosts.emplace_back(text);
    return {};
  };
  if (open == std::string_view::npos) return plain();
  if (close == std::string_view::npos) return bad_range(text, "the bracket is not closed");
  std::string_view inside = text.substr(open + 1, close - open - 1);
  if (inside.find(':') != std::string_view::npos) return plain();
  const std::string_view head = text.substr(0, open);
  const std::string_view tail = text.substr(close + 1);
  if (tail.find('[') != std::string_view::npos)
    return bad_range(text, "only one range in a name is understood");
  while (true) {
    const std::size_t comma = inside.find(',');
    if (auto done = expand_part(text, head, inside.substr(0, comma), tail, hosts); !done)
      return done;
    if (comma == std::string_view::npos) return {};
    inside.remove_prefix(comma + 1);
  }
}

/// Where the first name of a list ends: at a comma that is in no bracket.
std::size_t end_of_name(std::string_view list) {
  bool in_bracket = false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '[') in_bracket = true;
    if (list[i] == ']') in_bracket = false;
    if (list[i] == ',' && !in_bracket) return i;
  }
  return std::string_view::npos;
}

}  // namespace

Result<std::vector<std::string>> expand_range(std::string_view text) {
  std::vector<std::string> hosts;
  std::string_view rest = text;
  while (true) {
    const std::size_t end = end_of_name(rest);
    const std::string_view name = rest.substr(0, end);
    if (name.empty() && rest.size() != text.size())
      return bad_range(text, "nothing stands behind a comma");
    if (name.empty() && end == 0) return bad_range(text, "nothing stands before a comma");
    if (auto done = expand_name(name, hosts); !done) return tl::unexpected(done.error());
    if (end == std::string_view::npos) return hosts;
    rest.remove_prefix(end + 1);
  }
}

namespace {

/// split_port() of a text that means one host, whoever looks it up.
Result<HostPort> read_host(std::string_view text, std::uint16_t default_port) {
  if (text.starts_with(kLanPrefix)) text.remove_prefix(kLanPrefix.size());
  auto split = split_port(text, default_port);
  // What no name of a host has; a resolver may look for it for long.
  if (text.find_first_of(" \t\r\n/@\\'\"") != std::string_view::npos)
    return bad_range(text, "a host is a name or an address, and a port behind a colon");
  if (split && is_doubtful_ipv4(split->host))
    return bad_range(text,
                     "an IPv4 address is four decimal numbers from 0 to 255, without zeros "
                     "in front");
  return split;
}

/// Of an IPv6 address in digits: the interface behind it, when there is none of this name.
std::string missing_zone(const std::string& host) {
  const std::size_t percent = host.find('%');
  if (percent == std::string::npos || host.find(':') >= percent) return {};
  const std::string zone = host.substr(percent + 1);
  const auto index = number(zone, 0x7fffffff);
  return zone.empty() || index || if_nametoindex(zone.c_str()) != 0 ? std::string() : zone;
}

Result<std::vector<Address>> resolve_with(std::string_view host, std::uint16_t default_port,
                                          int flags) {
  const auto split = read_host(host, default_port);
  if (!split) return tl::unexpected(split.error());
  addrinfo hints{};
  hints.ai_flags = flags;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int status = getaddrinfo(split->host.c_str(), nullptr, &hints, &list);
  // The C library only says that there is no such name. An adapter may come later.
  if (const std::string zone = missing_zone(split->host); status != 0 && !zone.empty())
    return fail(Errc::NetworkDown,
                fmt::format("host '{}': there is no interface '{}'", split->host, zone));
  if (status != 0) {
    const bool later = status == EAI_AGAIN || status == EAI_SYSTEM || status == EAI_MEMORY;
    // A name server that refuses, or is broken, says nothing about the name.
    const bool broken = status == EAI_FAIL && (flags & AI_NUMERICHOST) == 0;
    return fail(later || broken ? Errc::NameLookupFailed : Errc::NotFound,
                fmt::format("host '{}': {}", split->host, gai_strerror(status)));
  }
  const std::unique_ptr<addrinfo, FreeAddrinfo> owner(list);
  std::vector<Address> addresses;
  for (const addrinfo* entry = list; entry != nullptr && addresses.size() < kHostLimit;
       entry = entry->ai_next) {
    Address address = from_sockaddr(*entry->ai_addr, entry->ai_addrlen);
    if (address.family == AddressFamily::None) continue;
    address.port = split->port;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
      addresses.push_back(address);
  }
  if (addresses.empty())
    return fail(Errc::NotFound, fmt::format("host '{}' has no IPv4 or IPv6 address", split->host));
  return addresses;
}

}  // namespace

Result<> check_host(std::string_view text) {
  const auto split = read_host(text, kRmcpPort);
  if (!split) return tl::unexpected(split.error());
  return {};
}

Result<std::vector<Address>> resolve(std::string_view host, std::uint16_t default_port) {
  return resolve_with(host, default_port, 0);
}

Result<std::vector<Address>> resolve_digits(std::string_view host, std::uint16_t default_port) {
  return resolve_with(host, default_port, AI_NUMERICHOST);
}

Medium medium_of_interface(std::uint32_t index) {
  if (const auto wireless = is_wireless(index)) return *wireless ? Medium::Wireless : Medium::Wired;
  // A kernel without nl80211 may have a driver that says so all the same.
  char name[IF_NAMESIZE] = {};
  if (index == 0 || if_indextoname(index, name) == nullptr) return Medium::Wired;
  struct stat status {};
  const std::string phy = fmt::format("/sys/class/net/{}/phy80211", name);
  return stat(phy.c_str(), &status) == 0 ? Medium::Wireless : Medium::Wired;
}

Result<std::vector<Interface>> list_interfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0)
    return fail(Errc::IoFailed,
                fmt::format("listing network interfaces: {}", std::strerror(errno)));
  const std::unique_ptr<ifaddrs, FreeIfaddrs> owner(list);
  std::map<std::string, Interface> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_UP) == 0) continue;
    Interface& interface = found[entry->ifa_name];
    interface.name = entry->ifa_name;
    interface.loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    interface.can_broadcast = (entry->ifa_flags & IFF_BROADCAST) != 0;
    interface.can_multicast = (entry->ifa_flags & IFF_MULTICAST) != 0;
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) interface.has_ipv4 = true;
    if (entry->ifa_addr->sa_family == AF_INET6) interface.has_ipv6 = true;
  }
  std::vector<Interface> interfaces;
  for (auto& [name, interface] : found) {
    interface.index = if_nametoindex(name.c_str());
    interface.medium = medium_of_interface(interface.index);
    if (interface.index != 0) interfaces.push_back(std::move(interface));
  }
  return interfaces;
}

bool is_own_address(const Address& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, FreeIfaddrs> owner(list);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const bool v6 = entry->ifa_addr->sa_family == AF_INET6;
    const Address own =
        from_sockaddr(*entry->ifa_addr, v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    if (own.family == address.family && own.bytes == address.bytes) return true;
  }
  return false;
}

Result<std::vector<Path>> broadcast_paths(std::span<const std::string> names, std::uint16_t port) {
  auto interfaces = list_interfaces();
  if (!interfaces) return tl::unexpected(interfaces.error());
  std::vector<Path> paths;
  for (const Interface& interface : *interfaces) {
    const bool named = std::find(names.begin(), names.end(), interface.name) != names.end();
    if (!named && (!names.empty() || interface.loopback)) continue;
    if (interface.has_ipv4 && interface.can_broadcast) {
      Path path;
      path.local = Address{AddressFamily::Ipv4, 0, interface.index, {}};
      path.peer = Address{AddressFamily::Ipv4, port, 0, {255, 255, 255, 255}};
      path.medium = interface.medium;
      paths.push_back(path);
    }
    if (interface.has_ipv6 && interface.can_multicast) {
      Path path;
      path.local = Address{AddressFamily::Ipv6, 0, interface.index, {}};
      path.peer = Address{AddressFamily::Ipv6, port, interface.index, {0xff, 0x02}};
      path.peer.bytes[15] = 1;  // ff02::1, all nodes on the link
      path.medium = interface.medium;
      paths.push_back(path);
    }
  }
  if (!paths.empty()) return paths;
  std::string reason = "no interface is up";
  for (const std::string& name : names)
    reason +=
        fmt::format("{} '{}'", name == names.front() ? ": neither there nor up is" : ",", name);
  return fail(Errc::NetworkDown, reason + "; nothing can be broadcast");
}

std::string text_with_zone(const Address& address) {
  return words_with_zones(to_text(address));
}

std::string words_with_zones(std::string_view words) {
  std::string out;
  while (true) {
    const std::size_t percent = words.find('%');
    if (percent == std::string_view::npos) return out.append(words);
    out.append(words.substr(0, percent + 1));
    words.remove_prefix(percent + 1);
    const std::size_t end = words.find_first_not_of("0123456789");
    // Only inside of the brackets of an address.
    if (end == std::string_view::npos || end == 0 || words[end] != ']') continue;
    const auto index = number(words.substr(0, end), 0x7fffffff);
    char name[IF_NAMESIZE] = {};
    if (!index || *index == 0 || if_indextoname(*index, name) == nullptr) continue;
    out.append(name);
    words.remove_prefix(end);
  }
}

std::string number_zone(std::string_view text) {
  const std::size_t percent = text.find('%');
  if (percent == std::string_view::npos) return std::string(text);
  const std::size_t end = std::min(text.find(']', percent), text.size());
  const std::string name(text.substr(percent + 1, end - percent - 1));
  const std::uint32_t index = if_nametoindex(name.c_str());
  if (index == 0) return std::string(text);
  return fmt::format("{}{}{}", text.substr(0, percent + 1), index, text.substr(end));
}

std::string name_of_interface(std::uint32_t index) {
  char name[IF_NAMESIZE] = {};
  if (index != 0 && if_indextoname(index, name) != nullptr) return name;
  return fmt::format("interface {}", index);
}

}  // namespace fwr::transport
