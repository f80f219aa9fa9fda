// SPDX-License-Identifier: GPL-3.0-or-later
// Talkers on one bus: everything gets through, in turn, whatever the line does. PROTOCOL §11.2.
#include <algorithm>
#include <map>
#include <set>

#include "support/bus_rig.hpp"

namespace fwr::link::test {
namespace {

using wire::icmb::BridgeState;

RigOptions with_nodes(std::size_t nodes, std::uint64_t seed = 1) {
  RigOptions options;
  options.nodes = nodes;
  options.bus.seed = seed;
  return options;
}

/// Keeps the queue of a node filled with segments to another one, until stopped.
class Source {
 public:
  Source(BusRig& rig, std::size_t from, std::size_t to, std::size_t data)
      : rig_(rig), from_(from), to_(to), data_(data), dice_(from * 31 + 1) {}
  void fill() {
    while (rig_[from_].port && rig_[from_].port->waiting() < 4) {
      if (!rig_.send(from_, rig_.address(to_), segment(dice_, data_))) return;
      ++sent_;
    }
  }
  [[nodiscard]] std::size_t sent() const { return sent_; }

 private:
  BusRig& rig_;
  std::size_t from_;
  std::size_t to_;
  std::size_t data_;
  std::mt19937_64 dice_;
  std::size_t sent_ = 0;
};

std::size_t received_bytes(const RigNode& node) {
  std::size_t bytes = 0;
  for (const Datagram& message : node.received) bytes += message.bytes.size() - 17;
  return bytes;
}

/// Bytes of data for each character time of a minute or more.
double efficiency(RigOptions options, std::size_t data, Duration time = seconds(300)) {
  BusRig rig(options);
  Source source(rig, 0, 1, data);
  const TimePoint began = rig.now();
  (void)rig.run_until(
      [&] {
        source.fill();
        return rig.now() - began >= time;
      },
      time + seconds(10));
  const double characters = static_cast<double>((rig.now() - began).count()) /
                            static_cast<double>(rig.bus().character_time().count());
  return static_cast<double>(received_bytes(rig[1])) / characters;
}

TEST(IcmbBus, CarriesAMessageAsItWas) {
  BusRig rig(with_nodes(3));
  std::mt19937_64 dice(1);
  const Bytes message = segment(dice, 1024);
  ASSERT_TRUE(rig.send(0, rig.address(2), message));
  ASSERT_TRUE(rig.run_until([&] { return !rig[2].received.empty(); }, seconds(2)));
  const Datagram& arrived = rig[2].received.front();
  EXPECT_EQ(message, arrived.bytes);
  EXPECT_EQ(wire::icmb::to_address(rig.address(0), 1), arrived.path.peer);
  EXPECT_EQ(wire::icmb::to_address(rig.address(2), 1), arrived.path.local);
  EXPECT_EQ(Medium::Icmb, arrived.path.medium);
  EXPECT_TRUE(rig[1].received.empty());
  EXPECT_GE(rig[1].port->statistics().other_address, 1U);
}

TEST(IcmbBus, BroadcastsReachAllOthers) {
  BusRig rig(with_nodes(4));
  ASSERT_TRUE(rig.send(1, BusAddress::Broadcast, request(5)));
  rig.run_for(seconds(1));
  for (const std::size_t i : {0U, 2U, 3U}) EXPECT_EQ(1U, rig[i].received.size()) << i;
  EXPECT_TRUE(rig[1].received.empty());
}

TEST(IcmbBus, RefusesWhatNoFrameCanCarry) {
  BusRig rig(with_nodes(2));
  EXPECT_FALSE(rig.send(0, rig.address(1), Bytes{}));
  EXPECT_FALSE(
      rig.send(0, rig.address(1), Bytes(IcmbPort::kLargestMessage_bytes + 1, std::byte{3})));
  EXPECT_FALSE(rig.send(0, rig.address(1), Bytes{std::byte{4}, std::byte{0}}));
  EXPECT_FALSE(rig.send(0, BusAddress::Unassigned, request(1)));
  std::size_t taken = 0;
  while (taken < 1000 && rig[0].port->send({rig.path(0, rig.address(1)), request(1)}, rig.now()))
    ++taken;
  EXPECT_LE(taken, IcmbLimits().queued_frames + 1);
  EXPECT_GT(rig[0].port->statistics().dropped, 0U);
}

class Talkers : public testing::TestWithParam<std::tuple<std::size_t, int>> {};

TEST_P(Talkers, GetEverythingThroughAndNobodyTwice) {
  const auto [nodes, latency_ms] = GetParam();
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    RigOptions options = with_nodes(nodes, seed);
    options.latency = milliseconds(latency_ms);
    BusRig rig(options);
    // All at the same moment, several times: the worst case for arbitration.
    std::size_t sent = 0;
    for (int round = 0; round < 5; ++round) {
      for (std::size_t i = 0; i < nodes; ++i)
        for (std::uint8_t n = 0; n < 3; ++n)
          sent += rig.send(i, rig.address((i + 1) % nodes),
                           request(static_cast<std::uint8_t>(round * 3 + n)))
                      ? 1
                      : 0;
      rig.run_for(seconds(1));
    }
    std::size_t received = 0;
    for (std::size_t i = 0; i < nodes; ++i) received += rig[i].received.size();
    EXPECT_EQ(sent, nodes * 15);
    EXPECT_EQ(sent, received) << "seed " << seed;
  }
}

TEST_P(Talkers, ShareASaturatedLineFairly) {
  const auto [nodes, latency_ms] = GetParam();
  RigOptions options = with_nodes(nodes);
  options.latency = milliseconds(latency_ms);
  BusRig rig(options);
  std::vector<Source> sources;
  for (std::size_t i = 0; i < nodes; ++i) sources.emplace_back(rig, i, (i + 1) % nodes, 512);
  const TimePoint began = rig.now();
  const Duration time = seconds(300);
  (void)rig.run_until(
      [&] {
        for (Source& source : sources) source.fill();
        return rig.now() - began >= time;
      },
      time + seconds(20));
  std::size_t total = 0;
  std::size_t least = ~std::size_t{0};
  std::size_t most = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    const std::size_t bytes = received_bytes(rig[i]);
    total += bytes;
    least = std::min(least, bytes);
    most = std::max(most, bytes);
    EXPECT_LE(rig[i].port->statistics().dropped, 2U) << i;
  }
  EXPECT_GT(least * 2, most) << least << " of " << most;
  const double characters =
      static_cast<double>(time.count()) / static_cast<double>(rig.bus().character_time().count());
  const double share = static_cast<double>(total) / characters;
  std::printf(
      "%zu talkers, latency up to %d ms: %.3f of the line, least/most %.2f, %llu collided\n", nodes,
      latency_ms, share, static_cast<double>(least) / static_cast<double>(most),
      static_cast<unsigned long long>(rig.bus().counters().collisions));
  EXPECT_GT(share, 0.80);
}

