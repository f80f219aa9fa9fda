// SPDX-License-Identifier: GPL-3.0-or-later
// How datagrams travel, and what becomes of them on the way.
#include "network.hpp"

#include <algorithm>

#include "base/soonest.hpp"

namespace fwr::sim {
namespace {

constexpr std::size_t kHeaders_bytes = 48;  // IPv6 and UDP

}  // namespace

Address address_of(std::size_t medium, std::size_t host, std::uint16_t port) {
  return Address{
      .family = AddressFamily::Ipv4,
      .port = port,
      .bytes = {10, static_cast<std::uint8_t>(medium), 0, static_cast<std::uint8_t>(host + 1)}};
}
Address broadcast_on(std::size_t medium) {
  return Address{.family = AddressFamily::Ipv4,
                 .port = kRmcpPort,
                 .bytes = {10, static_cast<std::uint8_t>(medium), 0, 255}};
}
std::size_t host_of(const Address& address) {
  return static_cast<std::size_t>(address.bytes[3]) - 1;
}
std::size_t medium_of(const Address& address) {
  if (address.family == AddressFamily::Icmb) return address.scope - 1;
  return address.bytes[1];
}
Path way_to_all(const Plan& plan, std::size_t medium, std::size_t host, std::uint16_t port) {
  Path path{.local = address_of(medium, host, port),
            .peer = broadcast_on(medium),
            .medium = plan.media[medium].medium};
  if (plan.media[medium].bus) {
    path.local = Address{.scope = line_of(medium)};
    path.peer = wire::icmb::to_address(wire::icmb::BusAddress::Broadcast, line_of(medium));
  }
  return path;
}

Network::Network(const Plan& plan, Chronicle& chronicle)
    : plan_(plan),
      chronicle_(chronicle),
      jitter_(Dice(plan.seed).fork(77)),
      attached_(plan.media.size()) {
  dice_.reserve(plan.faults.size());
  for (const Fault& fault : plan.faults) dice_.emplace_back(fault.seed);
  for (std::size_t i = 0; i < plan.media.size(); ++i)
    buses_.push_back(plan.media[i].bus ? std::make_unique<Bus>(plan, i, chronicle) : nullptr);
}

void Network::attach(std::size_t medium, std::size_t host, bool listens) {
  attached_.at(medium).push_back({host, listens});
}

void Network::open(std::size_t medium, std::size_t host, TimePoint now) {
  if (Bus* wires = bus(medium)) wires->open(host, now);
}

void Network::close(std::size_t medium, std::size_t host) {
  if (Bus* wires = bus(medium)) wires->close(host);
}

bool Network::has_room(std::size_t medium, std::size_t host, TimePoint now) const {
  if (const Bus* wires = bus(medium)) return wires->has_room(host);
  const auto found = free_at_.find({host, medium});
  return found == free_at_.end() || found->second <= now + kQueue;
}

void Network::send(std::size_t host, Datagram datagram, TimePoint now) {
  const Path& path = datagram.path;
  if (path.peer.family != AddressFamily::Icmb)
    return send_lan(path.local, path.peer, std::move(datagram.bytes), now);
  const std::size_t medium = medium_of(path.peer);
  if (medium >= buses_.size() || buses_[medium] == nullptr) return;
  ++sent_[host];
  chronicle_.note("host {} -> {} {} bytes", host, to_text(path.peer), datagram.bytes.size());
  chronicle_.mix(Strand::Datagrams, datagram.bytes);
  buses_[medium]->send(host, datagram, now);
}

void Network::work(TimePoint now) {
  for (std::size_t i = 0; i < buses_.size(); ++i) {
    if (buses_[i] == nullptr) continue;
    for (Bus::Arrived& arrived : buses_[i]->work(now)) {
      chronicle_.note("host {} <- {} {} bytes", arrived.host, to_text(arrived.datagram.path.peer),
                      arrived.datagram.bytes.size());
      chronicle_.mix(Strand::Datagrams, arrived.datagram.bytes);
      if (arrived.host < kOutsider)
        remember({now, 0, arrived.host, i, arrived.datagram}, heard_on_buses_,
                 heard_on_buses_next_);
      deliver(i, arrived.host, std::move(arrived.datagram), now);
    }
  }
}

void Network::send_lan(const Address& from, const Address& to, Bytes bytes, TimePoint now) {
  const std::size_t medium = medium_of(from);
  if (medium >= plan_.media.size() || medium_of(to) != medium || bus(medium) != nullptr) return;
  const MediumPlan& kind = plan_.media[medium];
  const std::size_t sender = host_of(from);
  ++sent_[sender];
  chronicle_.note("{} -> {} {} bytes", to_text(from), to_text(to), bytes.size());
  chronicle_.mix(Strand::Datagrams, bytes);
  const std::size_t size = bytes.size() + kHeaders_bytes;
  if (size > kind.mtu) return;
  TimePoint leaves = now;
  double rate = kind.bytes_per_s;
  for (const Fault& fault : plan_.faults) {
    if (fault.kind != FaultKind::SlowDonor || !fault.active(now) || fault.source != sender)
      continue;
    const auto slow = static_cast<double>(fault.count);
    rate = rate == 0 ? slow : std::min(rate, slow);
    chronicle_.injected(fault.kind);
  }
  if (rate > 0) {
    TimePoint& free_at = free_at_[{sender, medium}];
    const auto takes = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(static_cast<double>(size) / rate));
    free_at = std::max(free_at, now) + takes;
    leaves = free_at;
  }
  const Datagram datagram{.path = {.local = to, .peer = from, .medium = kind.medium},
                          .bytes = std::move(bytes)};
  const bool to_all = to.bytes[3] == 255;
  for (const Attached& attached : attached_[medium]) {
    if (attached.host == sender || (!to_all && attached.host != host_of(to))) continue;
    if (to_all && !attached.listens) continue;
    Datagram copy = datagram;
    copy.path.local = address_of(medium, attached.host, to.port);
    carry(medium, attached.host, copy, leaves, now);
  }
}

