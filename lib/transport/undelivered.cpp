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

constexpr std::array<std::pair<int, std::string_view>, 15> kNames{{
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
    {ENOPROTOOPT, "ENOPROTOOPT"},
}};

}  // namespace

std::string name_of_errno(int error) {
  for (const auto& [number, name] : kNames)
    if (number == error) return std::string(name);
  return fmt::format("errno {}", error);
}

namespace {

/// What the errno of this system's own refusal means here, beyond its name.
std::string_view meaning_here(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return ": a firewall or a route of this system, or a broadcast address, stopped it";
    case ENETUNREACH: return ": no route of this system leads there";
    case EHOSTUNREACH: return ": a route of this system forbids it, or nobody answered for it";
    case EINVAL: return ": a route of this system drops what goes there";
    case EADDRNOTAVAIL: return ": the interface has no address for it yet, or no carrier";
    default: return {};
  }
}

std::string describe_icmp(const Undelivered& undelivered) {
  const bool by_itself = undelivered.reporter.bytes == undelivered.path.peer.bytes;
  const std::string who = by_itself ? "the host itself" : to_text(undelivered.reporter);
  const std::string reported = ", reported by " + who;
  switch (undelivered.icmp) {
    case Undelivered::Icmp::Forbidden: return "a firewall forbids it" + reported;
    case Undelivered::Icmp::GoesRound: return "it goes round in circles between routers" + reported;
    case Undelivered::Icmp::NoNeighbour:
      return "no host has this address on the link, or it is off";
    case Undelivered::Icmp::Other: break;
  }
  if (undelivered.error == ENOPROTOOPT) return "UDP is refused" + reported;
  if (undelivered.error != ECONNREFUSED) return std::strerror(undelivered.error) + reported;
  const std::string refused = fmt::format("port {} refused", undelivered.path.peer.port);
  if (!by_itself) return refused + " by a firewall" + reported;
  return refused + ": fwdonord does not run there, or its firewall refuses";
}

}  // namespace

std::string describe(const Undelivered& undelivered) {
  if (undelivered.reporter.family != AddressFamily::None) return describe_icmp(undelivered);
  if (undelivered.error == EAFNOSUPPORT)
    return fmt::format("this system has no {}",
                       undelivered.path.peer.family == AddressFamily::Ipv6 ? "IPv6" : "IPv4");
  return std::string(std::strerror(undelivered.error)).append(meaning_here(undelivered.error));
}

}  // namespace fwr::transport