INSTANTIATE_TEST_SUITE_P(TwoToEight, Talkers,
                         testing::Combine(testing::Values(2, 3, 5, 8), testing::Values(0, 3)));

TEST(IcmbBus, LetsAShortFrameThroughBetweenBursts) {
  BusRig rig(with_nodes(3));
  Source bulk(rig, 0, 1, 1024);
  std::uint8_t tag = 0;
  TimePoint asked = rig.now();
  Duration worst{};
  std::size_t seen = 0;
  bool waiting = false;
  (void)rig.run_until(
      [&] {
        bulk.fill();
        if (!waiting) {
          asked = rig.now();
          waiting = rig.send(2, rig.address(0), request(++tag));
        } else if (rig[0].received.size() > seen) {
          seen = rig[0].received.size();
          worst = std::max(worst, rig.now() - asked);
          waiting = false;
        }
        return seen >= 30;
      },
      seconds(300));
  EXPECT_EQ(30U, seen);
  // One burst and one frame over its limit, and the short frame itself.
  EXPECT_LT(worst, IcmbLimits().characters(4096 + 1100 + 200));
}

TEST(IcmbBus, SpendsACleanLineOnData) {
  const double kib = efficiency(with_nodes(2), 1024);
  std::printf("clean burst, segments of 1024: %.4f of line bytes\n", kib);
  EXPECT_GE(kib, 0.95);
}

