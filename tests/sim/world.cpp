// SPDX-License-Identifier: GPL-3.0-or-later
// Virtual time, and what must hold of a whole run.
#include "world.hpp"

#include <algorithm>

#include "base/soonest.hpp"

namespace fwr::sim {
namespace {

/// Busy-loop guard: steps allowed at one virtual instant.
constexpr std::uint64_t kStepsAtOnce = 20000;
constexpr Duration kLongestRun = std::chrono::hours(12);
/// Leases and sessions end by themselves (PROTOCOL §8.2, §8.3).
constexpr Duration kForgets = std::chrono::seconds(150);

template <std::size_t N>
void add_all(std::array<std::uint64_t, N>& to, const std::array<std::uint64_t, N>& from) {
  for (std::size_t i = 0; i < N; ++i) to.at(i) += from.at(i);
}

}  // namespace

void Totals::add(const Totals& other) {
  runs += other.runs;
  steps += other.steps;
  datagrams += other.datagrams;
  virtual_ms += other.virtual_ms;
  power_cuts += other.power_cuts;
  must += other.must;
  add_all(fingerprint, other.fingerprint);
  add_all(injected, other.injected);
  add_all(recipient_rows, other.recipient_rows);
  add_all(lease_rows, other.lease_rows);
  add_all(outcomes, other.outcomes);
  add_all(bus, other.bus);
}

World::World(const Plan& plan, bool with_lines)
    : plan_(plan),
      chronicle_(with_lines),
      network_(plan, chronicle_),
      outsider_(plan, network_, chronicle_) {
  for (std::size_t i = 0; i < plan.donors.size(); ++i)
    if (plan.donors[i].present)
      donors_.push_back(std::make_unique<DonorHost>(plan, i, network_, chronicle_));
  for (std::size_t i = 0; i < plan.recipients.size(); ++i)
    if (plan.recipients[i].present)
      recipients_.push_back(std::make_unique<RecipientHost>(
          plan, i, network_, chronicle_,
          [this, i](const policy::Policy& policy, const policy::Situation& situation,
                    std::optional<TimePoint> since) {
            return steady(i, policy, situation, since);
          }));
  for (std::size_t i = 0; i < plan.faults.size(); ++i)
    if (plan.faults[i].enabled && plan.faults[i].kind == FaultKind::UnrulyClient)
      clients_.push_back(
          std::make_unique<UnrulyClient>(plan, i, clients_.size(), network_, chronicle_));
  for (std::size_t i = 0; i < plan.faults.size(); ++i)
    if (plan.faults[i].enabled && has_own_node(plan.faults[i].kind))
      guests_.push_back(std::make_unique<BusGuest>(plan, i, network_, chronicle_));
}

bool World::settled() const {
  return std::all_of(recipients_.begin(), recipients_.end(),
                     [](const auto& recipient) { return recipient->settled(); });
}

std::optional<TimePoint> World::next() const {
  const TimePoint now = chronicle_.now();
  Soonest soonest;
  soonest.add(network_.next(now));
  for (const auto& donor : donors_) soonest.add(donor->next(now));
  for (const auto& recipient : recipients_) soonest.add(recipient->next(now));
  for (const auto& client : clients_) soonest.add(client->next());
  for (const auto& guest : guests_) soonest.add(guest->next());
  soonest.add(outsider_.next());
  return soonest.time();
}

void World::step() {
  const auto at = next();
  if (!at) return chronicle_.violate("bounded-time", "everybody waits for nothing");
  const TimePoint now = std::max(chronicle_.now(), *at);
  steps_at_once_ = now > chronicle_.now() ? 0 : steps_at_once_ + 1;
  if (steps_at_once_ > kStepsAtOnce)
    chronicle_.violate("busy-loop", fmt::format("{} steps at one moment", steps_at_once_));
  chronicle_.set_now(now);
  chronicle_.count_step();
  network_.work(now);
  while (const auto delivery = network_.receive(now)) {
    chronicle_.mix(delivery->order);
    for (const auto& donor : donors_)
      if (donor->host() == delivery->host) donor->handle(*delivery, now);
    for (const auto& recipient : recipients_)
      if (recipient->host() == delivery->host) recipient->handle(*delivery, now);
    for (const auto& client : clients_)
      if (client->host() == delivery->host) client->handle(*delivery, now);
    for (const auto& guest : guests_)
      if (guest->host() == delivery->host) guest->handle(*delivery);
    if (chronicle_.violation()) return;
  }
  for (const auto& donor : donors_) donor->work(now);
  for (const auto& recipient : recipients_) recipient->work(now);
  for (const auto& client : clients_) client->work(now);
  for (const auto& guest : guests_) guest->work(now);
  outsider_.work(now);
}

void World::run() {
  while (!chronicle_.violation() && !settled()) {
    step();
    if (chronicle_.now() - kBegin > kLongestRun)
      chronicle_.violate("bounded-time", "the run does not end");
  }
  linger();
}

/// No recipient asks any more: checks that every lease and session ends by itself.
void World::linger() {
  const TimePoint until = chronicle_.now() + kForgets;
  while (!chronicle_.violation()) {
    const auto at = next();
    if (!at || *at > until) break;
    step();
  }
  if (chronicle_.violation()) return;
  for (const auto& donor : donors_)
    if (donor->promises() > 0 && !donor->has_trickled())
      chronicle_.violate("stuck-lease",
                         fmt::format("donor {} still has {} leases and sessions",
                                     donor->host() - kFirstDonor, donor->promises()));
}

/// Whether a medium carries what two systems say to each other, in the end.
bool World::carries(std::size_t medium, std::size_t recipient, std::size_t donor) const {
  constexpr double kSlowestPath = 10000;  // bytes/s
  const MediumPlan& kind = plan_.media[medium];
  if (kind.bytes_per_s != 0 && kind.bytes_per_s < kSlowestPath) return false;
  const RecipientPlan& mine = plan_.recipients[recipient];
  for (const Fault& fault : plan_.faults) {
    if (!fault.enabled || fault.medium != medium || fault.until < plan_.heals) continue;
    if (fault.kind == FaultKind::LinkDeath && fault.until > plan_.heals) return false;
    // After a collision a node has another address: the donor does not allow that one, or the
    // recipient asks the old one.
    const bool donor_stays = !mine.unicast && !plan_.donors[donor].fixed_address;
    if (fault.kind == FaultKind::AddressCollision &&
        (fault.target == recipient || (!donor_stays && fault.target == kFirstDonor + donor)))
      return false;
  }
  const auto& allowed = plan_.donors[donor].allows;
  return !kind.bus || std::count(allowed.begin(), allowed.end(), recipient) > 0;
}

/// True if since then nothing unusual has happened to this donor and on this bus, which stands in
/// for other media. Faults of other media do not count.
bool World::was_quiet(std::size_t medium, std::size_t donor, const ReleaseSpec& image,
                      const policy::Policy& policy, TimePoint since) const {
  const auto& bus = plan_.media[medium].bus;
  if (!bus || plan_.recipients.size() > 1 || image.expires != 0 ||
      policy.donors_tried < plan_.donors.size())
    return false;
  // Four times what the line needs, and time for what died to be given up.
  const double needs_s =
      40.0 * static_cast<double>(content(image.content)->bytes.size()) / bus->baud;
  if (std::chrono::duration<double>(policy.deadline).count() < 300 + needs_s) return false;
  return std::none_of(plan_.faults.begin(), plan_.faults.end(), [&](const Fault& fault) {
    // A donor that died talking stays away for a while.
    const bool died = fault.kind == FaultKind::DonorDiesTalking;
    const TimePoint over = died ? fault.until + fault.amount : fault.until;
    if (!fault.enabled || fault.from > chronicle_.now() || over < since) return false;
    // Faults of networks do not reach a bus, but one medium that is dead may be the bus.
    if (info(fault.kind).area == FaultArea::Network && fault.kind != FaultKind::LinkDeath)
      return false;
    if (info(fault.kind).trait == FaultTrait::EndsAtOnce) return false;
    switch (fault.kind) {
      case FaultKind::LinkDeath: return !fault.medium || *fault.medium == medium;
      case FaultKind::BusNoise: return fault.until < TimePoint::max();
      case FaultKind::DonorCrash:
      case FaultKind::DonorDiesTalking: return fault.target == kFirstDonor + donor;
      case FaultKind::BusTalk:
      case FaultKind::BusStranger:
      case FaultKind::BusForger: return false;  // too few messages to end a recovery
      default: return true;
    }
  });
}

/// Whether this recipient must not refuse the image, by all that it is and has.
bool World::acceptable(const Release& image, const policy::Policy& policy,
                       const policy::Situation& situation) {
  const ReleaseSpec& spec = image.spec;
  if (spec.manufacturer != kManufacturer || spec.key != kTrustedKey) return false;
  if (spec.security < situation.security_floor || spec.security < policy.minimum_security_version ||
      (policy.pinned_version && *policy.pinned_version != spec.version) ||
      image.content->bytes.size() > situation.slot_capacity_bytes)
    return false;
  const auto& confirmed =
      situation.confirmed_version ? situation.confirmed_version : situation.installed_version;
  if (!policy.allow_downgrade && confirmed && image::compare_versions(spec.version, *confirmed) < 0)
    return false;
  const auto& installed =
      situation.installed_version ? situation.installed_version : situation.confirmed_version;
  if (!spec.minimum.empty() && installed && image::compare_versions(*installed, spec.minimum) < 0)
    return false;
  if (spec.expires != 0 &&
      std::max(situation.wall_clock.value_or(0), situation.newest_time) >= spec.expires)
    return false;
  return std::none_of(
      situation.failed.begin(), situation.failed.end(),
      [&](const policy::FailedImage& failed) { return failed.digest == image.content->digest; });
}

/// The fault plan's guarantee for liveness: an honest donor that is up, on a common medium, that
/// has any image which this recipient must not refuse, and a medium that carries it in time.
bool World::steady(std::size_t recipient, const policy::Policy& policy,
                   const policy::Situation& situation, std::optional<TimePoint> since) const {
  for (const auto& donor : donors_) {
    const std::size_t number = donor->host() - kFirstDonor;
    const DonorPlan& plan = plan_.donors[number];
    const bool slow =
        std::any_of(plan_.faults.begin(), plan_.faults.end(), [&](const Fault& fault) {
          return fault.enabled && fault.kind == FaultKind::SlowDonor &&
                 fault.target == donor->host();
        });
    if (donor->lies() || slow || !donor->is_up()) continue;
    if (policy.required_role && *policy.required_role != plan.config.role) continue;
    for (const Release& image : donor->releases()) {
      if (!acceptable(image, policy, situation)) continue;
      for (const std::size_t medium : plan.media) {
        const auto& mine = plan_.recipients[recipient].media;
        const MediumPlan& kind = plan_.media[medium];
        if (std::count(mine.begin(), mine.end(), medium) == 0) continue;
        if ((policy.allowed_media & static_cast<std::uint8_t>(kind.medium)) == 0) continue;
        if (policy.authenticated && kind.bus) continue;
        if (!carries(medium, recipient, number)) continue;
        if (!since || was_quiet(medium, number, image.spec, policy, *since)) return true;
      }
    }
  }
  return false;
}

Totals World::totals() const {
  Totals totals;
  totals.runs = 1;
  totals.steps = chronicle_.steps();
  totals.virtual_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(chronicle_.now() - kBegin).count());
  totals.injected = chronicle_.injected();
  totals.fingerprint = chronicle_.strands();
  for (const auto& donor : donors_) {
    add_all(totals.lease_rows, donor->all_lease_rows());
    totals.datagrams += network_.sent(donor->host());
  }
  for (const auto& recipient : recipients_) {
    add_all(totals.recipient_rows, recipient->rows());
    add_all(totals.outcomes, recipient->outcomes());
    totals.datagrams += network_.sent(recipient->host());
    totals.power_cuts += recipient->power_cuts();
  }
  for (std::size_t i = 0; i < plan_.media.size(); ++i)
    if (const Bus* bus = network_.bus(i)) add_all(totals.bus, bus->counts());
  return totals;
}

}  // namespace fwr::sim
