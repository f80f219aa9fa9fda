// SPDX-License-Identifier: GPL-3.0-or-later
// Words for what stopped a datagram.
#include "transport/undelivered.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace fwr::transport {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 14> kNames{{
    {ENETUNREACH, "ENETUNREACH"},
    {EHOSTUNREACH, "EHOSTUNREACH"},
    {ECONNREFUSED, "ECONNREFUSED"},
    {EPERM, "EPERM"},
    {EACCES, "EACCES"},
    {EMSGSIZE, "EMSGSIZE"},
    {EAFNOSUPPORT, "EAFNOSUPPORT"},
    {ENETDOWN, "ENETDOWN"},
    {EHOSTDOWN, "EHOSTDOWN"},
    {ENODEV, "ENODEV"},
    {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
    {EINVAL, "EINVAL"},
    {ENOBUFS, "ENOBUFS"},
    {EPROTO, "EPROTO"},
}};

}  // namespace

std::string name_of_errno(int error) {
  for (const auto& [number, name] : kNames)
    if (number == error) return std::string(name);
  return fmt::format("errno {}", error);
}

std::string describe(const Undelivered& undelivered) {
  const bool by_icmp = undelivered.reporter.family != AddressFamily::None;
  if (by_icmp && undelivered.error == ECONNREFUSED)
    return fmt::format("port {} refused: fwdonord does not run there", undelivered.path.peer.port);
  std::string text = std::strerror(undelivered.error);
  if (by_icmp && undelivered.reporter.bytes != undelivered.path.peer.bytes)
    return text + ", reported by " + to_text(undelivered.reporter);
  if (by_icmp) return text + ", reported by the host itself";
  if (undelivered.error == EPERM || undelivered.error == EACCES)
    return text + ": a firewall of this system, or a broadcast address, stopped it";
  if (undelivered.error == EAFNOSUPPORT)
    return fmt::format("this system has no {}",
                       undelivered.path.peer.family == AddressFamily::Ipv6 ? "IPv6" : "IPv4");
  return text;
}

}  // namespace fwr::transport