TEST(IcmbBus, SpendsANoisyLineOnDataWithTheSizeThatFits) {
  for (const BusNoise noise : {BusNoise::Line, BusNoise::Receiver}) {
    RigOptions options = with_nodes(2);
    options.bus.bit_error_rate = 1e-5;
    options.bus.noise = noise;
    BusRig rig(options);
    std::mt19937_64 dice(5);
    std::size_t data = 1024;
    std::size_t frames = 0;
    const auto granules = [](std::size_t bytes) {
      return std::max<std::size_t>(bytes / 64, 1) * 64;
    };
    TimePoint began = rig.now();
    std::size_t before = 0;
    const Duration time = seconds(400);
    // The receiver measures, and asks for what fits, as the recipient does by its grants.
    (void)rig.run_until(
        [&] {
          data = granules(
              rig[1].port->suggested_payload_bytes(rig.path(1, rig.address(0)).peer, 16) - 16);
          while (rig[0].port->waiting() < 4)
            frames += rig.send(0, rig.address(1), segment(dice, data)) ? 1 : 0;
          if (before == 0 && rig.now() - began >= seconds(200)) {
            before = received_bytes(rig[1]);
            began = rig.now();
          }
          return before != 0 && rig.now() - began >= time;
        },
        time + seconds(400));
    const double characters = static_cast<double>((rig.now() - began).count()) /
                              static_cast<double>(rig.bus().character_time().count());
    const double share = static_cast<double>(received_bytes(rig[1]) - before) / characters;
    std::printf("bit error rate 1e-5 (%s noise): segments of %zu at the end, %.4f of line bytes\n",
                noise == BusNoise::Line ? "common" : "each receiver's", data, share);
    EXPECT_GE(share, 0.87);
    EXPECT_GE(data, 256U);
    EXPECT_LE(data, 1024U);
  }
}

TEST(IcmbBus, NoticesThatItIsCutAndComesBack) {
  BusRig rig(with_nodes(3));
  rig.bus().set_connected(0, false);
  ASSERT_TRUE(rig.send(0, rig.address(1), request(1)));
  ASSERT_TRUE(rig.run_until([&] { return rig[0].count(IcmbEvent::Kind::Cut) == 1; }, seconds(2)));
  EXPECT_EQ(BridgeState::Error, rig[0].port->state());
  rig.run_for(seconds(10));
  EXPECT_EQ(1U, rig[0].count(IcmbEvent::Kind::Cut));
  EXPECT_TRUE(rig[1].received.empty());
  rig.bus().set_connected(0, true);
  ASSERT_TRUE(rig.run_until([&] { return rig[1].received.size() == 1; }, seconds(5)));
  rig.run_for(seconds(1));
  EXPECT_EQ(1U, rig[0].count(IcmbEvent::Kind::Restored));
  EXPECT_EQ(BridgeState::Enabled, rig[0].port->state());
  EXPECT_EQ(1U, rig[0].port->statistics().cuts);
}

TEST(IcmbBus, LosesOneFrameAtMostWhenItIsCutInABurst) {
  BusRig rig(with_nodes(2));
  std::mt19937_64 dice(1);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(rig.send(0, rig.address(1), segment(dice, 256)));
  ASSERT_TRUE(rig.run_until([&] { return rig[1].received.size() == 3; }));
  rig.bus().set_connected(0, false);
  rig.run_for(seconds(3));
  rig.bus().set_connected(0, true);
  ASSERT_TRUE(rig.run_until([&] { return rig[1].received.size() == 10; }, seconds(20)));
}

