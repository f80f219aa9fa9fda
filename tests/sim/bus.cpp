// SPDX-License-Identifier: GPL-3.0-or-later
// Characters between the model of a bus and the ports on it; cuts, noise and babble.
#include "bus.hpp"

#include <algorithm>

#include "base/soonest.hpp"

namespace fwr::sim {
namespace {

using link::IcmbEvent;
using link::IcmbPort;
using wire::icmb::BusAddress;

constexpr std::array<std::string_view, kBusCounts> kCountNames{
    "characters",
    "collisions",
    "bit errors",
    "frames",
    "arbitration wins",
    "arbitration losses",
    "line errors",
    "bad checksums",
    "duplicates",
    "frames dropped",
    "cuts",
    "babbles",
    "address conflicts",
    "addresses moved",
    "addresses refused",
};
constexpr std::uint16_t kFirstWish = 0x10;
/// A donor's stream is pulled while less than that waits: a burst.
constexpr std::size_t kRoom_bytes = 4096;
constexpr std::size_t kRoom_frames = 32;

std::vector<std::size_t> hosts_on(const Plan& plan, std::size_t medium) {
  std::vector<std::size_t> hosts;
  const auto has = [&](const std::vector<std::size_t>& media) {
    return std::count(media.begin(), media.end(), medium) > 0;
  };
  for (std::size_t i = 0; i < plan.recipients.size(); ++i)
    if (has(plan.recipients[i].media)) hosts.push_back(i);
  for (std::size_t i = 0; i < plan.donors.size(); ++i)
    if (has(plan.donors[i].media)) hosts.push_back(kFirstDonor + i);
  for (std::size_t i = 0; i < plan.faults.size(); ++i)
    if (has_own_node(plan.faults[i].kind) && plan.faults[i].medium == medium)
      hosts.push_back(kFirstGuest + i);
  return hosts;
}

BusCounts counts_of(const IcmbPort& port) {
  BusCounts counts{};
  const auto& statistics = port.statistics();
  const auto set = [&](BusCount what, std::uint64_t value) {
    counts.at(static_cast<std::size_t>(what)) = value;
  };
  set(BusCount::Frames, statistics.sent);
  set(BusCount::ArbitrationWins, statistics.arbitration_wins);
  set(BusCount::ArbitrationLosses, statistics.arbitration_losses);
  set(BusCount::LineErrors, statistics.line_errors);
  set(BusCount::BadChecksums, statistics.bad_checksum);
  set(BusCount::Duplicates, statistics.duplicates);
  set(BusCount::Dropped, statistics.dropped);
  set(BusCount::Cuts, statistics.cuts);
  set(BusCount::Babbles, statistics.babbles);
  set(BusCount::Conflicts, statistics.conflicts);
  return counts;
}

void add_all(BusCounts& to, const BusCounts& from) {
  for (std::size_t i = 0; i < kBusCounts; ++i) to.at(i) += from.at(i);
}

}  // namespace

std::string_view to_text(BusCount count) {
  return kCountNames.at(static_cast<std::size_t>(count));
}

std::uint32_t line_of(std::size_t medium) {
  return static_cast<std::uint32_t>(medium + 1);
}

BusAddress wish_of(std::size_t host) {
  return BusAddress{static_cast<std::uint16_t>(kFirstWish + host)};
}

Bus::Bus(const Plan& plan, std::size_t medium, Chronicle& chronicle)
    : plan_(plan),
      medium_(medium),
      kind_(*plan.media.at(medium).bus),
      chronicle_(chronicle),
      was_active_(plan.faults.size(), false),
      dice_(Dice(plan.seed).fork(6000 + medium)),
      model_(hosts_on(plan, medium).size(),
             {.baud = kind_.baud,
              .noise = kind_.own_noise ? link::BusNoise::Receiver : link::BusNoise::Line,
              .seed = dice_.next()}) {
  for (const std::size_t host : hosts_on(plan, medium)) {
    index_.emplace(host, nodes_.size());
    Node& made = nodes_.emplace_back();
    made.host = host;
    made.random = std::make_unique<DiceRandom>(dice_.fork(host));
    model_.set_connected(nodes_.size() - 1, false);
  }
  for (std::size_t i = 0; i < plan.faults.size(); ++i)
    if (plan.faults[i].kind == FaultKind::EchoLoss && concerns(plan.faults[i]))
      echo_losses_.push_back(i);
  apply_faults(kBegin);
}

// --- nodes ---------------------------------------------------------------------------------------

void Bus::open(std::size_t host, TimePoint now) {
  Node& opened = node(host);
  link::IcmbSettings settings;
  settings.limits.baud = kind_.baud;
  settings.port = line_of(medium_);
  settings.guid = plan_.bus_guid(host);
  settings.address = wish_of(host);
  settings.fixed = plan_.has_fixed_address(host);
  if (host >= kFirstGuest) {
    const Fault& fault = plan_.faults.at(host - kFirstGuest);
    if (fault.kind == FaultKind::AddressCollision && fault.target)
      settings.address = wish_of(*fault.target);
  }
  chronicle_.note("bus {}: host {} comes", medium_, host);
  opened.port = std::make_unique<IcmbPort>(settings, *opened.random, now);
  apply_faults(now);
  pump(index_.at(host), now);
}

void Bus::close(std::size_t host) {
  Node& closed = node(host);
  if (closed.port == nullptr) return;
  chronicle_.note("bus {}: host {} goes", medium_, host);
  add_all(closed.counts, counts_of(*closed.port));
  closed.port.reset();
  model_.discard(index_.at(host));
  model_.set_connected(index_.at(host), false);
}

bool Bus::is_open(std::size_t host) const {
  return port(host) != nullptr;
}

const IcmbPort* Bus::port(std::size_t host) const {
  const auto found = index_.find(host);
  return found == index_.end() ? nullptr : nodes_.at(found->second).port.get();
}

std::uint64_t Bus::written(std::size_t host) const {
  const auto found = index_.find(host);
  return found == index_.end() ? 0 : nodes_.at(found->second).written;
}

bool Bus::has_room(std::size_t host) const {
  const IcmbPort* own = port(host);
  return own != nullptr && own->waiting_bytes() < kRoom_bytes && own->waiting() < kRoom_frames;
}

void Bus::send(std::size_t host, const Datagram& message, TimePoint now) {
  Node& sender = node(host);
  if (sender.port == nullptr) return;
  (void)sender.port->send(message, now);
  pump(index_.at(host), now);
}

void Bus::write_raw(std::size_t host, ByteView characters, TimePoint now) {
  model_.write(index_.at(host), characters, now);
}

void Bus::check_limits(const Node& node) const {
  const link::IcmbLimits limits;
  constexpr std::size_t kOnTheLine = 32;  // short frames that come back when a talk is given up
  if (node.port->waiting() > limits.queued_frames + kOnTheLine ||
      node.port->waiting_bytes() > limits.queued_bytes + wire::icmb::kPayloadLimit_bytes)
    chronicle_.violate("limits",
                       fmt::format("{} frames of {} bytes wait in the port of host {}",
                                   node.port->waiting(), node.port->waiting_bytes(), node.host));
}

void Bus::count(Node& node, const IcmbEvent& event) {
  chronicle_.note("bus {}: host {} {} {}", medium_, node.host, link::to_text(event.kind),
                  wire::icmb::to_text(event.address));
  if (event.kind == IcmbEvent::Kind::AddressMoved)
    ++node.counts.at(static_cast<std::size_t>(BusCount::AddressesMoved));
  if (event.kind == IcmbEvent::Kind::AddressRefused)
    ++node.counts.at(static_cast<std::size_t>(BusCount::AddressesRefused));
}

/// Everything that a port has for the line and for its host.
void Bus::pump(std::size_t index, TimePoint now) {
  Node& node = nodes_[index];
  while (auto output = node.port->poll_output(now)) {
    const Duration character = model_.character_time();
    if (output->discard) {
      model_.discard(index);
      node.talks_until = std::min(node.talks_until, now + 16 * character);
    }
    if (output->characters.empty()) continue;
    model_.write(index, output->characters, now);
    node.written += output->characters.size();
    node.talks_until = std::max(node.talks_until, now) +
                       character * static_cast<Duration::rep>(output->characters.size());
  }
  while (const auto event = node.port->poll_event()) count(node, *event);
  while (auto message = node.port->poll_receive())
    arrived_.push_back({node.host, *std::move(message)});
  check_limits(node);
}

// --- what happens to a bus -----------------------------------------------------------------------

bool Bus::concerns(const Fault& fault) const {
  if (!fault.enabled || (fault.medium && *fault.medium != medium_)) return false;
  return fault.kind == FaultKind::LinkDeath || info(fault.kind).area == FaultArea::Bus;
}

bool Bus::is_down(const Fault& fault, TimePoint now) const {
  if (!fault.active(now)) return false;
  if (fault.kind != FaultKind::BusFlaps) return true;
  const auto up = std::chrono::duration_cast<Duration>(fault.amount * (1 - fault.probability));
  return (now - fault.from) % fault.amount >= up;
}

bool Bus::is_flapped_away(TimePoint now) const {
  return std::any_of(plan_.faults.begin(), plan_.faults.end(), [&](const Fault& fault) {
    return fault.kind == FaultKind::BusFlaps && concerns(fault) && is_down(fault, now);
  });
}

std::optional<TimePoint> Bus::next_edge(const Fault& fault, TimePoint now) const {
  if (now < fault.from) return fault.from;
  if (now >= fault.until) return std::nullopt;
  if (fault.kind == FaultKind::BusFlaps) {
    const auto up = std::chrono::duration_cast<Duration>(fault.amount * (1 - fault.probability));
    const TimePoint period = now - (now - fault.from) % fault.amount;
    return std::min(now < period + up ? period + up : period + fault.amount, fault.until);
  }
  if (fault.until == TimePoint::max()) return std::nullopt;
  return fault.until;
}

void Bus::apply_faults(TimePoint now) {
  double rate = 0;
  edge_.reset();
  std::vector<bool> cut(nodes_.size(), false);
  std::vector<bool> babbles(nodes_.size(), false);
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    if (!concerns(fault)) continue;
    if (const auto edge = next_edge(fault, now)) edge_ = std::min(edge_.value_or(*edge), *edge);
    const bool active = is_down(fault, now);
    if (active && !was_active_[i]) chronicle_.injected(fault.kind);
    if (active != was_active_[i])
      chronicle_.note("bus {}: {} {}", medium_, to_text(fault.kind), active ? "begins" : "ends");
    was_active_[i] = active;
    if (!active) continue;
    const auto at = index_.find(fault.target.value_or(kFirstGuest + i));
    if (fault.kind == FaultKind::BusNoise) rate += fault.probability;
    if (fault.kind == FaultKind::LinkDeath || fault.kind == FaultKind::BusFlaps)
      std::fill(cut.begin(), cut.end(), true);
    if (at == index_.end()) continue;
    if (fault.kind == FaultKind::NodeCut) cut[at->second] = true;
    if (fault.kind == FaultKind::Babble) babbles[at->second] = true;
  }
  // Only a change: each call draws anew when the next bit is damaged.
  if (rate != rate_) model_.set_bit_error_rate(std::min(rate, 0.3));
  rate_ = rate;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const bool guest = nodes_[i].host >= kFirstGuest;
    const bool there = nodes_[i].port != nullptr || guest || babbles[i];
    model_.set_connected(i, there && !cut[i]);
    model_.set_babbling(i, babbles[i], now);
  }
}

