// SPDX-License-Identifier: GPL-3.0-or-later
// Floods: how much is answered (PROTOCOL §8.4), and that who has a session, and who wants one, is
// served all the same.
#include <random>

#include "flood.hpp"
#include "hostile_fixture.hpp"
#include "recovery.hpp"
#include "stream_reader.hpp"

namespace fwr::hostile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kPerSource = 100;  // a second, PROTOCOL §8.4
constexpr unsigned kBurst = 200;
constexpr unsigned kInAll = 1000;        // that may be larger than their questions
constexpr unsigned kSmallInAll = 10000;  // that are not
constexpr std::size_t kSome = 20;        // so that no answers at all are noticed
constexpr std::size_t kHosts = 250;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Floods : public HostileTest {
 protected:
  void TearDown() override {
    HostileTest::TearDown();
    note_empty_budget();
    scene_.expect_rest();
  }

  /// Answers that wait at these sockets; each is held against the size rule.
  static std::size_t answers(std::vector<std::unique_ptr<Peer>>& peers) {
    std::size_t count = 0;
    for (const auto& peer : peers) count += peer->drain().size();
    return count;
  }
};

TEST_F(Floods, OneSourceGetsNoMoreThanItsShare) {
  Peer peer(port());
  const Bytes ping = encode(wire::PresencePing{1});
  const auto start = Clock::now();
  for (unsigned i = 0; i < 4000; ++i) {
    peer.flood(ping);
    if (i % 500 == 499) settle();
  }
  settle();
  const double passed = seconds_since(start);
  const std::size_t answered = peer.drain().size();
  EXPECT_GE(answered, kSome);
  EXPECT_LE(static_cast<double>(answered), kBurst + kPerSource * (passed + 0.1));
}

TEST_F(Floods, ManySourcesTogetherGetNoMoreThanTheShareOfAll) {
  auto peers = many_peers(port(), kHosts);
  const std::vector<Bytes> questions{v15({kApp, 0x38, bytes({0x8e, 0x04})}), v20({kApp, 0x37, {}}),
                                     v20({kApp, 0x38, bytes({0x8e, 4})})};
  const auto start = Clock::now();
  for (unsigned round = 0; round < 16; ++round)
    for (const auto& peer : peers) {
      peer->flood(questions[round % questions.size()]);
      if (peer == peers.back()) settle();
    }
  const double passed = seconds_since(start);
  const std::size_t answered = answers(peers);
  EXPECT_GE(answered, kSome);
  EXPECT_LE(static_cast<double>(answered), kInAll * (passed + 1.1));
}

TEST_F(Floods, HandshakesOfManySourcesAreLimitedToo) {
  auto peers = many_peers(port(), kHosts);
  const auto start = Clock::now();
  for (unsigned round = 0; round < 100; ++round)
    for (const auto& peer : peers) {
      const Handshake handshake(*peer, {});
      peer->flood(plain(PayloadType::OpenSessionRq, encode(handshake.open_message())));
      if (peer == peers.back()) settle();
    }
  const double passed = seconds_since(start);
  const std::size_t answered = answers(peers);
  EXPECT_GE(answered, kSome);
  EXPECT_LE(static_cast<double>(answered), kSmallInAll * (passed + 1.1));
}

TEST_F(Floods, AFloodOfQuestionsKeepsNobodyFromASession) {
  auto peers = many_peers(port(), kHosts);
  const Bytes ping = encode(wire::PresencePing{1});
  const Flood flood(5000, [&](unsigned i) { peers[i % peers.size()]->flood(ping); });
  std::this_thread::sleep_for(300ms);
  for (unsigned i = 0; i < 5; ++i) {
    LiveSession session(port(), {});
    ASSERT_TRUE(session.is_up());
    EXPECT_TRUE(session.status().has_value());
  }
}

TEST_F(Floods, AFloodOfHalfOpenSessionsDoesNotHoldUpATransfer) {
  LiveSession session(port(), {.account = kAlice});
  ASSERT_TRUE(session.is_up());
  const auto lease = session.take_lease();
  ASSERT_TRUE(lease.has_value());
  auto peers = many_peers(port(), kHosts);
  std::size_t answered = 0;
  unsigned sent = 0;
  {
    Handshake pattern(*peers.front(), {});
    const Flood flood(3000, [&](unsigned i) {
      Peer& peer = *peers[i % peers.size()];
      if (i % 3 == 0)
        peer.flood(plain(PayloadType::Rakp1, encode(pattern.rakp1_message())));
      else
        peer.flood(plain(PayloadType::OpenSessionRq, encode(Handshake(peer, {}).open_message())));
    });
    while (flood.sent() < 300) std::this_thread::sleep_for(1ms);
    const unsigned before = flood.sent();
    // Whole, however slow this machine is now; each part is asked for a limited number of times.
    (void)stream_image(scene_.donor(), session, lease->handle);
    sent = flood.sent() - before;
  }
  answered = answers(peers);
  RecordProperty("sent_meanwhile", static_cast<int>(sent));
  EXPECT_GE(answered, kSome) << "the flood was served, too";
  (void)session.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{lease->handle});
}

