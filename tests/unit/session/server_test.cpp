// SPDX-License-Identifier: GPL-3.0-or-later
// The server alone: its handshake seen from the wire, and life without a session.
#include <gtest/gtest.h>

#include <set>

#include "hand.hpp"

namespace fwr::session::testing {
namespace {

// --- Open Session --------------------------------------------------------------------------------

TEST(OpenSession, AnswersWithTheAlgorithmsAndTheRealPrivilege) {
  Network network;
  Hand hand{network};
  const auto response = hand.open();
  EXPECT_EQ(response.status, RakpStatus::Ok);
  EXPECT_EQ(response.tag, 5);
  EXPECT_EQ(response.console_session, 0xa0a2a3a4U);
  EXPECT_NE(response.managed_session, 0U);
  EXPECT_EQ(response.privilege, wire::Privilege::Administrator);
  EXPECT_EQ(response.authentication, wire::AuthAlgorithm::HmacSha256);
  EXPECT_EQ(response.integrity, wire::IntegrityAlgorithm::HmacSha256_128);
  EXPECT_EQ(response.confidentiality, wire::ConfidentialityAlgorithm::AesCbc128);

  auto highest = hand.request();
  highest.tag = 6;
  highest.privilege = wire::Privilege::Highest;
  EXPECT_EQ(hand.open(highest).privilege, wire::Privilege::Administrator);
  highest.tag = 7;
  highest.privilege = wire::Privilege::User;
  EXPECT_EQ(hand.open(highest).privilege, wire::Privilege::User);
}

TEST(OpenSession, ChoosesSuite17WhenAskedForAny) {
  Network network;
  Hand hand{network};
  wire::OpenSessionRq any;
  any.console_session = 1;
  EXPECT_EQ(hand.open(any).authentication, wire::AuthAlgorithm::HmacSha256);
}

TEST(OpenSession, RefusesOtherAlgorithmsWithTheirStatus) {
  Network network;
  Hand hand{network};
  auto request = hand.request();
  request.authentication = wire::AuthAlgorithm::HmacMd5;
  EXPECT_EQ(hand.open(request).status, RakpStatus::InvalidAuthenticationAlgorithm);
  request = hand.request();
  request.integrity = wire::IntegrityAlgorithm::HmacMd5_128;
  EXPECT_EQ(hand.open(request).status, RakpStatus::InvalidIntegrityAlgorithm);
  request = hand.request();
  request.confidentiality = wire::ConfidentialityAlgorithm::None;
  EXPECT_EQ(hand.open(request).status, RakpStatus::InvalidConfidentialityAlgorithm);
  request = hand.request();
  request.integrity = wire::IntegrityAlgorithm::HmacSha1_96;
  EXPECT_EQ(hand.open(request).status, RakpStatus::NoMatchingCipherSuite);
  // Suite 0: no authentication at all.
  request.authentication = wire::AuthAlgorithm::None;
  request.integrity = wire::IntegrityAlgorithm::None;
  request.confidentiality = wire::ConfidentialityAlgorithm::None;
  const auto refusal = hand.open(request);
  EXPECT_EQ(refusal.status, RakpStatus::InvalidAuthenticationAlgorithm);
  EXPECT_EQ(refusal.tag, 5);
  EXPECT_EQ(refusal.console_session, 0xa0a2a3a4U);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
}

TEST(OpenSession, RefusesASuiteThatIsNotAllowedAsOneThatDoesNotMatch) {
  ServerConfig config = basic_config();
  config.allow_suite3 = false;
  Network network(config);
  Hand hand{network};
  auto request = hand.request();
  request.authentication = wire::AuthAlgorithm::HmacSha1;
  request.integrity = wire::IntegrityAlgorithm::HmacSha1_96;
  EXPECT_EQ(hand.open(request).status, RakpStatus::NoMatchingCipherSuite);
  request.integrity = wire::IntegrityAlgorithm::HmacSha256_128;
  EXPECT_EQ(hand.open(request).status, RakpStatus::NoMatchingCipherSuite);
  request.authentication = static_cast<wire::AuthAlgorithm>(0x3f);
  EXPECT_EQ(hand.open(request).status, RakpStatus::InvalidAuthenticationAlgorithm);
}

TEST(OpenSession, RefusesNonsense) {
  Network network;
  Hand hand{network};
  auto request = hand.request();
  request.privilege = wire::Privilege::Oem;
  EXPECT_EQ(hand.open(request).status, RakpStatus::InvalidRole);
  request = hand.request();
  request.console_session = 0;
  EXPECT_EQ(hand.open(request).status, RakpStatus::IllegalParameter);
}

TEST(OpenSession, GivesARepeatTheSameSession) {
  Network network;
  Hand hand{network};
  const auto first = hand.open();
  EXPECT_EQ(hand.open().managed_session, first.managed_session);
  network.run(9s);
  EXPECT_EQ(hand.open().managed_session, first.managed_session);
  EXPECT_EQ(network.server.half_open_sessions(), 0U) << "there is none before RAKP 1";
  hand.path = path_of(9, 40001);
  EXPECT_NE(hand.open().managed_session, first.managed_session);
}

TEST(OpenSession, GivesARepeatTheSameSessionWhenTheKeyOfTheIdsChangesBetween) {
  Network network;
  Hand hand{network, path_of(9, 1)};
  hand.open();  // draws the first key
  network.run(59s);
  Hand late{network, path_of(9, 2)};
  const auto first = late.open();
  network.run(2s);
  EXPECT_EQ(late.open().managed_session, first.managed_session);
  EXPECT_EQ(late.rakp1(late.rakp1_message()).status, RakpStatus::Ok);
  EXPECT_EQ(late.rakp3(late.rakp3_message()).status, RakpStatus::Ok);
}

TEST(OpenSession, OfASessionThatIsUpIsAnotherSession) {
  Network network;
  Hand hand{network};
  const auto first = hand.open();
  hand.rakp1(hand.rakp1_message());
  ASSERT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
  // A client that always says the same, from the same port.
  const auto second = hand.open();
  EXPECT_NE(second.managed_session, first.managed_session);
  EXPECT_EQ(hand.rakp1(hand.rakp1_message()).status, RakpStatus::Ok);
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
  EXPECT_EQ(network.server.active_sessions(), 2U);
}

TEST(OpenSession, IdsOfAnotherServerAndOfLongAgoAreUnknown) {
  Network network(basic_config(), 1);
  Network other(basic_config(), 2);
  Hand hand{network};
  hand.open();
  Hand foreign{other, hand.path, hand.console_session, hand.managed_session};
  foreign.open();
  foreign.managed_session = hand.managed_session;
  EXPECT_EQ(foreign.rakp1(foreign.rakp1_message()).status, RakpStatus::InvalidSessionId);
  network.run(10s);
  EXPECT_EQ(hand.rakp1(hand.rakp1_message()).status, RakpStatus::InvalidSessionId);
}

TEST(OpenSession, IsNoRepeatWhenItAsksForSomethingElse) {
  Network network;
  Hand hand{network};
  const auto first = hand.open();
  auto request = hand.request();
  request.privilege = wire::Privilege::User;
  const auto second = hand.open(request);
  EXPECT_NE(second.managed_session, first.managed_session);
  EXPECT_EQ(second.privilege, wire::Privilege::User);
  request.authentication = wire::AuthAlgorithm::HmacSha1;
  request.integrity = wire::IntegrityAlgorithm::HmacSha1_96;
  EXPECT_EQ(hand.open(request).authentication, wire::AuthAlgorithm::HmacSha1);
  EXPECT_EQ(hand.open().managed_session, first.managed_session);
}

TEST(OpenSession, DrawsSessionIdsFromTheRandomSource) {
  std::set<std::uint32_t> ids;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Network network(basic_config(), seed);
    for (std::uint8_t host = 1; host <= 4; ++host) {
      Hand hand{network, path_of(host)};
      ids.insert(hand.open().managed_session);
    }
  }
  EXPECT_EQ(ids.size(), 80U);
  std::uint32_t any = 0;
  std::uint32_t all = 0xffffffffU;
  for (const std::uint32_t id : ids) {
    any |= id;
    all &= id;
  }
  EXPECT_EQ(any, ~kPlainSession) << "the rest is for peers without sessions";
  EXPECT_EQ(all, 0U);
}

// --- RAKP ----------------------------------------------------------------------------------------

TEST(Rakp, ComesToAnActiveSession) {
  Network network;
  Hand hand{network};
  hand.open();
  const auto rakp2 = hand.rakp1(hand.rakp1_message());
  ASSERT_EQ(rakp2.status, RakpStatus::Ok);
  EXPECT_EQ(rakp2.tag, 6);
  EXPECT_EQ(rakp2.console_session, 0xa0a2a3a4U);
  EXPECT_EQ(rakp2.key_exchange_code,
            *rakp2_code(Hash::Sha256, secret("correct horse"), hand.exchange));
  EXPECT_EQ(network.server.active_sessions(), 0U);
  const auto rakp4 = hand.rakp3(hand.rakp3_message());
  ASSERT_EQ(rakp4.status, RakpStatus::Ok);
  EXPECT_EQ(rakp4.tag, 7);
  EXPECT_EQ(network.server.active_sessions(), 1U);
  EXPECT_EQ(network.server.counters().sessions_opened, 1U);
}

TEST(Rakp, Rakp1IsRefusedWithItsStatus) {
  Network network;
  Hand hand{network};
  hand.open();
  auto message = hand.rakp1_message();
  message.role = 0x10;
  EXPECT_EQ(hand.rakp1(message).status, RakpStatus::InvalidRole);
  message.role = 0x15;
  EXPECT_EQ(hand.rakp1(message).status, RakpStatus::InvalidRole);
  message.role = 0x1f;
  EXPECT_EQ(hand.rakp1(message).status, RakpStatus::InvalidRole);
  const auto refusal = hand.rakp1(message);
  EXPECT_EQ(refusal.tag, 6);
  EXPECT_EQ(refusal.console_session, 0xa0a2a3a4U);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
  message.managed_session ^= 1;
  EXPECT_EQ(hand.rakp1(message).status, RakpStatus::InvalidSessionId);
  // After all of that the session still comes up.
  EXPECT_EQ(hand.rakp1(hand.rakp1_message()).status, RakpStatus::Ok);
}

TEST(Rakp, ANameThatNobodyHasGetsAChallengeLikeAnyOther) {
  for (const auto& [suite, hash] : {std::pair{wire::AuthAlgorithm::HmacSha256, Hash::Sha256},
                                    std::pair{wire::AuthAlgorithm::HmacSha1, Hash::Sha1}}) {
    Network network;
    Hand hand{network};
    auto request = hand.request();
    request.authentication = suite;
    request.integrity = hash == Hash::Sha1 ? wire::IntegrityAlgorithm::HmacSha1_96
                                           : wire::IntegrityAlgorithm::HmacSha256_128;
    hand.managed_session = hand.open(request).managed_session;
    auto message = hand.rakp1_message();
    message.user = "Alice";
    const auto stranger = hand.rakp1(message);
    EXPECT_EQ(stranger.status, RakpStatus::Ok);
    EXPECT_EQ(stranger.guid, basic_config().identity.guid);
    EXPECT_EQ(stranger.key_exchange_code.size(), digest_bytes(hash));
    for (const std::string_view password : {"correct horse", "", "Alice"}) {
      wire::Rakp3 proof = hand.rakp3_message();
      proof.key_exchange_code = *rakp3_code(hash, secret(password), hand.exchange);
      const auto refusal = hand.rakp3(proof);
      EXPECT_EQ(refusal.status, RakpStatus::InvalidIntegrityCheckValue);
      EXPECT_EQ(refusal.console_session, hand.console_session);
    }
    EXPECT_EQ(network.server.counters().authentication_failures, 3U);
    EXPECT_EQ(network.server.active_sessions(), 0U);
  }
}

TEST(Rakp, WhatAnAccountMayBeIsToldOnlyToWhoHasProvedIt) {
  Network network;
  Hand hand{network};
  hand.open();
  auto message = hand.rakp1_message();
  message.role = 0x14;
  ASSERT_EQ(hand.rakp1(message).status, RakpStatus::Ok);
  EXPECT_EQ(hand.rakp3(hand.rakp3_message("guess")).status, RakpStatus::InvalidIntegrityCheckValue);
  EXPECT_EQ(network.server.active_sessions(), 0U);
  // The session that comes up has what the account may have.
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
  EXPECT_EQ(network.server.active_sessions(), 1U);
}

TEST(Rakp, AHandshakeEndsAfterManyWrongProofs) {
  Network network;
  Hand hand{network};
  hand.open();
  hand.rakp1(hand.rakp1_message());
  unsigned refused = 0;
  for (unsigned i = 0; i < 100; ++i) {
    const auto answer = hand.rakp3(hand.rakp3_message("guess"));
    if (answer.status == RakpStatus::InvalidIntegrityCheckValue) ++refused;
    // A new challenge does not begin a new count.
    if (i == 30) {
      auto again = hand.rakp1_message();
      again.console_random[0] ^= std::byte{1};
      hand.rakp1(again);
    }
  }
  EXPECT_EQ(refused, 64U);
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::InvalidSessionId);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
}

