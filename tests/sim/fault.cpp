// SPDX-License-Identifier: GPL-3.0-or-later
// The table of the faults, and how a fault is described.
#include "fault.hpp"

#include <fmt/format.h>

#include <array>

#include "chronicle.hpp"

namespace fwr::sim {
namespace {

using Area = FaultArea;
using Trait = FaultTrait;

/// In the order of FaultKind.
constexpr std::array<FaultInfo, kFaultKinds> kFaults{{
    {FaultKind::Drop, "drop", Area::Network},
    {FaultKind::Duplicate, "duplicate", Area::Network},
    {FaultKind::Reorder, "reorder", Area::Network},
    {FaultKind::Delay, "delay", Area::Network},
    {FaultKind::Truncate, "truncate", Area::Network},
    {FaultKind::BitFlip, "bit-flip", Area::Network},
    {FaultKind::StaleReply, "stale-reply", Area::Network},
    {FaultKind::Partition, "partition", Area::Network},
    {FaultKind::LinkDeath, "link-death", Area::Network},
    {FaultKind::BusNoise, "bus-noise", Area::Bus},
    {FaultKind::BusFlaps, "bus-flaps", Area::Bus},
    {FaultKind::NodeCut, "node-cut", Area::Bus},
    {FaultKind::Babble, "babble", Area::Bus},
    {FaultKind::EchoLoss, "echo-loss", Area::Bus},
    {FaultKind::AddressCollision, "address-collision", Area::Bus, Trait::OwnNode},
    {FaultKind::BusTalk, "bus-talk", Area::Bus, Trait::OwnNode},
    {FaultKind::BusGarbage, "bus-garbage", Area::Bus, Trait::OwnNode},
    {FaultKind::BusStranger, "bus-stranger", Area::Bus, Trait::OwnNode},
    {FaultKind::BusForger, "bus-forger", Area::Bus, Trait::OwnNode},
    {FaultKind::DonorCrash, "donor-crash", Area::Donor},
    {FaultKind::DonorDiesTalking, "donor-dies-talking", Area::Donor},
    {FaultKind::Withdraw, "withdraw", Area::Donor},
    {FaultKind::SlowDonor, "slow-donor", Area::Donor},
    {FaultKind::TricklingDonor, "trickling-donor", Area::Donor},
    {FaultKind::LieWrongBlock, "lie-wrong-block", Area::Donor, Trait::Lie},
    {FaultKind::LieWrongTree, "lie-wrong-tree", Area::Donor, Trait::Lie},
    {FaultKind::LieWrongManifest, "lie-wrong-manifest", Area::Donor, Trait::Lie},
    {FaultKind::LieForeignManifest, "lie-foreign-manifest", Area::Donor, Trait::Lie},
    {FaultKind::LieWrongSignature, "lie-wrong-signature", Area::Donor, Trait::Lie},
    {FaultKind::LieOlderImage, "lie-older-image", Area::Donor, Trait::Lie},
    {FaultKind::LieEndlessBusy, "lie-endless-busy", Area::Donor, Trait::Lie},
    {FaultKind::LieWrongSizes, "lie-wrong-sizes", Area::Donor, Trait::Lie},
    {FaultKind::LieGarbage, "lie-garbage", Area::Donor, Trait::Lie},
    {FaultKind::LieWrongSegments, "lie-wrong-segments", Area::Donor, Trait::Lie},
    {FaultKind::LieSilent, "lie-silent", Area::Donor, Trait::Lie},
    {FaultKind::LieUnreadable, "lie-unreadable", Area::Donor, Trait::Lie},
    {FaultKind::LieOtherPlatform, "lie-other-platform", Area::Donor, Trait::Lie},
    {FaultKind::LieEndsLeases, "lie-ends-leases", Area::Donor, Trait::Lie},
    {FaultKind::ForgedOffers, "forged-offers", Area::Outsider},
    {FaultKind::ForgedOwnName, "forged-own-name", Area::Outsider},
    {FaultKind::Garbage, "garbage", Area::Outsider},
    {FaultKind::UnrulyClient, "unruly-client", Area::Outsider},
    {FaultKind::ClockJump, "clock-jump", Area::System},
    {FaultKind::Kill, "kill", Area::System, Trait::EndsAtOnce},
    {FaultKind::KillAtOperation, "kill-at-operation", Area::System, Trait::EndsAtOnce},
    {FaultKind::Abort, "abort", Area::System},
    {FaultKind::PowerCutAtOperation, "power-cut-at-operation", Area::Power, Trait::EndsAtOnce},
    {FaultKind::PowerCutAtInput, "power-cut-at-input", Area::Power, Trait::EndsAtOnce},
    {FaultKind::PowerCutAtTime, "power-cut-at-time", Area::Power, Trait::EndsAtOnce},
    {FaultKind::FlashWriteError, "flash-write-error", Area::Memory},
    {FaultKind::FlashReadError, "flash-read-error", Area::Memory},
    {FaultKind::FlashFull, "flash-full", Area::Memory},
    {FaultKind::FlashRot, "flash-rot", Area::Memory},
}};
static_assert([] {
  for (std::size_t i = 0; i < kFaults.size(); ++i)
    if (static_cast<std::size_t>(kFaults.at(i).kind) != i) return false;
  return true;
}());

std::string host_text(std::size_t host) {
  if (host >= kFirstGuest) return fmt::format("guest {}", host - kFirstGuest);
  if (host >= kOutsider) return "outsider";
  if (host >= kFirstDonor) return fmt::format("donor {}", host - kFirstDonor);
  return fmt::format("recipient {}", host);
}

double seconds(TimePoint at) {
  return std::chrono::duration<double>(at - kBegin).count();
}

}  // namespace

const FaultInfo& info(FaultKind kind) {
  return kFaults.at(static_cast<std::size_t>(kind));
}

Fault make_fault(FaultKind kind, TimePoint from, TimePoint until, std::uint64_t seed) {
  Fault fault;
  fault.kind = kind;
  fault.from = from;
  fault.until = until;
  fault.before_operation = seed % 2 == 1;
  fault.guid_above_hosts = seed % 2 == 1;
  fault.seed = seed;
  return fault;
}

std::string to_text(const Fault& fault) {
  std::string text = fmt::format("{} {:.3f}..", to_text(fault.kind), seconds(fault.from));
  text += fault.until == TimePoint::max() ? std::string("for ever")
                                          : fmt::format("{:.3f} s", seconds(fault.until));
  if (fault.medium) text += fmt::format(" medium {}", *fault.medium);
  if (fault.source) text += " from " + host_text(*fault.source);
  if (fault.target) text += " at " + host_text(*fault.target);
  if (fault.probability < 1) text += fmt::format(" p={:.3g}", fault.probability);
  if (fault.amount != Duration::zero())
    text += fmt::format(" {:.3f} s", std::chrono::duration<double>(fault.amount).count());
  if (fault.count != 0) text += fmt::format(" no. {}", fault.count);
  if (fault.kind == FaultKind::KillAtOperation || fault.kind == FaultKind::PowerCutAtOperation)
    text += fault.before_operation ? ", before the operation" : ", after the operation";
  if (has_own_node(fault.kind))
    text += fault.guid_above_hosts ? ", GUID above the hosts" : ", GUID below the hosts";
  return text;
}

}  // namespace fwr::sim
