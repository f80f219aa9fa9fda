// SPDX-License-Identifier: GPL-3.0-or-later
// From a seed to a plan.
#include "plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chronicle.hpp"
#include "plan_bus.hpp"

namespace fwr::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kNever = TimePoint::max();

MediumPlan draw_medium(Dice& dice) {
  MediumPlan medium;
  switch (dice.below(6)) {
    case 0:  // loopback: everything at once
      medium.delay = std::chrono::microseconds(20);
      break;
    case 1:
    case 2:
      medium.delay = dice.time(std::chrono::microseconds(50), milliseconds(5));
      medium.bytes_per_s = static_cast<double>(dice.between(2, 120)) * 1e6;
      medium.mtu = dice.chance(0.8) ? 1500 : 9000;
      break;
    case 3:
      medium.medium = Medium::Wireless;
      medium.delay = dice.time(milliseconds(1), milliseconds(30));
      medium.jitter = dice.time(Duration::zero(), milliseconds(20));
      medium.bytes_per_s = static_cast<double>(dice.between(3, 50)) * 1e5;
      medium.mtu = 1500;
      break;
    case 4:
      medium.medium = Medium::Bluetooth;
      medium.delay = dice.time(milliseconds(10), milliseconds(120));
      medium.bytes_per_s = static_cast<double>(dice.between(20, 200)) * 1e3;
      medium.mtu = dice.chance(0.5) ? 1500 : 1280;
      break;
    default:
      medium.delay = dice.time(milliseconds(50), milliseconds(600));
      medium.jitter = dice.time(Duration::zero(), milliseconds(100));
      medium.mtu = 1280;
      break;
  }
  return medium;
}

/// A family of builds of one firmware: each later one has a higher version.
struct Line {
  std::vector<ReleaseSpec> releases;
};
Line draw_line(Dice& dice, std::size_t from, std::size_t contents) {
  constexpr std::array<const char*, 6> kVersions{"1.0", "1.1", "2.0~rc1", "2.0", "2.0.1", "10.0"};
  Line line;
  const bool large = dice.chance(0.01) && contents == kFirstLarge;
  const std::size_t first =
      large ? kFirstLarge + dice.below(kContents - kFirstLarge) : dice.below(contents);
  std::uint32_t security = static_cast<std::uint32_t>(dice.below(4));
  for (std::size_t i = 0; i < kVersions.size(); ++i) {
    ReleaseSpec spec;
    spec.content = large ? first : from + (first + i) % contents;
    spec.version = kVersions.at(i);
    spec.security = security;
    security += static_cast<std::uint32_t>(dice.below(2));
    if (dice.chance(0.03)) spec.expires = 1750000000;
    line.releases.push_back(spec);
  }
  return line;
}

DonorPlan draw_donor(Dice& dice, const Line& line, std::size_t number, std::size_t media) {
  DonorPlan donor;
  for (std::size_t m = 0; m < media; ++m)
    if (media == 1 || dice.chance(0.7)) donor.media.push_back(m);
  if (donor.media.empty()) donor.media.push_back(dice.below(media));
  // Mostly what is current, sometimes what is old.
  const auto newest = static_cast<std::size_t>(dice.between(dice.chance(0.8) ? 3 : 0, 5));
  donor.releases.push_back(line.releases[newest]);
  if (dice.chance(0.4)) donor.releases.push_back(line.releases[dice.below(newest + 1)]);
  donor.after_withdrawal = {line.releases[dice.below(line.releases.size())]};
  if (dice.chance(0.2)) donor.after_withdrawal.clear();
  donor::DonorConfig& config = donor.config;
  config.iana = 32473;
  config.role = dice.chance(0.5) ? DonorRole::Console : DonorRole::Peer;
  config.guid.fill(static_cast<std::byte>(0x10 + number));
  config.name = fmt::format("donor {}", number);
  config.leases = static_cast<std::uint8_t>(dice.chance(0.2) ? 1 : dice.between(2, 16));
  config.leases_per_user = config.leases;
  if (dice.chance(0.15)) config.hold = seconds(dice.between(1, 4));
  if (dice.chance(0.15)) config.lease = seconds(dice.between(12, 30));
  if (dice.chance(0.3)) config.credit_bytes = static_cast<std::uint32_t>(dice.between(256, 65536));
  if (dice.chance(0.3))
    config.segment_limit_granules = static_cast<std::uint16_t>(dice.between(1, 512));
  if (dice.chance(0.15))
    donor.limits.active_sessions = static_cast<std::size_t>(dice.between(1, 3));
  if (dice.chance(0.15))
    donor.limits.half_open_sessions = static_cast<std::size_t>(dice.between(1, 3));
  return donor;
}