TEST(Rakp, ARoleAboveThatOfOpenSessionIsRefused) {
  Network network;
  Hand hand{network};
  auto request = hand.request();
  request.privilege = wire::Privilege::User;
  hand.managed_session = hand.open(request).managed_session;
  auto message = hand.rakp1_message();
  message.user = "root";
  message.role = 0x14;
  EXPECT_EQ(hand.rakp1(message).status, RakpStatus::UnauthorizedRole);
}

TEST(Rakp, ANameThatIsTooLongGetsItsStatus) {
  Network network;
  Hand hand{network};
  hand.open();
  Bytes payload = wire::encode(hand.rakp1_message());
  payload[27] = std::byte{17};
  network.inject(hand.path, plain(wire::PayloadType::Rakp1, payload));
  const auto refusal = only_answer(network, wire::decode_rakp2);
  EXPECT_EQ(refusal.status, RakpStatus::InvalidNameLength);
  EXPECT_EQ(refusal.console_session, 0xa0a2a3a4U);
}

TEST(Rakp, ARepeatedRakp1GetsTheSameChallengeAndAnotherOneANewChallenge) {
  Network network;
  Hand hand{network};
  hand.open();
  auto message = hand.rakp1_message();
  const auto first = hand.rakp1(message);
  message.tag = 77;
  const auto second = hand.rakp1(message);
  EXPECT_EQ(second.tag, 77);
  EXPECT_EQ(second.managed_random, first.managed_random);
  EXPECT_EQ(second.key_exchange_code, first.key_exchange_code);
  message.console_random[3] ^= std::byte{1};
  const auto third = hand.rakp1(message);
  EXPECT_NE(third.managed_random, first.managed_random);
  message.role = 0x1f;
  EXPECT_EQ(hand.rakp1(message).status, RakpStatus::InvalidRole);
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
}

