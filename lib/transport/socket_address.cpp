// SPDX-License-Identifier: GPL-3.0-or-later
// Address to sockaddr and back.
#include "transport/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

namespace fwr::transport {

Address from_sockaddr(const sockaddr& address, socklen_t size) {
  Address result;
  if (address.sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    result.family = AddressFamily::Ipv4;
    result.port = ntohs(in.sin_port);
    std::memcpy(result.bytes.data(), &in.sin_addr, 4);
  } else if (address.sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    result.port = ntohs(in.sin6_port);
    // An IPv4 address in other clothes: our IPv6 sockets carry none (IPV6_V6ONLY).
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
      constexpr std::size_t kMapped_bytes = 12;
      result.family = AddressFamily::Ipv4;
      std::memcpy(result.bytes.data(), in.sin6_addr.s6_addr + kMapped_bytes, 4);
      return result;
    }
    result.family = AddressFamily::Ipv6;
    result.scope = in.sin6_scope_id;
    std::memcpy(result.bytes.data(), &in.sin6_addr, 16);
  }
  return result;
}

socklen_t to_sockaddr(const Address& address, sockaddr_storage& out) {
  out = {};
  if (address.family == AddressFamily::Ipv4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, address.bytes.data(), 4);
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  if (address.family == AddressFamily::Ipv6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(address.port);
    in.sin6_scope_id = address.scope;
    std::memcpy(&in.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  return 0;
}

}  // namespace fwr::transport
