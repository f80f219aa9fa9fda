// SPDX-License-Identifier: GPL-3.0-or-later
// What the server says of logins and failed logins, and how much of it. PROTOCOL §8.3.
#include <gtest/gtest.h>

#include "hand.hpp"

namespace fwr::session::testing {
namespace {

using Kind = LoginEvent::Kind;

std::vector<LoginEvent> logins(Network& network) {
  std::vector<LoginEvent> events;
  while (auto event = network.server.poll_login()) events.push_back(*std::move(event));
  return events;
}

/// One failed login of this user and path, with why.
LoginEvent only_failure(Network& network) {
  const auto events = logins(network);
  EXPECT_EQ(events.size(), 1U);
  if (events.size() != 1) return {};
  EXPECT_EQ(events[0].kind, Kind::Failed);
  return events[0];
}

void fail_login(Network& network, const Path& path) {
  Hand hand{network, path};
  hand.open();
  hand.rakp1(hand.rakp1_message());
  hand.rakp3(hand.rakp3_message("wrong"));
}

TEST(Logins, SayWhoFromWhereAsWhatAndHow) {
  Network network;
  network.connect(root(wire::Privilege::Operator, CipherSuite::Suite3), path_of(8));
  const auto events = logins(network);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::Opened);
  EXPECT_EQ(events[0].user, "root");
  EXPECT_EQ(events[0].path.peer, path_of(8).peer);
  EXPECT_EQ(events[0].privilege, wire::Privilege::Operator);
  EXPECT_EQ(events[0].suite, CipherSuite::Suite3);
}

TEST(Logins, AreToldOnceForEachSession) {
  Network network;
  auto& node = network.connect(alice());
  for (int i = 0; i < 10; ++i) network.ask(node, kOem, 0x07, bytes({1}));
  network.connect(alice(), path_of(8));
  network.run(30s);
  EXPECT_EQ(logins(network).size(), 2U);
}

TEST(FailedLogins, OfAnUnknownUser) {
  Network network;
  auto credentials = alice();
  credentials.user = "mallory";
  network.add(credentials).client.start(network.now);
  network.run(1s);
  const auto failure = only_failure(network);
  EXPECT_EQ(failure.why, LoginFailure::UnknownUser);
  EXPECT_EQ(failure.user, "mallory");
  EXPECT_EQ(failure.path.peer, path_of(7).peer);
}

TEST(FailedLogins, WithAWrongPasswordThatTheClientNotices) {
  Network network;
  auto credentials = alice();
  credentials.password = secret("wrong");
  network.add(credentials).client.start(network.now);
  network.run(1s);
  EXPECT_EQ(only_failure(network).why, LoginFailure::Password);
}

TEST(FailedLogins, WithAWrongProof) {
  Network network;
  fail_login(network, path_of(9));
  EXPECT_EQ(only_failure(network).why, LoginFailure::Password);
}

TEST(FailedLogins, ThatStopAfterTheChallenge) {
  Network network;
  Hand hand{network};
  hand.open();
  hand.rakp1(hand.rakp1_message());
  network.run(15s);
  EXPECT_EQ(only_failure(network).why, LoginFailure::NoProof);
}

TEST(FailedLogins, WithAnotherKgAreNoLogins) {
  for (const bool ours : {true, false}) {
    ServerConfig config = basic_config();
    if (ours) config.kg = secret("the key of the server");
    Network network(config);
    auto credentials = alice();
    credentials.kg = secret("the key of a client.");
    network.add(credentials).client.start(network.now);
    network.run(15s);
    const auto failure = only_failure(network);
    EXPECT_EQ(failure.why, LoginFailure::Kg) << ours;
    EXPECT_EQ(failure.user, "alice");
  }
}

TEST(FailedLogins, ForMorePrivilegeThanTheAccountHas) {
  Network network;
  auto credentials = alice();
  credentials.privilege = wire::Privilege::Administrator;
  network.add(credentials).client.start(network.now);
  network.run(1s);
  const auto events = logins(network);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, Kind::Opened);
  EXPECT_EQ(events[1].kind, Kind::Failed);
  EXPECT_EQ(events[1].why, LoginFailure::Privilege);
  EXPECT_EQ(events[1].privilege, wire::Privilege::Administrator);
}

