// SPDX-License-Identifier: GPL-3.0-or-later
// The transition table of a recovery, row for row PROTOCOL §6.4, and the names in it.
#include <algorithm>
#include <array>

#include "recipient/transitions.hpp"

namespace fwr::recipient {
namespace {

constexpr std::array kTable = {
    Row{State::Idle, Event::Start, State::Discovering},
    Row{State::Discovering, Event::OffersClosed, State::Selecting},
    Row{State::Discovering, Event::Deadline, State::Failed},
    Row{State::Selecting, Event::DonorChosen, State::Connecting},
    Row{State::Selecting, Event::NoneLeft, State::Failed},
    Row{State::Selecting, Event::OffersAwaited, State::Discovering},
    Row{State::Connecting, Event::SessionUp, State::Vetting},
    Row{State::Connecting, Event::DonorLost, State::Selecting},
    Row{State::Connecting, Event::Deadline, State::Failed},
    Row{State::Vetting, Event::ManifestAccepted, State::Accepting},
    Row{State::Vetting, Event::NextImage, State::Vetting},
    Row{State::Vetting, Event::ManifestRefused, State::Selecting},
    Row{State::Vetting, Event::BetterDonor, State::Selecting},
    Row{State::Vetting, Event::DonorLost, State::Selecting},
    Row{State::Vetting, Event::Deadline, State::Failed},
    Row{State::Accepting, Event::LeaseGranted, State::Preparing},
    Row{State::Accepting, Event::LeaseRefused, State::Selecting},
    Row{State::Accepting, Event::DonorLost, State::Selecting},
    Row{State::Accepting, Event::Deadline, State::Failed},
    Row{State::Preparing, Event::SlotReady, State::FetchingTree},
    Row{State::Preparing, Event::SlotFailed, State::Failed},
    Row{State::FetchingTree, Event::TreeComplete, State::FetchingImage},
    Row{State::FetchingTree, Event::BadBlock, State::Selecting},
    Row{State::FetchingTree, Event::DonorLost, State::Selecting},
    Row{State::FetchingTree, Event::BetterDonor, State::Selecting},
    Row{State::FetchingTree, Event::SlotFailed, State::Failed},
    Row{State::FetchingTree, Event::Deadline, State::Failed},
    Row{State::FetchingImage, Event::ImageComplete, State::Verifying},
    Row{State::FetchingImage, Event::BadBlock, State::Selecting},
    Row{State::FetchingImage, Event::DonorLost, State::Selecting},
    Row{State::FetchingImage, Event::BetterDonor, State::Selecting},
    Row{State::FetchingImage, Event::SlotFailed, State::Failed},
    Row{State::FetchingImage, Event::Deadline, State::Failed},
    Row{State::Verifying, Event::SlotVerified, State::Activating},
    Row{State::Verifying, Event::SlotFailed, State::Failed},
    Row{State::Activating, Event::Activated, State::Reporting},
    Row{State::Activating, Event::SlotFailed, State::Failed},
    Row{State::Reporting, Event::Reported, State::Done},
    Row{State::Reporting, Event::DonorLost, State::Done},
};

}  // namespace

std::span<const Row> transition_table() {
  return kTable;
}

std::optional<State> next_state(State from, Event event) {
  const auto row = std::find_if(kTable.begin(), kTable.end(), [&](const Row& one) {
    return one.from == from && one.event == event;
  });
  return row == kTable.end() ? std::nullopt : std::optional(row->to);
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
