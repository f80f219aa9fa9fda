// SPDX-License-Identifier: GPL-3.0-or-later
// What a talker makes of an echo that differs. PROTOCOL §11.2.
#include <gtest/gtest.h>

#include <set>

#include "link/icmb_limits.hpp"
#include "link/icmb_talker.hpp"
#include "support/random.hpp"
#include "wire/icmb.hpp"

namespace fwr::link {
namespace {

using wire::icmb::FrameType;

constexpr std::size_t kData_bytes = 600;
constexpr std::size_t kFrame_characters = kData_bytes + 10;  // both flags, and nothing to escape
constexpr std::size_t kTwoFrames_characters = 2 * kFrame_characters - 1;  // one flag between them

class IcmbTalkerTest : public ::testing::Test {
 protected:
  IcmbTalkerTest() { talker.set_source(wire::icmb::BusAddress{0x12}); }

  void enqueue(FrameType type) {
    OutgoingFrame frame;
    frame.destination = wire::icmb::BusAddress{0x21};
    frame.type = type;
    frame.payload = Bytes(kData_bytes, std::byte{2});
    ASSERT_TRUE(talker.enqueue(frame, now));
  }
  /// One talk, of which these characters come back as others. How many came back.
  std::size_t talk(const std::set<std::size_t>& damaged) {
    std::size_t heard = 0;
    now = talker.deadline().value_or(now);
    talker.handle_timeout(now);
    while (const auto output = talker.poll_output(now)) {
      for (const std::byte character : output->characters) {
        if (!talker.is_talking()) return heard;
        now += limits.characters(1);
        const bool wrong = damaged.count(heard) != 0;
        (void)talker.hear(wrong ? character ^ std::byte{1} : character, now);
        ++heard;
      }
    }
    return heard;
  }
  bool was_sent() { return talker.poll_sent().has_value(); }

  IcmbLimits limits;
  test::ScriptedRandom random;  // zeros
  wire::icmb::BridgeStatistics counters;
  TimePoint now{std::chrono::hours(1)};
  IcmbTalker talker{limits, random, counters, now};
};

TEST_F(IcmbTalkerTest, SendsASegmentAgainWhenItsFirstHalfCameBackAsAnother) {
  enqueue(FrameType::Stream);
  EXPECT_EQ(talk({200}), 201U);
  EXPECT_FALSE(was_sent());
  EXPECT_EQ(talker.waiting(), 1U);
  EXPECT_EQ(counters.line_errors, 1U);
  EXPECT_EQ(talk({}), kFrame_characters);
  EXPECT_TRUE(was_sent());
}

TEST_F(IcmbTalkerTest, FinishesASegmentOfWhichOneCharacterInTheSecondHalfCameBackAsAnother) {
  enqueue(FrameType::Stream);
  enqueue(FrameType::Stream);
  EXPECT_EQ(talk({400}), kTwoFrames_characters);
  EXPECT_TRUE(was_sent());
  EXPECT_TRUE(was_sent());
  EXPECT_EQ(talker.waiting(), 0U);
  EXPECT_EQ(counters.line_errors, 1U);
}

TEST_F(IcmbTalkerTest, SendsTheLastSegmentAgainForNoneBehindItShowsThatItIsMissing) {
  enqueue(FrameType::Stream);
  EXPECT_EQ(talk({400}), 401U);
  EXPECT_FALSE(was_sent());
  EXPECT_EQ(talker.waiting(), 1U);
}

TEST_F(IcmbTalkerTest, StopsAtTheSecondDifferenceAndAtTheFlagThatBeginsTheNextFrame) {
  enqueue(FrameType::Stream);
  enqueue(FrameType::Stream);
  EXPECT_EQ(talk({400, 450}), 451U);
  EXPECT_FALSE(was_sent());
  EXPECT_EQ(talk({kFrame_characters - 1}), kFrame_characters);
  EXPECT_FALSE(was_sent());
  EXPECT_EQ(talker.waiting(), 2U);
}

TEST_F(IcmbTalkerTest, SendsAnAnswerAgainThatCameBackAsAnother) {
  enqueue(FrameType::Response);
  EXPECT_EQ(talk({400}), 401U);
  EXPECT_FALSE(was_sent());
  EXPECT_EQ(talker.waiting(), 1U);
}

}  // namespace
}  // namespace fwr::link
