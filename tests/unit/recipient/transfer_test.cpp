// SPDX-License-Identifier: GPL-3.0-or-later
// The image stream against a scripted donor over a simulated path, in virtual time. PROTOCOL §6.1.
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <set>

#include "recipient/transfer.hpp"
#include "support/sim_link.hpp"

namespace fwr::recipient {
namespace {

using namespace std::chrono_literals;
using test::LinkOptions;
using test::SimLink;
namespace stream = wire::stream;

constexpr std::size_t kBlock = image::kBlock_bytes;
constexpr std::size_t kSessionOverhead_bytes = 72;  // RMCP+, IV, padding, authentication code
constexpr std::uint32_t kHandle = 77;

Bytes random_bytes(std::size_t size, std::uint32_t seed) {
  std::mt19937 dice(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(dice());
  return bytes;
}

/// Compares with the object instead of a hash tree.
class Oracle final : public BlockStore {
 public:
  explicit Oracle(const Bytes& object) : object_(object), got(object.size()) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return object_.size(); }
  Fetched<std::size_t> examine(std::uint64_t first, std::uint64_t, std::span<bool> out) override {
    largest_examine = std::max(largest_examine, out.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = !here.contains(first + i);
    return out.size();
  }
  Fetched<> store(std::uint64_t first, ByteView blocks) override {
    if (std::memcmp(blocks.data(), object_.data() + first * kBlock, blocks.size()) != 0)
      return fail(Failure::Kind::Content, Errc::BadBlock, "image block " + std::to_string(first));
    std::memcpy(got.data() + first * kBlock, blocks.data(), blocks.size());
    stored_bytes += blocks.size();
    return {};
  }

 private:
  const Bytes& object_;

 public:
  std::set<std::uint64_t> here;
  Bytes got;
  std::uint64_t stored_bytes = 0;
  std::size_t largest_examine = 0;
};

/// Answers grants in their order, as PROTOCOL §6.1 asks of a donor.
class ScriptedDonor {
 public:
  explicit ScriptedDonor(const Bytes& object) : object_(object) {}
  std::vector<Bytes> answer(ByteView payload) {
    std::vector<Bytes> out;
    const auto message = stream::decode_message(payload);
    const auto* grant = std::get_if<stream::Grant>(&*message);
    if (grant == nullptr || silent) return out;
    ++grants;
    largest_segment = std::max(largest_segment, grant->segment_granules);
    if (refuse) {
      out.push_back(stream::encode(stream::Refusal{.object = grant->object,
                                                   .reason = *refuse,
                                                   .handle = grant->handle,
                                                   .number = grant->number}));
      return out;
    }
    for (const stream::Range& range : grant->ranges) {
      std::uint32_t done = 0;
      while (done < range.length_granules) {
        const std::uint32_t count =
            std::min<std::uint32_t>(grant->segment_granules, range.length_granules - done);
        const std::size_t at = (range.offset_granules + done) * std::size_t{64};
        const auto data = ByteView(object_).subspan(
            at, std::min<std::size_t>(count * std::size_t{64}, object_.size() - at));
        done += count;
        sent_bytes += data.size();
        const bool last = &range == &grant->ranges.back() && done == range.length_granules;
        out.push_back(
            stream::encode(stream::Segment{.object = grant->object,
                                           .last = last,
                                           .handle = grant->handle,
                                           .number = grant->number,
                                           .offset_granules = range.offset_granules + done - count,
                                           .data = data}));
      }
    }
    return out;
  }

  bool silent = false;
  std::optional<wire::CompletionCode> refuse;
  std::uint64_t sent_bytes = 0;
  std::uint32_t grants = 0;
  std::uint16_t largest_segment = 0;

 private:
  const Bytes& object_;
};

struct Rig {
  explicit Rig(std::size_t size, LinkOptions options = {}, std::size_t buffer = 8U << 20)
      : object(random_bytes(size, 1)),
        oracle(object),
        donor(object),
        up(options, 2),
        down(options, 3),
        fetch(stream::Object::Image, oracle),
        transfer(
            Lease{.handle = kHandle, .segment_limit_granules = 512, .credit_limit_bytes = 4U << 20},
            buffer, Duration{}) {
    transfer.begin(fetch, now);
  }

  /// Until the object is complete, the transfer fails, or `limit` of virtual time has passed.
  Fetched<> run(Duration limit = 10min) {
    const TimePoint end = now + limit;
    while (!transfer.complete() && now < end) {
      while (auto grant = transfer.poll_grant(now)) send(up, stream::encode(*grant));
      most_in_flight = std::max(most_in_flight, transfer.in_flight_bytes());
      const auto wanted = transfer.deadline();
      TimePoint next = wanted.value_or(end);
      for (const SimLink* link : {&up, &down}) next = std::min(next, link->next().value_or(end));
      now = std::max(now, next);
      while (auto datagram = up.receive(now))
        for (Bytes& segment : donor.answer(strip(datagram->bytes))) send(down, std::move(segment));
      while (auto datagram = down.receive(now)) {
        if (auto done = transfer.handle_payload(strip(datagram->bytes), now); !done) return done;
      }
      if (wanted && *wanted <= now)
        if (auto done = transfer.handle_timeout(now); !done) return done;
    }
    return {};
  }
  static void send(SimLink& link, Bytes bytes, TimePoint now) {
    bytes.resize(bytes.size() + kSessionOverhead_bytes);
    link.send(Datagram{.path = {}, .bytes = std::move(bytes)}, now);
  }
  void send(SimLink& link, Bytes bytes) const { send(link, std::move(bytes), now); }
  static ByteView strip(const Bytes& bytes) {
    return ByteView(bytes).first(bytes.size() - kSessionOverhead_bytes);
  }
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(now - TimePoint(1h)).count();
  }

  TimePoint now{1h};
  Bytes object;
  Oracle oracle;
  ScriptedDonor donor;
  SimLink up, down;
  Fetch fetch;
  Transfer transfer;
  std::size_t most_in_flight = 0;
};

/// 10 ms each way, 100 Mbit/s.
LinkOptions far_away(double loss = 0) {
  return LinkOptions{.delay = 10ms, .bytes_per_s = 12.5e6, .loss = loss, .mtu = 1500};
}

TEST(Transfer, FetchesAnObjectOfAnySize) {
  for (const std::size_t size :
       {1UL, 63UL, 64UL, 65UL, 4095UL, 4096UL, 4097UL, 70000UL, 1000001UL}) {
    Rig rig(size);
    ASSERT_TRUE(rig.run()) << size;
    EXPECT_TRUE(rig.transfer.complete()) << size;
    EXPECT_EQ(rig.oracle.got, rig.object) << size;
    EXPECT_EQ(rig.donor.sent_bytes, size) << "nothing is asked for twice on a good path";
  }
}

struct Mtu {
  std::size_t mtu;
  std::uint16_t granules;
};
class TransferMtu : public testing::TestWithParam<Mtu> {};

TEST_P(TransferMtu, FindsTheLargestSegmentThatThePathCarries) {
  LinkOptions options{.delay = 1ms, .bytes_per_s = 100e6, .mtu = GetParam().mtu};
  Rig rig(4U << 20, options);
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.transfer.complete());
  EXPECT_EQ(rig.transfer.segment_granules(), GetParam().granules);
  EXPECT_LT(rig.seconds(), 0.5);
}
INSTANTIATE_TEST_SUITE_P(Paths, TransferMtu,
                         testing::Values(Mtu{1280, 17}, Mtu{1500, 21}, Mtu{9000, 128},
                                         Mtu{65535, 512}),
                         [](const auto& mtu) { return "Mtu" + std::to_string(mtu.param.mtu); });

TEST(Transfer, SmallObjectsArriveOnNarrowPaths) {
  // A lost probe must not be repeated for ever when there is little else to ask for.
  for (std::size_t granules = 1; granules < 400; granules += 7) {
    Rig rig(granules * 64, LinkOptions{.delay = 1ms, .mtu = 1280});
    ASSERT_TRUE(rig.run());
    ASSERT_TRUE(rig.transfer.complete());
    EXPECT_LT(rig.seconds(), 0.3) << granules;
  }
}

TEST(Transfer, RandomLossDoesNotCollapseTheRate) {
  // 32 MiB at 12.5 MB/s are 2.7 s of payload; FACTS of the field: TFTP needs 45 s and more.
  for (const double loss : {0.0, 0.01, 0.05}) {
    Rig rig(32U << 20, LinkOptions{.delay = 10ms, .bytes_per_s = 25e6, .loss = loss, .mtu = 1500});
    ASSERT_TRUE(rig.run());
    ASSERT_TRUE(rig.transfer.complete());
    EXPECT_LT(rig.seconds(), 3.0) << loss;
    EXPECT_LT(static_cast<double>(rig.donor.sent_bytes), (1.03 + 1.3 * loss) * (32U << 20)) << loss;
    RecordProperty("seconds at loss " + std::to_string(loss), std::to_string(rig.seconds()));
  }
}

TEST(Transfer, SurvivesTwentyPercentLossBothWays) {
  Rig rig(2U << 20, far_away(0.2));
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.oracle.got, rig.object);
  EXPECT_LT(rig.seconds(), 3.0);
}

