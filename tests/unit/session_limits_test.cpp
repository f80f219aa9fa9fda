// SPDX-License-Identifier: GPL-3.0-or-later
// The server's quotas, times and rates. PROTOCOL §8.3, §8.4.
#include <gtest/gtest.h>

#include "session_hand.hpp"

namespace fwr::session::testing {
namespace {

// --- quotas and times ----------------------------------------------------------------------------

ServerConfig unlimited_rate() {
  ServerConfig config = basic_config();
  config.limits.replies_burst = 10000;
  config.limits.replies_per_source_per_s = 10000;
  config.limits.replies_per_s = 1000000;
  return config;
}

TEST(HalfOpenQuota, HoldsForOneSource) {
  Network network(unlimited_rate());
  for (std::uint16_t port = 1; port <= 8; ++port) {
    Hand hand{network, path_of(9, port)};
    EXPECT_EQ(hand.open().status, RakpStatus::Ok);
    EXPECT_EQ(hand.rakp1(hand.rakp1_message()).status, RakpStatus::Ok);
  }
  Hand ninth{network, path_of(9, 9)};
  EXPECT_EQ(ninth.open().status, RakpStatus::InsufficientResources);
  Hand other{network, path_of(10)};
  EXPECT_EQ(other.open().status, RakpStatus::Ok);
  network.run(10s);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
  EXPECT_EQ(ninth.open().status, RakpStatus::Ok);
}

TEST(HalfOpenQuota, ForgedRequestsInTheNameOfAHostDoNotLockItOut) {
  Network network(unlimited_rate());
  Hand earlier{network, path_of(7, 1)};
  earlier.open();
  EXPECT_EQ(earlier.rakp1(earlier.rakp1_message()).status, RakpStatus::Ok);
  Hand bystander{network, path_of(8)};
  bystander.open();
  for (std::uint16_t port = 2; port <= 100; ++port) {
    Hand forged{network, path_of(7, port)};
    forged.open();
    ASSERT_LE(network.server.half_open_sessions(), 9U);
  }
  network.connect(alice(), path_of(7));
  EXPECT_EQ(bystander.rakp1(bystander.rakp1_message()).status, RakpStatus::Ok);
  EXPECT_EQ(earlier.rakp3(earlier.rakp3_message()).status, RakpStatus::Ok);
}

TEST(HalfOpenQuota, AFloodNeitherDisturbsLiveSessionsNorLocksOutNewOnes) {
  Network network(unlimited_rate());
  auto& node = network.connect(alice());
  for (int i = 0; i < 5000; ++i) {
    Path path = path_of(static_cast<std::uint8_t>(i));
    path.peer.bytes[2] = static_cast<std::uint8_t>(1 + i / 256);
    Hand hand{network, path};
    hand.open();
    ASSERT_LE(network.server.half_open_sessions(), 32U);
  }
  EXPECT_EQ(network.ask(node, kOem, 0x07, bytes({1})).data, bytes({1}));
  network.connect(root(), path_of(8));
  EXPECT_EQ(network.server.active_sessions(), 2U);
}

TEST(HalfOpenQuota, SessionsThatSentRakp1AreNotPushedOut) {
  Network network(unlimited_rate());
  std::vector<Hand> proven;
  for (std::uint8_t host = 1; host <= 32; ++host) {
    proven.push_back(Hand{network, path_of(host)});
    proven.back().open();
    EXPECT_EQ(proven.back().rakp1(proven.back().rakp1_message()).status, RakpStatus::Ok);
  }
  Hand late{network, path_of(99)};
  EXPECT_EQ(late.open().status, RakpStatus::InsufficientResources);
  for (Hand& hand : proven) EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
  EXPECT_EQ(late.open().status, RakpStatus::Ok);
}

TEST(HalfOpenQuota, SomeHostsThatStopAfterRakp1DoNotLockOutOthers) {
  Network network(unlimited_rate());
  std::vector<Hand> hogs;
  for (std::uint16_t port = 1; port <= 8; ++port) {
    for (std::uint8_t host = 1; host <= 4; ++host) {
      hogs.push_back(Hand{network, path_of(host, port)});
      hogs.back().open();
      EXPECT_EQ(hogs.back().rakp1(hogs.back().rakp1_message()).status, RakpStatus::Ok);
    }
  }
  EXPECT_EQ(network.server.half_open_sessions(), 32U);
  for (std::uint8_t host = 10; host < 20; ++host) {
    Hand late{network, path_of(host)};
    EXPECT_EQ(late.open().status, RakpStatus::Ok);
    EXPECT_EQ(late.rakp1(late.rakp1_message()).status, RakpStatus::Ok);
    EXPECT_EQ(late.rakp3(late.rakp3_message()).status, RakpStatus::Ok);
  }
  EXPECT_EQ(network.server.active_sessions(), 10U);
}

TEST(HalfOpenQuota, ForgedRequestsInTheNameOfAHostDoNotEndItsHandshakeInAFullTable) {
  Network network(unlimited_rate());
  std::vector<Hand> others;
  for (std::uint8_t host = 1; host <= 24; ++host) {
    others.push_back(Hand{network, path_of(host)});
    others.back().open();
    EXPECT_EQ(others.back().rakp1(others.back().rakp1_message()).status, RakpStatus::Ok);
  }
  Hand victim{network, path_of(50, 1)};
  victim.open();
  EXPECT_EQ(victim.rakp1(victim.rakp1_message()).status, RakpStatus::Ok);
  for (std::uint16_t port = 2; port <= 8; ++port) Hand{network, path_of(50, port)}.open();
  EXPECT_EQ(network.server.half_open_sessions(), 32U);
  for (std::uint8_t host = 100; host < 106; ++host) Hand{network, path_of(host)}.open();
  EXPECT_EQ(victim.rakp3(victim.rakp3_message()).status, RakpStatus::Ok);
  for (Hand& other : others) EXPECT_EQ(other.rakp3(other.rakp3_message()).status, RakpStatus::Ok);
}

TEST(SessionLimit, LetsAllInWhenMoreBeginAtOnceThanMayBeHalfOpen) {
  ServerConfig config = basic_config();
  config.limits.half_open_sessions = 4;
  Network network(config);
  for (std::uint8_t host = 1; host <= 40; ++host) {
    auto& node = network.add(alice(), path_of(host));
    node.client.start(network.now);
  }
  network.run(60s);
  for (const auto& node : network.nodes)
    EXPECT_TRUE(node->is_up()) << (node->down() ? node->find<SessionDown>()->error.message() : "");
}

TEST(SessionLimit, EndsTheAttemptWhenTheServerForgetsItAgainAndAgain) {
  Network network;
  unsigned opened = 0;
  network.tamper = [&](Way way, const Bytes& datagram) -> std::vector<Bytes> {
    const auto type = payload_type(datagram);
    if (way == Way::ToServer && type == 0x10) ++opened;
    // RAKP 1 arrives with the id of a session that is not there: after 4 bytes of RMCP, 12 of the
    // session header and 4 of its own.
    Bytes changed = datagram;
    if (way == Way::ToServer && type == 0x12) changed[20] ^= std::byte{1};
    return {changed};
  };
  auto& node = network.add(alice());
  node.client.start(network.now);
  network.run(60s);
  EXPECT_EQ(node.down(), Errc::SessionLimit);
  EXPECT_EQ(opened, 5U);
}

TEST(SessionLimit, IsToldToTheClient) {
  ServerConfig config = basic_config();
  config.limits.active_sessions = 1;
  Network network(config);
  network.connect(alice());
  auto& second = network.add(alice(), path_of(8));
  second.client.start(network.now);
  network.run(100ms);
  EXPECT_EQ(second.down(), Errc::SessionLimit);
}

TEST(SessionLimit, ALongSilentSessionYieldsToTheSameUserAndHostOnly) {
  ServerConfig config = basic_config();
  config.limits.active_sessions = 2;
  Network network(config);
  auto& old = network.connect(alice(), path_of(7, 1));
  network.run(1s);
  auto& busy = network.connect(alice(), path_of(7, 2));
  const auto attempt = [&network](Credentials credentials, Path path) {
    auto& node = network.add(std::move(credentials), path);
    node.client.start(network.now);
    network.run(100ms);
    return node.is_up();
  };
  EXPECT_FALSE(attempt(alice(), path_of(7, 3)));  // not silent for long enough
  network.run(4s);
  EXPECT_FALSE(attempt(alice(), path_of(8)));
  EXPECT_FALSE(attempt(root(), path_of(7, 4)));
  EXPECT_TRUE(attempt(alice(), path_of(7, 5)));
  EXPECT_EQ(network.server.active_sessions(), 2U);
  EXPECT_EQ(network.ask(busy, kOem, 0x07, bytes({1})).data, bytes({1}));
  ASSERT_TRUE(old.client.submit({kOem, 0x07, {}}, network.now));
  network.run(1s);
  EXPECT_EQ(network.application.commands.size(), 1U);
}

TEST(SessionLimit, OneHostGetsHalfOfTheSessions) {
  ServerConfig config = unlimited_rate();
  config.limits.active_sessions = 40;
  Network network(config);
  const auto attempt = [&network](std::uint8_t host, std::uint16_t port) {
    auto& node = network.add(alice(), path_of(host, port));
    node.client.start(network.now);
    network.run(10ms);
    return node.is_up();
  };
  for (std::uint16_t port = 1; port <= 20; ++port) EXPECT_TRUE(attempt(7, port)) << port;
  EXPECT_FALSE(attempt(7, 21));
  EXPECT_TRUE(attempt(8, 1));
  network.run(5s);
  EXPECT_TRUE(attempt(7, 22)) << "its own longest silent one gives way";
  EXPECT_EQ(network.server.active_sessions(), 21U);
}

TEST(SessionLimit, OneUserLeavesSessionsForTheOthers) {
  ServerConfig config = unlimited_rate();
  config.limits.active_sessions = 16;
  Network network(config);
  const auto attempt = [&network](const Credentials& credentials, std::uint8_t host) {
    auto& node = network.add(credentials, path_of(host));
    node.client.start(network.now);
    network.run(10ms);
    return node.is_up();
  };
  for (std::uint8_t host = 1; host <= 14; ++host) EXPECT_TRUE(attempt(alice(), host)) << int{host};
  EXPECT_FALSE(attempt(alice(), 15));
  EXPECT_TRUE(attempt(root(), 16));
  EXPECT_FALSE(attempt(root(), 17));
}

TEST(SessionLimit, ASessionThatIsServedIsNotSilent) {
  ServerConfig config = basic_config();
  config.limits.active_sessions = 1;
  Network network(config);
  auto& served = network.connect(alice(), path_of(7, 1));
  network.ask(served, kOem, 0x07, {});
  const std::uint32_t session = network.application.requesters.back().session;
  const auto serve = [&] {
    network.run(3s);
    network.application.outgoing.push_back({session, bytes({1})});
  };
  for (int i = 0; i < 15; ++i) serve();
  auto& second = network.add(alice(), path_of(7, 2));
  second.client.start(network.now);
  network.run(100ms);
  EXPECT_EQ(second.down(), Errc::SessionLimit);
  EXPECT_EQ(network.server.active_sessions(), 1U);
  for (int i = 0; i < 6; ++i) serve();
  EXPECT_EQ(network.server.active_sessions(), 0U) << "a peer that is gone is not served for ever";
}

TEST(SessionLimit, SilenceIsCountedFromTheLastPacketWhateverTheIdleTime) {
  ServerConfig config = basic_config();
  config.limits.active_sessions = 1;
  Network network(config);
  auto& busy = network.connect(alice(), path_of(7, 1));
  config.limits.idle = 600s;
  network.server.reconfigure(config, network.now);
  auto& second = network.add(alice(), path_of(7, 2));
  second.client.start(network.now);
  network.run(100ms);
  EXPECT_EQ(second.down(), Errc::SessionLimit);
  EXPECT_EQ(network.ask(busy, kOem, 0x07, bytes({1})).data, bytes({1}));
}

TEST(SetUpTime, EndsAHandshakeThatDoesNotGoOn) {
  Network network;
  Hand hand{network};
  hand.open();
  network.run(9s);
  EXPECT_EQ(hand.rakp1(hand.rakp1_message()).status, RakpStatus::Ok);
  network.run(1s);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::InvalidSessionId);
}

TEST(IdleTime, EndsASessionThatCarriesNothing) {
  Network network;
  auto& node = network.connect(alice());
  network.run(50s);
  network.ask(node, kOem, 0x07, {});
  network.run(59s);
  EXPECT_EQ(network.server.active_sessions(), 1U);
  network.run(2s);
  EXPECT_EQ(network.server.active_sessions(), 0U);
  EXPECT_EQ(network.application.closed.size(), 1U);
  EXPECT_FALSE(network.server.deadline());
}

TEST(IdleTime, IsNotProlongedByBadPackets) {
  Network network;
  auto& node = network.connect(alice());
  network.ask(node, kOem, 0x07, {});
  const Bytes replay = network.log[network.log.size() - 2].second;
  network.run(30s);
  network.inject(node.path, replay);
  network.run(31s);
  EXPECT_EQ(network.server.active_sessions(), 0U);
}

TEST(IdleTime, EndsOnTimeWithoutATimeout) {
  Network network;
  auto& node = network.connect(alice());
  std::optional<Bytes> late;
  network.tamper = [&late](Way, const Bytes& datagram) {
    late = datagram;
    return std::vector<Bytes>{};
  };
  ASSERT_TRUE(node.client.submit({kOem, 0x07, {}}, network.now));
  network.run(1ms);
  ASSERT_TRUE(late);
  network.now += 60s;
  network.inject(node.path, *late);
  EXPECT_TRUE(network.application.commands.empty());
  EXPECT_EQ(network.application.closed.size(), 1U);
}

TEST(RateLimit, HoldsForHandshakesAndCommandsOfOneSource) {
  Network network;
  const unsigned burst = basic_config().limits.replies_burst;
  const Bytes ping = wire::encode(wire::PresencePing{1});
  for (unsigned i = 0; i < burst + 60; ++i) network.inject(path_of(3), ping);
  EXPECT_EQ(network.take_stray().size(), burst);
  EXPECT_EQ(network.server.counters().rate_limited, 60U);
  wire::Rakp1 rakp1;
  rakp1.managed_session = 1;
  wire::Rakp3 rakp3;
  rakp3.managed_session = 1;
  const Bytes unknown = plain(wire::PayloadType::Rakp3, wire::encode(rakp3));
  for (unsigned i = 0; i < burst + 60; ++i) network.inject(path_of(3), unknown);
  EXPECT_EQ(network.take_stray().size(), burst);
  EXPECT_EQ(network.server.counters().rate_limited, 120U);
  const std::vector<Bytes> others{
      sessionless_request({kApp, 0x38, bytes({0x8e, 4})}, 1),
      sessionless_request({kOem, 0x02, pattern(160)}, 1),
      plain(wire::PayloadType::OpenSessionRq, wire::encode(Hand{network}.request())),
      plain(wire::PayloadType::Rakp1, wire::encode(rakp1)),
      unknown,
  };
  network.application.reply = wire::IpmiResponse{};
  for (const Bytes& other : others) {
    network.inject(path_of(3, 999), other);
    EXPECT_TRUE(network.take_stray().empty());
    network.inject(path_of(4), other);
    EXPECT_EQ(network.take_stray().size(), 1U);
  }
}

TEST(RateLimit, OfPingsKeepsNobodyFromASession) {
  Network network;
  const Bytes ping = wire::encode(wire::PresencePing{1});
  for (int i = 0; i < 3000; ++i)
    network.inject(path_of(static_cast<std::uint8_t>(10 + i % 200)), ping);
  EXPECT_GT(network.server.counters().rate_limited, 1000U);
  network.connect(alice());
  EXPECT_EQ(network.server.active_sessions(), 1U);
}

TEST(RateLimit, OfHandshakesDoesNotInterruptOneWhoseAddressWasProved) {
  Network network;
  const auto flood = [&network] {
    for (int i = 0; i < 3000; ++i) {
      Hand hand{network, path_of(static_cast<std::uint8_t>(10 + i % 200))};
      network.inject(hand.path,
                     plain(wire::PayloadType::Rakp1, wire::encode(hand.rakp1_message())));
    }
    network.take_stray();
  };
  Hand honest{network, path_of(5)};
  ASSERT_EQ(honest.open().status, RakpStatus::Ok);
  flood();
  EXPECT_GT(network.server.counters().rate_limited, 1000U);
  EXPECT_EQ(honest.rakp1(honest.rakp1_message()).status, RakpStatus::Ok);
  EXPECT_EQ(honest.rakp3(honest.rakp3_message()).status, RakpStatus::Ok);
  // From another port it is a stranger as any other.
  Hand stranger{network, path_of(5, 77), honest.console_session, honest.managed_session};
  network.inject(stranger.path,
                 plain(wire::PayloadType::Rakp1, wire::encode(stranger.rakp1_message())));
  EXPECT_TRUE(network.take_stray().empty());
}

TEST(RateLimit, OfASourceHoldsForItsOwnSessionsToo) {
  Network network;
  Hand hand{network, path_of(5)};
  ASSERT_EQ(hand.open().status, RakpStatus::Ok);
  const Bytes rakp1 = plain(wire::PayloadType::Rakp1, wire::encode(hand.rakp1_message()));
  const unsigned burst = basic_config().limits.replies_burst;
  for (unsigned i = 0; i < burst + 60; ++i) network.inject(hand.path, rakp1);
  EXPECT_EQ(network.take_stray().size(), burst - 1);
  EXPECT_EQ(network.server.counters().rate_limited, 61U);
}

TEST(RateLimit, DoesNotTouchSessions) {
  Network network;
  auto& node = network.connect(alice());
  for (int i = 0; i < 1000; ++i) network.inject(node.path, wire::encode(wire::PresencePing{1}));
  EXPECT_GT(network.server.counters().rate_limited, 0U);
  network.run(1ms);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(network.ask(node, kOem, 7, bytes({i})).data, bytes({i}));
}

TEST(ReplyQueue, IsBounded) {
  ServerConfig config = unlimited_rate();
  config.limits.reply_queue = 10;
  SeededRandom random(1);
  EchoApplication application;
  Server server(config, kIana, application, random);
  for (int i = 0; i < 50; ++i)
    server.handle_datagram(path_of(1), wire::encode(wire::PresencePing{1}), TimePoint{});
  int replies = 0;
  while (server.poll_transmit(TimePoint{})) ++replies;
  EXPECT_EQ(replies, 10);
  EXPECT_EQ(server.counters().dropped, 40U);
}

}  // namespace
}  // namespace fwr::session::testing
