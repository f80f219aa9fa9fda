// SPDX-License-Identifier: GPL-3.0-or-later
// IPv4 and UDP headers by hand.
#include "forger.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>

namespace fwr::hostile {

namespace {

constexpr std::uint32_t kDonorIp = 0x7f000001;

}  // namespace

Forger::Forger(std::uint16_t donor_port)
    : fd_(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)), donor_port_(donor_port) {}

void Forger::send(Host source, std::uint16_t source_port, ByteView datagram,
                  std::uint16_t port) const {
  ASSERT_EQ(0x7fU, source.ip >> 24U) << "only loopback";
  const auto udp_bytes = static_cast<std::uint16_t>(sizeof(udphdr) + datagram.size());
  iphdr ip{};
  ip.version = 4;
  ip.ihl = sizeof(iphdr) / 4;
  ip.tot_len = htons(static_cast<std::uint16_t>(sizeof(iphdr) + udp_bytes));
  ip.ttl = 1;
  ip.protocol = IPPROTO_UDP;
  ip.saddr = htonl(source.ip);
  ip.daddr = htonl(kDonorIp);
  udphdr udp{};
  udp.source = htons(source_port);
  udp.dest = htons(port == 0 ? donor_port_ : port);
  udp.len = htons(udp_bytes);  // without a checksum, as IPv4 allows
  Bytes packet(sizeof ip + sizeof udp);
  std::memcpy(packet.data(), &ip, sizeof ip);
  std::memcpy(packet.data() + sizeof ip, &udp, sizeof udp);
  packet.insert(packet.end(), datagram.begin(), datagram.end());
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(kDonorIp);
  (void)sendto(fd_.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof to);
}

}  // namespace fwr::hostile
