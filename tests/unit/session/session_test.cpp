// SPDX-License-Identifier: GPL-3.0-or-later
// Client and server together: sessions that come up, carry and end, over good and bad networks.
#include <gtest/gtest.h>

#include <set>

#include "fixture.hpp"

namespace fwr::session::testing {
namespace {

constexpr std::uint8_t kApp = 0x06;
constexpr std::uint8_t kOem = 0x2e;

struct Case {
  CipherSuite suite;
  bool has_kg;
};
class Session : public ::testing::TestWithParam<Case> {
 protected:
  static ServerConfig config() {
    ServerConfig c = basic_config();
    if (GetParam().has_kg) c.kg = secret("twenty bytes of K_g!");
    return c;
  }
  static Credentials with_kg(Credentials credentials) {
    if (GetParam().has_kg) credentials.kg = secret("twenty bytes of K_g!");
    return credentials;
  }
  Network network_{config()};
};
INSTANTIATE_TEST_SUITE_P(Suites, Session,
                         ::testing::Values(Case{CipherSuite::Suite17, false},
                                           Case{CipherSuite::Suite17, true},
                                           Case{CipherSuite::Suite3, false},
                                           Case{CipherSuite::Suite3, true}),
                         [](const auto& instance) {
                           return "Suite" + std::to_string(static_cast<int>(instance.param.suite)) +
                                  (instance.param.has_kg ? "WithKg" : "WithoutKg");
                         });

TEST_P(Session, ComesUpAndSaysWhoTheServerIs) {
  auto& node = network_.connect(with_kg(alice(GetParam().suite)));
  const auto* up = node.find<SessionUp>();
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->peer, basic_config().identity.guid);
  EXPECT_EQ(network_.server.active_sessions(), 1U);
  EXPECT_EQ(network_.server.half_open_sessions(), 0U);
}

TEST_P(Session, CarriesCommandsInOrder) {
  auto& node = network_.connect(with_kg(alice(GetParam().suite)));
  std::vector<std::uint32_t> tickets;
  tickets.reserve(10);
  for (int i = 0; i < 10; ++i)
    tickets.push_back(*node.client.submit({kOem, 0x07, bytes({0xd9, 0x7e, 0, i})}, network_.now));
  network_.run(1s);
  for (std::size_t i = 0; i < tickets.size(); ++i) {
    const auto* response = node.response(tickets[i]);
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(response->code, wire::CompletionCode::Ok);
    EXPECT_EQ(response->data, bytes({0xd9, 0x7e, 0, static_cast<int>(i)}));
  }
  ASSERT_EQ(network_.application.requesters.size(), 10U);
  const Requester& from = network_.application.requesters.front();
  EXPECT_TRUE(from.authenticated());
  EXPECT_EQ(from.user, "alice");
  EXPECT_EQ(from.privilege, wire::Privilege::User);
  EXPECT_EQ(from.path, node.path);
}

TEST_P(Session, CarriesPayloadsBothWays) {
  auto& node = network_.connect(with_kg(alice(GetParam().suite)));
  for (std::size_t i = 0; i < 50; ++i) ASSERT_TRUE(node.client.send_payload(pattern(20 + i)));
  network_.run(10ms);
  ASSERT_EQ(network_.application.payloads.size(), 50U);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(network_.application.payloads[i], pattern(20 + i));

  const std::uint32_t session = network_.application.requesters.front().session;
  for (std::size_t i = 0; i < 200; ++i)
    network_.application.outgoing.push_back({session, pattern(1100 + i)});
  network_.run(10ms);
  std::size_t arrived = 0;
  for (const ClientEvent& event : node.events) {
    const auto* payload = std::get_if<PayloadArrived>(&event);
    if (payload == nullptr) continue;
    EXPECT_EQ(payload->payload, pattern(1100 + arrived));
    ++arrived;
  }
  EXPECT_EQ(arrived, 200U);
}

TEST_P(Session, ProtectsEveryPacket) {
  auto& node = network_.connect(with_kg(root(wire::Privilege::Administrator, GetParam().suite)));
  network_.ask(node, kOem, 0x07, bytes({1, 2, 3}));
  ASSERT_TRUE(node.client.send_payload(pattern(3)));
  node.client.close(network_.now);
  network_.run(10ms);
  std::size_t in_session = 0;
  for (const auto& [way, datagram] : network_.log) {
    if (payload_type(datagram) >= 0x10) continue;
    ++in_session;
    EXPECT_TRUE(is_protected(datagram));
  }
  EXPECT_EQ(in_session, 7U);  // privilege, command, payload, close, and three answers
}

TEST_P(Session, RaisesPrivilegeBeforeItIsUp) {
  auto& node = network_.connect(with_kg(root(wire::Privilege::Operator, GetParam().suite)));
  network_.ask(node, kOem, 0x07, bytes({1}));
  EXPECT_EQ(network_.application.requesters.back().privilege, wire::Privilege::Operator);
}

TEST_P(Session, ComesUpAndWorksOnABadNetwork) {
  std::mt19937 dice(static_cast<unsigned>(GetParam().suite) + (GetParam().has_kg ? 100 : 0));
  network_.tamper = [&dice](Way, const Bytes& datagram) {
    std::vector<Bytes> out;
    const auto roll = dice() % 100;
    if (roll < 10) return out;
    out.push_back(datagram);
    if (roll < 20) out.push_back(datagram);
    if (roll >= 20 && roll < 25)
      out.back()[dice() % datagram.size()] ^= static_cast<std::byte>(1U << dice() % 8);
    if (roll >= 25 && roll < 30) out.back().resize(dice() % datagram.size());
    return out;
  };
  auto& node = network_.add(with_kg(root(wire::Privilege::Administrator, GetParam().suite)),
                            path_of(7), {.first_timeout = 100ms, .tries = 12});
  node.client.start(network_.now);
  network_.run(20s);
  ASSERT_TRUE(node.is_up()) << (node.down() ? node.find<SessionDown>()->error.message() : "");
  for (int i = 0; i < 30; ++i) {
    const auto ticket = node.client.submit({kOem, 0x07, bytes({i})}, network_.now);
    ASSERT_TRUE(ticket);
    for (int wait = 0; wait < 50 && node.response(*ticket) == nullptr; ++wait) network_.run(1s);
    ASSERT_NE(node.response(*ticket), nullptr) << "command " << i;
    EXPECT_EQ(node.response(*ticket)->data, bytes({i}));
  }
  std::size_t answers = 0;
  for (const ClientEvent& event : node.events)
    if (std::holds_alternative<CommandDone>(event)) ++answers;
  EXPECT_EQ(answers, 30U);
}

TEST_P(Session, FailsOnAWrongPassword) {
  Credentials wrong = with_kg(alice(GetParam().suite));
  wrong.password = secret("correct hors");
  auto& node = network_.add(wrong);
  node.client.start(network_.now);
  network_.run(100ms);
  EXPECT_EQ(node.down(), Errc::AuthenticationFailed);
  EXPECT_EQ(network_.server.active_sessions(), 0U);
  EXPECT_EQ(network_.server.half_open_sessions(), 0U);
  EXPECT_EQ(network_.server.counters().authentication_failures, 1U);
}

TEST_P(Session, FailsOnAWrongKg) {
  Credentials wrong = alice(GetParam().suite);
  wrong.kg = secret("another K_g");
  auto& node = network_.add(wrong);
  node.client.start(network_.now);
  network_.run(100ms);
  EXPECT_EQ(node.down(), Errc::AuthenticationFailed);
  EXPECT_FALSE(node.client.submit({kApp, 1, {}}, network_.now));
}

TEST_P(Session, FailsOnAnUnknownUser) {
  Credentials wrong = with_kg(alice(GetParam().suite));
  wrong.user = "bob";
  auto& node = network_.add(wrong);
  node.client.start(network_.now);
  network_.run(100ms);
  EXPECT_EQ(node.down(), Errc::AuthenticationFailed);
  EXPECT_GE(network_.server.counters().authentication_failures, 1U);
}

TEST_P(Session, FailsOnMorePrivilegeThanTheAccountHas) {
  Credentials greedy = with_kg(alice(GetParam().suite));
  greedy.privilege = wire::Privilege::Operator;
  auto& node = network_.add(greedy);
  node.client.start(network_.now);
  network_.run(100ms);
  EXPECT_EQ(node.down(), Errc::PrivilegeTooLow);
  EXPECT_EQ(network_.server.active_sessions(), 0U);
}

// --- suites --------------------------------------------------------------------------------------

TEST(CipherSuites, Suite3IsRefusedUnlessItIsAllowed) {
  ServerConfig config = basic_config();
  config.allow_suite3 = false;
  Network network(config);
  auto& node = network.add(alice(CipherSuite::Suite3));
  node.client.start(network.now);
  network.run(100ms);
  EXPECT_EQ(node.down(), Errc::NoCommonCipherSuite);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
}

TEST(CipherSuites, AnAnswerWithOtherAlgorithmsIsRefusedByTheClient) {
  Network network;
  network.tamper = [](Way way, const Bytes& datagram) {
    Bytes copy = datagram;
    // The authentication algorithm in the Open Session Response becomes "none".
    if (way == Way::ToClient && is_type(datagram, wire::PayloadType::OpenSessionRs))
      copy[16 + 12 + 4] = std::byte{0};
    return std::vector<Bytes>{copy};
  };
  auto& node = network.add(alice());
  node.client.start(network.now);
  network.run(100ms);
  EXPECT_EQ(node.down(), Errc::NoCommonCipherSuite);
}

// --- timers of the client ------------------------------------------------------------------------

TEST(ClientTimers, GiveUpWhenNobodyAnswers) {
  Network network;
  network.tamper = [](Way, const Bytes&) { return std::vector<Bytes>{}; };
  auto& node = network.add(alice());
  node.client.start(network.now);
  // 1, 2, 4 and 8 s, each up to a quarter shorter or longer.
  network.run(11s + 249ms);
  EXPECT_FALSE(node.down());
  network.run(7s + 501ms);
  EXPECT_EQ(node.down(), Errc::NoResponse);
  EXPECT_EQ(network.log.size(), 4U);
  EXPECT_FALSE(node.client.deadline());
  network.run(1h);
  EXPECT_EQ(network.log.size(), 4U);
}

TEST(ClientTimers, EndASessionWhoseServerIsGone) {
  Network network;
  auto& node = network.connect(alice());
  network.tamper = [](Way, const Bytes&) { return std::vector<Bytes>{}; };
  ASSERT_TRUE(node.client.submit({kOem, 0x07, {}}, network.now));
  network.run(19s);
  EXPECT_EQ(node.down(), Errc::SessionLost);
  EXPECT_FALSE(node.is_up());
  EXPECT_FALSE(node.client.send_payload(pattern(1)));
}

TEST(ClientTimers, DoNotEndASessionWhoseServerIsKnownToLive) {
  Network network;
  auto& node = network.connect(alice());
  network.tamper = [](Way way, const Bytes& datagram) {
    if (way == Way::ToClient) return std::vector<Bytes>{};
    return std::vector<Bytes>{datagram};
  };
  ASSERT_TRUE(node.client.submit({0x2e, 0x07, {}}, network.now));
  const std::size_t before = network.log.size();
  for (int i = 0; i < 100; ++i) {
    network.run(1s);
    node.client.note_alive();
  }
  EXPECT_TRUE(node.is_up());
  EXPECT_LT(network.log.size() - before, 50U) << "not more often than every 8 s, and the answers";
  network.run(20s);
  EXPECT_EQ(node.down(), Errc::SessionLost);
}

TEST(ClientCommands, AreRepeatedUnderNewSessionSequenceNumbersOnly) {
  Network network;
  auto& node = network.connect(alice());
  std::vector<std::uint32_t> sequences;
  network.tamper = [&](Way way, const Bytes& datagram) {
    if (way == Way::ToServer) {
      const auto message = wire::decode_rmcp(datagram);
      sequences.push_back(std::get<wire::RmcpPlusPacket>(*message).header.sequence);
    }
    const bool lost = way == Way::ToClient && sequences.size() < 3;
    return lost ? std::vector<Bytes>{} : std::vector<Bytes>{datagram};
  };
  const auto ticket = node.client.submit({kOem, 0x07, bytes({9})}, network.now);
  network.run(10s);
  EXPECT_EQ(sequences, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(network.application.commands.size(), 3U);
  ASSERT_NE(node.response(*ticket), nullptr);
}

TEST(ClientCommands, IgnoreTheLateAnswerOfAnEarlierCommand) {
  Network network;
  auto& node = network.connect(alice());
  std::vector<Bytes> late;
  network.tamper = [&](Way way, const Bytes& datagram) {
    if (way == Way::ToClient && late.empty()) {
      late.push_back(datagram);
      return std::vector<Bytes>{};
    }
    return std::vector<Bytes>{datagram};
  };
  const auto first = node.client.submit({kOem, 0x07, bytes({1})}, network.now);
  network.run(2s);
  ASSERT_NE(node.response(*first), nullptr);
  network.application.silent = false;
  network.tamper = nullptr;
  const auto second = node.client.submit({kOem, 0x07, bytes({2})}, network.now);
  node.client.handle_datagram(late.front(), network.now);
  network.run(100ms);
  ASSERT_NE(node.response(*second), nullptr);
  EXPECT_EQ(node.response(*second)->data, bytes({2}));
}

TEST(ClientQueues, AreBounded) {
  Network network;
  auto& node = network.connect(alice());
  std::size_t accepted = 0;
  while (node.client.submit({kOem, 0x07, {}}, network.now)) ++accepted;
  EXPECT_EQ(accepted, Client::kCommandQueue + 1);  // one is in flight
  accepted = 0;
  while (node.client.send_payload(pattern(10))) ++accepted;
  EXPECT_EQ(accepted, Client::kPayloadQueue);
  network.run(1s);
  EXPECT_TRUE(node.client.send_payload(pattern(10)));
}

TEST(ClientStart, RefusesCredentialsThatCannotTravel) {
  Network network;
  std::vector<Credentials> bad(4, alice());
  bad[0].user = "seventeen letters";
  bad[1].password = secret("twenty-one characters");
  bad[2].kg = secret("twenty-one characters");
  bad[3].privilege = wire::Privilege::Highest;
  for (Credentials& credentials : bad) {
    auto& node = network.add(credentials);
    node.client.start(network.now);
    network.run(1ms);
    EXPECT_EQ(node.down(), Errc::BadConfiguration);
  }
  EXPECT_TRUE(network.log.empty());
}

TEST(ClientClose, ClosesTheSessionOfTheServer) {
  Network network;
  auto& node = network.connect(alice());
  node.client.close(network.now);
  network.run(100ms);
  EXPECT_EQ(node.down(), Errc::Interrupted);
  EXPECT_EQ(network.server.active_sessions(), 0U);
  ASSERT_EQ(network.application.closed.size(), 1U);
  network.run(1h);
  EXPECT_TRUE(std::holds_alternative<SessionDown>(node.events.back()));
}

TEST(ClientClose, WorksInEveryState) {
  // The network swallows answers from the nth on, so that the client stands still before it.
  for (int answers = 0; answers <= 4; ++answers) {
    Network network;
    int seen = 0;
    network.tamper = [&](Way way, const Bytes& datagram) {
      const bool lost = way == Way::ToClient && seen++ >= answers;
      return lost ? std::vector<Bytes>{} : std::vector<Bytes>{datagram};
    };
    auto& node = network.add(root());
    node.client.start(network.now);
    network.run(100ms);
    EXPECT_EQ(node.is_up(), answers == 4);
    node.client.close(network.now);
    network.run(10ms);
    EXPECT_EQ(node.down(), Errc::Interrupted) << answers;
    EXPECT_FALSE(node.client.deadline());
    // From RAKP 4 on the server learns of the end.
    if (answers >= 3) {
      EXPECT_EQ(network.server.active_sessions(), 0U);
    }
  }
  Network network;
  auto& idle = network.add(alice());
  idle.client.close(network.now);
  idle.client.start(network.now);
  network.run(10ms);
  EXPECT_EQ(idle.down(), Errc::Interrupted);
  EXPECT_TRUE(network.log.empty());
}

TEST(ClientSession, DropsPacketsOfAnotherEnterpriseOrPayloadId) {
  Network network;
  auto& node = network.connect(alice());
  network.ask(node, kOem, 0x07, {});
  const std::uint32_t session = network.application.requesters.front().session;
  network.application.outgoing.push_back({session, pattern(4)});
  // The same bytes, in clear and from nowhere.
  node.client.handle_datagram(plain(wire::PayloadType::OemExplicit, pattern(4)), network.now);
  network.run(10ms);
  std::size_t payloads = 0;
  for (const ClientEvent& event : node.events)
    if (std::holds_alternative<PayloadArrived>(event)) ++payloads;
  EXPECT_EQ(payloads, 1U);
}

// --- attacks on a session ------------------------------------------------------------------------

TEST(Attack, AReplayedCommandIsNotExecutedAgain) {
  Network network;
  auto& node = network.connect(alice());
  network.ask(node, kOem, 0x07, bytes({1}));
  const Bytes command = network.log[network.log.size() - 2].second;
  ASSERT_TRUE(is_protected(command));
  const auto dropped = network.server.counters().dropped;
  for (int i = 0; i < 5; ++i) network.inject(node.path, command);
  EXPECT_EQ(network.application.commands.size(), 1U);
  EXPECT_EQ(network.server.counters().dropped, dropped + 5);
}

TEST(Attack, ABadMacDoesNotSpoilTheGoodPacketAfterIt) {
  Network network;
  auto& node = network.connect(alice());
  network.tamper = [](Way way, const Bytes& datagram) {
    if (way == Way::ToClient) return std::vector<Bytes>{datagram};
    Bytes bad = datagram;
    bad.back() ^= std::byte{1};
    return std::vector<Bytes>{bad, datagram};
  };
  EXPECT_EQ(network.ask(node, kOem, 0x07, bytes({5})).data, bytes({5}));
  EXPECT_EQ(network.application.commands.size(), 1U);
}

TEST(Attack, AClearedEncryptionBitIsDropped) {
  Network network;
  auto& node = network.connect(alice());
  network.tamper = [](Way way, const Bytes& datagram) {
    Bytes cleared = datagram;
    if (way == Way::ToServer) cleared[5] &= std::byte{0x7f};
    return std::vector<Bytes>{cleared};
  };
  ASSERT_TRUE(node.client.submit({kOem, 0x07, {}}, network.now));
  network.run(19s);
  EXPECT_TRUE(network.application.commands.empty());
  EXPECT_EQ(node.down(), Errc::SessionLost);
}

TEST(Attack, APacketOfASessionFromAnotherAddressIsDropped) {
  Network network;
  auto& node = network.connect(alice());
  std::optional<Bytes> stolen;
  network.tamper = [&](Way, const Bytes& datagram) {
    stolen = datagram;
    return std::vector<Bytes>{};
  };
  ASSERT_TRUE(node.client.submit({kOem, 0x07, {}}, network.now));
  network.run(1ms);
  ASSERT_TRUE(stolen);
  network.tamper = nullptr;
  network.inject(path_of(66), *stolen);
  EXPECT_TRUE(network.application.commands.empty());
  EXPECT_TRUE(network.take_stray().empty());
  network.inject(node.path, *stolen);
  EXPECT_EQ(network.application.commands.size(), 1U);
}

TEST(Attack, PrivilegeIsNotRaisedBeyondTheLimit) {
  Network network;
  auto& node = network.connect(alice());
  EXPECT_EQ(network.ask(node, kApp, 0x3b, bytes({4})).code, wire::CompletionCode{0x81});
  EXPECT_EQ(network.ask(node, kApp, 0x3b, bytes({3})).code, wire::CompletionCode{0x81});
  EXPECT_EQ(network.ask(node, kApp, 0x3b, bytes({5})).code, wire::CompletionCode{0x80});
  EXPECT_EQ(network.ask(node, kApp, 0x3b, bytes({1})).code, wire::CompletionCode::InvalidField);
  EXPECT_EQ(network.ask(node, kApp, 0x3b, bytes({9})).code, wire::CompletionCode::InvalidField);
  const auto present = network.ask(node, kApp, 0x3b, bytes({0}));
  EXPECT_EQ(present.data, bytes({2}));

  // An administrator who asked for a user's session has a user's session.
  auto& humble = network.connect(root(wire::Privilege::User), path_of(8));
  EXPECT_EQ(network.ask(humble, kApp, 0x3b, bytes({4})).code, wire::CompletionCode{0x81});
}

}  // namespace
}  // namespace fwr::session::testing
