// SPDX-License-Identifier: GPL-3.0-or-later
// The leases of a donor: their states, their admission, and whose turn it is. PROTOCOL §6.3, §8.2.
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
#include "donor/donor.hpp"
#include "donor/grant_queue.hpp"
#include "donor/link_terms.hpp"

namespace fwr::donor {

inline constexpr std::size_t kLeaseRows = 13;
/// What is supposed of a lease until one has ended. PROTOCOL §8.2.
inline constexpr std::chrono::seconds kUsualAtFirst{5};

/// One promise to one user. It is Free only while it is made and while it ends.
class Lease {
 public:
  std::uint32_t handle = 0;
  std::string user;
  Nonce nonce{};
  Digest digest{};
  ObjectSizes sizes;
  Path path;                  ///< of the last accept
  std::uint32_t session = 0;  ///< that the image stream belongs to; 0 when it is gone
  LinkId link = kLanLink;     ///< behind which the session is
  LinkTerms terms;            ///< of that link
  TimePoint began;
  TimePoint ends;                  ///< when nothing is read until then
  TimePoint fresh_at;              ///< bytes went out that had not before
  std::uint64_t served_bytes = 0;  ///< at most as many as both objects have
  std::optional<Platform> system;  ///< that it is for, as far as that was said
  GrantQueue grants;

  [[nodiscard]] LeaseState state() const { return state_; }
  /// These bytes go out.
  void note_served(wire::stream::Object object, std::uint64_t offset, std::uint64_t size,
                   TimePoint now);
  /// Nothing new has gone out for long, or less than the least rate of its link: it may give way.
  /// `usual`: the lease time. PROTOCOL §8.2.
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
  /// Both count leases; 0 for one user: half of all.
  LeaseBook(std::uint8_t limit, std::uint8_t limit_per_user)
      : limit_(limit),
        limit_per_user_(limit_per_user == 0 ? static_cast<std::uint8_t>((limit + 1) / 2)
                                            : limit_per_user) {}

  [[nodiscard]] std::size_t size() const { return leases_.size(); }
  /// In use, percent of the limit.
  [[nodiscard]] std::uint8_t load_percent() const;
  [[nodiscard]] Lease* find(std::uint32_t handle, std::string_view user);
  [[nodiscard]] Lease* find(std::string_view user, const Nonce& nonce, const Digest& digest);
  /// Nothing when there is room for another lease of this user and source; otherwise how long one
  /// in its way is likely to last, as the last ones did, and never longer than until one expires.
  [[nodiscard]] std::optional<Duration> wait_for_room(std::string_view user, const Address& peer,
                                                      TimePoint now) const;
  /// The lease of this user and host that will end first: the one that was read the longest ago.
  [[nodiscard]] Lease* longest_silent(std::string_view user, const Address& host);
  /// One in the way of this user and source that lags(): the oldest of those.
  [[nodiscard]] Lease* laggard(std::string_view user, const Address& peer, Duration usual,
                               TimePoint now);
  /// A new lease in state Free, with a handle that no other has. The caller enters Accept at once.
  [[nodiscard]] Lease& add(RandomSource& random);

  /// Before it ends because the recipient wants no more: how long it took.
  void note_duration(const Lease& lease, TimePoint now);
  /// The only way in which a lease changes its state. The row must exist (PROTOCOL §6.3). A lease
  /// that becomes Free is gone when this returns.
  void enter(Lease& lease, LeaseEvent event);

  /// The next lease that waits to be served over this link gets its turn now; nullptr when none
  /// waits.
  [[nodiscard]] Lease* take_turn(LinkId link);
  /// After grants came, and after a turn when there is more to send: back to the end of the line.
  void wait_for_turn(Lease& lease);
  /// Its grants are forgotten.
  void stop_stream(Lease& lease);

  /// `visit(lease)` may end the lease that it is given.
  template <class Visit>
  void for_each(Visit visit) {
    for (auto at = leases_.begin(); at != leases_.end();) visit(*at++);
  }
  /// When the first lease ends; nothing without leases.
  [[nodiscard]] std::optional<TimePoint> first_end() const;
  [[nodiscard]] const std::array<std::uint64_t, kLeaseRows>& rows_taken() const { return taken_; }

 private:
  enum class Room : std::uint8_t { Free, OfUserFull, Full };
  [[nodiscard]] Room room_for(std::string_view user, const Address& peer) const;
  void leave_line(Lease& lease);

  std::uint8_t limit_;
  std::uint8_t limit_per_user_;
  std::list<Lease> leases_;     // a list, because the line points into it
  std::deque<Lease*> waiting_;  // those with grants, each once
  std::array<std::uint64_t, kLeaseRows> taken_{};
  Duration usual_ = kUsualAtFirst;  ///< of leases that recipients ended
};

}  // namespace fwr::donor