TEST_F(Floods, WhoKeepsAskingGetsASessionThroughAFloodOfHalfOpenOnes) {
  auto peers = many_peers(port(), kHosts);
  const Flood flood(3000, [&](unsigned i) {
    const Handshake handshake(*peers[i % peers.size()], {});
    peers[i % peers.size()]->flood(
        plain(PayloadType::OpenSessionRq, encode(handshake.open_message())));
  });
  std::this_thread::sleep_for(1200ms);  // the burst is used up
  auto owned = std::make_unique<Peer>(port());
  Handshake handshake(*owned, {});
  handshake.set_patience(100ms);
  constexpr unsigned kTries = 60;
  bool is_up = false;
  for (unsigned tries = 0; tries < kTries && !is_up; ++tries) {
    const auto opened = handshake.open();
    if (!opened || opened->status != RakpStatus::Ok) continue;
    // From here on the donor knows that the address is real: the flood takes its turn no more.
    const auto challenge = handshake.challenge();
    if (!challenge || challenge->status != RakpStatus::Ok) continue;
    const auto proof = handshake.prove();
    is_up = proof && proof->status == RakpStatus::Ok;
  }
  ASSERT_TRUE(is_up);
  LiveSession session(std::move(owned), handshake);
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(Floods, ARecoveryByTheRealToolRunsThroughAFlood) {
  auto peers = many_peers(port(), kHosts);
  const Bytes junk = bytes({6, 0, 0xff, 7, 6, 0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 7});
  Flood flood(2500, [&](unsigned i) {
    Peer& peer = *peers[i % peers.size()];
    // Half-open sessions at a rate that the donor answers, and forgeries that it does not.
    if (i % 4 == 0)
      peer.flood(plain(PayloadType::OpenSessionRq, encode(Handshake(peer, {}).open_message())));
    else
      peer.flood(junk);
  });
  std::this_thread::sleep_for(500ms);
  EXPECT_TRUE(recovers(scene_.donor()));
  flood.stop();
  const auto answered = answers(peers);
  EXPECT_GT(answered, 100U) << "there was a flood";
}

TEST_F(Floods, JunkAtFullSpeedIsSurvived) {
  auto peers = many_peers(port(), 8);
  std::mt19937 engine(7);
  std::vector<Bytes> junk;
  const Bytes open =
      plain(PayloadType::OpenSessionRq, encode(Handshake(*peers[0], {}).open_message()));
  for (unsigned i = 0; i < 512; ++i) {
    Bytes packet = i % 2 == 0 ? open : Bytes(engine() % 1400);
    for (std::size_t at = i % 2 == 0 ? 4 + engine() % 12 : 0; at < packet.size(); ++at)
      packet[at] = static_cast<std::byte>(engine() & 0xffU);
    if (i % 4 == 1) {
      const Bytes head = bytes({6, 0, 0xff, 7, 6});
      packet.insert(packet.begin(), head.begin(), head.end());
    }
    junk.push_back(std::move(packet));
  }
  unsigned served = 0;
  unsigned sent = 0;
  {
    Flood flood(Flood::kUnlimited,
                [&](unsigned i) { peers[i % peers.size()]->flood(junk[i % junk.size()]); });
    const auto until = Clock::now() + (is_long_form() ? 20s : 2s);
    while (Clock::now() < until) served += honest().status().has_value() ? 1U : 0U;
    flood.stop();
    sent = flood.sent();
  }
  EXPECT_GT(sent, 10000U);
  EXPECT_GT(served, 0U) << "a session lives through it";
  RecordProperty("junk", static_cast<int>(sent));
  RecordProperty("served", static_cast<int>(served));
  (void)answers(peers);
}

TEST_F(Floods, TheLogDoesNotGrowWithTheFlood) {
  const std::size_t before = scene_.donor().log().size();
  auto peers = many_peers(port(), 50);
  wire::oem::RequestFirmwareRq rq;
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  const Bytes question = v15(make_request(kIana, Command::RequestFirmware, rq));
  std::size_t sent = 0;
  for (unsigned round = 0; round < 60; ++round) {
    for (const auto& peer : peers) peer->flood(question);
    sent += peers.size();
    settle();
  }
  const std::size_t grown = scene_.donor().log().size() - before;
  // Any host can ask. The log must stay small, however often it asks.
  EXPECT_LT(grown, 64U << 10) << sent << " questions";
  (void)answers(peers);
}

}  // namespace
}  // namespace fwr::hostile