FactoryPlan draw_factory(Dice& dice, const Line& line) {
  FactoryPlan factory;
  const std::uint64_t style = dice.below(10);
  factory.active_is_b = dice.chance(0.4);
  factory.block_devices = dice.chance(0.3);
  factory.slots_missing = dice.chance(0.2);
  if (style == 0) {
    factory.record = FactoryPlan::Record::None;
    factory.active_is_b = false;
  } else {
    const std::size_t installed = dice.below(4);
    factory.active = line.releases[installed];
    factory.floor = dice.chance(0.7) ? factory.active->security : 0;
    if (dice.chance(0.1)) factory.floor += static_cast<std::uint32_t>(dice.below(3));
    if (dice.chance(0.6)) factory.damaged_sectors = dice.between(1, 4);
    const std::uint64_t other = dice.below(5);
    factory.other = static_cast<FactoryPlan::Other>(other);
    if (factory.other != FactoryPlan::Other::Empty)
      factory.other_release =
          line.releases[factory.other == FactoryPlan::Other::GoodOlder ? dice.below(installed + 1)
                                                                       : dice.between(2, 5)];
    if (style >= 8) {
      factory.record = FactoryPlan::Record::Trial;
      factory.damaged_sectors = dice.chance(0.3) ? 1 : 0;
      // The floor rises when a trial is confirmed; so what it goes back to is not below it.
      factory.floor = std::min(factory.floor, factory.active->security);
      if (factory.other_release)
        factory.floor = std::min(factory.floor, factory.other_release->security);
    }
  }
  std::size_t needed = 1;
  for (const ReleaseSpec& release : line.releases)
    needed = std::max(needed, content(release.content)->bytes.size());
  factory.capacity_bytes = needed + (dice.chance(0.5) ? 0 : dice.below(20000));
  if (dice.chance(0.03)) factory.capacity_bytes = std::max<std::size_t>(needed / 2, 4096);
  // Whole sectors, as a device has.
  factory.capacity_bytes = (factory.capacity_bytes + 511) / 512 * 512;
  return factory;
}

RecipientPlan draw_recipient(Dice& dice, const Line& line, std::size_t media, bool calm) {
  RecipientPlan recipient;
  for (std::size_t m = 0; m < media; ++m)
    if (media == 1 || dice.chance(0.8)) recipient.media.push_back(m);
  if (recipient.media.empty()) recipient.media.push_back(0);
  recipient.factory = draw_factory(dice, line);
  policy::Policy& policy = recipient.policy;
  if (dice.chance(0.1)) policy.minimum_security_version = static_cast<std::uint32_t>(dice.below(5));
  if (dice.chance(0.1)) policy.required_role = DonorRole::Console;
  if (dice.chance(0.1)) policy.allow_downgrade = true;
  if (dice.chance(0.05)) policy.pinned_version = line.releases[dice.below(6)].version;
  if (dice.chance(0.05)) policy.allowed_media = static_cast<std::uint8_t>(Medium::Wired);
  if (dice.chance(0.3)) policy.order = {policy::Preference::RoundTrip, policy::Preference::Load};
  if (dice.chance(0.5)) policy.offer_window = milliseconds(dice.between(200, 4000));
  if (dice.chance(0.15)) policy.donors_tried = static_cast<unsigned>(dice.between(1, 3));
  if (!calm && dice.chance(0.25))
    policy.deadline = seconds(dice.between(1, dice.chance(0.7) ? 12 : 90));
  else if (dice.chance(0.5))
    policy.deadline = seconds(dice.between(60, 900));
  if (dice.chance(0.85)) recipient.wall_clock = 1800000000;
  if (dice.chance(0.3)) recipient.receive_buffer_bytes = dice.between(4096, 1U << 20);
  recipient.trial_limit_s =
      static_cast<std::uint32_t>(dice.chance(0.5) ? 600 : dice.between(5, 60));
  recipient.unicast = dice.chance(0.2);
  recipient.boots_at = kBegin + dice.time(Duration::zero(), milliseconds(500));
  recipient.confirms = dice.chance(0.5) ? 1.0 : 0.3;
  recipient.attempts = static_cast<unsigned>(dice.between(1, 4));
  return recipient;
}

