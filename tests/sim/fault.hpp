// SPDX-License-Identifier: GPL-3.0-or-later
// The faults that a run may have, by name. Each one can be left out by its number, so that a
// failure can be cut down to what it needs.
#pragma once

#include <array>
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
  AddressCollision,  ///< somebody comes who wishes the address of another node
  BusTalk,           ///< others talk to each other
  BusGarbage,        ///< somebody who listens to nobody: false frames, pieces, noise
  BusStranger,       ///< somebody whom no donor allows asks for everything
  BusForger,         ///< somebody who hears all speaks in the names of others: `count` times in all
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
[[nodiscard]] std::string_view to_text(FaultKind kind);
[[nodiscard]] constexpr bool is_lie(FaultKind kind) {
  return kind >= FaultKind::LieWrongBlock && kind <= FaultKind::LieEndsLeases;
}

[[nodiscard]] constexpr bool is_bus_fault(FaultKind kind) {
  return kind >= FaultKind::BusNoise && kind <= FaultKind::BusForger;
}
/// Comes with a node of its own.
[[nodiscard]] constexpr bool is_bus_guest(FaultKind kind) {
  return kind >= FaultKind::AddressCollision && kind <= FaultKind::BusForger;
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
  std::uint64_t seed = 0;
  bool enabled = true;
  [[nodiscard]] bool active(TimePoint now) const { return enabled && now >= from && now < until; }
};
inline constexpr std::size_t kFirstDonor = 100;
inline constexpr std::size_t kOutsider = 200;
inline constexpr std::size_t kFirstGuest = 300;  ///< of a bus, by the number of its fault
[[nodiscard]] std::string to_text(const Fault& fault);

}  // namespace fwr::sim
