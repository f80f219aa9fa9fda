// SPDX-License-Identifier: GPL-3.0-or-later
// People with an account who use it too much: what they do to others is bounded.
#include <csignal>

#include "flood.hpp"
#include "hostile_fixture.hpp"
#include "stream_reader.hpp"

namespace fwr::hostile {
namespace {

using Insiders = HostileTest;

/// A busy machine's noise, and the share that a second user rightly takes.
constexpr double kFactor = 12;
constexpr double kSlack_s = 2;

/// Streams as alice, first alone, then while bob does his worst.
class Rivals {
 public:
  explicit Rivals(Scene& scene)
      : scene_(scene),
        alice(scene.port(), {.account = kAlice}),
        bob(scene.port(), {.account = kBob}) {
    const auto hers = alice.take_lease();
    const auto his = bob.take_lease();
    EXPECT_TRUE(hers && his);
    if (hers) alice_lease = hers->handle;
    if (his) bob_lease = his->handle;
  }
  ~Rivals() {
    (void)alice.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{alice_lease});
    (void)bob.peer().drain();
    (void)bob.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{bob_lease});
  }
  Rivals(const Rivals&) = delete;
  Rivals& operator=(const Rivals&) = delete;

  void expect_fair(const std::function<void(unsigned)>& worst, unsigned per_second) {
    const double alone = stream_image(scene_.donor(), alice, alice_lease);
    Flood flood(per_second, worst);
    std::this_thread::sleep_for(100ms);
    const double beside = stream_image(scene_.donor(), alice, alice_lease);
    flood.stop();
    EXPECT_LE(beside, kFactor * alone + kSlack_s);
    EXPECT_GT(flood.sent(), 20U);
    ::testing::Test::RecordProperty("alone_ms", static_cast<int>(alone * 1000));
    ::testing::Test::RecordProperty("beside_ms", static_cast<int>(beside * 1000));
  }

 private:
  Scene& scene_;

 public:
  LiveSession alice;
  LiveSession bob;
  std::uint32_t alice_lease = 0;
  std::uint32_t bob_lease = 0;
};

TEST_F(Insiders, GrantsThatAreRefusedDoNotStarveAStream) {
  Rivals rivals(scene_);
  rivals.expect_fair(
      [&](unsigned i) {
        wire::stream::Grant grant;
        grant.segment_granules = 17;
        grant.handle = rivals.bob_lease;
        grant.number = i;
        grant.ranges = {{0xffffffffU, 1}};
        Bend bend;
        bend.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
        rivals.bob.peer().flood(rivals.bob.seal(wire::stream::encode(grant), bend));
      },
      20000);
}

TEST_F(Insiders, CommandsDoNotStarveAStream) {
  Rivals rivals(scene_);
  rivals.expect_fair([&](unsigned) { rivals.bob.peer().flood(rivals.bob.status_request()); },
                     20000);
}

TEST_F(Insiders, AStreamThatNobodyReadsDoesNotStarveAnother) {
  Rivals rivals(scene_);
  rivals.expect_fair(
      [&](unsigned i) {
        wire::stream::Grant grant;
        grant.segment_granules = 512;
        grant.handle = rivals.bob_lease;
        grant.number = i;
        grant.ranges = {{0, 16384}, {16384, 16384}};  // as much as there is, always at the limit
        Bend bend;
        bend.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
        rivals.bob.peer().flood(rivals.bob.seal(wire::stream::encode(grant), bend));
      },
      500);
}

TEST_F(Insiders, ManySmallRangesCostLittleMemory) {
  LiveSession session(port(), {.account = kBob});
  ASSERT_TRUE(session.is_up());
  const auto lease = session.take_lease();
  ASSERT_TRUE(lease.has_value());
  wire::stream::Grant grant;
  grant.segment_granules = 1;
  grant.handle = lease->handle;
  for (std::uint32_t i = 0; i < wire::stream::kRangesPerGrant; ++i) grant.ranges.push_back({i, 1});
  for (unsigned i = 0; i < 2000; ++i) {
    grant.number = i;
    session.grant(grant);
    if (i % 50 == 49) settle();
  }
  settle();
  EXPECT_GT(session.count_waiting(), 0U);
  (void)session.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{lease->handle});
}

TEST_F(Insiders, SessionsThatComeAndGoLeaveNothing) {
  const unsigned rounds = is_long_form() ? 3000 : 150;
  for (unsigned i = 0; i < rounds; ++i) {
    LiveSession session(port(), {.account = i % 2 == 0 ? kAlice : kBob});
    ASSERT_TRUE(session.is_up()) << i;
    const auto lease = session.take_lease();
    ASSERT_TRUE(lease.has_value()) << i;
    EXPECT_TRUE(session.read_image(lease->handle, i, 100).has_value());
    if (i % 3 != 0)
      (void)session.oem(Command::ReportResult, wire::oem::ReportResultRq{lease->handle, 0, {}});
    else
      (void)session.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{lease->handle});
  }
}

TEST_F(Insiders, OneUserCannotTakeEverySession) {
  constexpr unsigned kAll = 64;  // PROTOCOL §8.3
  std::vector<std::unique_ptr<LiveSession>> hers;
  while (hers.size() < kAll) {
    auto session = std::make_unique<LiveSession>(port(), Attempt{.account = kAlice});
    if (!session->is_up()) break;
    hers.push_back(std::move(session));
  }
  EXPECT_GT(hers.size(), kAll / 2);
  EXPECT_LT(hers.size(), kAll - 1) << "the honest session is one of them";
  LiveSession his(port(), {.account = kBob});
  ASSERT_TRUE(his.is_up());
  EXPECT_TRUE(his.status().has_value());
  for (const auto& session : hers) EXPECT_TRUE(session->status().has_value());
}

TEST_F(Insiders, AReloadUnderAttackKeepsHonestSessionsAndLeases) {
  auto peers = many_peers(port(), 20);
  const Flood flood(2000, [&](unsigned i) {
    Peer& peer = *peers[i % peers.size()];
    peer.flood(plain(PayloadType::OpenSessionRq, encode(Handshake(peer, {}).open_message())));
  });
  for (unsigned i = 0; i < 5; ++i) {
    const auto reloads = [&] {
      std::size_t count = 0;
      const std::string log = scene_.donor().log();
      for (std::size_t at = log.find("\"reloaded\""); at != std::string::npos;
           at = log.find("\"reloaded\"", at + 1))
        ++count;
      return count;
    };
    const std::size_t before = reloads();
    scene_.donor().signal(SIGHUP);
    // Beside the flood and other work: a minute.
    for (unsigned tries = 0; tries < 6000 && reloads() == before; ++tries)
      std::this_thread::sleep_for(10ms);
    EXPECT_EQ(before + 1, reloads());
    scene_.expect_honest_is_served();
  }
}

}  // namespace
}  // namespace fwr::hostile
