// SPDX-License-Identifier: GPL-3.0-or-later
// How much of the image stream to keep in flight: round-trip time, delivery rate, window.
// Pure arithmetic. PROTOCOL §6.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/types.hpp"
#include "recipient/link_timers.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kLeastSegmentsInFlight = 32;
/// No more than the path delivers in this time: answers to commands wait behind what is in flight.
inline constexpr Duration kLongestQueue = std::chrono::seconds(5);
inline constexpr std::size_t kLeastSegmentsInQueue = 4;
inline constexpr std::size_t kRateRounds = 10;  ///< round trips whose delivery rate counts

/// Smoothed as in RFC 6298.
class RoundTrip {
 public:
  explicit RoundTrip(const GrantTimes& times = {}) : times_(times) {}

  /// Smooths, and counts for the smallest: a grant and its first segment.
  void sample(Duration measured);
  /// Something smaller than a segment went this way in this time: good for a first timeout only.
  void hint(Duration measured);

  [[nodiscard]] std::optional<Duration> smallest() const { return smallest_; }
  /// Smoothed time plus four times its variation, within shortest..longest.
  [[nodiscard]] Duration timeout() const;

 private:
  void smooth(Duration measured);
  GrantTimes times_;
  std::optional<Duration> smallest_;
  std::optional<Duration> smoothed_;
  Duration variation_{0};
};

class Pace {
 public:
  /// `limit_bytes`: never more than this in flight, whatever was measured.
  explicit Pace(std::size_t limit_bytes, const GrantTimes& times = {})
      : limit_bytes_(limit_bytes), longest_timeout_(times.longest), round_trip_(times) {}

  void hint(Duration round_trip) { round_trip_.hint(round_trip); }
  /// The grant with this number goes out.
  void granted(std::uint32_t number, TimePoint now);
  /// There was room for a grant and nothing to ask for: this round trip says nothing about the
  /// path.
  void starved() { starved_ = true; }
  /// The first segment of a grant arrived this long after the grant was sent.
  void first_segment(Duration round_trip) { round_trip_.sample(round_trip); }
  /// Bytes of the grant with this number arrived, in segments of at most `segment_bytes`.
  void arrived(std::uint32_t number, std::size_t bytes, std::size_t segment_bytes, TimePoint now);
  /// A grant's time passed: the next timeout is twice as long, until something arrives.
  void timed_out();

  /// Bytes that may be granted and not arrived.
  [[nodiscard]] std::size_t in_flight_limit(std::size_t segment_bytes) const;
  [[nodiscard]] Duration timeout() const;
  [[nodiscard]] unsigned timeouts_in_a_row() const { return timeouts_; }
  [[nodiscard]] bool growing() const { return growing_; }
  /// The largest of the last kRateRounds round trips, bytes a second.
  [[nodiscard]] double delivery_rate() const;
  [[nodiscard]] std::size_t limit_bytes() const { return limit_bytes_; }

 private:
  void end_round(std::size_t segment_bytes, TimePoint now);

  std::size_t limit_bytes_;
  Duration longest_timeout_;
  RoundTrip round_trip_;
  unsigned timeouts_ = 0;

  // A round trip lasts from a grant until data of a later grant arrives.
  bool in_round_ = false;
  bool starved_ = false;
  std::uint32_t newest_grant_ = 0;
  std::uint32_t round_ends_after_ = 0;
  TimePoint round_began_{};
  std::uint64_t round_bytes_ = 0;

  std::array<double, kRateRounds> rates_{};
  std::size_t next_rate_ = 0;
  bool growing_ = true;
  std::size_t growth_bytes_ = 0;  ///< what may be in flight while growing
};

}  // namespace fwr::recipient
