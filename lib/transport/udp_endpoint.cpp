// SPDX-License-Identifier: GPL-3.0-or-later
// Datagrams in batches.
#include "transport/udp_endpoint.hpp"

namespace fwr::transport {
namespace {

constexpr std::size_t kLargestDatagram_bytes = 65507;  // IPv4; IPv6 has 20 more
constexpr int kReceiveBatches = 4;  // of UdpSocket::kBatch: so that nothing else waits for long

}  // namespace

Endpoint::Fit UdpEndpoint::fit(const Path& path) const {
  if (socket_.family() != path.peer.family) return Fit::None;
  return socket_.local().bytes == path.local.bytes ? Fit::Exact : Fit::Family;
}

LinkProperties UdpEndpoint::properties(const Path& path) const {
  LinkProperties properties;
  properties.medium = path.medium;
  properties.largest_message_bytes = kLargestDatagram_bytes;
  return properties;
}

Result<> UdpEndpoint::receive(const Receive& take, TimePoint) {
  for (int batch = 0; batch < kReceiveBatches; ++batch) {
    const std::span<const Received> arrived = socket_.receive();
    for (const Received& datagram : arrived) take(datagram.path, datagram.bytes);
    if (arrived.size() < UdpSocket::kBatch) break;
  }
  return {};
}

std::size_t UdpEndpoint::send(std::span<const Datagram> messages, TimePoint) {
  return socket_.send(messages);
}

}  // namespace fwr::transport
