// SPDX-License-Identifier: GPL-3.0-or-later
// The lease table of PROTOCOL §6.3, admission, and the line of leases that wait for their turn.
#include "donor/lease.hpp"

#include <algorithm>
#include <cassert>
#include <span>

#include "base/soonest.hpp"

namespace fwr::donor {
namespace {

using State = LeaseState;
using Event = LeaseEvent;

constexpr std::array<LeaseRow, kLeaseRows> kTable{{
    {State::Free, Event::Accept, State::Leased},
    {State::Leased, Event::Accept, State::Leased},
    {State::Leased, Event::Read, State::Serving},
    {State::Serving, Event::Accept, State::Serving},
    {State::Serving, Event::Read, State::Serving},
    {State::Leased, Event::Release, State::Free},
    {State::Serving, Event::Release, State::Free},
    {State::Leased, Event::Report, State::Free},
    {State::Serving, Event::Report, State::Free},
    {State::Leased, Event::Expire, State::Free},
    {State::Serving, Event::Expire, State::Free},
    {State::Leased, Event::Withdraw, State::Free},
    {State::Serving, Event::Withdraw, State::Free},
}};

}  // namespace

std::span<const LeaseRow> lease_table() {
  return kTable;
}

std::string_view to_text(LeaseState state) {
  switch (state) {
    case State::Free: return "Free";
    case State::Leased: return "Leased";
    case State::Serving: return "Serving";
  }
  return "";
}

std::string_view to_text(LeaseEvent event) {
  switch (event) {
    case Event::Accept: return "accept";
    case Event::Read: return "read";
    case Event::Release: return "release";
    case Event::Report: return "report";
    case Event::Expire: return "expire";
    case Event::Withdraw: return "withdraw";
  }
  return "";
}

std::uint8_t LeaseBook::load_percent() const {
  if (limit_ == 0) return 100;
  return static_cast<std::uint8_t>(std::min<std::size_t>(100, leases_.size() * 100 / limit_));
}

Lease* LeaseBook::find(std::uint32_t handle, std::string_view user) {
  const auto at = std::find_if(leases_.begin(), leases_.end(), [&](const Lease& lease) {
    return lease.handle == handle && lease.user == user;
  });
  return at == leases_.end() ? nullptr : &*at;
}

Lease* LeaseBook::find(std::string_view user, const Nonce& nonce, const Digest& digest) {
  const auto at = std::find_if(leases_.begin(), leases_.end(), [&](const Lease& lease) {
    return lease.nonce == nonce && lease.digest == digest && lease.user == user;
  });
  return at == leases_.end() ? nullptr : &*at;
}

/// How many of the last leases are for users and sources without one: an eighth, at least two.
/// PROTOCOL §8.2.
std::size_t share_of_newcomers(std::size_t leases) {
  constexpr std::size_t kShare = 8;
  constexpr std::size_t kLeast = 2;
  constexpr std::size_t kShareOfFew = 4;
  return leases < kShare ? leases / kShareOfFew : std::max(leases / kShare, kLeast);
}

LeaseBook::Room LeaseBook::room_for(std::string_view user, const Address& peer) const {
  const Address source = source_prefix(peer);
  std::size_t of_user = 0;
  bool source_has_one = false;
  for (const Lease& lease : leases_) {
    if (lease.user != user) continue;
    ++of_user;
    source_has_one |= source_prefix(lease.path.peer) == source;
  }
  const std::size_t of_one_user = limit_per_user_;
  if (of_user >= of_one_user ||
      (source_has_one && of_user + share_of_newcomers(of_one_user) >= of_one_user))
    return Room::OfUserFull;
  // Users without a lease may take all of these, addresses without one half.
  const std::size_t share = share_of_newcomers(limit_);
  const std::size_t kept = of_user == 0 ? 0 : source_has_one ? share : share / 2;
  return leases_.size() + kept >= limit_ ? Room::Full : Room::Free;
}

std::optional<Duration> LeaseBook::wait_for_room(std::string_view user, const Address& peer,
                                                 TimePoint now) const {
  const Room room = room_for(user, peer);
  if (room == Room::Free) return std::nullopt;
  Soonest first;
  for (const Lease& lease : leases_)
    if (room != Room::OfUserFull || lease.user == user) first.add(lease.ends);
  if (!first.time()) return Duration::zero();
  return std::min(std::max(*first.time() - now, Duration::zero()), usual_);
}

Lease* LeaseBook::laggard(std::string_view user, const Address& peer, Duration usual,
                          TimePoint now) {
  const Room room = room_for(user, peer);
  if (room == Room::Free) return nullptr;
  Lease* oldest = nullptr;
  for (Lease& lease : leases_) {
    if (room == Room::OfUserFull && lease.user != user) continue;
    if (lease.lags(usual, now) && (oldest == nullptr || lease.began < oldest->began))
      oldest = &lease;
  }
  return oldest;
}

void Lease::note_served(wire::stream::Object object, std::uint64_t offset, std::uint64_t size,
                        TimePoint now) {
  served_bytes = std::min(served_bytes + size, sizes.image_bytes + sizes.tree_bytes);
  std::uint64_t& reached = reached_[object == wire::stream::Object::Image ? 0 : 1];
  if (offset + size <= reached) return;
  reached = offset + size;
  fresh_at = now;
}

bool Lease::lags(Duration usual, TimePoint now) const {
  constexpr int kGrace = 2;  // lease times before the rate counts
  constexpr int kStale = 5;  // lease times without anything new
  const Duration lease_time = usual + terms.slack;
  if (now >= fresh_at + kStale * lease_time) return true;
  const auto counted =
      std::chrono::duration_cast<std::chrono::seconds>(now - began - kGrace * lease_time);
  return counted.count() > 0 &&
         served_bytes < static_cast<std::uint64_t>(counted.count()) * terms.least_rate_bytes_per_s;
}

void LeaseBook::note_duration(const Lease& lease, TimePoint now) {
  constexpr int kWeight = 4;  // of earlier durations, in fifths
  usual_ = (usual_ * kWeight + std::max(now - lease.began, Duration::zero())) / (kWeight + 1);
}

Lease* LeaseBook::longest_silent(std::string_view user, const Address& host) {
  Lease* found = nullptr;
  for (Lease& lease : leases_) {
    const Address& peer = lease.path.peer;
    const bool same = lease.user == user && peer.family == host.family &&
                      peer.bytes == host.bytes && peer.scope == host.scope;
    if (same && (found == nullptr || lease.ends < found->ends)) found = &lease;
  }
  return found;
}

Lease& LeaseBook::add(RandomSource& random) {
  constexpr unsigned kDraws = 16;  // attempts to draw an unpredictable handle
  std::uint32_t handle = 0;
  const auto is_bad = [&] {
    return handle == 0 || std::any_of(leases_.begin(), leases_.end(),
                                      [&](const Lease& lease) { return lease.handle == handle; });
  };
  for (unsigned draws = 0; draws < kDraws && is_bad(); ++draws) {
    std::array<std::byte, 4> drawn{};
    random.fill(drawn);
    handle = static_cast<std::uint32_t>(ByteReader(drawn).le<4>());
  }
  // A random source that repeats itself: at most one more step than there are leases, and one for
  // 0.
  while (is_bad()) ++handle;
  Lease& lease = leases_.emplace_back();
  lease.handle = handle;
  return lease;
}

void LeaseBook::enter(Lease& lease, LeaseEvent event) {
  const auto row = std::find_if(kTable.begin(), kTable.end(), [&](const LeaseRow& candidate) {
    return candidate.from == lease.state_ && candidate.event == event;
  });
  assert(row != kTable.end());
  if (row == kTable.end()) return;
  lease.state_ = row->to;
  ++taken_[static_cast<std::size_t>(row - kTable.begin())];
  if (lease.state_ != State::Free) return;
  leave_line(lease);
  leases_.remove_if([&](const Lease& candidate) { return &candidate == &lease; });
}

Lease* LeaseBook::take_turn(LinkId link) {
  const auto next = std::find_if(waiting_.begin(), waiting_.end(),
                                 [link](const Lease* lease) { return lease->link == link; });
  if (next == waiting_.end()) return nullptr;
  Lease* lease = *next;
  waiting_.erase(next);
  lease->in_turn_ = false;
  return lease;
}

void LeaseBook::wait_for_turn(Lease& lease) {
  if (lease.in_turn_ || lease.grants.empty()) return;
  lease.in_turn_ = true;
  waiting_.push_back(&lease);
}

void LeaseBook::stop_stream(Lease& lease) {
  lease.grants.clear();
  leave_line(lease);
}

void LeaseBook::prolong(Lease& lease, TimePoint now) {
  lease.ends = now + lease_ + lease.terms.slack;
  next_end_ = std::min(next_end_, lease.ends);
}

void LeaseBook::session_closed(std::uint32_t session) {
  for_each([&](Lease& lease) {
    if (lease.session != session) return;
    stop_stream(lease);
    lease.session = 0;
  });
}

std::optional<TimePoint> LeaseBook::first_end() const {
  Soonest soonest;
  for (const Lease& lease : leases_) soonest.add(lease.ends);
  return soonest.time();
}

void LeaseBook::leave_line(Lease& lease) {
  if (!lease.in_turn_) return;
  std::erase(waiting_, &lease);
  lease.in_turn_ = false;
}

}  // namespace fwr::donor