TEST(Rakp, Rakp3BeforeRakp1IsRefused) {
  Network network;
  Hand hand{network};
  hand.open();
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::InvalidSessionId);
  EXPECT_EQ(network.server.active_sessions(), 0U);
}

TEST(Rakp, AForgedRakp3DoesNotDisturbTheHandshake) {
  Network network;
  Hand hand{network};
  hand.open();
  hand.rakp1(hand.rakp1_message());
  const auto refusal = hand.rakp3(hand.rakp3_message("guess"));
  EXPECT_EQ(refusal.status, RakpStatus::InvalidIntegrityCheckValue);
  EXPECT_EQ(refusal.console_session, 0xa0a2a3a4U);
  EXPECT_EQ(network.server.counters().authentication_failures, 1U);
  // A prefix of the right code is not the right code.
  auto prefix = hand.rakp3_message();
  prefix.key_exchange_code.resize(20);
  EXPECT_EQ(hand.rakp3(prefix).status, RakpStatus::InvalidIntegrityCheckValue);
  prefix.key_exchange_code.clear();
  EXPECT_EQ(hand.rakp3(prefix).status, RakpStatus::InvalidIntegrityCheckValue);
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
}

TEST(Rakp, ADuplicateRakp3GetsTheCachedRakp4) {
  Network network;
  Hand hand{network};
  hand.open();
  hand.rakp1(hand.rakp1_message());
  auto message = hand.rakp3_message();
  const auto first = hand.rakp3(message);
  message.tag = 99;
  const auto second = hand.rakp3(message);
  EXPECT_EQ(second.tag, 99);
  EXPECT_EQ(second.status, RakpStatus::Ok);
  EXPECT_EQ(second.integrity_check_value, first.integrity_check_value);
  message.key_exchange_code[31] ^= std::byte{1};
  hand.send_rakp3(message);
  EXPECT_TRUE(network.take_stray().empty());
  EXPECT_EQ(network.server.counters().sessions_opened, 1U);
  EXPECT_EQ(network.server.active_sessions(), 1U);
}

