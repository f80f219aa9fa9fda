// SPDX-License-Identifier: GPL-3.0-or-later
// PrepareForDiscovery, then GetAddresses and SetDiscovered until no node answers.
#include "link/icmb_discovery.hpp"

#include <algorithm>
#include <utility>

#include "wire/ipmi.hpp"

namespace fwr::link {
namespace {

using wire::icmb::BridgeCommand;
using wire::icmb::BusAddress;

}  // namespace

Datagram make_bus_request(const Path& path, std::uint8_t tag, std::uint8_t net_fn,
                          std::uint8_t command, ByteView data) {
  Datagram message{
      path, wire::plain::encode_request(
                {.net_fn = net_fn, .command = command, .data = {data.begin(), data.end()}}, tag)};
  message.path.medium = Medium::Icmb;
  return message;
}

IcmbDiscovery::IcmbDiscovery(std::uint32_t port, Duration quiet, TimePoint now)
    : port_(port), quiet_(quiet), next_(now), end_(now + kLimit_quiets * quiet) {}

void IcmbDiscovery::request(BusAddress to, BridgeCommand command) {
  Path path;
  path.local.family = AddressFamily::Icmb;
  path.local.scope = port_;
  path.peer = wire::icmb::to_address(to, port_);
  outgoing_.push_back(make_bus_request(path, tag_++, wire::icmb::kBridgeRq,
                                       static_cast<std::uint8_t>(command), {}));
}

void IcmbDiscovery::begin_round(TimePoint now) {
  // Sent twice: a node that misses it keeps silent if it was discovered before.
  if (rounds_ < 2) request(BusAddress::Broadcast, BridgeCommand::PrepareForDiscovery);
  ++rounds_;
  heard_new_ = false;
  telling_ = false;
  request(BusAddress::Broadcast, BridgeCommand::GetAddresses);
  next_ = now + quiet_;
}

void IcmbDiscovery::tell_nodes(TimePoint now) {
  telling_ = false;
  for (Node& node : nodes_) {
    if (node.acknowledged || node.asked >= kTellLimit) continue;
    ++node.asked;
    telling_ = true;
    request(node.address, BridgeCommand::SetDiscovered);
  }
  next_ = now + quiet_;
}

void IcmbDiscovery::handle_timeout(TimePoint now) {
  if (now >= end_) finished_ = true;
  if (finished_ || now < next_) return;
  if (rounds_ == 0) return begin_round(now);
  tell_nodes(now);
  if (telling_) return;
  silent_rounds_ = heard_new_ ? 0 : silent_rounds_ + 1;
  if (silent_rounds_ >= kSilentRounds || rounds_ >= kRoundLimit)
    finished_ = true;
  else
    begin_round(now);
}

void IcmbDiscovery::handle_message(const Datagram& message, TimePoint now) {
  const auto response = wire::plain::decode_response(message.bytes);
  if (!response || response->net_fn() != wire::icmb::kBridgeRs ||
      static_cast<wire::CompletionCode>(response->data.front()) != wire::CompletionCode::Ok)
    return;
  const BusAddress from = wire::icmb::bus_address(message.path.peer);
  const auto command = static_cast<BridgeCommand>(response->command);
  if (command == BridgeCommand::SetDiscovered) {
    for (Node& node : nodes_)
      if (node.address == from) node.acknowledged = true;
    const auto open = [](const Node& node) { return !node.acknowledged; };
    if (telling_ && std::none_of(nodes_.begin(), nodes_.end(), open)) next_ = now;
    return;
  }
  if (command != BridgeCommand::GetAddresses) return;
  const auto body = wire::decode<wire::icmb::GetAddressesRs>(ByteView(response->data).subspan(1));
  if (!body || body->address != from) return;
  const auto same = [&](const Node& node) {
    return node.address == from && node.guid == body->guid;
  };
  const auto known = std::find_if(nodes_.begin(), nodes_.end(), same);
  if (known != nodes_.end()) {
    // It did not hear that it was found.
    known->acknowledged = false;
    return;
  }
  if (nodes_.size() >= kNodeLimit) return;
  // Only a new node counts: one that answers again and again would hold the round open for ever.
  next_ = std::max(next_, now + quiet_);
  heard_new_ = true;
  nodes_.push_back({from, body->guid, false, 0});
}

std::optional<Datagram> IcmbDiscovery::poll_transmit() {
  if (outgoing_.empty()) return std::nullopt;
  Datagram message = std::move(outgoing_.front());
  outgoing_.pop_front();
  return message;
}

std::optional<TimePoint> IcmbDiscovery::deadline() const {
  if (finished_) return std::nullopt;
  return std::min(next_, end_);
}

}  // namespace fwr::link