/// Catalogues of several images, of which many are of no use to a recipient: they expired, need a
/// stepping stone, or are signed by a stranger.
void fill_catalogue(Dice dice, const Line& line, DonorPlan& donor) {
  for (std::uint64_t more = dice.chance(0.5) ? dice.between(1, 3) : 0; more > 0; --more) {
    const ReleaseSpec& spec = line.releases[dice.below(line.releases.size())];
    const bool there =
        std::any_of(donor.releases.begin(), donor.releases.end(),
                    [&](const ReleaseSpec& other) { return other.content == spec.content; });
    if (!there) donor.releases.push_back(spec);
  }
  // A catalogue has an image once.
  std::vector<ReleaseSpec> once;
  for (const ReleaseSpec& spec : donor.releases)
    if (std::none_of(once.begin(), once.end(),
                     [&](const ReleaseSpec& other) { return other.content == spec.content; }))
      once.push_back(spec);
  donor.releases = std::move(once);
  for (ReleaseSpec& release : donor.releases) {
    switch (dice.below(12)) {
      case 0: release.minimum = line.releases[dice.below(line.releases.size())].version; break;
      case 1: release.expires = 1750000000; break;
      case 2: release.key = kAttackersKey; break;
      default: break;
    }
  }
}

/// Donors with an account and one lie each, and more than a recipient may try: all of them have
/// something better to offer than the honest ones.
void add_crowd(Dice dice, const Line& line, Plan& plan) {
  constexpr std::array kLies{FaultKind::LieOlderImage, FaultKind::LieWrongManifest,
                             FaultKind::LieWrongSignature, FaultKind::LieForeignManifest,
                             FaultKind::LieOtherPlatform};
  const std::uint64_t count = dice.between(9, 24);
  for (std::uint64_t i = 0; i < count; ++i) {
    DonorPlan liar;
    liar.media = plan.donors.front().media;
    liar.releases = {line.releases.back()};
    liar.after_withdrawal = liar.releases;
    liar.config.iana = plan.donors.front().config.iana;
    liar.config.guid.fill(static_cast<std::byte>(0x80 + i));
    liar.config.name = "liar";
    const FaultKind lie = dice.pick(kLies);
    Fault fault = make_fault(lie, kBegin, kNever, dice.next());
    fault.target = kFirstDonor + plan.donors.size();
    plan.donors.push_back(std::move(liar));
    plan.faults.push_back(fault);
  }
}

/// How a donor that is up may treat its recipients, one of these each.
constexpr std::array kMisbehaviours{
    FaultKind::SlowDonor,         FaultKind::TricklingDonor,   FaultKind::LieWrongBlock,
    FaultKind::LieWrongTree,      FaultKind::LieWrongManifest, FaultKind::LieForeignManifest,
    FaultKind::LieWrongSignature, FaultKind::LieOlderImage,    FaultKind::LieEndlessBusy,
    FaultKind::LieWrongSizes,     FaultKind::LieGarbage,       FaultKind::LieWrongSegments,
    FaultKind::LieSilent,         FaultKind::LieUnreadable,    FaultKind::LieOtherPlatform,
    FaultKind::LieEndsLeases};

/// Draws the faults, one after the other, each with dice of its own.
class Trouble {
 public:
  Trouble(Dice& dice, const Plan& plan, bool calm)
      : dice_(dice), plan_(plan), lasts_(plan.heals - kBegin), calm_(calm) {}

  std::vector<Fault> draw() {
    network();
    if (!calm_) partitions();
    donors();
    recipients();
    outsiders();
    return std::move(faults_);
  }

 private:
  Fault& add(FaultKind kind) {
    faults_.push_back(make_fault(kind, kBegin, plan_.heals, dice_.next()));
    return faults_.back();
  }
  void window(Fault& fault, double longest) {
    const auto most = std::chrono::duration_cast<Duration>(lasts_ * longest);
    fault.from = kBegin + dice_.time(Duration::zero(), lasts_);
    fault.until = std::min(fault.from + dice_.time(milliseconds(5), most), plan_.heals);
  }
  std::size_t any_recipient() { return dice_.below(plan_.recipients.size()); }
  std::size_t any_donor() { return kFirstDonor + dice_.below(plan_.donors.size()); }

