// SPDX-License-Identifier: GPL-3.0-or-later
// From a seed to a plan with a bus.
#include "plan_bus.hpp"

#include <algorithm>
#include <array>

#include "chronicle.hpp"

namespace fwr::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kNever = TimePoint::max();
/// Mostly fast lines: what a seed costs is characters, and what it finds is decided between them.
constexpr std::array<std::uint32_t, 10> kBauds{19200,  57600,  115200, 115200, 115200,
                                               115200, 230400, 500000, 500000, 1000000};
constexpr std::array<std::uint32_t, 4> kSlowBauds{9600, 19200, 19200, 38400};
constexpr std::size_t kSmallContents = 26;  ///< up to 80 KiB
/// 112 to 256 KiB: more than a minute on a slow bus, after which a recipient looks around.
constexpr std::size_t kFirstLongContent = 30;

MediumPlan draw_bus(Dice& dice, const BusStyle& style) {
  MediumPlan medium;
  medium.medium = Medium::Icmb;
  BusPlan bus;
  bus.baud = style.kind == BusStyle::Kind::Returns ? dice.pick(kSlowBauds) : dice.pick(kBauds);
  bus.latency = dice.time(microseconds(100), microseconds(1500));
  bus.own_noise = dice.chance(0.3);
  medium.bus = bus;
  return medium;
}

class BusTrouble {
 public:
  BusTrouble(Plan& plan, const BusStyle& style, Dice& dice, bool calm)
      : plan_(plan), style_(style), dice_(dice), lasts_(plan.heals - kBegin), calm_(calm) {}

  void draw() {
    for (std::size_t medium = 0; medium < plan_.media.size(); ++medium)
      if (plan_.media[medium].bus)
        bus(medium);
      else if (style_.kind == BusStyle::Kind::Returns)
        comes_back(medium);
      else
        other_medium(medium);
    if (style_.kind == BusStyle::Kind::Returns && dice_.chance(0.2) && !plan_.donors.empty()) {
      Fault& fault = add(FaultKind::TricklingDonor);
      fault.target = kFirstDonor + dice_.below(plan_.donors.size());
      fault.until = kNever;
    }
    while (!calm_ && !plan_.donors.empty() && dice_.chance(0.2)) {
      Fault& fault = add(FaultKind::DonorDiesTalking);
      fault.target = kFirstDonor + dice_.below(plan_.donors.size());
      fault.count = dice_.between(50, dice_.chance(0.5) ? 3000 : 60000);
      fault.amount = dice_.time(milliseconds(200), seconds(15));
    }
    forger();
  }

 private:
  Fault& add(FaultKind kind) {
    plan_.faults.push_back(make_fault(kind, kBegin, plan_.heals, dice_.next()));
    return plan_.faults.back();
  }
  void window(Fault& fault, double longest) {
    const auto most = std::chrono::duration_cast<Duration>(lasts_ * longest);
    fault.from = kBegin + dice_.time(Duration::zero(), lasts_);
    fault.until = std::min(fault.from + dice_.time(milliseconds(50), most), plan_.heals);
  }
  std::size_t any_host(std::size_t medium) {
    std::vector<std::size_t> hosts;
    const auto has = [&](const std::vector<std::size_t>& media) {
      return std::count(media.begin(), media.end(), medium) > 0;
    };
    for (std::size_t i = 0; i < plan_.recipients.size(); ++i)
      if (has(plan_.recipients[i].media)) hosts.push_back(i);
    for (std::size_t i = 0; i < plan_.donors.size(); ++i)
      if (has(plan_.donors[i].media)) hosts.push_back(kFirstDonor + i);
    return hosts.empty() ? 0 : dice_.pick(hosts);
  }

  void bus(std::size_t medium) {
    noise(medium);
    if (dice_.chance(0.25)) {
      Fault& fault = add(FaultKind::BusTalk);
      fault.medium = medium;
      fault.until = kNever;
    }
    if (dice_.chance(0.15)) {
      Fault& fault = add(FaultKind::AddressCollision);
      fault.medium = medium;
      fault.target = any_host(medium);
      fault.from = dice_.chance(0.5) ? kBegin : kBegin + dice_.time(Duration::zero(), lasts_);
      fault.until = kNever;
    }
    if (dice_.chance(0.25)) {
      Fault& fault = add(FaultKind::BusStranger);
      window(fault, 0.8);
      fault.medium = medium;
    }
    if (calm_) return;
    if (dice_.chance(0.2)) flaps(medium);
    while (dice_.chance(0.25)) node(FaultKind::NodeCut, medium, 0.5);
    while (dice_.chance(0.15)) {
      node(FaultKind::Babble, medium, 0.3);
      if (dice_.chance(0.5)) plan_.faults.back().target.reset();
    }
    while (dice_.chance(0.15)) {
      node(FaultKind::EchoLoss, medium, 0.5);
      plan_.faults.back().probability = dice_.chance(0.5) ? 1 : 0.2;
    }
    if (dice_.chance(0.2)) {
      Fault& fault = add(FaultKind::BusGarbage);
      window(fault, 0.6);
      fault.medium = medium;
    }
    while (dice_.chance(0.2)) {
      Fault& fault = add(FaultKind::LinkDeath);
      window(fault, 0.5);
      fault.medium = medium;
    }
  }
  void noise(std::size_t medium) {
    if (dice_.chance(0.4)) {
      // What is usual may last for ever, and must be lived with.
      Fault& fault = add(FaultKind::BusNoise);
      fault.medium = medium;
      fault.probability = static_cast<double>(dice_.between(1, 20)) * 1e-6;
      fault.until = kNever;
    }
    if (calm_ || !dice_.chance(0.3)) return;
    Fault& fault = add(FaultKind::BusNoise);
    window(fault, 0.7);
    fault.medium = medium;
    fault.probability =
        static_cast<double>(dice_.between(1, 10)) * (dice_.chance(0.7) ? 1e-4 : 3e-3);
  }
  void flaps(std::size_t medium) {
    Fault& fault = add(FaultKind::BusFlaps);
    fault.medium = medium;
    fault.amount = dice_.time(seconds(25), seconds(90));
    fault.probability = static_cast<double>(dice_.between(3, 35)) / 100;
    fault.until = kNever;
  }
  void node(FaultKind kind, std::size_t medium, double longest) {
    Fault& fault = add(kind);
    window(fault, longest);
    fault.medium = medium;
    fault.target = any_host(medium);
  }

