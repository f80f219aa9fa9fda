// SPDX-License-Identifier: GPL-3.0-or-later
// The text form of addresses, and a hash of paths.
#include "base/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/bytes.hpp"

namespace fwr {
namespace {

constexpr std::string_view kLanPrefix = "lan:";
constexpr std::string_view kIcmbPrefix = "icmb:";
constexpr std::string_view kBluetoothPrefix = "bt:";
constexpr std::string_view kHexPrefix = "0x";
constexpr std::string_view kSerialPrefix = "serial:";
constexpr std::size_t kIcmbDigits = 4;  // most of them
constexpr std::size_t kBluetoothOctets = 6;
constexpr std::uint16_t kChannels = 30;  // of RFCOMM, from 1
constexpr std::size_t kLineName = 4096;  // bytes: as long as a path can be (limits.h, PATH_MAX)
constexpr std::size_t kMapped_bytes = 12;
constexpr std::size_t kHostText = INET6_ADDRSTRLEN;  // characters of a numeric address, with NUL

std::string numeric_host(int family, const Address& address) {
  std::array<char, kHostText> text{};
  // Never fails: the family is one of the two and the buffer fits both.
  return inet_ntop(family, address.bytes.data(), text.data(), kHostText) != nullptr ? text.data()
                                                                                    : "?";
}

std::string port_suffix(std::uint16_t port) {
  return port == kRmcpPort ? std::string() : ":" + std::to_string(port);
}

std::string scope_suffix(std::uint32_t scope) {
  return scope == 0 ? std::string() : "%" + std::to_string(scope);
}

std::string line_suffix(std::uint32_t line) {
  return line == 0 ? std::string() : "@" + std::to_string(line);
}

std::string hex_of_first(const Address& address, std::size_t count) {
  return to_hex(std::as_bytes(std::span(address.bytes)).first(count));
}

tl::unexpected<Error> malformed(std::string_view text, std::string_view reason) {
  constexpr std::size_t kShown = 80;  // characters of the text that the message repeats
  return fail(Errc::BadUsage,
              "address \"" + std::string(text.substr(0, kShown)) + "\": " + std::string(reason));
}

template <class Number>
bool parse_number(std::string_view text, Number& out, int base = 10) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, out, base);
  return error == std::errc() && stop == end;
}

bool parse_host(int family, std::string_view text, Address& out) {
  // A NUL inside would end the text early for inet_pton.
  if (text.size() >= kHostText || text.find('\0') != std::string_view::npos) return false;
  return inet_pton(family, std::string(text).c_str(), out.bytes.data()) == 1;
}

/// ::ffff:a.b.c.d, RFC 4291: an IPv4 address in the clothes of IPv6, which no IPv6 packet carries.
bool is_mapped(const Address& address) {
  constexpr std::array<std::uint8_t, kMapped_bytes> kMapped{0, 0, 0, 0, 0,    0,
                                                            0, 0, 0, 0, 0xff, 0xff};
  return address.family == AddressFamily::Ipv6 &&
         std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
}

Address as_ipv4(const Address& mapped) {
  Address plain{.family = AddressFamily::Ipv4, .port = mapped.port};
  std::copy(mapped.bytes.begin() + kMapped_bytes, mapped.bytes.end(), plain.bytes.begin());
  return plain;
}

/// The parts of an address text; `bad` says which one is malformed.
struct Parts {
  std::string_view host{};
  std::string_view port{};   ///< empty: not given
  std::string_view scope{};  ///< empty: not given
  bool ipv6 = false;
  std::string_view bad{};
};