/// Its own characters do not come back to it, though others hear them.
bool Bus::is_deaf(const Node& node, TimePoint now) {
  return std::any_of(echo_losses_.begin(), echo_losses_.end(), [&](std::size_t number) {
    const Fault& fault = plan_.faults[number];
    return fault.active(now) && fault.target == node.host && visited_ < node.talks_until &&
           dice_.chance(fault.probability);
  });
}

std::optional<TimePoint> Bus::next(TimePoint now) const {
  Soonest soonest;
  // A host is given what came in groups, as by a driver.
  if (const auto done = model_.next()) soonest.add(std::max(*done, visited_ + kind_.latency));
  for (const Node& node : nodes_)
    if (node.port != nullptr)
      if (const auto at = node.port->deadline()) soonest.add(std::max(*at, now));
  soonest.add(edge_);
  if (!arrived_.empty()) soonest.add(now);
  return soonest.time();
}

std::vector<Bus::Arrived> Bus::work(TimePoint now) {
  const auto due = next(visited_);
  if (!due || *due > now) return {};
  model_.advance(now);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Bytes heard = model_.take_heard(i);
    Node& node = nodes_[i];
    if (node.port == nullptr || heard.empty() || is_deaf(node, now)) continue;
    node.port->handle_characters(heard, now);
    pump(i, now);
  }
  if (edge_ && *edge_ <= now) apply_faults(now);
  visited_ = now;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (node.port == nullptr) continue;
    if (const auto at = node.port->deadline(); at && *at <= now) node.port->handle_timeout(now);
    pump(i, now);
  }
  return std::exchange(arrived_, {});
}

BusCounts Bus::counts() const {
  BusCounts counts{};
  const auto set = [&](BusCount what, std::uint64_t value) {
    counts.at(static_cast<std::size_t>(what)) = value;
  };
  set(BusCount::Characters, model_.counters().characters);
  set(BusCount::Collisions, model_.counters().collisions);
  set(BusCount::BitErrors, model_.counters().bit_errors);
  for (const Node& node : nodes_) {
    add_all(counts, node.counts);
    if (node.port != nullptr) add_all(counts, counts_of(*node.port));
  }
  return counts;
}

}  // namespace fwr::sim