  /// Two of its answers are fewer than what gives a donor up. Its dice are its own: the other
  /// faults of a seed stay what they were.
  void forger() {
    Dice dice = Dice(plan_.seed).fork(8000);
    if (!dice.chance(0.25)) return;
    for (std::size_t medium = 0; medium < plan_.media.size(); ++medium) {
      if (!plan_.media[medium].bus) continue;
      const TimePoint from =
          dice.chance(0.7) ? kBegin : kBegin + dice.time(Duration::zero(), lasts_);
      const std::uint64_t count = dice.between(1, 2);
      const double probability = dice.chance(0.5) ? 0.5 : 0.1;
      Fault fault = make_fault(FaultKind::BusForger, from, kNever, dice.next());
      fault.medium = medium;
      fault.count = count;
      fault.probability = probability;
      plan_.faults.push_back(fault);
    }
  }

  void comes_back(std::size_t medium) {
    Fault& fault = add(FaultKind::LinkDeath);
    fault.medium = medium;
    fault.from =
        kBegin + (dice_.chance(0.5) ? Duration::zero() : dice_.time(milliseconds(100), seconds(4)));
    fault.until = std::min(fault.from + dice_.time(seconds(15), seconds(110)), plan_.heals);
  }
  /// Dead while a transfer runs, for a while or for good.
  void other_medium(std::size_t medium) {
    while (dice_.chance(0.5)) {
      Fault& fault = add(FaultKind::LinkDeath);
      fault.medium = medium;
      fault.from = kBegin + dice_.time(milliseconds(10), dice_.chance(0.5) ? seconds(6) : lasts_);
      fault.until = std::min(fault.from + dice_.time(milliseconds(500), lasts_), plan_.heals);
      if (dice_.chance(0.3)) fault.until = kNever;
    }
  }

  Plan& plan_;
  const BusStyle& style_;
  Dice& dice_;
  Duration lasts_;
  bool calm_;
};

}  // namespace

BusStyle draw_bus_style(Dice& dice) {
  BusStyle style;
  const std::uint64_t kind = dice.below(20);
  if (kind >= 9) style.kind = BusStyle::Kind::Beside;
  if (kind >= 16) style.kind = BusStyle::Kind::Returns;
  style.contents = dice.chance(0.9) ? kSmallContents : kFirstLarge;
  if (style.kind == BusStyle::Kind::Returns) {
    style.first_content = kFirstLongContent;
    style.contents = kFirstLarge - kFirstLongContent;
  }
  return style;
}

void put_on_bus(Plan& plan, const BusStyle& style, Dice& dice) {
  const bool alone = style.kind == BusStyle::Kind::Alone;
  const bool returns = style.kind == BusStyle::Kind::Returns;
  if (alone) plan.media.clear();
  plan.media.push_back(draw_bus(dice, style));
  const std::size_t bus = plan.media.size() - 1;
  for (RecipientPlan& recipient : plan.recipients) {
    if (alone) recipient.media.clear();
    if (alone || returns || dice.chance(0.9)) recipient.media.push_back(bus);
    recipient.fixed_address = dice.chance(0.3);
    if (returns && dice.chance(0.8)) recipient.policy.deadline = policy::Policy{}.deadline;
    if (dice.chance(0.1)) recipient.policy.return_to_better = false;
    if (dice.chance(0.04)) recipient.policy.authenticated = true;
    if (dice.chance(0.15))
      std::reverse(recipient.policy.media_order.begin(), recipient.policy.media_order.end());
  }
  for (DonorPlan& donor : plan.donors) {
    if (alone) donor.media.clear();
    if (alone || dice.chance(returns ? 0.9 : 0.7)) donor.media.push_back(bus);
    donor.fixed_address = dice.chance(0.3);
    for (std::size_t i = 0; i < plan.recipients.size(); ++i)
      if (dice.chance(0.9)) donor.allows.push_back(i);
  }
  if (returns) plan.heals = kBegin + dice.time(seconds(120), seconds(300));
}

void add_bus_trouble(Plan& plan, const BusStyle& style, Dice& dice, bool calm) {
  BusTrouble(plan, style, dice, calm).draw();
}

Guid Plan::bus_guid(std::size_t host) const {
  Guid guid{};
  if (host >= kFirstGuest) {
    guid.fill(faults.at(host - kFirstGuest).guid_above_hosts ? std::byte{0xf0} : std::byte{0x01});
    guid[0] = static_cast<std::byte>(host - kFirstGuest);
  } else if (host >= kFirstDonor) {
    guid = donors.at(host - kFirstDonor).config.guid;
  } else {
    guid.fill(static_cast<std::byte>(0x60 + host));
  }
  return guid;
}

bool Plan::has_fixed_address(std::size_t host) const {
  if (host >= kFirstGuest) return false;
  return host >= kFirstDonor ? donors.at(host - kFirstDonor).fixed_address
                             : recipients.at(host).fixed_address;
}

}  // namespace fwr::sim
