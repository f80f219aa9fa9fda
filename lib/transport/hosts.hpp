// SPDX-License-Identifier: GPL-3.0-or-later
// Names and ranges of hosts to addresses, and the interfaces to broadcast on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"

namespace fwr::transport {

inline constexpr std::size_t kHostLimit = 1024;  ///< that one list, or all together, may name

/// A list such as "console,node[1-3,07]" to console node1 node2 node3 node07, as FreeIPMI's tools
/// do; a bracket with a colon is an IPv6 address. Errors: BadConfiguration, naming the text.
[[nodiscard]] Result<std::vector<std::string>> expand_range(std::string_view text);

/// Whether the text is one that resolve() would look up, for hosts that a third party's code
/// resolves: it would read 010.0.0.1 as 8.0.0.1. Errors: BadConfiguration.
[[nodiscard]] Result<> check_host(std::string_view text);

/// Every address of a host: "10.0.0.7", "[fe80::1%eth0]:6230", "lan:bmc7.example". May ask the
/// resolver, and wait for it without a limit: see transport/resolver.hpp. An IPv4 address has four
/// decimal numbers, without zeros in front. Errors: BadConfiguration
/// (syntax), NotFound (no such host), NameLookupFailed (no name server knows now: trying again may
/// help).
[[nodiscard]] Result<std::vector<Address>> resolve(std::string_view host,
                                                   std::uint16_t default_port);

/// The same for an address in digits, without a question to a name server. Errors:
/// BadConfiguration, NotFound (a name).
[[nodiscard]] Result<std::vector<Address>> resolve_digits(std::string_view host,
                                                          std::uint16_t default_port);

/// A network interface that is up.
struct Interface {
  std::string name;
  std::uint32_t index = 0;
  Medium medium = Medium::Wired;
  bool loopback = false;
  bool has_ipv4 = false;
  bool has_ipv6 = false;
  bool can_broadcast = false;
  bool can_multicast = false;
};
[[nodiscard]] Result<std::vector<Interface>> list_interfaces();
[[nodiscard]] Medium medium_of_interface(std::uint32_t index);

/// PROTOCOL §2.3: 255.255.255.255 and ff02::1 on each of them that is up and not loopback.
/// `names` empty: all. Errors: NetworkDown: no interface is up, or none of those that are named.
[[nodiscard]] Result<std::vector<Path>> broadcast_paths(std::span<const std::string> names,
                                                        std::uint16_t port);

/// The text of an address, with the name of the interface in place of its index: the index means
/// nothing on another day. Without such an interface, with the index.
[[nodiscard]] std::string text_with_zone(const Address& address);
/// Whether an interface of this system has this address.
[[nodiscard]] bool is_own_address(const Address& address);
/// The same for all addresses in words: "[fe80::1%2]" to "[fe80::1%eth0]".
[[nodiscard]] std::string words_with_zones(std::string_view words);
/// "lan:[fe80::1%eth0]" to "lan:[fe80::1%2]". Without such an interface, as it was.
[[nodiscard]] std::string number_zone(std::string_view text);
/// "eth0"; "interface 7" for one that is not there.
[[nodiscard]] std::string name_of_interface(std::uint32_t index);

}  // namespace fwr::transport
