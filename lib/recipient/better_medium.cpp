// SPDX-License-Identifier: GPL-3.0-or-later
// When better media are asked, and which targets are on one. PROTOCOL §14.
#include "recipient/better_medium.hpp"

#include <algorithm>

#include "recipient/patience.hpp"

namespace fwr::recipient {
namespace {

constexpr std::chrono::seconds kLongestInterval{3600};  // PROTOCOL §14

}  // namespace

void BetterMedium::listen_on(const Discovery& discovery) {
  asking_ = discovery;
  asking_->go_on();
}

void BetterMedium::expect(Medium used, TimePoint now) {
  next_.reset();
  if (!config_.policy.return_to_better || better_targets(used).empty()) return;
  next_ = again_after(interval_, random_, now);
}

void BetterMedium::note_return() {
  interval_ = std::min(2 * interval_, kLongestInterval);
}

std::vector<Target> BetterMedium::better_targets(Medium used) const {
  const std::size_t ours = policy::media_rank(config_.policy, used);
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

void BetterMedium::handle_datagram(const Path& path, ByteView datagram, TimePoint now) {
  if (asking_) asking_->handle_datagram(path, datagram, now);
}

bool BetterMedium::handle_timeout(std::optional<Medium> sends_on, TimePoint now) {
  if (asking_) {
    asking_->handle_timeout(now);
    return asking_->closed(now);
  }
  if (sends_on && next_ && now >= *next_) {
    asking_.emplace(config_, better_targets(*sends_on), nonce_, now);
    next_.reset();
  }
  return false;
}

std::optional<Datagram> BetterMedium::poll_transmit(TimePoint now) {
  return asking_ ? asking_->poll_transmit(now) : std::nullopt;
}

std::optional<TimePoint> BetterMedium::deadline(bool sending) const {
  if (asking_) return asking_->deadline();
  return sending ? next_ : std::nullopt;
}

}  // namespace fwr::recipient