Parts split(std::string_view text) {
  Parts parts;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return {.bad = "the closing bracket is missing"};
    parts = {.host = text.substr(1, close - 1), .ipv6 = true};
    const std::string_view after = text.substr(close + 1);
    if (!after.empty() && (after[0] != ':' || after.size() == 1))
      return {.bad = "only \":\" and a port may follow the bracket"};
    if (!after.empty()) parts.port = after.substr(1);
  } else if (const std::size_t colon = text.find(':'); colon != text.rfind(':')) {
    parts = {.host = text, .ipv6 = true};
  } else if (colon != std::string_view::npos) {
    parts = {.host = text.substr(0, colon), .port = text.substr(colon + 1)};
    if (parts.port.empty()) return {.bad = "the port is missing"};
  } else {
    parts = {.host = text};
  }
  if (const std::size_t percent = parts.host.find('%');
      parts.ipv6 && percent != std::string_view::npos) {
    parts.scope = parts.host.substr(percent + 1);
    parts.host = parts.host.substr(0, percent);
    if (parts.scope.empty()) return {.bad = "the interface after \"%\" is missing"};
  }
  return parts;
}

bool is_line_name(std::string_view line) {
  return !line.empty() && line.size() <= kLineName && line.find('\0') == std::string_view::npos;
}

/// Behind "icmb:": 0x and up to four digits, and perhaps "@" and the number or name of a line.
Result<NamedAddress> parse_icmb(std::string_view text) {
  const std::string_view rest = text.substr(kIcmbPrefix.size());
  const std::size_t at = rest.find('@');
  const std::string_view digits = rest.substr(0, at);
  std::uint16_t number = 0;
  if (!digits.starts_with(kHexPrefix) || digits.size() > kHexPrefix.size() + kIcmbDigits ||
      !parse_number(digits.substr(kHexPrefix.size()), number, 16) || number == 0)
    return malformed(text, "an address on the bus is 0x0001 to 0xffff");
  NamedAddress named;
  named.address.family = AddressFamily::Icmb;
  named.address.bytes[0] = static_cast<std::uint8_t>(number >> 8U);
  named.address.bytes[1] = static_cast<std::uint8_t>(number & 0xffU);
  if (at == std::string_view::npos) return named;
  const std::string_view line = rest.substr(at + 1);
  if (!is_line_name(line)) return malformed(text, "the device after \"@\" is missing");
  if (parse_number(line, named.address.scope) && named.address.scope != 0) return named;
  named.address.scope = 0;
  named.line = line;
  return named;
}

/// Behind "serial:": a device, "@" and the number of a line, or nothing where there is only one.
Result<NamedAddress> parse_serial(std::string_view text) {
  const std::string_view rest = text.substr(kSerialPrefix.size());
  NamedAddress named;
  named.address.family = AddressFamily::Serial;
  if (rest.empty()) return named;
  if (!rest.starts_with('@')) {
    if (!is_line_name(rest)) return malformed(text, "not the name of a device");
    named.line = rest;
    return named;
  }
  if (!parse_number(rest.substr(1), named.address.scope) || named.address.scope == 0)
    return malformed(text, "the line after \"@\" is a number, 1 or more");
  return named;
}

/// "00:11:22:33:44:55", and "/3" unless the channel is 0.
std::string bluetooth_text(const Address& address) {
  std::string text(kBluetoothPrefix);
  for (std::size_t i = 0; i < kBluetoothOctets; ++i) {
    if (i > 0) text += ':';
    text += to_hex(std::as_bytes(std::span(address.bytes)).subspan(i, 1));
  }
  return address.port == 0 ? text : text + "/" + std::to_string(address.port);
}

/// Behind "bt:": six octets of two digits, and perhaps "/" and a channel.
Result<Address> parse_bluetooth(std::string_view text) {
  constexpr std::size_t kOctetText = 3;  // with the colon in front of the next one
  constexpr std::size_t kAddressText = kBluetoothOctets * kOctetText - 1;
  const std::string_view rest = text.substr(kBluetoothPrefix.size());
  const std::string_view octets = rest.substr(0, rest.find('/'));
  Address address;
  address.family = AddressFamily::Bluetooth;
  const auto bad = [&] { return malformed(text, "not six octets as in bt:00:11:22:33:44:55"); };
  if (octets.size() != kAddressText) return bad();
  for (std::size_t i = 0; i < kBluetoothOctets; ++i) {
    const std::size_t at = i * kOctetText;
    const bool colon = i + 1 == kBluetoothOctets || octets[at + 2] == ':';
    if (!colon || !parse_number(octets.substr(at, 2), address.bytes.at(i), 16)) return bad();
  }
  if (octets.size() == rest.size()) return address;
  if (!parse_number(rest.substr(octets.size() + 1), address.port) || address.port == 0 ||
      address.port > kChannels)
    return malformed(text, "the channel after \"/\" is a number from 1 to 30");
  return address;
}

}  // namespace