TEST(Rakp, NothingOfAHandshakeDisturbsAnActiveSession) {
  Network network;
  auto& node = network.connect(alice());
  network.ask(node, kOem, 0x07, {});
  const std::uint32_t id = network.application.requesters.front().session;
  wire::Rakp3 forged;
  forged.managed_session = id;
  forged.key_exchange_code = pattern(32);
  network.inject(node.path, plain(wire::PayloadType::Rakp3, wire::encode(forged)));
  forged.status = RakpStatus::InvalidIntegrityCheckValue;
  network.inject(node.path, plain(wire::PayloadType::Rakp3, wire::encode(forged)));
  wire::Rakp1 again;
  again.managed_session = id;
  again.role = 0x12;
  again.user = "alice";
  network.inject(node.path, plain(wire::PayloadType::Rakp1, wire::encode(again)));
  network.run(10ms);
  EXPECT_EQ(network.ask(node, kOem, 0x07, bytes({1})).data, bytes({1}));
}

TEST(Rakp, AConsoleThatGivesUpFreesItsPlace) {
  Network network;
  Hand hand{network};
  hand.open();
  hand.rakp1(hand.rakp1_message());
  wire::Rakp3 sorry = hand.rakp3_message();
  sorry.status = RakpStatus::InvalidIntegrityCheckValue;
  hand.send_rakp3(sorry);
  EXPECT_TRUE(network.take_stray().empty());
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
}

