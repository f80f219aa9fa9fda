// SPDX-License-Identifier: GPL-3.0-or-later
// One image at a time; what cannot be read is tried once more.
#include "fwrecover/content_watch.hpp"

#include <algorithm>
#include <utility>

namespace fwrecover {

using fwr::TimePoint;
using fwr::donor::DirectoryCatalogue;

void ContentWatch::check_all(const DirectoryCatalogue& catalogue, TimePoint now) {
  running_.reset();
  due_.clear();
  for (const auto& entry : catalogue.entries()) due_.push_back(entry.manifest.digest);
  next_step_ = now + kStepEvery;
}

void ContentWatch::check_first(const fwr::Digest& digest, TimePoint now) {
  // A check that runs goes on: a report does not begin it anew.
  if (running_ && digest == running_digest_) return;
  std::erase(due_, digest);
  due_.push_front(digest);
  next_step_ = std::max(next_step_, now);
}

std::optional<TimePoint> ContentWatch::deadline() const {
  if (!running_ && due_.empty()) return std::nullopt;
  return next_step_;
}

std::optional<WrongContents> ContentWatch::step(const DirectoryCatalogue& catalogue,
                                                TimePoint now) {
  if (!deadline() || now < next_step_) return std::nullopt;
  next_step_ = now + kStepEvery;
  if (!running_) return begin(catalogue, now);
  const auto done = running_->step();
  if (done && !*done) return std::nullopt;
  running_.reset();
  if (!done) return failed(done.error(), now);
  unreadable_.erase(running_digest_);
  return std::nullopt;
}

std::optional<WrongContents> ContentWatch::begin(const DirectoryCatalogue& catalogue,
                                                 TimePoint now) {
  running_digest_ = due_.front();
  due_.pop_front();
  // An image that is not there any more was withdrawn before.
  const bool offered =
      std::any_of(catalogue.entries().begin(), catalogue.entries().end(),
                  [&](const auto& entry) { return entry.manifest.digest == running_digest_; });
  if (!offered) return std::nullopt;
  auto begun = catalogue.begin_check(running_digest_);
  if (!begun) return failed(begun.error(), now);
  running_ = *std::move(begun);
  return std::nullopt;
}

/// An image that cannot be read may be readable soon, because a lack of descriptors passes: it is
/// tried once more, later.
std::optional<WrongContents> ContentWatch::failed(const fwr::Error& error, TimePoint now) {
  if (error.code == fwr::Errc::DigestMismatch || unreadable_.erase(running_digest_) != 0)
    return WrongContents{running_digest_, error};
  unreadable_.insert(running_digest_);
  due_.push_back(running_digest_);
  next_step_ = now + kAgainAfter;
  return std::nullopt;
}

}  // namespace fwrecover
