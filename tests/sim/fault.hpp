// SPDX-License-Identifier: GPL-3.0-or-later
// The faults that a run may have, by name. Each one can be left out by its number, so that a
// failure can be cut down to what it needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.hpp"

namespace fwr::sim {

enum class FaultKind : std::uint8_t {
  // datagrams
  Drop,
  Duplicate,
  Reorder,
  Delay,
  Truncate,
  BitFlip,
  StaleReply,
  Partition,  ///< one direction between two hosts
  LinkDeath,  ///< a medium carries nothing for a while
  // buses
  BusNoise,          ///< bits are damaged; the probability is that of one bit
  BusFlaps,          ///< cut again and again: `amount` is the period, `probability` the share of it
  NodeCut,           ///< one node is off the wires
  Babble,            ///< one node talks garbage without an end
  EchoLoss,          ///< a node does not hear itself
  AddressCollision,  ///< a node comes that wishes the address of another node
  BusTalk,           ///< others talk to each other
  BusGarbage,        ///< a node sends false frames, pieces and noise, and never listens
  BusStranger,       ///< a node that no donor allows asks for everything
  BusForger,         ///< a node that hears all answers from the addresses of others, `count` times
  // donors
  DonorCrash,
  DonorDiesTalking,  ///< when its node has put that many characters on a bus
  Withdraw,
  SlowDonor,
  TricklingDonor,
  LieWrongBlock,
  LieWrongTree,
  LieWrongManifest,
  LieForeignManifest,
  LieWrongSignature,
  LieOlderImage,
  LieEndlessBusy,
  LieWrongSizes,
  LieGarbage,
  LieWrongSegments,
  LieSilent,
  LieUnreadable,
  LieOtherPlatform,
  LieEndsLeases,
  // outsiders
  ForgedOffers,
  ForgedOwnName,  ///< `count` offers with the address and the GUID of a donor, to each request
  Garbage,
  UnrulyClient,
  // the recipient's system
  ClockJump,
  Kill,
  KillAtOperation,  ///< the process dies inside a flash operation
  Abort,
  PowerCutAtOperation,  ///< inside a flash operation
  PowerCutAtInput,      ///< between two inputs
  PowerCutAtTime,
  FlashWriteError,
  FlashReadError,
  FlashFull,
  FlashRot,  ///< what was flushed reads back otherwise
};
inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(FaultKind::FlashRot) + 1;

/// What a fault happens to.
enum class FaultArea : std::uint8_t {
  Network,  ///< datagrams
  Bus,
  Donor,
  Outsider,
  System,  ///< a recipient's processes and clock
  Power,   ///< of a recipient
  Memory,  ///< the flash of a recipient
};

enum class FaultTrait : std::uint8_t {
  None,
  Lie,         ///< the donor sends false statements or data on purpose
  OwnNode,     ///< comes with a node of its own on its bus
  EndsAtOnce,  ///< the recipient starts again, and nothing of the fault remains
};

struct FaultInfo {
  FaultKind kind;
  std::string_view name;
  FaultArea area;
  FaultTrait trait = FaultTrait::None;
};
/// The row of `kind` in the table of all faults.
[[nodiscard]] const FaultInfo& info(FaultKind kind);
[[nodiscard]] inline std::string_view to_text(FaultKind kind) {
  return info(kind).name;
}
[[nodiscard]] inline bool has_own_node(FaultKind kind) {
  return info(kind).trait == FaultTrait::OwnNode;
}
/// The recipient's host has to act when the fault begins.
[[nodiscard]] inline bool happens_to_recipient(FaultKind kind) {
  const FaultArea area = info(kind).area;
  return area == FaultArea::System || area == FaultArea::Power || area == FaultArea::Memory;
}

struct Fault {
  FaultKind kind = FaultKind::Drop;
  TimePoint from{}, until{};
  std::optional<std::size_t> medium;  ///< nullopt: all of them
  /// Host numbers: recipients from 0, donors from kFirstDonor.
  std::optional<std::size_t> source, target;
  double probability = 1;
  Duration amount{};        ///< of delay, of a clock's jump
  std::uint64_t count = 0;  ///< which operation or input
  /// KillAtOperation, PowerCutAtOperation: strikes before the operation, or after it while nothing
  /// is flushed.
  bool before_operation = false;
  /// Faults with a node of their own: its GUID is above those of all hosts, or below them.
  bool guid_above_hosts = false;
  std::uint64_t seed = 0;
  bool enabled = true;
  [[nodiscard]] bool active(TimePoint now) const { return enabled && now >= from && now < until; }
};
/// A fault without a target. `before_operation` and `guid_above_hosts` follow from `seed`, so that
/// a new one of their kind changes no other draw of a plan.
[[nodiscard]] Fault make_fault(FaultKind kind, TimePoint from, TimePoint until, std::uint64_t seed);
inline constexpr std::size_t kFirstDonor = 100;
inline constexpr std::size_t kOutsider = 200;
inline constexpr std::size_t kFirstGuest = 300;  ///< of a bus, by the number of its fault
[[nodiscard]] std::string to_text(const Fault& fault);

}  // namespace fwr::sim