TEST(IcmbBus, ForgetsWhatIsTooOldWhenItComesBack) {
  BusRig rig(with_nodes(2));
  rig.bus().set_connected(0, false);
  ASSERT_TRUE(rig.send(0, rig.address(1), request(1)));
  rig.run_for(seconds(90));
  rig.bus().set_connected(0, true);
  rig.run_for(seconds(10));
  EXPECT_TRUE(rig[1].received.empty());
  EXPECT_EQ(1U, rig[0].port->statistics().dropped);
}

TEST(IcmbBus, ReportsABabblerAndGoesOnAfterIt) {
  BusRig rig(with_nodes(4));
  rig.bus().set_babbling(3, true, rig.now());
  ASSERT_TRUE(rig.send(0, rig.address(1), request(1)));
  ASSERT_TRUE(
      rig.run_until([&] { return rig[0].count(IcmbEvent::Kind::Babble) == 1; }, seconds(30)));
  EXPECT_EQ(BridgeState::Error, rig[0].port->state());
  EXPECT_TRUE(rig[1].received.empty());
  rig.bus().set_babbling(3, false, rig.now());
  ASSERT_TRUE(rig.run_until([&] { return rig[1].received.size() == 1; }, seconds(2)));
  EXPECT_EQ(1U, rig[0].count(IcmbEvent::Kind::Quiet));
  EXPECT_EQ(BridgeState::Enabled, rig[0].port->state());
}

TEST(IcmbPort, TellsABabblerOnceAlsoWhenTheHostReadsLate) {
  constexpr std::chrono::milliseconds kLate{16};  // what USB adapters collect
  SeededRandom random(1);
  IcmbSettings settings;
  settings.limits.baud = 57600;
  TimePoint now{};
  IcmbPort port(settings, random, now);
  const TimePoint end = now + seconds(10);
  const Bytes batch(92, std::byte{0x55});  // of 16 ms
  std::map<IcmbEvent::Kind, unsigned> told;
  while (now < end) {
    const TimePoint next = now + kLate;
    for (auto due = port.deadline(); due && *due < next; due = port.deadline()) {
      now = std::max(now, *due);
      port.handle_timeout(now);
      while (port.poll_output(now)) continue;
    }
    now = next;
    port.handle_characters(batch, now);
    while (port.poll_output(now)) continue;
    while (const auto event = port.poll_event()) ++told[event->kind];
  }
  EXPECT_EQ(1U, told[IcmbEvent::Kind::Babble]);
  EXPECT_EQ(0U, told[IcmbEvent::Kind::Quiet]);
}

TEST(IcmbBus, DoesNotTakeASaturatedLineForABabbler) {
  BusRig rig(with_nodes(4));
  std::vector<Source> sources;
  for (std::size_t i = 0; i < 4; ++i) sources.emplace_back(rig, i, (i + 1) % 4, 2000);
  const TimePoint began = rig.now();
  (void)rig.run_until(
      [&] {
        for (Source& source : sources) source.fill();
        return rig.now() - began >= seconds(120);
      },
      seconds(130));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(0U, rig[i].count(IcmbEvent::Kind::Babble));
}

TEST(IcmbBus, SurvivesATalkerThatDiesInItsBurst) {
  BusRig rig(with_nodes(3));
  std::mt19937_64 dice(1);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(rig.send(0, rig.address(1), segment(dice, 1024)));
  ASSERT_TRUE(rig.run_until([&] { return rig[1].received.size() == 1; }));
  rig.run_for(milliseconds(100));
  rig.kill(0);
  ASSERT_TRUE(rig.send(2, rig.address(1), request(9)));
  ASSERT_TRUE(rig.run_until([&] { return rig[1].received.size() == 2; }, seconds(2)));
  EXPECT_EQ(request(9), rig[1].received.back().bytes);
}