bool Network::applies(const Fault& fault, std::size_t medium, std::size_t from, std::size_t to,
                      TimePoint now) const {
  return fault.active(now) && (!fault.medium || *fault.medium == medium) &&
         (!fault.source || *fault.source == from) && (!fault.target || *fault.target == to);
}

bool Network::strikes(std::size_t fault_number) {
  const Fault& fault = plan_.faults[fault_number];
  if (!dice_[fault_number].chance(fault.probability)) return false;
  chronicle_.injected(fault.kind);
  return true;
}

/// False: it does not arrive at all.
bool Network::damage(std::size_t medium, std::size_t from, std::size_t to, Datagram& datagram,
                     Duration& extra, unsigned& copies, TimePoint now) {
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    if (fault.kind > FaultKind::LinkDeath || !applies(fault, medium, from, to, now)) continue;
    if (!strikes(i)) continue;
    Dice& dice = dice_[i];
    switch (fault.kind) {
      case FaultKind::Drop:
      case FaultKind::Partition:
      case FaultKind::LinkDeath: return false;
      case FaultKind::Duplicate: ++copies; break;
      case FaultKind::Reorder:
      case FaultKind::Delay: extra += dice.time(Duration::zero(), fault.amount); break;
      case FaultKind::Truncate: datagram.bytes.resize(dice.below(datagram.bytes.size())); break;
      case FaultKind::BitFlip:
        if (!datagram.bytes.empty())
          datagram.bytes[dice.below(datagram.bytes.size())] ^=
              static_cast<std::byte>(1U << dice.below(8));
        break;
      case FaultKind::StaleReply:
        deliver(medium, to, datagram, now + dice.time(std::chrono::milliseconds(1), fault.amount));
        break;
      default: break;
    }
  }
  return true;
}

void Network::remember(Delivery delivery, std::vector<Delivery>& in, std::size_t& place) {
  if (in.size() < kHeard)
    in.push_back(std::move(delivery));
  else
    in[place++ % kHeard] = std::move(delivery);
}

void Network::carry(std::size_t medium, std::size_t to_host, const Datagram& datagram,
                    TimePoint leaves, TimePoint now) {
  const std::size_t from = host_of(datagram.path.peer);
  if (from < kOutsider) remember({now, 0, to_host, medium, datagram}, heard_, heard_next_);
  Datagram arriving = datagram;
  Duration extra{};
  unsigned copies = 1;
  if (!damage(medium, from, to_host, arriving, extra, copies, now)) return;
  const MediumPlan& kind = plan_.media[medium];
  for (unsigned i = 0; i < copies; ++i) {
    const Duration jitter = jitter_.time(Duration::zero(), kind.jitter);
    deliver(medium, to_host, arriving, leaves + kind.delay + jitter + extra);
  }
}

void Network::deliver(std::size_t medium, std::size_t host, Datagram datagram, TimePoint at) {
  const std::uint64_t order = order_++;
  waiting_.emplace(std::pair(at, order), Delivery{at, order, host, medium, std::move(datagram)});
}

std::optional<TimePoint> Network::next(TimePoint now) const {
  Soonest soonest;
  if (!waiting_.empty()) soonest.add(waiting_.begin()->first.first);
  for (const auto& wires : buses_)
    if (wires) soonest.add(wires->next(now));
  return soonest.time();
}

std::optional<Delivery> Network::receive(TimePoint now) {
  if (waiting_.empty() || waiting_.begin()->first.first > now) return std::nullopt;
  Delivery delivery = std::move(waiting_.begin()->second);
  waiting_.erase(waiting_.begin());
  return delivery;
}

std::uint64_t Network::sent(std::size_t host) const {
  const auto found = sent_.find(host);
  return found == sent_.end() ? 0 : found->second;
}

}  // namespace fwr::sim
