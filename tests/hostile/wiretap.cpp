// SPDX-License-Identifier: GPL-3.0-or-later
// A raw socket gets a copy of every UDP packet with its IPv4 header.
#include "wiretap.hpp"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstring>
#include <variant>

#include "intruder.hpp"
#include "wire/rmcp.hpp"

namespace fwr::hostile {

namespace {

constexpr std::size_t kLargest_bytes = 65536;
constexpr unsigned kForged = 1;  // the time to live of what a Forger sends

}  // namespace

Bytes Heard::answer(const wire::oem::Offer& offer) const {
  return wire::encode(wire::SessionlessV15{wire::encode(wire::make_lan_response(
      message, {wire::CompletionCode::Ok, wire::oem::response_data(kIana, offer)}))});
}

Wiretap::Wiretap(std::uint16_t port)
    : fd_(socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)), port_(port) {
  if (!fd_.is_open()) return;
  // Recoveries go by, too.
  const int buffer = 8 << 20;
  (void)setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
}

std::optional<Heard> Wiretap::next() {
  Bytes packet(kLargest_bytes);
  for (;;) {
    const auto got = recv(fd_.get(), packet.data(), packet.size(), 0);
    if (got < 0) return std::nullopt;
    const ByteView whole = ByteView(packet).first(static_cast<std::size_t>(got));
    iphdr ip{};
    udphdr udp{};
    if (whole.size() < sizeof ip) continue;
    std::memcpy(&ip, whole.data(), sizeof ip);
    const std::size_t ip_bytes = std::size_t{ip.ihl} * 4;
    if (whole.size() < ip_bytes + sizeof udp || ip.ttl == kForged) continue;
    std::memcpy(&udp, whole.data() + ip_bytes, sizeof udp);
    if (ntohs(udp.dest) != port_) continue;
    const ByteView datagram = whole.subspan(ip_bytes + sizeof udp);
    const auto rmcp = wire::decode_rmcp(datagram);
    const auto* v15 = rmcp ? std::get_if<wire::SessionlessV15>(&*rmcp) : nullptr;
    auto message =
        v15 == nullptr ? fail(Errc::BadField, {}) : wire::decode_lan_message(v15->message);
    if (!message || message->net_fn != wire::raw(wire::NetFn::OemGroupRq) ||
        message->command != static_cast<std::uint8_t>(Command::RequestFirmware))
      continue;
    const auto body = wire::oem::strip_iana(kIana, message->data);
    const auto request =
        body ? wire::decode<wire::oem::RequestFirmwareRq>(*body) : tl::unexpected(body.error());
    if (!request) continue;
    return Heard{.host = {ntohl(ip.saddr)},
                 .port = ntohs(udp.source),
                 .donor = {ntohl(ip.daddr)},
                 .message = *std::move(message),
                 .request = *request,
                 .datagram = Bytes(datagram.begin(), datagram.end())};
  }
}

}  // namespace fwr::hostile
