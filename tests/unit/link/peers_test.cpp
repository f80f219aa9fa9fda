// SPDX-License-Identifier: GPL-3.0-or-later
// What is lost, and the size that fits.
#include <gtest/gtest.h>

#include <cmath>

#include "link/icmb_peers.hpp"

namespace fwr::link {
namespace {

using wire::icmb::BusAddress;
using wire::icmb::Frame;
using wire::icmb::FrameType;

double share(double payload, double overhead, double rate) {
  return payload / (payload + overhead) * std::pow(1 - rate, payload + overhead);
}

TEST(BestPayload, IsThatOfTheMeasuredTable) {
  // Bit error rates, eight data bits a character, 14 bytes of overhead.
  EXPECT_NEAR(400, static_cast<double>(best_payload_bytes(8e-5, 14)), 20);
  EXPECT_NEAR(176, static_cast<double>(best_payload_bytes(4e-4, 14)), 10);
  EXPECT_NEAR(128, static_cast<double>(best_payload_bytes(8e-4, 14)), 10);
  EXPECT_EQ(wire::icmb::kPayloadLimit_bytes, best_payload_bytes(0, 14));
  EXPECT_EQ(wire::icmb::kPayloadLimit_bytes, best_payload_bytes(1e-9, 14));
  EXPECT_GE(best_payload_bytes(1, 14), 1U);
}

TEST(BestPayload, IsBetterThanItsNeighbours) {
  for (const double rate : {1e-5, 8e-5, 1e-3, 1e-2}) {
    const auto best = static_cast<double>(best_payload_bytes(rate, 25));
    if (best >= static_cast<double>(wire::icmb::kPayloadLimit_bytes)) continue;
    EXPECT_GE(share(best, 25, rate), share(best * 1.1, 25, rate)) << rate;
    EXPECT_GE(share(best, 25, rate), share(best * 0.9, 25, rate)) << rate;
  }
}

TEST(CharacterErrorRate, IsThatOfFrames) {
  const double rate = 1e-4;
  EXPECT_NEAR(rate, character_error_rate(1 - std::pow(1 - rate, 500), 500), 1e-9);
  EXPECT_EQ(0, character_error_rate(0, 500));
}

class Peers : public testing::Test {
 protected:
  bool hear(std::uint16_t source, std::uint8_t sequence, std::uint8_t content = 0) {
    payload_.assign(100, static_cast<std::byte>(content));
    return peers_.hear_frame(
        Frame{BusAddress{1}, BusAddress{source}, FrameType::Stream, sequence, payload_}, now_);
  }
  IcmbLimits limits_;
  IcmbPeers peers_{limits_};
  TimePoint now_{};
  Bytes payload_;
};

TEST_F(Peers, LossIsCountedByGaps) {
  for (unsigned i = 0; i < 1000; ++i) {
    if (i % 10 != 0) {
      EXPECT_TRUE(hear(2, static_cast<std::uint8_t>(i)));
    }
  }
  EXPECT_NEAR(0.1, peers_.frame_loss(BusAddress{2}), 0.02);
  EXPECT_EQ(0, peers_.frame_loss(BusAddress{3}));
  EXPECT_GT(peers_.character_error_rate(BusAddress{2}), 5e-4);
}

TEST_F(Peers, ARestartIsNoLoss) {
  EXPECT_TRUE(hear(2, 200));
  EXPECT_TRUE(hear(2, 0, 1));
  EXPECT_LT(peers_.frame_loss(BusAddress{2}), 1);
  EXPECT_TRUE(hear(2, 150, 2));
  EXPECT_TRUE(hear(2, 10, 3));
  EXPECT_EQ(55.0 / 59, peers_.frame_loss(BusAddress{2}));
}

TEST_F(Peers, AFrameThatComesAgainIsADuplicateForAWhile) {
  EXPECT_TRUE(hear(2, 7));
  EXPECT_FALSE(hear(2, 7));
  EXPECT_TRUE(hear(2, 8));
  EXPECT_TRUE(hear(2, 9));
  EXPECT_FALSE(hear(2, 8)) << "the rest of a burst comes again, too";
  EXPECT_TRUE(hear(2, 7, 1)) << "another content: its talker started again";
  now_ += std::chrono::seconds(10);
  EXPECT_TRUE(hear(2, 7, 1)) << "256 frames later";
}

TEST_F(Peers, KnowAFrameAgainThatHadToWaitForTheTalksOfOthers) {
  EXPECT_TRUE(hear(2, 7));
  now_ += limits_.characters(limits_.burst_characters + 2048) + std::chrono::seconds(2);
  EXPECT_FALSE(hear(2, 7)) << "its talker did not hear itself, and another one was quicker";
}

TEST_F(Peers, AreForgottenWhenThereAreMany) {
  for (std::uint16_t i = 1; i < 1000; ++i) {
    now_ += std::chrono::milliseconds(1);
    EXPECT_TRUE(hear(i, 0));
  }
  EXPECT_FALSE(hear(999, 0));
  EXPECT_TRUE(hear(1, 0)) << "long forgotten";
}

TEST_F(Peers, DamageOnTheLineCountsForEverybody) {
  for (int i = 0; i < 100000; ++i) peers_.hear_character();
  for (int i = 0; i < 8; ++i) peers_.hear_damaged();
  EXPECT_NEAR(8e-5, peers_.character_error_rate(BusAddress{9}), 1e-6);
}

}  // namespace
}  // namespace fwr::link