TEST(IcmbBus, KeepsGoingWhenTwoBitsOfAHundredAreWrong) {
  // Nothing long can pass; the point is that no node stops for ever and the counters show it.
  RigOptions options = with_nodes(3);
  BusRig rig(options);
  rig.bus().set_bit_error_rate(0.02);
  for (std::uint8_t i = 0; i < 20; ++i) (void)rig.send(0, rig.address(1), request(i));
  rig.run_for(seconds(60));
  EXPECT_GT(rig[0].port->statistics().arbitration_losses, 0U);
  rig.bus().set_bit_error_rate(0);
  rig.run_for(seconds(5));
  rig[1].received.clear();
  ASSERT_TRUE(rig.send(0, rig.address(1), request(99)));
  EXPECT_TRUE(rig.run_until([&] { return rig[1].received.size() == 1; }, seconds(5)));
}

TEST(IcmbBus, RecoversFromAnyMixtureOfFaults) {
  constexpr std::size_t kNodes = 6;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    RigOptions options = with_nodes(kNodes, seed);
    options.latency = milliseconds(static_cast<int>(seed % 4));
    options.bus.noise = seed % 2 == 0 ? BusNoise::Line : BusNoise::Receiver;
    BusRig rig(options);
    std::mt19937_64 dice(seed);
    for (int round = 0; round < 60; ++round) {
      const std::size_t who = dice() % kNodes;
      switch (dice() % 7) {
        case 0: rig.bus().set_connected(who, !rig.bus().is_connected(who)); break;
        case 1: rig.bus().set_babbling(who, dice() % 2 == 0, rig.now()); break;
        case 2: rig.bus().set_bit_error_rate(dice() % 2 == 0 ? 1e-3 : 0); break;
        case 3:
          rig.kill(who);
          rig.replace(who, rig.settings_of(dice() % 2 == 0 ? who : (who + 1) % kNodes));
          break;
        default:
          for (int i = 0; i < 5; ++i)
            (void)rig.send(who, rig.address((who + 1) % kNodes), segment(dice, dice() % 600));
      }
      rig.run_for(milliseconds(dice() % 1500));
    }
    for (std::size_t i = 0; i < kNodes; ++i) {
      rig.bus().set_connected(i, true);
      rig.bus().set_babbling(i, false, rig.now());
    }
    rig.bus().set_bit_error_rate(0);
    const auto calm = [&] {
      std::set<BusAddress> held;
      for (std::size_t i = 0; i < kNodes; ++i)
        if (rig.address(i) == BusAddress::Unassigned || rig[i].port->waiting() > 0 ||
            rig[i].port->state() != BridgeState::Enabled || !held.insert(rig.address(i)).second)
          return false;
      return true;
    };
    ASSERT_TRUE(rig.run_until(calm, seconds(120))) << "seed " << seed;
    rig.run_for(seconds(5));  // what is still on the line
    for (std::size_t i = 0; i < kNodes; ++i) rig[i].received.clear();
    for (std::size_t i = 0; i < kNodes; ++i)
      ASSERT_TRUE(
          rig.send(i, rig.address((i + 1) % kNodes), request(static_cast<std::uint8_t>(i))));
    rig.run_for(seconds(3));
    for (std::size_t i = 0; i < kNodes; ++i)
      EXPECT_EQ(1U, rig[i].received.size()) << "seed " << seed << ", node " << i;
  }
}

TEST(IcmbBus, TakesAnyCharactersWithoutEnd) {
  RigOptions options = with_nodes(1);
  BusRig rig(options);
  std::mt19937_64 dice(4);
  TimePoint now = rig.now();
  for (int round = 0; round < 3000; ++round) {
    Bytes garbage(dice() % 64);
    for (std::byte& b : garbage) b = static_cast<std::byte>(dice() & 0xffU);
    if (dice() % 4 == 0 && !garbage.empty()) garbage[0] = wire::icmb::kFlag;
    now += milliseconds(dice() % 50);
    rig[0].port->handle_characters(garbage, now);
    rig[0].port->handle_timeout(now);
    while (rig[0].port->poll_output(now)) {
    }
    (void)rig[0].port->poll_receive();
  }
  const auto& counted = rig[0].port->statistics();
  EXPECT_GT(counted.runts + counted.bad_checksum + counted.not_start, 0U);
}

}  // namespace
}  // namespace fwr::link::test