TEST(FailedLogins, WithASuiteThatIsNotAllowed) {
  ServerConfig config = basic_config();
  config.allow_suite3 = false;
  Network network(config);
  network.add(alice(CipherSuite::Suite3)).client.start(network.now);
  network.run(10ms);
  const auto events = logins(network);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0].kind, Kind::Failed);
  EXPECT_EQ(events[0].why, LoginFailure::CipherSuite);
}

TEST(FailedLogins, WithoutRoom) {
  ServerConfig config = basic_config();
  config.limits.active_sessions = 1;
  Network network(config);
  network.connect(alice());
  network.add(root(), path_of(8)).client.start(network.now);
  network.run(100ms);
  const auto events = logins(network);
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(events[1].why, LoginFailure::NoRoom);
  EXPECT_EQ(events[1].user, "root");
}

TEST(FailedLogins, OfOneSourceAreCountedWhenThereAreMany) {
  ServerConfig config = basic_config();
  config.limits.replies_per_source_per_s = config.limits.replies_burst = 10000;
  Network network(config);
  for (std::uint16_t port = 1; port <= 200; ++port) fail_login(network, path_of(9, port));
  fail_login(network, path_of(8));
  auto events = logins(network);
  ASSERT_EQ(events.size(), LoginLog::kFailuresOfSource + 1U);
  EXPECT_EQ(events.back().path.peer.bytes, path_of(8).peer.bytes);
  // When the minute is over, without any further packet.
  network.run(LoginLog::kWindow + 1s);
  events = logins(network);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::LeftOut);
  EXPECT_EQ(events[0].failures, 200U - LoginLog::kFailuresOfSource);
  EXPECT_EQ(events[0].logins, 0U);
  EXPECT_EQ(events[0].of_source, 200U);
  EXPECT_EQ(events[0].path.peer.bytes, path_of(9).peer.bytes);
  // And from then on as before.
  fail_login(network, path_of(9));
  EXPECT_EQ(only_failure(network).why, LoginFailure::Password);
}

TEST(FailedLogins, OfManySourcesAreFewLines) {
  LoginLog log;
  TimePoint now{};
  for (int i = 0; i < 100000; ++i) {
    LoginEvent event;
    event.path = path_of(static_cast<std::uint8_t>(i));
    event.path.peer.bytes[1] = static_cast<std::uint8_t>(i / 256);
    event.path.peer.bytes[2] = static_cast<std::uint8_t>(i / 65536);
    log.failed(event, now);
  }
  std::size_t told = 0;
  while (log.poll()) ++told;
  EXPECT_EQ(told, LoginLog::kFailuresInAll);
  ASSERT_EQ(log.deadline(), now + LoginLog::kWindow);
  log.handle_timeout(*log.deadline());
  const auto rest = log.poll();
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->failures, 100000U - LoginLog::kFailuresInAll);
  EXPECT_FALSE(log.deadline());
}

TEST(FailedLogins, OfForgedAddressesTakeNothingFromRealOnes) {
  ServerConfig config = basic_config();
  config.allow_suite3 = false;
  config.limits.small_replies_per_s = 1000000;
  Network network(config);
  for (int i = 0; i < 5000; ++i) {
    Hand forged{network, path_of(9, static_cast<std::uint16_t>(i + 1))};
    auto request = forged.request();
    request.authentication = wire::AuthAlgorithm::HmacSha1;
    request.integrity = wire::IntegrityAlgorithm::HmacSha1_96;
    forged.open(request);
    // RAKP 1 and 3 that name no session of theirs.
    forged.managed_session = static_cast<std::uint32_t>(i + 1);
    network.inject(forged.path,
                   plain(wire::PayloadType::Rakp1, wire::encode(forged.rakp1_message())));
    forged.send_rakp3(forged.rakp3_message());
    network.take_stray();
  }
  EXPECT_EQ(logins(network).size(), LoginLog::kUnproved);
  fail_login(network, path_of(9));
  EXPECT_EQ(only_failure(network).why, LoginFailure::Password);
}

TEST(Logins, OfAnAccountHolderWhoDoesNothingElseAreCounted) {
  LoginLog log;
  for (int i = 0; i < 10000; ++i) log.opened({.path = path_of(9), .user = "alice"}, TimePoint{});
  std::size_t told = 0;
  while (log.poll()) ++told;
  EXPECT_EQ(told, LoginLog::kLoginsOfSource);
  log.handle_timeout(TimePoint{} + LoginLog::kWindow);
  EXPECT_EQ(log.poll().value().logins, 10000U - LoginLog::kLoginsOfSource);
}

}  // namespace
}  // namespace fwr::session::testing
