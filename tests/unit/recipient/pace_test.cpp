// SPDX-License-Identifier: GPL-3.0-or-later
// Pace, segment size and the book of grants. PROTOCOL §6.1.
#include <gtest/gtest.h>

#include "recipient/grant_book.hpp"
#include "recipient/pace.hpp"
#include "recipient/segment_size.hpp"

namespace fwr::recipient {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{std::chrono::hours(1)};
constexpr std::size_t kSegment = 1344;

TEST(RoundTrip, WaitsASecondBeforeAnythingWasMeasured) {
  EXPECT_EQ(RoundTrip().timeout(), Duration(1s));
}

TEST(RoundTrip, FirstSampleGivesThreeTimesItself) {
  RoundTrip trip;
  trip.sample(100ms);
  EXPECT_EQ(trip.timeout(), Duration(300ms));
}

TEST(RoundTrip, TimeoutStaysBetween20MillisecondsAnd2Seconds) {
  RoundTrip fast;
  fast.sample(50us);
  EXPECT_EQ(fast.timeout(), Duration(20ms));
  RoundTrip slow;
  slow.sample(5s);
  EXPECT_EQ(slow.timeout(), Duration(2s));
}

TEST(RoundTrip, SmoothsAsRfc6298Does) {
  RoundTrip trip;
  trip.sample(100ms);
  trip.sample(200ms);
  // Variation (3 * 50 + 100) / 4 = 62.5 ms, smoothed (7 * 100 + 200) / 8 = 112.5 ms.
  EXPECT_EQ(trip.timeout(), Duration(362500us));
  EXPECT_EQ(trip.smallest(), Duration(100ms));
}

TEST(RoundTrip, HintSetsTheTimeoutButIsNotTheSmallest) {
  RoundTrip trip;
  trip.hint(10ms);
  EXPECT_EQ(trip.timeout(), Duration(30ms));
  EXPECT_FALSE(trip.smallest());
}

TEST(Pace, BeginsWith32Segments) {
  EXPECT_EQ(Pace(4U << 20).in_flight_limit(1088), 32U * 1088);
}

TEST(Pace, NeverExceedsItsLimit) {
  EXPECT_EQ(Pace(100'000).in_flight_limit(32768), 100'000U);
}

/// A pace on a path that is fully used in every round trip.
struct Driven {
  Pace pace{64U << 20};
  TimePoint now = kStart;
  std::uint32_t number = 1;

  std::size_t rounds(unsigned count, double bytes_per_s, Duration round_trip) {
    const double seconds = std::chrono::duration<double>(round_trip).count();
    pace.granted(number, now);
    for (unsigned i = 0; i < count; ++i) {
      const auto limit = static_cast<double>(pace.in_flight_limit(kSegment));
      pace.first_segment(round_trip);
      pace.arrived(number, static_cast<std::size_t>(std::min(limit, bytes_per_s * seconds)),
                   kSegment, now);
      now += round_trip;
      pace.granted(++number, now);
      pace.arrived(number, 0, kSegment, now);
    }
    return pace.in_flight_limit(kSegment);
  }
};

TEST(Pace, DoublesWhileTheRateGrows) {
  Driven path;
  EXPECT_EQ(path.rounds(4, 1e9, 20ms), 16U * kLeastSegmentsInFlight * kSegment);
  EXPECT_TRUE(path.pace.growing());
}

TEST(Pace, SettlesAtTwiceTheBandwidthDelayProduct) {
  Driven path;
  const std::size_t limit = path.rounds(30, 12.5e6, 20ms);
  EXPECT_FALSE(path.pace.growing());
  EXPECT_NEAR(static_cast<double>(limit), 2 * 12.5e6 * 0.020, 5000);
}

TEST(Pace, FindsAFasterPathAfterItStoppedGrowing) {
  Driven path;
  path.rounds(20, 5e6, 20ms);
  const std::size_t limit = path.rounds(20, 50e6, 20ms);
  EXPECT_NEAR(static_cast<double>(limit), 2 * 50e6 * 0.020, 20000);
}

TEST(Pace, ForgetsARateAfterTenRoundTrips) {
  Driven path;
  path.rounds(20, 50e6, 20ms);
  const std::size_t limit = path.rounds(12, 10e6, 20ms);
  EXPECT_NEAR(static_cast<double>(limit), 2 * 10e6 * 0.020, 5000);
}

TEST(Pace, AStarvedRoundDoesNotLowerTheRate) {
  Driven path;
  path.rounds(20, 50e6, 20ms);
  Pace& pace = path.pace;
  const double before = pace.delivery_rate();
  for (int i = 0; i < 20; ++i) {
    pace.granted(++path.number, path.now);
    pace.starved();
    path.now += 20ms;
    pace.arrived(path.number, 100, kSegment, path.now);
  }
  EXPECT_EQ(pace.delivery_rate(), before);
}

TEST(Pace, TimeoutDoublesUntilSomethingArrives) {
  Pace pace(1U << 20);
  pace.first_segment(100ms);
  pace.timed_out();
  EXPECT_EQ(pace.timeout(), Duration(600ms));
  pace.timed_out();
  EXPECT_EQ(pace.timeout(), Duration(1200ms));
  pace.timed_out();
  EXPECT_EQ(pace.timeout(), Duration(2s));
  pace.arrived(1, 64, kSegment, kStart);
  EXPECT_EQ(pace.timeout(), Duration(300ms));
}

TEST(SegmentSize, BeginsWithWhatFitsTheSmallestIpv6Mtu) {
  EXPECT_EQ(SegmentSize(512).current(), 17);
}

TEST(SegmentSize, NeverExceedsTheLimitOfTheLease) {
  SegmentSize size(100);
  EXPECT_EQ(size.probe(kStart), 21);
  size.probing(21);
  EXPECT_FALSE(size.probe(kStart));
  size.arrived(21);
  EXPECT_FALSE(size.probe(kStart));
  EXPECT_EQ(SegmentSize(5).current(), 5);
}

TEST(SegmentSize, ProbesEverySizeAndKeepsTheLargestThatArrives) {
  SegmentSize size(512);
  for (const std::uint16_t expected : std::initializer_list<std::uint16_t>{21, 128, 512}) {
    ASSERT_EQ(size.probe(kStart), expected);
    size.probing(expected);
  }
  EXPECT_FALSE(size.probe(kStart));
  size.arrived(128);
  EXPECT_EQ(size.current(), 128);
  size.arrived(21);
  EXPECT_EQ(size.current(), 128);
}

TEST(SegmentSize, RepeatsAFailedProbeOnceAfterTenSeconds) {
  SegmentSize size(21);
  size.probing(21);
  size.lost(21, true, kStart);
  EXPECT_FALSE(size.probe(kStart + 9s));
  ASSERT_EQ(size.probe(kStart + 10s), 21);
  size.probing(21);
  size.lost(21, true, kStart + 11s);
  EXPECT_FALSE(size.probe(kStart + 1h));
}

TEST(SegmentSize, AProbeLostWithEverythingElseSaysNothing) {
  SegmentSize size(21);
  size.probing(21);
  for (int i = 0; i < 5; ++i) {
    size.lost(21, false, kStart);
    EXPECT_FALSE(size.probe(kStart));
    EXPECT_EQ(size.probe(kStart + 1s), 21);
  }
}

TEST(Pace, KeepsNoMoreThanFiveSecondsInFlightOnASlowPath) {
  Pace pace(1U << 20);
  TimePoint now = kStart;
  EXPECT_EQ(pace.in_flight_limit(kSegment), kLeastSegmentsInFlight * kSegment);
  // One segment a second, one grant each.
  for (std::uint32_t number = 1; number < 20; ++number) {
    pace.granted(number, now);
    now += 1s;
    pace.arrived(number, kSegment, kSegment, now);
  }
  EXPECT_LE(pace.in_flight_limit(kSegment), 5 * kSegment);
  EXPECT_GE(pace.in_flight_limit(kSegment), 4 * kSegment);
}

TEST(SegmentSize, FallsBackWhenThePathBecomesNarrower) {
  SegmentSize size(512);
  size.probing(512);
  size.arrived(512);
  size.fall_back(kStart);
  EXPECT_EQ(size.current(), 17);
  EXPECT_FALSE(size.probe(kStart + 9s));
  EXPECT_EQ(size.probe(kStart + 10s), 21);
}

OpenGrant grant(std::uint32_t number, std::size_t bytes, TimePoint sent) {
  return OpenGrant{
      .number = number, .segment_granules = 17, .ranges = {}, .bytes = bytes, .sent = sent};
}

TEST(GrantBook, MeasuresTheRoundTripToTheFirstSegment) {
  GrantBook book;
  book.open(grant(1, 2000, kStart));
  EXPECT_EQ(book.arrived(1, 1000, false, kStart + 7ms).round_trip, Duration(7ms));
  const auto second = book.arrived(1, 1000, true, kStart + 9ms);
  EXPECT_FALSE(second.round_trip);
  EXPECT_TRUE(second.finished);
  EXPECT_TRUE(book.empty());
  EXPECT_EQ(book.in_flight_bytes(), 0U);
}

TEST(GrantBook, AGrantIsLostWhenThreeLaterOnesWereAnswered) {
  GrantBook book;
  for (std::uint32_t n = 1; n <= 4; ++n) book.open(grant(n, 1000, kStart));
  (void)book.arrived(2, 1000, true, kStart);
  (void)book.arrived(3, 1000, true, kStart);
  EXPECT_FALSE(book.take_overtaken());
  (void)book.arrived(4, 1000, true, kStart);
  ASSERT_TRUE(book.take_overtaken());
  EXPECT_EQ(book.in_flight_bytes(), 0U);
}

TEST(GrantBook, ALaterGrantWithAHoleCountsOnceItsLastSegmentCame) {
  GrantBook book;
  for (std::uint32_t n = 1; n <= 4; ++n) book.open(grant(n, 2000, kStart));
  for (std::uint32_t n = 2; n <= 4; ++n) (void)book.arrived(n, 1000, true, kStart);
  const auto lost = book.take_overtaken();
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->number, 1U);
  EXPECT_EQ(book.in_flight_bytes(), 3000U);
}

TEST(GrantBook, TimesOutWhenNothingArrives) {
  GrantBook book;
  book.open(grant(1, 1000, kStart));
  book.open(grant(2, 1000, kStart + 5ms));
  EXPECT_EQ(book.next_timeout(50ms), kStart + 50ms);
  EXPECT_FALSE(book.take_timed_out(50ms, kStart + 49ms));
  EXPECT_EQ(book.take_timed_out(50ms, kStart + 50ms)->number, 1U);
  EXPECT_FALSE(book.take_timed_out(50ms, kStart + 50ms));
  EXPECT_EQ(book.take_timed_out(50ms, kStart + 55ms)->number, 2U);
}

TEST(GrantBook, AGrantThatWasGivenUpStillTellsItsRoundTripOnce) {
  GrantBook book;
  book.open(grant(1, 2000, kStart));
  EXPECT_TRUE(book.take_timed_out(100ms, kStart + 100ms));
  EXPECT_EQ(book.arrived(1, 1000, false, kStart + 3s).round_trip, Duration(3s));
  EXPECT_FALSE(book.arrived(1, 1000, true, kStart + 4s).round_trip);
}

TEST(GrantBook, WhatComesOfAGrantThatWasGivenUpPostponesTheTimeoutOfLaterOnes) {
  GrantBook book;
  book.open(grant(1, 2000, kStart));
  EXPECT_TRUE(book.take_timed_out(100ms, kStart + 100ms));
  book.open(grant(2, 2000, kStart + 100ms));
  (void)book.arrived(1, 1000, false, kStart + 150ms);
  EXPECT_EQ(book.next_timeout(100ms), kStart + 250ms);
  (void)book.arrived(99, 1000, false, kStart + 200ms);
  EXPECT_EQ(book.next_timeout(100ms), kStart + 250ms) << "nobody asked for that";
}

TEST(GrantBook, WaitsWhileTheDonorServesAnEarlierGrant) {
  GrantBook book;
  book.open(grant(1, 2000, kStart));
  book.open(grant(2, 1000, kStart));
  (void)book.arrived(1, 1000, false, kStart + 40ms);
  EXPECT_FALSE(book.take_timed_out(50ms, kStart + 60ms));
  EXPECT_TRUE(book.take_timed_out(50ms, kStart + 90ms));
}

TEST(GrantBook, ADoubledSegmentDoesNotMakeTheBytesNegative) {
  GrantBook book;
  book.open(grant(1, 1000, kStart));
  book.open(grant(2, 1000, kStart));
  (void)book.arrived(1, 800, false, kStart);
  EXPECT_TRUE(book.arrived(1, 800, false, kStart).finished);
  EXPECT_EQ(book.in_flight_bytes(), 1000U);
  EXPECT_FALSE(book.arrived(1, 800, false, kStart).finished);
}

}  // namespace
}  // namespace fwr::recipient