TEST(Transfer, SurvivesReorderingAndDoubling) {
  LinkOptions options = far_away();
  options.jitter = 3ms;
  options.doubled = 0.1;
  Rig rig(2U << 20, options);
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.oracle.got, rig.object);
  EXPECT_EQ(rig.oracle.stored_bytes, rig.object.size());
}

TEST(Transfer, FillsThePathWithoutFloodingIt) {
  Rig rig(16U << 20, far_away());
  ASSERT_TRUE(rig.run(500ms));
  const std::size_t doubling = std::exchange(rig.most_in_flight, 0);
  ASSERT_TRUE(rig.run());
  // 1.34 s of payload, 8 % of headers, the start.
  EXPECT_LT(rig.seconds(), 1.75);
  // Bandwidth times delay is 250 kB; doubling sees two round trips later that it was enough.
  EXPECT_LT(doubling, 6 * 250'000U);
  EXPECT_LT(rig.most_in_flight, 600'000U);
}

TEST(Transfer, CopesWithAShallowQueueOnThePath) {
  LinkOptions options = far_away();
  options.queue_bytes = 64'000;  // a quarter of what 20 ms can hold
  Rig rig(16U << 20, options);
  ASSERT_TRUE(rig.run());
  EXPECT_LT(rig.seconds(), 2.5);
  RecordProperty("seconds", std::to_string(rig.seconds()));
  RecordProperty("sent", std::to_string(static_cast<double>(rig.donor.sent_bytes) / (16U << 20)));
}

TEST(Transfer, KeepsHalfOfTheReceiveBufferInFlightAtMost) {
  Rig rig(4U << 20, LinkOptions{.delay = 1ms}, 212992);
  ASSERT_TRUE(rig.run());
  EXPECT_LE(rig.most_in_flight, 212992U / 2);
  EXPECT_EQ(rig.transfer.segment_granules(), 512);
}

TEST(Transfer, AsksOnlyForWhatIsMissing) {
  Rig rig(8U << 20);
  for (std::uint64_t block = 0; block < 2048; ++block)
    if (block % 100 != 7) rig.oracle.here.insert(block);
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.transfer.complete());
  EXPECT_EQ(rig.oracle.stored_bytes, 21U * kBlock);
  EXPECT_LE(rig.donor.sent_bytes, 21U * kBlock);
  EXPECT_LE(rig.oracle.largest_examine, kExamineStep_blocks);
}

TEST(Transfer, MemoryFollowsWhatIsInFlight) {
  Rig rig(64U << 20, far_away());
  ASSERT_TRUE(rig.run());
  EXPECT_LT(rig.fetch.window().buffers_allocated(), 300U) << "of a window of 2,048";
}

TEST(Transfer, GivesASilentDonorUpAfterTenSeconds) {
  Rig rig(1U << 20);
  rig.donor.silent = true;
  const auto result = rig.run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Failure::Kind::Donor);
  EXPECT_EQ(result.error().error.code, Errc::NoResponse);
  EXPECT_NEAR(rig.seconds(), 10, 0.1);
}

