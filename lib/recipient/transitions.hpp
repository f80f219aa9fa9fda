// SPDX-License-Identifier: GPL-3.0-or-later
// The phases of a recovery, the states of its talk with a donor, and the two tables that say which
// one follows. Same rows and order as PROTOCOL §6.4; the machines have no other way to change.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace fwr::recipient {

/// Where a recovery is. Negotiating lasts from the choice of a donor to its lease.
enum class Phase : std::uint8_t {
  Idle,
  Discovering,
  Selecting,
  Negotiating,
  Preparing,
  FetchingTree,
  FetchingImage,
  Verifying,
  Activating,
  Reporting,
  Done,
  Failed,
};
/// Where the talk with one donor is.
enum class TalkState : std::uint8_t {
  Waiting,  ///< the donor was busy
  Connecting,
  Vetting,
  Accepting,
  Holding,  ///< the lease is kept, and nothing is fetched
  Serving,
  Reporting,
  Leaving,
};
/// What a recovery reports: its phase, and in Negotiating the state of the talk.
enum class State : std::uint8_t {
  Idle,
  Discovering,
  Selecting,
  Connecting,
  Vetting,
  Accepting,
  Preparing,
  FetchingTree,
  FetchingImage,
  Verifying,
  Activating,
  Reporting,
  Done,
  Failed,
};
enum class Event : std::uint8_t {
  Start,
  OffersClosed,
  Deadline,
  DonorChosen,
  NoneLeft,
  WaitOver,
  SessionUp,
  DonorLost,
  ManifestAccepted,
  ManifestRefused,
  LeaseGranted,
  LeaseRefused,
  SlotReady,
  SlotFailed,
  TreeComplete,
  BadBlock,
  ImageComplete,
  SlotVerified,
  Activated,
  Reported,
  BetterDonor,
  OffersAwaited,
  NextImage,
};
[[nodiscard]] std::string_view to_text(Phase phase);      ///< "Negotiating"
[[nodiscard]] std::string_view to_text(TalkState state);  ///< "Vetting"
[[nodiscard]] std::string_view to_text(State state);      ///< "FetchingImage"
[[nodiscard]] std::string_view to_text(Event event);      ///< "offers-closed"

[[nodiscard]] State reported(Phase phase, TalkState talk);
[[nodiscard]] Phase phase_of(State reported);

template <class S>
struct Row {
  S from;
  Event event;
  S to;
};
[[nodiscard]] std::span<const Row<Phase>> recovery_table();
[[nodiscard]] std::span<const Row<TalkState>> talk_table();
/// What follows; nullopt: the table has no such row.
[[nodiscard]] std::optional<Phase> next(Phase from, Event event);
[[nodiscard]] std::optional<TalkState> next(TalkState from, Event event);

}  // namespace fwr::recipient
