// SPDX-License-Identifier: GPL-3.0-or-later
// A peer's address on any medium: a small value that machines compare and never interpret.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr {

/// How an address is written and what its bytes mean.
enum class AddressFamily : std::uint8_t { None, Ipv4, Ipv6, Icmb, Bluetooth, Serial };

/// One text form everywhere (configuration, logs, JSON, command line):
///   lan:10.0.0.7   lan:10.0.0.7:6230   lan:[fe80::1%2]:6230   icmb:0x0014   icmb:0x0014@2
///   bt:00:11:22:33:44:55   bt:00:11:22:33:44:55/3   serial:   serial:@2
/// Port 623 is left out of the text. The port of a Bluetooth address is its RFCOMM channel; 0,
/// which is left out of the text, is whichever the device names when it is asked (PROTOCOL §13).
/// `scope` is the interface index of a link-local IPv6 address, or the number of the line that
/// leads to a bus or is a cable, 0 when there is only one to think of. The text has the number:
/// only the transport knows names, and puts the index in their place.
struct Address {
  AddressFamily family = AddressFamily::None;
  std::uint16_t port = 0;
  std::uint32_t scope = 0;
  std::array<std::uint8_t, 16> bytes{};  ///< network order; IPv4 uses the first four, ICMB
                                         ///< two, Bluetooth six, the first one of the text first

  friend auto operator<=>(const Address&, const Address&) = default;
};

inline constexpr std::uint16_t kRmcpPort = 623;  ///< IPMI v2.0 §13.1.1, primary RMCP port

[[nodiscard]] std::string to_text(const Address& address);
/// Accepts the text form, with or without "lan:", numeric addresses only.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

/// What one system, or one administrator, has for the asking; every quota per source counts by it.
/// The whole address without its port; of IPv6 the first 64 bits, as a host chooses the others, and
/// of a link-local address with its interface: all systems of that link together. An IPv4 address
/// that is written as IPv6 (::ffff:0:0/96, RFC 4291) counts as the IPv4 address.
[[nodiscard]] Address source_prefix(const Address& address);

/// An address as people write it where a line has a device: "icmb:0x0014@/dev/ttyS1",
/// "serial:/dev/ttyS0".
struct NamedAddress {
  Address address;
  std::string line;  ///< "/dev/ttyS1", for the transport to find its number; empty: not named
};
/// Whatever parse_address() accepts, and a name in place of the number of a line.
[[nodiscard]] Result<NamedAddress> parse_named_address(std::string_view text);

/// A way to a peer: our end and theirs. A server answers from the address it was asked at.
struct Path {
  Address local;  ///< family None: whichever the transport chooses; `scope` alone: out of this
                  ///< interface
  Address peer;
  Medium medium = Medium::Wired;  ///< what carries it; the transport sets it on what it hands in
  friend auto operator<=>(const Path&, const Path&) = default;
};

struct PathHash {
  std::size_t operator()(const Path& path) const noexcept;
};

/// One datagram in or out of a machine.
struct Datagram {
  Path path;
  Bytes bytes;
};

}  // namespace fwr
