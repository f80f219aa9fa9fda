// SPDX-License-Identifier: GPL-3.0-or-later
// Bookkeeping of grants. PROTOCOL §6.1.
#include "recipient/grant_book.hpp"

#include <algorithm>
#include <cassert>

namespace fwr::recipient {

void GrantBook::open(OpenGrant grant) {
  assert(!full());
  assert(open_.empty() || open_.back().number < grant.number);
  newest_ = grant.number;
  in_flight_ += grant.bytes;
  if (grant.probe) probe_bytes_ += grant.bytes;
  open_.push_back(std::move(grant));
}

GrantBook::Open::iterator GrantBook::find(std::uint32_t number) {
  const auto found =
      std::lower_bound(open_.begin(), open_.end(), number,
                       [](const OpenGrant& grant, std::uint32_t n) { return grant.number < n; });
  return found != open_.end() && found->number == number ? found : open_.end();
}

OpenGrant GrantBook::remove(const Open::iterator& where) {
  OpenGrant grant = std::move(*where);
  in_flight_ -= grant.bytes - grant.arrived_bytes;
  if (grant.probe) probe_bytes_ -= grant.bytes;
  open_.erase(where);
  return grant;
}

GrantBook::Arrival GrantBook::arrived(std::uint32_t number, std::size_t bytes, bool last,
                                      TimePoint now) {
  if (number <= newest_) last_arrival_ = now;
  const auto grant = find(number);
  Arrival arrival;
  if (grant == open_.end()) {
    arrival.round_trip = late_round_trip(number, now);
    return arrival;
  }
  if (grant->arrived_bytes == 0) arrival.round_trip = now - grant->sent;
  // A network may double a segment: what counts here is only when to stop waiting.
  const std::size_t counted = std::min(bytes, grant->bytes - grant->arrived_bytes);
  grant->arrived_bytes += counted;
  in_flight_ -= counted;

  const bool whole = grant->arrived_bytes == grant->bytes;
  if (in_order_) {
    for (auto earlier = open_.begin(); earlier != grant; ++earlier)
      earlier->later_answered = kLaterGrantsAnswered;
    if (last) grant->later_answered = kLaterGrantsAnswered;
  } else if (!grant->last_seen && (last || whole)) {
    grant->last_seen = true;
    for (auto earlier = open_.begin(); earlier != grant; ++earlier) ++earlier->later_answered;
  }
  if (whole) arrival.finished = remove(grant);
  return arrival;
}

OpenGrant GrantBook::give_up(const Open::iterator& where) {
  if (where->arrived_bytes == 0) {
    if (given_up_.size() >= kGrantsInFlight) given_up_.pop_front();
    given_up_.push_back({where->number, where->sent});
  }
  return remove(where);
}

std::optional<Duration> GrantBook::late_round_trip(std::uint32_t number, TimePoint now) {
  const auto late = std::find_if(given_up_.begin(), given_up_.end(),
                                 [&](const GivenUp& grant) { return grant.number == number; });
  if (late == given_up_.end()) return std::nullopt;
  const Duration round_trip = now - late->sent;
  given_up_.erase(late);
  return round_trip;
}

std::optional<OpenGrant> GrantBook::take(std::uint32_t number) {
  const auto grant = find(number);
  if (grant == open_.end()) return std::nullopt;
  return remove(grant);
}

std::optional<OpenGrant> GrantBook::take_overtaken() {
  // The earlier, the more later ones: it is the first or none.
  if (open_.empty() || open_.front().later_answered < kLaterGrantsAnswered) return std::nullopt;
  return give_up(open_.begin());
}

std::optional<OpenGrant> GrantBook::take_timed_out(Duration timeout, TimePoint now) {
  const auto at = next_timeout(timeout);
  if (!at || now < *at) return std::nullopt;
  return give_up(open_.begin());
}

std::optional<TimePoint> GrantBook::next_timeout(Duration timeout) const {
  if (open_.empty()) return std::nullopt;
  // The donor serves grants in their order: while anything arrives, the time of those that wait has
  // not begun, and one that was overtaken is found as such.
  return std::max(open_.front().sent, last_arrival_) + timeout;
}

void GrantBook::clear() {
  open_.clear();
  given_up_.clear();
  in_flight_ = 0;
  probe_bytes_ = 0;
}

}  // namespace fwr::recipient
