// SPDX-License-Identifier: GPL-3.0-or-later
// The leases of a donor: their states, their admission, their ends and their turns to be served.
// PROTOCOL §6.3, §8.2.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/types.hpp"
#include "donor/grant_queue.hpp"
#include "donor/link_terms.hpp"
#include "donor/words.hpp"

namespace fwr::donor {

inline constexpr std::size_t kLeaseRows = 13;
/// The assumed duration of a lease until one has ended. PROTOCOL §8.2.
inline constexpr std::chrono::seconds kUsualAtFirst{5};

/// A promise to serve one image to one user. It is Free only while it is made and while it ends.
class Lease {
 public:
  std::uint32_t handle = 0;
  std::string user;
  Nonce nonce{};
  Digest digest{};
  ObjectSizes sizes;
  Path path;                  ///< from the last Accept Offer
  std::uint32_t session = 0;  ///< the session of the image stream; 0 when it is gone
  LinkId link = kLanLink;     ///< the link of that session
  LinkTerms terms;            ///< the terms of that link
  TimePoint began;
  TimePoint ends;                  ///< the lease expires then unless it is read before
  TimePoint fresh_at;              ///< last time at which bytes went out for the first time
  std::uint64_t served_bytes = 0;  ///< at most the size of both objects
  std::optional<Platform> system;  ///< the recipient, if it described itself
  GrantQueue grants;

  [[nodiscard]] LeaseState state() const { return state_; }
  /// Counts bytes that go out.
  void note_served(wire::stream::Object object, std::uint64_t offset, std::uint64_t size,
                   TimePoint now);
  /// True when nothing new has gone out for long, or less than the least rate of its link: the
  /// lease may give way to another. `usual`: the lease time. PROTOCOL §8.2.
  [[nodiscard]] bool lags(Duration usual, TimePoint now) const;

 private:
  friend class LeaseBook;
  std::array<std::uint64_t, 2> reached_{};  ///< where the next new byte of each object begins
  LeaseState state_ = LeaseState::Free;
  bool in_turn_ = false;
};

/// All leases. Their number is limited by the configuration, at most 255.
class LeaseBook {
 public:
  /// The limits count leases; a limit per user of 0 is half of all. `lease`: how long one lasts
  /// after it was read.
  LeaseBook(std::uint8_t limit, std::uint8_t limit_per_user, Duration lease)
      : limit_(limit),
        limit_per_user_(limit_per_user == 0 ? static_cast<std::uint8_t>((limit + 1) / 2)
                                            : limit_per_user),
        lease_(lease) {}

  [[nodiscard]] std::size_t size() const { return leases_.size(); }
  /// In use, percent of the limit.
  [[nodiscard]] std::uint8_t load_percent() const;
  [[nodiscard]] Lease* find(std::uint32_t handle, std::string_view user);
  [[nodiscard]] Lease* find(std::string_view user, const Nonce& nonce, const Digest& digest);
  /// nullopt when there is room for another lease of this user and source. Otherwise the likely
  /// time until there is: as long as recent leases lasted, and at most until the first one expires.
  [[nodiscard]] std::optional<Duration> wait_for_room(std::string_view user, const Address& peer,
                                                      TimePoint now) const;
  /// The lease of this user and host that will end first: its last read is the longest ago.
  [[nodiscard]] Lease* longest_silent(std::string_view user, const Address& host);
  /// The oldest lease that lags() and takes the room of this user and source.
  [[nodiscard]] Lease* laggard(std::string_view user, const Address& peer, Duration usual,
                               TimePoint now);
  /// A new lease in state Free, with a unique handle. The caller enters Accept at once.
  [[nodiscard]] Lease& add(RandomSource& random);

  /// Learns the duration of a lease that its recipient is about to end.
  void note_duration(const Lease& lease, TimePoint now);
  /// The only way in which a lease changes its state. The row must exist (PROTOCOL §6.3). A lease
  /// that becomes Free is gone when this returns.
  void enter(Lease& lease, LeaseEvent event);
  /// The lease was accepted or read: it lasts for another lease time.
  void prolong(Lease& lease, TimePoint now);
  /// Calls `visit(lease)` for each lease whose time is over, and ends it.
  template <class Visit>
  void expire(TimePoint now, Visit visit) {
    if (now < next_end_) return;
    for_each([&](Lease& lease) {
      if (now < lease.ends) return;
      visit(lease);
      enter(lease, LeaseEvent::Expire);
    });
    next_end_ = first_end().value_or(TimePoint::max());
  }
  /// The streams of the session end; the leases stay.
  void session_closed(std::uint32_t session);

  /// Takes the first lease that waits to be served over this link; nullptr when none waits.
  [[nodiscard]] Lease* take_turn(LinkId link);
  /// Puts a lease that has grants at the end of the line: after new grants, and after its turn.
  void wait_for_turn(Lease& lease);
  /// Forgets its grants.
  void stop_stream(Lease& lease);

  /// `visit(lease)` may end that lease.
  template <class Visit>
  void for_each(Visit visit) {
    for (auto at = leases_.begin(); at != leases_.end();) visit(*at++);
  }
  /// When the first lease ends; nullopt without leases.
  [[nodiscard]] std::optional<TimePoint> first_end() const;
  [[nodiscard]] const std::array<std::uint64_t, kLeaseRows>& rows_taken() const { return taken_; }

 private:
  enum class Room : std::uint8_t { Free, OfUserFull, Full };
  [[nodiscard]] Room room_for(std::string_view user, const Address& peer) const;
  void leave_line(Lease& lease);

  std::uint8_t limit_;
  std::uint8_t limit_per_user_;
  Duration lease_;              ///< the lease time
  std::list<Lease> leases_;     ///< a list, because the line points into it
  std::deque<Lease*> waiting_;  ///< the line: leases with grants, each once
  /// No lease ends before this: prolong() only makes it later, so one look is enough until then.
  TimePoint next_end_ = TimePoint::max();
  std::array<std::uint64_t, kLeaseRows> taken_{};
  Duration usual_ = kUsualAtFirst;  ///< duration of leases that recipients ended
};

}  // namespace fwr::donor
