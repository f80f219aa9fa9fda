// SPDX-License-Identifier: GPL-3.0-or-later
// Sockets of attackers, and the rule that no answer without a session amplifies.
#include "peer.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <thread>
#include <variant>

#include "wire/rmcp.hpp"

namespace fwr::hostile {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargest_bytes = 65536;
// PROTOCOL §8.4 with room to spare: 1,000 a second in all and a burst of 200 of one source.
constexpr auto kInterval = 1250us;
constexpr auto kBurst = 300 * kInterval;
constexpr unsigned kPerSource = 180;

/// A token bucket like the donor's, a little smaller: when it will be full again.
Clock::time_point& full_at() {
  static Clock::time_point at{};
  return at;
}

/// Spaces what the donor may count as unauthenticated.
void pace() {
  const auto now = Clock::now();
  full_at() = std::max(full_at(), now) + kInterval;
  if (full_at() - now > kBurst) std::this_thread::sleep_for(full_at() - now - kBurst);
}

constexpr Host kDonorHost{0x7f000001};

}  // namespace

sockaddr_in to_sockaddr(Host host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(host.ip);
  return address;
}

Host fresh_host() {
  static std::uint32_t last = 0x7f010000;  // 127.1.0.0
  do {
    ++last;
  } while ((last & 0xffU) == 0 || (last & 0xffU) == 0xffU);
  return {last};
}

void note_empty_budget() {
  full_at() = Clock::now() + kBurst;
  std::this_thread::sleep_for(20 * kInterval);
}

bool is_protected(ByteView datagram) {
  const auto message = wire::decode_rmcp(datagram);
  if (!message) return false;
  const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message);
  return packet != nullptr && packet->header.session_id != 0 && packet->header.encrypted &&
         packet->header.authenticated;
}

std::size_t allowed_factor(ByteView reply) {
  constexpr std::size_t kStandard = 3;  // PROTOCOL §2.1
  const auto message = wire::decode_rmcp(reply);
  if (!message) return 1;
  if (std::holds_alternative<wire::PresencePong>(*message)) return kStandard;
  const auto ipmi = [](ByteView bytes) {
    const auto lan = wire::decode_lan_message(bytes);
    return lan && lan->net_fn == (raw(wire::NetFn::AppRq) | 1U) ? kStandard : std::size_t{1};
  };
  if (const auto* v15 = std::get_if<wire::SessionlessV15>(&*message)) return ipmi(v15->message);
  const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message);
  if (packet == nullptr) return 1;
  const auto type = static_cast<wire::PayloadType>(packet->header.payload_type);
  if (type == wire::PayloadType::Ipmi) return ipmi(packet->payload);
  return kStandard;
}

Peer::Peer(std::uint16_t donor_port, Host host, std::uint16_t own_port)
    : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      host_(host),
      donor_port_(donor_port) {
  const sockaddr_in own = to_sockaddr(host, own_port);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  const int buffer = 4 << 20;  // for the image stream
  if (!fd_.is_open() || bind(fd_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0 ||
      setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) != 0)
    throw std::runtime_error("no socket on a loopback address");
  port_ = ntohs(bound.sin_port);
}

void Peer::send(ByteView datagram) {
  constexpr std::size_t kSessionIdAt = 6;  // RMCP+: header 4, authentication type, payload type
  const bool may_count =
      datagram.size() < kSessionIdAt + 4 ||
      std::all_of(datagram.begin() + kSessionIdAt, datagram.begin() + kSessionIdAt + 4,
                  [](std::byte b) { return b == std::byte{0}; }) ||
      datagram[4] != std::byte{wire::kAuthTypeRmcpPlus};
  if (may_count) {
    pace();
    if (++unauthenticated_ == kPerSource)
      ADD_FAILURE() << "this test sends so much from one source that the limits may hide a fault";
  }
  flood(datagram);
}

void Peer::flood(ByteView datagram) {
  largest_sent_ = std::max(largest_sent_, datagram.size());
  const sockaddr_in donor = to_sockaddr(kDonorHost, donor_port_);
  // What the kernel does not take is lost, as on any network.
  (void)sendto(fd_.get(), datagram.data(), datagram.size(), 0,
               reinterpret_cast<const sockaddr*>(&donor), sizeof donor);
}

std::optional<Bytes> Peer::receive(std::chrono::milliseconds patience) {
  pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, static_cast<int>(patience.count())) != 1) return std::nullopt;
  Bytes datagram(kLargest_bytes);
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const auto got = recvfrom(fd_.get(), datagram.data(), datagram.size(), 0,
                            reinterpret_cast<sockaddr*>(&from), &size);
  if (got < 0) return std::nullopt;
  datagram.resize(static_cast<std::size_t>(got));
  EXPECT_EQ(kDonorHost.ip, ntohl(from.sin_addr.s_addr)) << "an answer from another address";
  EXPECT_EQ(donor_port_, ntohs(from.sin_port)) << "an answer from another port";
  check_size(datagram);
  return datagram;
}

std::vector<Bytes> Peer::drain() {
  std::vector<Bytes> all;
  while (auto datagram = receive(0ms)) all.push_back(*std::move(datagram));
  largest_sent_ = 0;
  return all;
}

void Peer::check_size(ByteView reply) const {
  if (is_protected(reply)) return;
  EXPECT_LE(reply.size(), allowed_factor(reply) * largest_sent_)
      << "an answer of " << reply.size() << " bytes without a session to a request of "
      << largest_sent_ << ": " << to_hex(reply);
}

}  // namespace fwr::hostile