  void network() {
    constexpr std::array kKinds{FaultKind::Drop,      FaultKind::Duplicate, FaultKind::Reorder,
                                FaultKind::Delay,     FaultKind::Truncate,  FaultKind::BitFlip,
                                FaultKind::StaleReply};
    const std::uint64_t count = dice_.below(calm_ ? 3 : 5);
    for (std::uint64_t i = 0; i < count; ++i) {
      Fault& fault = add(dice_.pick(kKinds));
      if (dice_.chance(0.5)) fault.medium = dice_.below(plan_.media.size());
      fault.amount = dice_.time(milliseconds(1), milliseconds(dice_.chance(0.2) ? 20000 : 300));
      // What is gentle may last for ever, and must be lived with.
      if (calm_ || dice_.chance(0.4)) {
        fault.probability = static_cast<double>(dice_.between(1, 30)) / 1000;
        fault.until = kNever;
      } else {
        fault.probability = static_cast<double>(dice_.between(1, 500)) / 1000;
        window(fault, 1.0);
      }
    }
  }
  void partitions() {
    while (dice_.chance(0.25)) {
      Fault& fault = add(FaultKind::LinkDeath);
      if (dice_.chance(0.7)) fault.medium = dice_.below(plan_.media.size());
      window(fault, 0.5);
    }
    if (plan_.donors.empty()) return;
    while (dice_.chance(0.3)) {
      Fault& fault = add(FaultKind::Partition);
      fault.source = any_recipient();
      fault.target = any_donor();
      if (dice_.chance(0.5)) std::swap(fault.source, fault.target);
      window(fault, 0.7);
    }
  }
  void donors() {
    if (plan_.donors.empty()) return;
    while (!calm_ && dice_.chance(0.3)) {
      Fault& fault = add(FaultKind::DonorCrash);
      fault.target = any_donor();
      window(fault, 0.4);
    }
    while (!calm_ && dice_.chance(0.15)) {
      Fault& fault = add(FaultKind::Withdraw);
      fault.target = any_donor();
      window(fault, 0.4);
      fault.until = fault.from;
    }
    for (std::size_t i = 0; i < plan_.donors.size(); ++i) {
      if (!dice_.chance(plan_.donors.size() == 1 ? 0.15 : 0.35)) continue;
      const FaultKind kind = dice_.pick(kMisbehaviours);
      Fault& fault = add(kind);
      fault.target = kFirstDonor + i;
      if (kind == FaultKind::SlowDonor) {
        fault.source = fault.target;
        fault.count = dice_.between(200, 20000);  // bytes a second
      }
      fault.until = kNever;
    }
  }
  void outsiders() {
    if (plan_.donors.empty()) return;
    if (dice_.chance(0.08)) window(add(FaultKind::ForgedOffers), 0.8);
    Dice own = dice_.fork(0x5e1f);
    if (own.chance(0.06)) {
      Fault& fault = add(FaultKind::ForgedOwnName);
      fault.target = kFirstDonor + own.below(plan_.donors.size());
      fault.count = own.chance(0.5) ? 64 : 1000;
      fault.until = kNever;
    }
    if (dice_.chance(0.15)) window(add(FaultKind::Garbage), 0.8);
    while (dice_.chance(0.15)) {
      Fault& fault = add(FaultKind::UnrulyClient);
      fault.target = any_donor();
      window(fault, 0.8);
    }
  }
  void recipients() {
    for (std::size_t i = 0; i < plan_.recipients.size(); ++i) {
      const auto at_random_time = [&](FaultKind kind) -> Fault& {
        Fault& fault = add(kind);
        fault.target = i;
        window(fault, 0.1);
        return fault;
      };
      const auto off = [&] { return dice_.time(milliseconds(100), seconds(20)); };
      while (dice_.chance(0.4)) {
        Fault& fault = add(FaultKind::PowerCutAtOperation);
        fault.target = i;
        fault.count = dice_.between(1, dice_.chance(0.5) ? 40 : 200);
        fault.amount = off();
      }
      while (dice_.chance(0.2)) {
        Fault& fault = add(FaultKind::PowerCutAtInput);
        fault.target = i;
        fault.count = dice_.between(1, 400);
        fault.amount = off();
      }
      while (dice_.chance(0.15)) at_random_time(FaultKind::PowerCutAtTime).amount = off();
      while (dice_.chance(0.15)) {
        const Duration jump = std::chrono::hours(dice_.between(0, 20000));
        at_random_time(FaultKind::ClockJump).amount = dice_.chance(0.5) ? jump : -jump;
      }
      if (dice_.chance(0.1)) at_random_time(FaultKind::Kill);
      if (dice_.chance(0.1)) {
        Fault& fault = add(FaultKind::KillAtOperation);
        fault.target = i;
        fault.count = dice_.between(1, 60);
      }
      if (dice_.chance(0.1)) at_random_time(FaultKind::Abort);
      if (calm_) continue;
      if (dice_.chance(0.1)) flash_trouble(FaultKind::FlashWriteError, i);
      if (dice_.chance(0.07)) flash_trouble(FaultKind::FlashReadError, i);
      if (dice_.chance(0.05)) flash_trouble(FaultKind::FlashFull, i);
      if (dice_.chance(0.07)) flash_trouble(FaultKind::FlashRot, i);
    }
  }
  void flash_trouble(FaultKind kind, std::size_t recipient) {
    Fault& fault = add(kind);
    fault.target = recipient;
    fault.probability = dice_.chance(0.3) ? 1 : static_cast<double>(dice_.between(1, 30)) / 100;
    if (dice_.chance(0.5)) window(fault, 0.5);
  }