TEST(Rakp, AnotherAddressCannotContinueAHandshake) {
  Network network;
  Hand hand{network};
  hand.open();
  hand.path = path_of(10);
  EXPECT_EQ(hand.rakp1(hand.rakp1_message()).status, RakpStatus::InvalidSessionId);
}

TEST(Rakp, ASessionStartsAtUserLevelWhateverItsLimit) {
  Network network;
  Hand hand{network};
  hand.open();
  auto message = hand.rakp1_message();
  message.user = "root";
  message.role = 0x14;
  hand.rakp1(message);
  const std::string_view password = "battery staple 12345";
  ASSERT_EQ(hand.rakp3(hand.rakp3_message(password)).status, RakpStatus::Ok);
  const auto keys = session_keys(Hash::Sha256, secret(password), hand.exchange);
  ASSERT_TRUE(keys);
  auto channel =
      SecureChannel::create(CipherSuite::Suite17, *keys, hand.managed_session, network.random);
  ASSERT_TRUE(channel);
  const auto ask = [&](std::uint8_t net_fn, std::uint8_t command, Bytes data) {
    const auto sealed = channel->seal(
        {}, wire::encode(wire::make_lan_request({net_fn, command, std::move(data)}, 1)));
    ASSERT_TRUE(sealed);
    network.inject(hand.path, *sealed);
  };
  ask(kOem, 0x07, {});
  ask(kApp, 0x3b, bytes({4}));
  ask(kOem, 0x07, {});
  const auto& requesters = network.application.requesters;
  ASSERT_EQ(requesters.size(), 2U);
  EXPECT_EQ(requesters[0].privilege, wire::Privilege::User);
  EXPECT_EQ(requesters[1].privilege, wire::Privilege::Administrator);
}

TEST(Rakp, CommandsAreNotTakenBeforeRakp3) {
  Network network;
  Hand hand{network};
  hand.open();
  hand.rakp1(hand.rakp1_message());
  wire::RmcpPlusHeader header;
  header.session_id = hand.managed_session;
  header.sequence = 1;
  const auto command = wire::encode(wire::make_lan_request({kOem, 0x07, pattern(40)}, 1));
  network.inject(hand.path, wire::encode_plain(header, command));
  // Also one that the session will take has to wait for it.
  const auto keys = session_keys(Hash::Sha256, secret("correct horse"), hand.exchange);
  ASSERT_TRUE(keys);
  auto channel =
      SecureChannel::create(CipherSuite::Suite17, *keys, hand.managed_session, network.random);
  ASSERT_TRUE(channel);
  const auto sealed = channel->seal({}, command);
  ASSERT_TRUE(sealed);
  network.inject(hand.path, *sealed);
  EXPECT_TRUE(network.application.commands.empty());
  EXPECT_TRUE(network.take_stray().empty());
  EXPECT_EQ(hand.rakp3(hand.rakp3_message()).status, RakpStatus::Ok);
  network.inject(hand.path, *sealed);
  EXPECT_EQ(network.application.commands.size(), 1U);
}

