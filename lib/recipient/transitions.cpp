// SPDX-License-Identifier: GPL-3.0-or-later
// The transition tables of a recovery and of a talk, row for row PROTOCOL §6.4, and the names in
// them.
#include "recipient/transitions.hpp"

#include <algorithm>
#include <array>

namespace fwr::recipient {
namespace {

constexpr std::array kRecovery = {
    Row<Phase>{Phase::Idle, Event::Start, Phase::Discovering},
    Row<Phase>{Phase::Discovering, Event::OffersClosed, Phase::Selecting},
    Row<Phase>{Phase::Discovering, Event::Deadline, Phase::Failed},
    Row<Phase>{Phase::Selecting, Event::DonorChosen, Phase::Negotiating},
    Row<Phase>{Phase::Selecting, Event::NoneLeft, Phase::Failed},
    Row<Phase>{Phase::Selecting, Event::OffersAwaited, Phase::Discovering},
    Row<Phase>{Phase::Negotiating, Event::LeaseGranted, Phase::Preparing},
    Row<Phase>{Phase::Negotiating, Event::ManifestRefused, Phase::Selecting},
    Row<Phase>{Phase::Negotiating, Event::LeaseRefused, Phase::Selecting},
    Row<Phase>{Phase::Negotiating, Event::BetterDonor, Phase::Selecting},
    Row<Phase>{Phase::Negotiating, Event::DonorLost, Phase::Selecting},
    Row<Phase>{Phase::Negotiating, Event::Deadline, Phase::Failed},
    Row<Phase>{Phase::Preparing, Event::SlotReady, Phase::FetchingTree},
    Row<Phase>{Phase::Preparing, Event::SlotFailed, Phase::Failed},
    Row<Phase>{Phase::FetchingTree, Event::TreeComplete, Phase::FetchingImage},
    Row<Phase>{Phase::FetchingTree, Event::BadBlock, Phase::Selecting},
    Row<Phase>{Phase::FetchingTree, Event::DonorLost, Phase::Selecting},
    Row<Phase>{Phase::FetchingTree, Event::BetterDonor, Phase::Selecting},
    Row<Phase>{Phase::FetchingTree, Event::SlotFailed, Phase::Failed},
    Row<Phase>{Phase::FetchingTree, Event::Deadline, Phase::Failed},
    Row<Phase>{Phase::FetchingImage, Event::ImageComplete, Phase::Verifying},
    Row<Phase>{Phase::FetchingImage, Event::BadBlock, Phase::Selecting},
    Row<Phase>{Phase::FetchingImage, Event::DonorLost, Phase::Selecting},
    Row<Phase>{Phase::FetchingImage, Event::BetterDonor, Phase::Selecting},
    Row<Phase>{Phase::FetchingImage, Event::SlotFailed, Phase::Failed},
    Row<Phase>{Phase::FetchingImage, Event::Deadline, Phase::Failed},
    Row<Phase>{Phase::Verifying, Event::SlotVerified, Phase::Activating},
    Row<Phase>{Phase::Verifying, Event::SlotFailed, Phase::Failed},
    Row<Phase>{Phase::Activating, Event::Activated, Phase::Reporting},
    Row<Phase>{Phase::Activating, Event::SlotFailed, Phase::Failed},
    Row<Phase>{Phase::Reporting, Event::Reported, Phase::Done},
    Row<Phase>{Phase::Reporting, Event::DonorLost, Phase::Done},
};

constexpr std::array kTalk = {
    Row<TalkState>{TalkState::Waiting, Event::WaitOver, TalkState::Connecting},
    Row<TalkState>{TalkState::Waiting, Event::Deadline, TalkState::Leaving},
    Row<TalkState>{TalkState::Connecting, Event::SessionUp, TalkState::Vetting},
    Row<TalkState>{TalkState::Connecting, Event::DonorLost, TalkState::Leaving},
    Row<TalkState>{TalkState::Connecting, Event::Deadline, TalkState::Leaving},
    Row<TalkState>{TalkState::Vetting, Event::NextImage, TalkState::Vetting},
    Row<TalkState>{TalkState::Vetting, Event::ManifestAccepted, TalkState::Accepting},
    Row<TalkState>{TalkState::Vetting, Event::ManifestRefused, TalkState::Leaving},
    Row<TalkState>{TalkState::Vetting, Event::BetterDonor, TalkState::Leaving},
    Row<TalkState>{TalkState::Vetting, Event::DonorLost, TalkState::Leaving},
    Row<TalkState>{TalkState::Vetting, Event::Deadline, TalkState::Leaving},
    Row<TalkState>{TalkState::Accepting, Event::LeaseGranted, TalkState::Holding},
    Row<TalkState>{TalkState::Accepting, Event::LeaseRefused, TalkState::Leaving},
    Row<TalkState>{TalkState::Accepting, Event::DonorLost, TalkState::Leaving},
    Row<TalkState>{TalkState::Accepting, Event::Deadline, TalkState::Leaving},
    Row<TalkState>{TalkState::Holding, Event::SlotReady, TalkState::Serving},
    Row<TalkState>{TalkState::Holding, Event::SlotFailed, TalkState::Leaving},
    Row<TalkState>{TalkState::Holding, Event::Activated, TalkState::Reporting},
    Row<TalkState>{TalkState::Serving, Event::TreeComplete, TalkState::Serving},
    Row<TalkState>{TalkState::Serving, Event::ImageComplete, TalkState::Holding},
    Row<TalkState>{TalkState::Serving, Event::BadBlock, TalkState::Leaving},
    Row<TalkState>{TalkState::Serving, Event::DonorLost, TalkState::Leaving},
    Row<TalkState>{TalkState::Serving, Event::BetterDonor, TalkState::Leaving},
    Row<TalkState>{TalkState::Serving, Event::SlotFailed, TalkState::Leaving},
    Row<TalkState>{TalkState::Serving, Event::Deadline, TalkState::Leaving},
    Row<TalkState>{TalkState::Reporting, Event::Reported, TalkState::Leaving},
    Row<TalkState>{TalkState::Reporting, Event::DonorLost, TalkState::Leaving},
};

template <class S>
std::optional<S> look_up(std::span<const Row<S>> table, S from, Event event) {
  const auto row = std::find_if(table.begin(), table.end(), [&](const Row<S>& one) {
    return one.from == from && one.event == event;
  });
  return row == table.end() ? std::nullopt : std::optional(row->to);
}

}  // namespace

std::span<const Row<Phase>> recovery_table() {
  return kRecovery;
}

std::span<const Row<TalkState>> talk_table() {
  return kTalk;
}

std::optional<Phase> next(Phase from, Event event) {
  return look_up(recovery_table(), from, event);
}

std::optional<TalkState> next(TalkState from, Event event) {
  return look_up(talk_table(), from, event);
}

State reported(Phase phase, TalkState talk) {
  switch (phase) {
    case Phase::Idle: return State::Idle;
    case Phase::Discovering: return State::Discovering;
    case Phase::Selecting: return State::Selecting;
    case Phase::Negotiating:
      return talk == TalkState::Vetting     ? State::Vetting
             : talk == TalkState::Accepting ? State::Accepting
                                            : State::Connecting;
    case Phase::Preparing: return State::Preparing;
    case Phase::FetchingTree: return State::FetchingTree;
    case Phase::FetchingImage: return State::FetchingImage;
    case Phase::Verifying: return State::Verifying;
    case Phase::Activating: return State::Activating;
    case Phase::Reporting: return State::Reporting;
    case Phase::Done: return State::Done;
    case Phase::Failed: return State::Failed;
  }
  return State::Idle;
}

Phase phase_of(State reported) {
  switch (reported) {
    case State::Connecting:
    case State::Vetting:
    case State::Accepting: return Phase::Negotiating;
    case State::Idle: return Phase::Idle;
    case State::Discovering: return Phase::Discovering;
    case State::Selecting: return Phase::Selecting;
    case State::Preparing: return Phase::Preparing;
    case State::FetchingTree: return Phase::FetchingTree;
    case State::FetchingImage: return Phase::FetchingImage;
    case State::Verifying: return Phase::Verifying;
    case State::Activating: return Phase::Activating;
    case State::Reporting: return Phase::Reporting;
    case State::Done: return Phase::Done;
    case State::Failed: return Phase::Failed;
  }
  return Phase::Idle;
}

std::string_view to_text(Phase phase) {
  switch (phase) {
    case Phase::Idle: return "Idle";
    case Phase::Discovering: return "Discovering";
    case Phase::Selecting: return "Selecting";
    case Phase::Negotiating: return "Negotiating";
    case Phase::Preparing: return "Preparing";
    case Phase::FetchingTree: return "FetchingTree";
    case Phase::FetchingImage: return "FetchingImage";
    case Phase::Verifying: return "Verifying";
    case Phase::Activating: return "Activating";
    case Phase::Reporting: return "Reporting";
    case Phase::Done: return "Done";
    case Phase::Failed: return "Failed";
  }
  return "?";
}

std::string_view to_text(TalkState state) {
  switch (state) {
    case TalkState::Waiting: return "Waiting";
    case TalkState::Connecting: return "Connecting";
    case TalkState::Vetting: return "Vetting";
    case TalkState::Accepting: return "Accepting";
    case TalkState::Holding: return "Holding";
    case TalkState::Serving: return "Serving";
    case TalkState::Reporting: return "Reporting";
    case TalkState::Leaving: return "Leaving";
  }
  return "?";
}

std::string_view to_text(State state) {
  switch (state) {
    case State::Idle: return "Idle";
    case State::Discovering: return "Discovering";
    case State::Selecting: return "Selecting";
    case State::Connecting: return "Connecting";
    case State::Vetting: return "Vetting";
    case State::Accepting: return "Accepting";
    case State::Preparing: return "Preparing";
    case State::FetchingTree: return "FetchingTree";
    case State::FetchingImage: return "FetchingImage";
    case State::Verifying: return "Verifying";
    case State::Activating: return "Activating";
    case State::Reporting: return "Reporting";
    case State::Done: return "Done";
    case State::Failed: return "Failed";
  }
  return "?";
}

std::string_view to_text(Event event) {
  switch (event) {
    case Event::Start: return "start";
    case Event::OffersClosed: return "offers-closed";
    case Event::Deadline: return "deadline";
    case Event::DonorChosen: return "donor-chosen";
    case Event::NoneLeft: return "none-left";
    case Event::WaitOver: return "wait-over";
    case Event::SessionUp: return "session-up";
    case Event::DonorLost: return "donor-lost";
    case Event::ManifestAccepted: return "manifest-accepted";
    case Event::ManifestRefused: return "manifest-refused";
    case Event::LeaseGranted: return "lease-granted";
    case Event::LeaseRefused: return "lease-refused";
    case Event::SlotReady: return "slot-ready";
    case Event::SlotFailed: return "slot-failed";
    case Event::TreeComplete: return "tree-complete";
    case Event::BadBlock: return "bad-block";
    case Event::ImageComplete: return "image-complete";
    case Event::SlotVerified: return "slot-verified";
    case Event::Activated: return "activated";
    case Event::Reported: return "reported";
    case Event::BetterDonor: return "better-donor";
    case Event::OffersAwaited: return "offers-awaited";
    case Event::NextImage: return "next-image";
  }
  return "?";
}

}  // namespace fwr::recipient