TEST(Transfer, ADonorThatStopsHalfWayIsGivenUpTenSecondsLater) {
  Rig rig(4U << 20, far_away());
  ASSERT_TRUE(rig.run(200ms));
  const double stopped = rig.seconds();
  rig.donor.silent = true;
  EXPECT_FALSE(rig.run());
  EXPECT_NEAR(rig.seconds() - stopped, 10, 0.2);
}

TEST(Transfer, GoesOnAfterAPauseShorterThanTheStall) {
  Rig rig(4U << 20, far_away());
  ASSERT_TRUE(rig.run(100ms));
  rig.down.options().loss = 1;
  ASSERT_TRUE(rig.run(8s));
  rig.down.options().loss = 0;
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.transfer.complete());
}

TEST(Transfer, FallsBackToSmallSegmentsWhenThePathBecomesNarrower) {
  LinkOptions options = far_away();
  options.mtu = 9000;
  Rig rig(8U << 20, options);
  ASSERT_TRUE(rig.run(200ms));
  ASSERT_EQ(rig.transfer.segment_granules(), 128);
  rig.down.options().mtu = 1500;
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.transfer.complete());
  EXPECT_EQ(rig.oracle.got, rig.object);
}

TEST(Transfer, AnEndedLeaseLosesTheDonor) {
  Rig rig(1U << 20);
  rig.donor.refuse = wire::CompletionCode::LeaseEnded;
  const auto result = rig.run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error.code, Errc::LeaseLost);
}