TEST(PollTransmit, SendsRepliesBeforeStreamPayloads) {
  Network network;
  auto& node = network.connect(alice());
  network.ask(node, kOem, 0x07, {});
  const std::uint32_t session = network.application.requesters.front().session;
  network.application.outgoing.push_back({session + 1, pattern(3)});  // a session that has gone
  network.application.outgoing.push_back({session, pattern(3)});
  network.server.handle_datagram(kLanLink, path_of(3), wire::encode(wire::PresencePing{1}),
                                 network.now);
  const auto first = network.server.poll_transmit(kLanLink, network.now);
  ASSERT_EQ(first.value_or(Datagram{}).path, path_of(3));
  const auto second = network.server.poll_transmit(kLanLink, network.now);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->path, node.path);
  EXPECT_TRUE(is_type(second->bytes, wire::PayloadType::OemExplicit));
  EXPECT_FALSE(network.server.poll_transmit(kLanLink, network.now));
}

// --- without a session ---------------------------------------------------------------------------

TEST(Sessionless, AnswersAPresencePing) {
  Network network;
  network.inject(path_of(3), wire::encode(wire::PresencePing{0x42}));
  const auto stray = network.take_stray();
  ASSERT_EQ(stray.size(), 1U);
  const auto pong = std::get<wire::PresencePong>(*wire::decode_rmcp(stray.front()));
  EXPECT_EQ(pong.tag, 0x42);
  EXPECT_TRUE(pong.ipmi_supported);
  network.inject(path_of(3), wire::encode(wire::PresencePing{0xff}));
  EXPECT_TRUE(network.take_stray().empty());
}

TEST(Sessionless, AnswersInTheFramingOfTheQuestion) {
  Network network;
  const Bytes message =
      wire::encode(wire::make_lan_request({kApp, 0x54, bytes({0xe, 0, 0x80})}, 9));
  network.inject(path_of(3), wire::encode(wire::SessionlessV15{message}));
  auto stray = network.take_stray();
  ASSERT_EQ(stray.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<wire::SessionlessV15>(*wire::decode_rmcp(stray.front())));
  auto reply = parse_sessionless_reply(stray.front());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->sequence, 9);
  EXPECT_EQ(reply->net_fn, 0x07);
  EXPECT_EQ(reply->command, 0x54);

  network.inject(path_of(3), plain(wire::PayloadType::Ipmi, message));
  stray = network.take_stray();
  ASSERT_EQ(stray.size(), 1U);
  EXPECT_TRUE(is_type(stray.front(), wire::PayloadType::Ipmi));
  const auto second = parse_sessionless_reply(stray.front());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->response.data, reply->response.data);
}

TEST(Sessionless, StaysSilentToEverythingElse) {
  Network network;
  const std::vector<wire::IpmiRequest> requests{
      {kApp, 0x01, {}},            // Get Device ID
      {kApp, 0x3b, bytes({4})},    // Set Session Privilege Level
      {kApp, 0x3d, bytes({0})},    // Get Session Info
      {kApp, 0x39, pattern(17)},   // Get Session Challenge, IPMI v1.5
      {0x00, 0x01, {}},            // Get Chassis Status
      {0x2c, 0x00, bytes({0})},    // PICMG
      {kOem, 0x03, pattern(40)},   // Get Manifest
      {kOem, 0x07, pattern(14)},   // Read Image
      {kOem, 0x09, pattern(200)},  // Get Donor Status
  };
  for (const auto& request : requests) network.inject(path_of(3), sessionless_request(request, 1));
  EXPECT_TRUE(network.application.commands.empty());
  EXPECT_TRUE(network.take_stray().empty());
  EXPECT_EQ(network.server.counters().dropped, requests.size());
  EXPECT_EQ(network.server.counters().rate_limited, 0U);
}

