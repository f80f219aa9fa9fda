// SPDX-License-Identifier: GPL-3.0-or-later
// The states of a recovery, the events that move it, and the table that says which state follows.
// Same rows and order as PROTOCOL §6.4.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace fwr::recipient {

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
struct Row {
  State from;
  Event event;
  State to;
};
/// Same rows and order as PROTOCOL §6.4.
[[nodiscard]] std::span<const Row> transition_table();
/// The state that follows; nullopt: the table has no such row.
[[nodiscard]] std::optional<State> next_state(State from, Event event);
[[nodiscard]] std::string_view to_text(State state);  ///< "FetchingImage"
[[nodiscard]] std::string_view to_text(Event event);  ///< "offers-closed"

}  // namespace fwr::recipient
