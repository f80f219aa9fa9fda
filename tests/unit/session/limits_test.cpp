// SPDX-License-Identifier: GPL-3.0-or-later
// The server's quotas, times and rates. PROTOCOL §8.3, §8.4.
#include <gtest/gtest.h>

#include "hand.hpp"

namespace fwr::session::testing {
namespace {

// --- quotas and times ----------------------------------------------------------------------------

ServerConfig unlimited_rate() {
  ServerConfig config = basic_config();
  config.limits.replies_burst = 10000;
  config.limits.replies_per_source_per_s = 10000;
  config.limits.replies_per_s = 1000000;
  config.limits.small_replies_per_s = 1000000;
  config.limits.proved_of_prefix_per_s = 1000000;
  return config;
}

/// Whether one more session comes up, in this time.
bool comes_up(Network& network, const Credentials& credentials, const Path& path,
              Duration patience = 10ms) {
  auto& node = network.add(credentials, path);
  node.client.start(network.now);
  network.run(patience);
  return node.is_up();
}

/// Hands that have sent RAKP 1 and wait.
std::vector<Hand> challenged(Network& network, const std::vector<Path>& paths) {
  std::vector<Hand> hands;
  for (const Path& path : paths) {
    hands.push_back(Hand{network, path});
    EXPECT_EQ(hands.back().open().status, RakpStatus::Ok);
    EXPECT_EQ(hands.back().rakp1(hands.back().rakp1_message()).status, RakpStatus::Ok);
    network.now += 1us;
  }
  return hands;
}

Path path_of_ipv6(std::string_view text) {
  Path path = path_of(1);
  path.peer = parse_address(text).value();
  path.local = parse_address("[fd00::1]").value();
  return path;
}

RakpStatus log_in(Hand& hand) {
  hand.open();
  if (const auto rakp2 = hand.rakp1(hand.rakp1_message()); rakp2.status != RakpStatus::Ok)
    return rakp2.status;
  return hand.rakp3(hand.rakp3_message()).status;
}

TEST(HalfOpenQuota, OfOneSourceIsKeptByItsOldestOnes) {
  Network network(unlimited_rate());
  std::vector<Path> paths;
  for (std::uint16_t port = 1; port <= 40; ++port) paths.push_back(path_of(9, port));
  auto hands = challenged(network, paths);
  EXPECT_EQ(network.server.half_open_sessions(), 32U);
  EXPECT_EQ(hands[7].rakp3(hands[7].rakp3_message()).status, RakpStatus::InvalidSessionId);
  EXPECT_EQ(hands[8].rakp3(hands[8].rakp3_message()).status, RakpStatus::Ok);
  // Whose session made room goes on where it was.
  EXPECT_EQ(hands[7].rakp1(hands[7].rakp1_message()).status, RakpStatus::Ok);
  EXPECT_EQ(hands[7].rakp3(hands[7].rakp3_message()).status, RakpStatus::Ok);
  network.run(10s);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
}

TEST(HalfOpenQuota, ForgedRequestsTakeNothingOfIt) {
  Network network(unlimited_rate());
  auto& node = network.connect(alice());
  auto begun = challenged(network, {path_of(8, 1)});
  Hand opened{network, path_of(8, 2)};
  opened.open();
  // From everywhere, in the name of the host too, and from its very port with other words.
  for (int i = 0; i < 5000; ++i) {
    Path path = path_of(static_cast<std::uint8_t>(i), 1);
    path.peer.bytes[2] = static_cast<std::uint8_t>(i / 256);
    Hand{network, path}.open();
    Hand{network, path_of(8, static_cast<std::uint16_t>(i + 3))}.open();
    Hand{network, path_of(8, 2), static_cast<std::uint32_t>(i + 1)}.open();
  }
  EXPECT_EQ(network.server.half_open_sessions(), 1U);
  EXPECT_EQ(network.ask(node, kOem, 0x07, bytes({1})).data, bytes({1}));
  EXPECT_EQ(begun[0].rakp3(begun[0].rakp3_message()).status, RakpStatus::Ok);
  // 15,000 openings ago, in a table of 16,384: its request comes again, as a client does.
  EXPECT_EQ(log_in(opened), RakpStatus::Ok);
}

TEST(HalfOpenQuota, HostsThatStopAfterRakp1DoNotLockOutOthers) {
  ServerConfig config = unlimited_rate();
  config.limits.active_sessions = 200;
  Network network(config);
  for (const int hosts : {4, 40, 250}) {
    std::vector<Path> paths;
    for (std::uint16_t port = 1; port <= 8; ++port)
      for (int host = 1; host <= hosts; ++host)
        paths.push_back(path_of(static_cast<std::uint8_t>(host), port));
    (void)challenged(network, paths);
    EXPECT_LE(network.server.half_open_sessions(), 256U);
    for (std::uint8_t host = 251; host < 255; ++host) {
      Hand late{network, path_of(host, static_cast<std::uint16_t>(hosts))};
      EXPECT_EQ(log_in(late), RakpStatus::Ok) << hosts;
    }
    network.run(1s);
  }
}

TEST(HalfOpenQuota, InAFullTableTheSourceWithTheMostMakesRoom) {
  ServerConfig config = unlimited_rate();
  config.limits.half_open_sessions = 10;
  Network network(config);
  auto quiet = challenged(network, {path_of(1), path_of(2)});
  std::vector<Path> paths;
  for (std::uint16_t port = 1; port <= 8; ++port) paths.push_back(path_of(3, port));
  auto greedy = challenged(network, paths);
  (void)challenged(network, {path_of(4), path_of(5), path_of(6)});
  EXPECT_EQ(network.server.half_open_sessions(), 10U);
  for (Hand& hand : quiet) EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
  EXPECT_EQ(greedy[2].rakp3(greedy[2].rakp3_message()).status, RakpStatus::InvalidSessionId);
  EXPECT_EQ(greedy[3].rakp3(greedy[3].rakp3_message()).status, RakpStatus::Ok);
}

TEST(HalfOpenQuota, TheAddressesOfOneIpv6NetworkAreOneSource) {
  ServerConfig config = unlimited_rate();
  config.limits.half_open_sessions = 40;
  Network network(config);
  for (const std::string_view prefix : {"2001:db8:0:7:", "fd00:1:2:3:"}) {
    auto other = challenged(network, {path_of_ipv6("[2001:db8:0:8::1]")});
    std::vector<Path> paths;
    for (int host = 1; host <= 99; ++host) {
      std::string address = "[";
      address += prefix;
      paths.push_back(path_of_ipv6(address + std::to_string(host) + "::1]"));
    }
    (void)challenged(network, paths);
    EXPECT_LE(network.server.half_open_sessions(), 33U) << prefix;
    EXPECT_EQ(other[0].rakp3(other[0].rakp3_message()).status, RakpStatus::Ok) << prefix;
    network.run(10s);
  }
  std::vector<Path> paths;
  for (int host = 1; host <= 99; ++host)
    paths.push_back(path_of_ipv6("[fe80::" + std::to_string(host) + "%2]"));
  auto elsewhere = challenged(network, {path_of_ipv6("[fe80::1%3]")});
  (void)challenged(network, paths);
  EXPECT_EQ(network.server.half_open_sessions(), 33U);
  EXPECT_EQ(elsewhere[0].rakp3(elsewhere[0].rakp3_message()).status, RakpStatus::Ok);
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
    return comes_up(network, credentials, path, 100ms);
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
    return comes_up(network, alice(), path_of(host, port));
  };
  for (std::uint16_t port = 1; port <= 20; ++port) EXPECT_TRUE(attempt(7, port)) << port;
  EXPECT_FALSE(attempt(7, 21));
  EXPECT_TRUE(attempt(8, 1));
  network.run(5s);
  EXPECT_TRUE(attempt(7, 22)) << "its own longest silent one gives way";
  EXPECT_EQ(network.server.active_sessions(), 21U);
}

TEST(SessionLimit, OneHostLeavesSessionsForUsersWhoHaveNone) {
  ServerConfig config = unlimited_rate();
  config.limits.active_sessions = 40;
  Network network(config);
  const auto attempt = [&network](const Credentials& credentials, Path path) {
    return comes_up(network, credentials, path);
  };
  // Addresses of one IPv6 network are one host's.
  for (int host = 1; host <= 20; ++host)
    EXPECT_TRUE(attempt(alice(), path_of_ipv6("[fd00::" + std::to_string(host + 1) + "]"))) << host;
  EXPECT_FALSE(attempt(alice(), path_of_ipv6("[fd00::99]")));
  EXPECT_TRUE(attempt(root(), path_of_ipv6("[fd00::99]")));
  EXPECT_TRUE(attempt(alice(), path_of_ipv6("[fd00:0:0:1::99]")));
}

TEST(SessionLimit, OneUserLeavesSessionsForTheOthers) {
  ServerConfig config = unlimited_rate();
  config.limits.active_sessions = 16;
  Network network(config);
  const auto attempt = [&network](const Credentials& credentials, std::uint8_t host) {
    return comes_up(network, credentials, path_of(host));
  };
  for (std::uint8_t host = 1; host <= 14; ++host) EXPECT_TRUE(attempt(alice(), host)) << int{host};
  EXPECT_FALSE(attempt(alice(), 15));
  EXPECT_TRUE(attempt(root(), 16));
  EXPECT_FALSE(attempt(root(), 17));
}

TEST(SessionLimit, FewHostsOfAnAccountLeaveSessionsForTheOthersOfIt) {
  ServerConfig config = unlimited_rate();
  config.limits.active_sessions = 40;
  Network network(config);
  const auto attempt = [&network](std::uint8_t host, std::uint16_t port) {
    return comes_up(network, alice(), path_of(host, port));
  };
  for (std::uint16_t port = 1; port <= 18; ++port) {
    EXPECT_TRUE(attempt(7, port)) << port;
    if (port <= 17) {
      EXPECT_TRUE(attempt(8, port)) << port;
    }
  }
  EXPECT_EQ(network.server.active_sessions(), 35U);
  for (std::uint8_t host = 9; host < 20; ++host) EXPECT_TRUE(attempt(host, 1)) << int{host};
  EXPECT_EQ(network.server.active_sessions(), 35U);
  EXPECT_FALSE(attempt(7, 30)) << "who has the most makes no room for himself";
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

/// How many of so many get an answer.
template <class Make>
std::size_t answered(Network& network, unsigned count, Make make) {
  network.take_stray();
  for (unsigned i = 0; i < count; ++i) {
    const auto& [path, datagram] = make(i);
    network.inject(path, datagram);
  }
  return network.take_stray().size();
}

TEST(RateLimit, OfAnswersThatMayBeLargerHoldsForOneAddressAndPort) {
  const unsigned burst = basic_config().limits.replies_burst;
  for (const Bytes& question :
       {wire::encode(wire::PresencePing{1}), sessionless_request({kApp, 0x38, bytes({0x8e, 4})}, 1),
        sessionless_request({kApp, 0x37, {}}, 1)}) {
    Network network;
    const auto of_one = [&](unsigned) { return std::pair{path_of(3), question}; };
    EXPECT_EQ(answered(network, burst + 60, of_one), burst);
    EXPECT_EQ(network.server.counters().rate_limited, 60U);
    // Not at the cost of its neighbours on the same host: anyone can write that host's address.
    const auto of_another = [&](unsigned) { return std::pair{path_of(3, 999), question}; };
    EXPECT_EQ(answered(network, 1, of_another), 1U);
    network.run(1s);
    EXPECT_EQ(answered(network, 200, of_one), 100U);
  }
}

TEST(RateLimit, OfAnswersThatMayBeLargerHoldsInAll) {
  Network network;
  const unsigned in_all = basic_config().limits.replies_per_s;
  const Bytes question = sessionless_request({kApp, 0x37, {}}, 1);
  const auto from_anywhere = [&](unsigned i) {
    return std::pair{path_of(static_cast<std::uint8_t>(i), static_cast<std::uint16_t>(i + 1)),
                     question};
  };
  EXPECT_EQ(answered(network, in_all + 500, from_anywhere), in_all);
  // A flood of one kind takes nothing of the others.
  const auto ping = [&](unsigned) {
    return std::pair{path_of(3), wire::encode(wire::PresencePing{1})};
  };
  EXPECT_EQ(answered(network, 1, ping), 1U);
}

TEST(RateLimit, OfAForgedAddressKeepsItsOwnerFromNothing) {
  // The very address and port of the victim, as often as ten times what was ever measured.
  Network network;
  network.application.reply = wire::IpmiResponse{};
  const Path victim = path_of(3);
  const Bytes request = sessionless_request({kOem, 0x02, pattern(160)}, 1);
  const Bytes ping = wire::encode(wire::PresencePing{1});
  wire::Rakp1 rakp1;
  rakp1.managed_session = 77;
  wire::Rakp3 rakp3;
  rakp3.managed_session = 77;
  const std::vector<Bytes> forged{
      ping, request, plain(wire::PayloadType::Rakp1, wire::encode(rakp1)),
      plain(wire::PayloadType::Rakp3, wire::encode(rakp3)),
      plain(wire::PayloadType::OpenSessionRq, wire::encode(Hand{network}.request()))};
  for (unsigned second = 0; second < 5; ++second) {
    for (unsigned i = 0; i < 20000; ++i) network.inject(victim, forged[i % forged.size()]);
    network.take_stray();
    network.now += 1s;
    network.inject(victim, request);
    EXPECT_EQ(network.take_stray().size(), 1U) << second;
    Hand hand{network, victim, second + 1};
    EXPECT_EQ(log_in(hand), RakpStatus::Ok) << second;
  }
}

TEST(RateLimit, OfRefusalsHoldsInAll) {
  Network network;
  wire::Rakp3 unknown;
  unknown.managed_session = 1;
  const unsigned in_all = basic_config().limits.replies_per_s;
  const auto from_anywhere = [&](unsigned i) {
    return std::pair{path_of(static_cast<std::uint8_t>(i)),
                     plain(wire::PayloadType::Rakp3, wire::encode(unknown))};
  };
  EXPECT_EQ(answered(network, in_all + 500, from_anywhere), in_all);
}

TEST(RateLimit, OfOpenSessionHoldsInAll) {
  Network network;
  const unsigned in_all = basic_config().limits.small_replies_per_s;
  const auto from_anywhere = [&](unsigned i) {
    return std::pair{
        path_of(static_cast<std::uint8_t>(i)),
        plain(wire::PayloadType::OpenSessionRq, wire::encode(Hand{network}.request()))};
  };
  EXPECT_EQ(answered(network, in_all + 500, from_anywhere), in_all);
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
  // From another port it is a stranger as any other, and the refusals to strangers are used up.
  Hand stranger{network, path_of(5, 77), honest.console_session, honest.managed_session};
  network.inject(stranger.path,
                 plain(wire::PayloadType::Rakp1, wire::encode(stranger.rakp1_message())));
  EXPECT_TRUE(network.take_stray().empty());
}

TEST(RateLimit, OfASourceHoldsForItsOwnHandshakes) {
  Network network;
  Hand hand{network, path_of(5)};
  ASSERT_EQ(hand.open().status, RakpStatus::Ok);
  const Bytes rakp1 = plain(wire::PayloadType::Rakp1, wire::encode(hand.rakp1_message()));
  const unsigned burst = basic_config().limits.replies_burst;
  const auto own = [&](unsigned) { return std::pair{hand.path, rakp1}; };
  EXPECT_EQ(answered(network, burst + 60, own), burst);
  EXPECT_EQ(network.server.counters().rate_limited, 60U);
  // Another port is the same host; another address is not.
  Hand neighbour{network, path_of(5, 2)};
  neighbour.open();
  network.inject(neighbour.path,
                 plain(wire::PayloadType::Rakp1, wire::encode(neighbour.rakp1_message())));
  EXPECT_TRUE(network.take_stray().empty());
  Hand other{network, path_of(6)};
  EXPECT_EQ(log_in(other), RakpStatus::Ok);
}

TEST(RateLimit, OfASourceHoldsForItsWholeIpv6Network) {
  Network network;
  const unsigned in_all = basic_config().limits.proved_of_prefix_per_s;
  unsigned got = 0;
  for (unsigned i = 0; i < in_all + 100; ++i) {
    Hand hand{network, path_of_ipv6("[2001:db8::" + std::to_string(i + 1) + "]")};
    hand.open();
    network.inject(hand.path, plain(wire::PayloadType::Rakp1, wire::encode(hand.rakp1_message())));
    got += network.take_stray().empty() ? 0U : 1U;
  }
  EXPECT_EQ(got, in_all);
  Hand other{network, path_of_ipv6("[2001:db8:0:1::1]")};
  EXPECT_EQ(log_in(other), RakpStatus::Ok);
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
    server.handle_datagram(kLanLink, path_of(1), wire::encode(wire::PresencePing{1}), TimePoint{});
  int replies = 0;
  while (server.poll_transmit(kLanLink, TimePoint{})) ++replies;
  EXPECT_EQ(replies, 10);
  EXPECT_EQ(server.counters().dropped, 40U);
}

}  // namespace
}  // namespace fwr::session::testing