TEST(Sessionless, APacketThatClaimsProtectionIsDropped) {
  Network network;
  Bytes request =
      plain(wire::PayloadType::Ipmi, wire::encode(wire::make_lan_request({kApp, 0x37, {}}, 1)));
  request[5] |= std::byte{0x80};  // encrypted
  network.inject(path_of(3), request);
  request[5] |= std::byte{0x40};  // authenticated too
  request.resize(request.size() + 2);
  network.inject(path_of(3), request);
  EXPECT_TRUE(network.take_stray().empty());
  EXPECT_EQ(network.server.counters().dropped, 2U);
}

TEST(Sessionless, ForwardsTheTwoCommandsThatNeedNoSession) {
  Network network;
  // Three data bytes of the answer and the completion code fit into four of the question.
  network.application.reply = wire::IpmiResponse{.code = {}, .data = bytes({1, 2, 3})};
  network.inject(path_of(3), sessionless_request({kOem, 0x02, pattern(4)}, 1));
  const auto stray = network.take_stray();
  ASSERT_EQ(stray.size(), 1U);
  const auto reply = parse_sessionless_reply(stray.front());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->response.data, bytes({1, 2, 3}));
  ASSERT_EQ(network.application.requesters.size(), 1U);
  EXPECT_FALSE(network.application.requesters.front().authenticated());
  EXPECT_EQ(network.application.requesters.front().path, path_of(3));
}

TEST(Sessionless, NeverAnswersWithMoreThanItWasAsked) {
  for (const bool v15 : {true, false}) {
    for (std::size_t asked = 0; asked <= 160; asked += 5) {
      for (const std::size_t answered : {0U, 1U, 4U, 80U, 147U, 239U, 2000U}) {
        Network network;
        network.application.reply = wire::IpmiResponse{.code = {}, .data = pattern(answered)};
        const Bytes message = wire::encode(wire::make_lan_request({kOem, 0x02, pattern(asked)}, 1));
        const Bytes request = v15 ? wire::encode(wire::SessionlessV15{message})
                                  : plain(wire::PayloadType::Ipmi, message);
        network.inject(path_of(3), request);
        const auto stray = network.take_stray();
        EXPECT_EQ(stray.size(), answered + 1 <= asked ? 1U : 0U);
        for (const Bytes& reply : stray) EXPECT_LE(reply.size(), request.size());
      }
    }
  }
}

TEST(Sessionless, StandardAnswersAreAtMostThreeTimesAsLarge) {
  Network network;
  const std::vector<Bytes> requests{
      wire::encode(wire::PresencePing{1}),
      sessionless_request({kApp, 0x38, bytes({0x8e, 4})}, 1),
      sessionless_request({kApp, 0x54, bytes({0x0e, 0, 0x80})}, 1),
      sessionless_request({kApp, 0x37, {}}, 1),
      plain(wire::PayloadType::Ipmi, wire::encode(wire::make_lan_request({kApp, 0x37, {}}, 1))),
  };
  for (const Bytes& request : requests) {
    network.inject(path_of(3), request);
    const auto stray = network.take_stray();
    ASSERT_EQ(stray.size(), 1U);
    EXPECT_LE(stray.front().size(), 3 * request.size());
  }
}

TEST(Sessionless, AnswersOfTheHandshakeAreAtMostThreeTimesAsLarge) {
  ServerConfig config = basic_config();
  config.accounts.push_back({"", secret("nobody's"), wire::Privilege::User});
  Network network(config);
  Hand hand{network};
  const auto expect_small = [&](const Bytes& request) {
    network.inject(hand.path, request);
    const auto stray = network.take_stray();
    ASSERT_EQ(stray.size(), 1U);
    EXPECT_LE(stray.front().size(), 3 * request.size());
  };
  expect_small(plain(wire::PayloadType::OpenSessionRq, wire::encode(hand.request())));
  hand.open();
  auto rakp1 = hand.rakp1_message();
  rakp1.user.clear();  // the shortest question for the longest answer
  expect_small(plain(wire::PayloadType::Rakp1, wire::encode(rakp1)));
  hand.rakp1(rakp1);
  auto rakp3 = hand.rakp3_message("nobody's");
  expect_small(plain(wire::PayloadType::Rakp3, wire::encode(rakp3)));
  rakp3.key_exchange_code.clear();
  rakp3.managed_session ^= 1;
  expect_small(plain(wire::PayloadType::Rakp3, wire::encode(rakp3)));
}