std::string to_text(const Address& address) {
  switch (address.family) {
    case AddressFamily::None: return "any" + scope_suffix(address.scope);
    case AddressFamily::Ipv4:
      return std::string(kLanPrefix) + numeric_host(AF_INET, address) + port_suffix(address.port);
    case AddressFamily::Ipv6:
      return std::string(kLanPrefix) + "[" + numeric_host(AF_INET6, address) +
             scope_suffix(address.scope) + "]" + port_suffix(address.port);
    case AddressFamily::Icmb:
      return std::string(kIcmbPrefix) + std::string(kHexPrefix) + hex_of_first(address, 2) +
             line_suffix(address.scope);
    case AddressFamily::Bluetooth: return bluetooth_text(address);
    case AddressFamily::Serial: return std::string(kSerialPrefix) + line_suffix(address.scope);
  }
  return "unknown";
}

Result<NamedAddress> parse_named_address(std::string_view text) {
  if (text.starts_with(kIcmbPrefix)) return parse_icmb(text);
  if (text.starts_with(kSerialPrefix)) return parse_serial(text);
  const auto address = parse_address(text);
  if (!address) return tl::unexpected(address.error());
  return NamedAddress{*address, {}};
}

Result<Address> parse_address(std::string_view text) {
  std::string_view rest = text;
  if (text.starts_with(kIcmbPrefix) || text.starts_with(kSerialPrefix)) {
    const auto named = parse_named_address(text);
    if (!named) return tl::unexpected(named.error());
    if (!named->line.empty()) return malformed(text, "a device has no number here");
    return named->address;
  }
  if (text.starts_with(kBluetoothPrefix)) return parse_bluetooth(text);
  if (rest.starts_with(kLanPrefix)) rest.remove_prefix(kLanPrefix.size());
  const Parts parts = split(rest);
  if (!parts.bad.empty()) return malformed(text, parts.bad);

  Address address;
  address.family = parts.ipv6 ? AddressFamily::Ipv6 : AddressFamily::Ipv4;
  address.port = kRmcpPort;
  if (!parse_host(parts.ipv6 ? AF_INET6 : AF_INET, parts.host, address))
    return malformed(text, "not a numeric IPv4 or IPv6 address");
  if (!parts.port.empty() && !parse_number(parts.port, address.port))
    return malformed(text, "the port is a number up to 65535");
  if (!parts.scope.empty() && (!parse_number(parts.scope, address.scope) || address.scope == 0))
    return malformed(text, "the interface after \"%\" is an index, 1 or more");
  return is_mapped(address) ? as_ipv4(address) : address;
}

Address source_prefix(const Address& address) {
  constexpr std::size_t kPrefix_bytes = 8;
  Address prefix = address;
  prefix.port = 0;
  if (address.family != AddressFamily::Ipv6) return prefix;
  if (is_mapped(address)) return as_ipv4(prefix);
  std::fill(prefix.bytes.begin() + kPrefix_bytes, prefix.bytes.end(), std::uint8_t{0});
  const bool link_local = address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80;
  if (!link_local) prefix.scope = 0;
  return prefix;
}

std::size_t PathHash::operator()(const Path& path) const noexcept {
  // FNV-1a, 64 bits. The tables that it serves are bounded, so a flood cannot make them slow.
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto mix = [&hash](std::uint64_t value) {
    hash ^= value;
    hash *= 0x100000001b3U;
  };
  for (const Address* end : {&path.local, &path.peer}) {
    mix(static_cast<std::uint64_t>(end->family));
    mix(end->port);
    mix(end->scope);
    for (const std::uint8_t b : end->bytes) mix(b);
  }
  mix(static_cast<std::uint64_t>(path.medium));
  return static_cast<std::size_t>(hash);
}

}  // namespace fwr
