// SPDX-License-Identifier: GPL-3.0-or-later
// Grants that were sent and are not answered yet, and when to call one lost. Pure. PROTOCOL §6.1.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/types.hpp"
#include "wire/stream.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kGrantsInFlight = 128;
inline constexpr unsigned kLaterGrantsAnswered = 3;  ///< after which an earlier one is lost

struct OpenGrant {
  std::uint32_t number = 0;
  std::uint16_t segment_granules = 0;
  bool probe = false;
  std::vector<wire::stream::Range> ranges;
  std::size_t bytes = 0;
  TimePoint sent{};

  std::size_t arrived_bytes = 0;
  bool last_seen = false;  ///< the donor has sent all of it
  unsigned later_answered = 0;
};

class GrantBook {
 public:
  /// `in_order`: what has not come before a later segment does not come any more.
  explicit GrantBook(bool in_order = false) : in_order_(in_order) {}

  [[nodiscard]] bool full() const { return open_.size() >= kGrantsInFlight; }
  [[nodiscard]] bool empty() const { return open_.empty(); }
  [[nodiscard]] std::size_t in_flight_bytes() const { return in_flight_; }
  /// Bytes of open probes: most of them are expected never to arrive.
  [[nodiscard]] std::size_t probe_bytes() const { return probe_bytes_; }

  /// Numbers rise.
  void open(OpenGrant grant);

  struct Arrival {
    std::optional<Duration> round_trip;  ///< until the first segment
    std::optional<OpenGrant> finished;   ///< it had all its bytes, and is out of the book
  };
  /// A segment that names this grant. One that was given up still tells its round-trip time: on a
  /// path that is slower than thought, nothing else would ever tell.
  Arrival arrived(std::uint32_t number, std::size_t bytes, bool last, TimePoint now);

  /// Something that was granted came again, of no use any more: the donor still sends.
  void heard(std::uint32_t number, TimePoint now) {
    if (number > 0 && number <= newest_) last_arrival_ = now;
  }

  /// Takes a grant out: the donor refused it.
  std::optional<OpenGrant> take(std::uint32_t number);
  /// Takes out the next grant that later ones have overtaken.
  std::optional<OpenGrant> take_overtaken();
  /// Takes out the next grant of which nothing came for `timeout`.
  std::optional<OpenGrant> take_timed_out(Duration timeout, TimePoint now);
  /// When the first grant will have timed out.
  [[nodiscard]] std::optional<TimePoint> next_timeout(Duration timeout) const;
  void clear();

 private:
  using Open = std::deque<OpenGrant>;
  Open::iterator find(std::uint32_t number);
  OpenGrant remove(const Open::iterator& where);
  OpenGrant give_up(const Open::iterator& where);
  [[nodiscard]] std::optional<Duration> late_round_trip(std::uint32_t number, TimePoint now);

  struct GivenUp {
    std::uint32_t number = 0;
    TimePoint sent{};
  };
  bool in_order_;
  Open open_;                     ///< by number
  std::deque<GivenUp> given_up_;  ///< before anything of them came; at most kGrantsInFlight
  std::size_t in_flight_ = 0;
  std::size_t probe_bytes_ = 0;
  TimePoint last_arrival_{};  ///< when a segment of any grant came last
  std::uint32_t newest_ = 0;
};

}  // namespace fwr::recipient