  Dice& dice_;
  const Plan& plan_;
  Duration lasts_;
  bool calm_;
  std::vector<Fault> faults_;
};

}  // namespace

Plan Plan::from_seed(std::uint64_t seed, const Without& without) {
  Dice dice(seed * 0x2545f4914f6cdd1dULL + 1);
  Plan plan;
  plan.seed = seed;
  const bool calm = dice.chance(0.2);
  const std::size_t media = dice.chance(0.75) ? 1 : dice.between(2, 3);
  for (std::size_t i = 0; i < media; ++i) plan.media.push_back(draw_medium(dice));
  const bool with_bus = seed >= kFirstBusSeed;
  Dice bus_dice = dice.fork(0xb05);
  BusStyle style{.contents = kFirstLarge};
  if (with_bus) style = draw_bus_style(bus_dice);
  const Line line = draw_line(dice, style.first_content, style.contents);
  const std::size_t donors = dice.chance(0.03) ? 0 : dice.between(1, dice.chance(0.6) ? 2 : 5);
  for (std::size_t i = 0; i < donors; ++i) plan.donors.push_back(draw_donor(dice, line, i, media));
  for (std::size_t i = 0; i < donors; ++i)
    fill_catalogue(Dice(seed).fork(0xca7 + i), line, plan.donors[i]);
  const std::size_t recipients = dice.chance(0.75) ? 1 : dice.between(2, 4);
  for (std::size_t i = 0; i < recipients; ++i)
    plan.recipients.push_back(draw_recipient(dice, line, media, calm));
  plan.heals = kBegin + dice.time(seconds(8), seconds(dice.chance(0.8) ? 60 : 240));
  if (with_bus) put_on_bus(plan, style, bus_dice);
  plan.faults = Trouble(dice, plan, calm).draw();
  if (with_bus) add_bus_trouble(plan, style, bus_dice, calm);
  if (Dice crowd = Dice(seed).fork(0xc0d); !with_bus && donors > 0 && crowd.chance(0.04))
    add_crowd(crowd, line, plan);
  for (const std::size_t part : without) {
    if (part < plan.faults.size())
      plan.faults[part].enabled = false;
    else if (part - plan.faults.size() < plan.donors.size())
      plan.donors[part - plan.faults.size()].present = false;
    else if (part - plan.faults.size() - plan.donors.size() < recipients)
      plan.recipients[part - plan.faults.size() - plan.donors.size()].present = false;
  }
  return plan;
}

std::string Plan::describe() const {
  std::string text =
      fmt::format("seed {}: {} media, faults end after {:.1f} s\n", seed, media.size(),
                  std::chrono::duration<double>(heals - kBegin).count());
  for (std::size_t i = 0; i < media.size(); ++i)
    if (media[i].bus)
      text += fmt::format(
          "      medium {} is a bus at {} baud, {} us late\n", i, media[i].bus->baud,
          std::chrono::duration_cast<std::chrono::microseconds>(media[i].bus->latency).count());
  for (std::size_t i = 0; i < faults.size(); ++i)
    if (faults[i].enabled) text += fmt::format("  {:3} {}\n", i, to_text(faults[i]));
  for (std::size_t i = 0; i < donors.size(); ++i) {
    if (!donors[i].present) continue;
    text += fmt::format("  {:3} donor {} on", faults.size() + i, i);
    for (const std::size_t medium : donors[i].media) text += fmt::format(" {}", medium);
    for (const ReleaseSpec& release : donors[i].releases)
      text += fmt::format(", {} security {} content {}", release.version, release.security,
                          release.content);
    for (const std::size_t recipient : donors[i].allows)
      text += fmt::format(", allows recipient {}", recipient);
    text += "\n";
  }
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (!recipients[i].present) continue;
    const FactoryPlan& factory = recipients[i].factory;
    text += fmt::format("  {:3} recipient {}: {} active, {} sectors damaged, floor {}, on",
                        faults.size() + donors.size() + i, i,
                        factory.active ? factory.active->version : "nothing",
                        factory.damaged_sectors, factory.floor);
    for (const std::size_t medium : recipients[i].media) text += fmt::format(" {}", medium);
    text += "\n";
  }
  return text;
}

}  // namespace fwr::sim
