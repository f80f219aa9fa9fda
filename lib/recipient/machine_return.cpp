// SPDX-License-Identifier: GPL-3.0-or-later
// Asking on while a donor is used: late offers of slow links, and the way back to a better medium.
// PROTOCOL §14.
#include <algorithm>

#include "recipient/recovery.hpp"

namespace fwr::recipient {

std::vector<Target> Recovery::better_targets() const {
  const std::size_t ours = policy::media_rank(config_.policy, candidate().medium);
  std::vector<Target> better;
  for (const Target& target : config_.targets) {
    const auto known =
        std::find_if(config_.links.begin(), config_.links.end(),
                     [&](const KnownLink& link) { return link.leads_to(target.path.peer); });
    const Medium medium =
        known == config_.links.end() ? target.path.medium : known->properties.medium;
    const bool allowed = (config_.policy.allowed_media & static_cast<std::uint8_t>(medium)) != 0;
    if (allowed && policy::media_rank(config_.policy, medium) < ours) better.push_back(target);
  }
  return better;
}

/// A donor begins to send.
void Recovery::expect_return(TimePoint now) {
  next_return_.reset();
  if (transfer() == nullptr || !config_.policy.return_to_better || better_targets().empty()) return;
  next_return_ = again_after(return_interval_, now);
}

std::optional<TimePoint> Recovery::return_deadline() const {
  if (ended_ || state() == State::Discovering) return std::nullopt;
  if (asking_) return asking_->deadline();
  return transfer() != nullptr ? next_return_ : std::nullopt;
}

void Recovery::work_on_return(TimePoint now) {
  if (asking_) {
    asking_->handle_timeout(now);
    if (asking_->closed(now)) on_more_offers(now);
  } else if (transfer() != nullptr && next_return_ && now >= *next_return_) {
    asking_.emplace(config_, better_targets(), nonce_, now);
    next_return_.reset();
  }
}

void Recovery::on_more_offers(TimePoint now) {
  for (Offered& offered : selection_->add(asking_->offers())) emit(std::move(offered));
  asking_.reset();
  if (transfer() == nullptr) return;
  if (config_.policy.return_to_better && selection_->prefer_to(link()->offer(), now)) {
    // Whoever answers there without serving must not cost us the road that works for long.
    return_interval_ = std::min(2 * return_interval_, kLongestReturnInterval);
    bid_farewell(take_link(), Error{Errc::Interrupted, {}}, now);
    enter(Event::BetterDonor, Selecting{});
    return select(now);
  }
  expect_return(now);
}

}  // namespace fwr::recipient