TEST(Transfer, ARefusedGrantIsAskedForAgainLater) {
  Rig rig(1U << 20, far_away());
  rig.donor.refuse = wire::CompletionCode::Busy;
  ASSERT_TRUE(rig.run(3s));
  EXPECT_LT(rig.donor.grants, 500U) << "it does not hammer";
  rig.donor.refuse.reset();
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.transfer.complete());
}

TEST(Transfer, AWrongBlockIsTheDonorsFault) {
  Rig rig(1U << 20);
  rig.object[5 * kBlock + 17] ^= std::byte{1};  // the donor's copy...
  Bytes right = rig.object;
  right[5 * kBlock + 17] ^= std::byte{1};
  Oracle oracle(right);  // ...is not what was signed
  Fetch judged(stream::Object::Image, oracle);
  rig.transfer.begin(judged, rig.now);
  const auto result = rig.run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Failure::Kind::Content);
  EXPECT_EQ(result.error().error.code, Errc::BadBlock);
}

TEST(Transfer, IgnoresSegmentsOfAnotherLeaseOrObjectAndNoise) {
  Rig rig(kBlock);
  (void)rig.transfer.handle_timeout(rig.now);
  stream::Segment segment{
      .object = stream::Object::Tree, .handle = kHandle, .number = 1, .data = rig.object};
  EXPECT_TRUE(rig.transfer.handle_payload(stream::encode(segment), rig.now));
  segment.object = stream::Object::Image;
  segment.handle = kHandle + 1;
  EXPECT_TRUE(rig.transfer.handle_payload(stream::encode(segment), rig.now));
  std::mt19937 dice(5);
  for (int i = 0; i < 2000; ++i) {
    Bytes noise = random_bytes(dice() % 200, static_cast<std::uint32_t>(i));
    if (noise.size() > 8) {
      noise[0] = static_cast<std::byte>(dice() % 4);
      noise[1] = std::byte{0};
      if (i % 2 == 0) std::memcpy(noise.data() + 4, &kHandle, 4);
    }
    const auto result = rig.transfer.handle_payload(noise, rig.now);
    EXPECT_TRUE(result || result.error().kind == Failure::Kind::Content);
  }
}

}  // namespace
}  // namespace fwr::recipient