TEST(Sessionless, ASilentApplicationMeansSilence) {
  Network network;
  network.application.silent = true;
  network.inject(path_of(3), sessionless_request({kOem, 0x02, pattern(160)}, 1));
  EXPECT_EQ(network.application.commands.size(), 1U);
  EXPECT_TRUE(network.take_stray().empty());
}

TEST(Sessionless, ResponsesAndOtherAddressesAreDropped) {
  Network network;
  auto message = wire::make_lan_request({kApp, 0x38, bytes({0x8e, 4})}, 1);
  message.responder_address = 0x24;
  network.inject(path_of(3), wire::encode(wire::SessionlessV15{wire::encode(message)}));
  message.responder_address = 0x20;
  message.responder_lun = 1;
  network.inject(path_of(3), wire::encode(wire::SessionlessV15{wire::encode(message)}));
  message.responder_lun = 0;
  message.net_fn = 0x07;
  network.inject(path_of(3), wire::encode(wire::SessionlessV15{wire::encode(message)}));
  EXPECT_TRUE(network.take_stray().empty());
}

TEST(Garbage, IsDroppedWithoutAWord) {
  Network network;
  std::mt19937 dice(7);
  for (int i = 0; i < 20000; ++i) {
    Bytes datagram(dice() % 120);
    for (std::byte& b : datagram) b = static_cast<std::byte>(dice());
    if (datagram.size() >= 6 && i % 2 == 0) {
      const Bytes head = bytes({6, 0, 0xff, 7, 6});
      std::copy(head.begin(), head.end(), datagram.begin());
    }
    network.inject(path_of(static_cast<std::uint8_t>(i)), datagram);
  }
  EXPECT_EQ(network.server.active_sessions(), 0U);
  EXPECT_TRUE(network.application.commands.empty());
  network.take_stray();
  network.inject(path_of(3), bytes({0x06, 0x00, 0xff, 0x07}));
  EXPECT_TRUE(network.take_stray().empty());
}

// --- reconfiguration -----------------------------------------------------------------------------

TEST(Reconfigure, ClosesSessionsOfUsersThatAreGoneOrChanged) {
  Network network;
  auto& a = network.connect(alice());
  auto& r = network.connect(root(), path_of(8));
  ServerConfig next = basic_config();
  network.server.reconfigure(next, network.now);
  EXPECT_EQ(network.server.active_sessions(), 2U);
  next.accounts[0].password = secret("changed");
  network.server.reconfigure(next, network.now);
  EXPECT_EQ(network.server.active_sessions(), 1U);
  EXPECT_EQ(network.ask(r, kOem, 0x07, bytes({1})).data, bytes({1}));
  next.accounts.pop_back();
  network.server.reconfigure(next, network.now);
  EXPECT_EQ(network.server.active_sessions(), 0U);
  EXPECT_EQ(network.application.closed.size(), 2U);
  (void)a;
}

TEST(Reconfigure, ClosesSessionsWhoseKeysOrSuiteAreNoLongerGood) {
  Network network;
  network.connect(alice(CipherSuite::Suite3));
  network.connect(root(), path_of(8));
  ServerConfig next = basic_config();
  next.allow_suite3 = false;
  network.server.reconfigure(next, network.now);
  EXPECT_EQ(network.server.active_sessions(), 1U);
  next.kg = secret("new");
  network.server.reconfigure(next, network.now);
  EXPECT_EQ(network.server.active_sessions(), 0U);
}

TEST(CloseAll, ClosesEverySession) {
  Network network;
  network.connect(alice());
  Hand hand{network};
  hand.open();
  network.server.close_all(network.now);
  EXPECT_EQ(network.server.active_sessions(), 0U);
  EXPECT_EQ(network.server.half_open_sessions(), 0U);
  EXPECT_EQ(network.application.closed.size(), 1U);
  EXPECT_FALSE(network.server.deadline());
}

}  // namespace
}  // namespace fwr::session::testing
