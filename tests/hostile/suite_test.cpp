// SPDX-License-Identifier: GPL-3.0-or-later
// Cipher suites: the ones that are configured, and never another, however it is asked for.
#include <array>

#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

using Suites = HostileTest;
using LenientSuites = LenientTest;

struct Triple {
  unsigned authentication;
  unsigned integrity;
  unsigned confidentiality;
  friend bool operator==(const Triple&, const Triple&) = default;
};

constexpr Triple kSuite17{3, 4, 1};
constexpr Triple kSuite3{1, 1, 1};

/// IPMI v2.0 table 22-19, by suite id.
constexpr auto kTable = std::to_array<Triple>({
    {0, 0, 0}, {1, 0, 0}, {1, 1, 0}, {1, 1, 1}, {1, 1, 2}, {1, 1, 3}, {2, 0, 0},
    {2, 2, 0}, {2, 2, 1}, {2, 2, 2}, {2, 2, 3}, {2, 3, 0}, {2, 3, 1}, {2, 3, 2},
    {2, 3, 3}, {3, 0, 0}, {3, 4, 0}, {3, 4, 1}, {3, 4, 2}, {3, 4, 3},
});

constexpr std::size_t kAlgorithmsAt = 8;
constexpr std::size_t kAlgorithm_bytes = 8;
constexpr std::size_t kLengthIn = 3;
constexpr std::size_t kNumberIn = 4;

wire::OpenSessionRq asking_for(const Triple& triple) {
  return {.tag = 7,
          .privilege = Privilege::User,
          .console_session = random_id(),
          .authentication = static_cast<wire::AuthAlgorithm>(triple.authentication),
          .integrity = static_cast<wire::IntegrityAlgorithm>(triple.integrity),
          .confidentiality = static_cast<wire::ConfidentialityAlgorithm>(triple.confidentiality)};
}

/// Each triple gets exactly one answer, and Ok only the ones of `configured`.
void expect_only(Scene& scene, const std::vector<Triple>& asked,
                 const std::vector<Triple>& configured) {
  constexpr std::size_t kOfOneSource = 100;
  std::unique_ptr<Peer> peer;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (i % kOfOneSource == 0) peer = std::make_unique<Peer>(scene.port());
    peer->send(plain(PayloadType::OpenSessionRq, encode(asking_for(asked[i]))));
    const auto answer = peer->receive();
    ASSERT_TRUE(answer.has_value());
    const bool may = std::find(configured.begin(), configured.end(), asked[i]) != configured.end();
    EXPECT_EQ(may, status_of(*answer) == RakpStatus::Ok)
        << asked[i].authentication << ' ' << asked[i].integrity << ' ' << asked[i].confidentiality
        << ": " << wire::describe(*status_of(*answer));
    const auto status = static_cast<unsigned>(*status_of(*answer));
    // FACTS of the specification: 04h, 05h, 10h, or no matching suite.
    EXPECT_TRUE(status == 0 || status == 4 || status == 5 || status == 0x10 || status == 0x11)
        << status;
  }
}

std::vector<Triple> cube(unsigned side) {
  std::vector<Triple> all;
  for (unsigned a = 0; a < side; ++a)
    for (unsigned i = 0; i < side; ++i)
      for (unsigned c = 0; c < side; ++c) all.push_back({a, i, c});
  return all;
}

TEST_F(Suites, OfTheTableOnly17IsSpoken) {
  expect_only(scene_, {kTable.begin(), kTable.end()}, {kSuite17});
}

TEST_F(LenientSuites, OfTheTableOnly17And3AreSpoken) {
  expect_only(scene_, {kTable.begin(), kTable.end()}, {kSuite17, kSuite3});
}

TEST_F(Suites, NoOtherTripleOfAlgorithmsIsTaken) {
  expect_only(scene_, cube(is_long_form() ? 16 : 5), {kSuite17});
}

TEST_F(LenientSuites, NoMixtureOfTheTwoSuitesIsTaken) {
  expect_only(scene_, cube(5), {kSuite17, kSuite3});
}

TEST_F(Suites, NoUnknownAlgorithmIsTaken) {
  std::vector<Triple> asked;
  for (unsigned number = 5; number < 64; ++number) {
    asked.push_back({number, 4, 1});
    asked.push_back({3, number, 1});
    asked.push_back({3, 4, number});
  }
  expect_only(scene_, asked, {kSuite17});
}

TEST_F(Suites, NullPayloadsNeverChooseLessThanSuite17) {
  for (unsigned nulls = 0; nulls < 8; ++nulls) {
    wire::OpenSessionRq request = asking_for(kSuite17);
    if ((nulls & 1U) != 0) request.authentication.reset();
    if ((nulls & 2U) != 0) request.integrity.reset();
    if ((nulls & 4U) != 0) request.confidentiality.reset();
    Peer peer(port());
    Handshake handshake(peer, {});
    const auto answer = handshake.open(request);
    ASSERT_TRUE(answer && answer->status == RakpStatus::Ok);
    EXPECT_EQ(wire::AuthAlgorithm::HmacSha256, answer->authentication);
    EXPECT_EQ(wire::IntegrityAlgorithm::HmacSha256_128, answer->integrity);
    EXPECT_EQ(wire::ConfidentialityAlgorithm::AesCbc128, answer->confidentiality);
  }
}

TEST_F(LenientSuites, ANullPayloadBesideNoneIsNotTakenForNone) {
  for (unsigned none = 0; none < 3; ++none) {
    wire::OpenSessionRq request;
    request.console_session = random_id();
    if (none == 0) request.authentication = wire::AuthAlgorithm::None;
    if (none == 1) request.integrity = wire::IntegrityAlgorithm::None;
    if (none == 2) request.confidentiality = wire::ConfidentialityAlgorithm::None;
    Peer peer(port());
    Handshake handshake(peer, {});
    const auto answer = handshake.open(request);
    ASSERT_TRUE(answer.has_value());
    EXPECT_NE(RakpStatus::Ok, answer->status);
  }
}

TEST_F(Suites, PayloadLengthsAndTypesThatLieGetNoAnswer) {
  const Bytes good = encode(asking_for(kSuite17));
  std::vector<Bytes> packets;
  for (std::size_t payload = 0; payload < 3; ++payload) {
    const std::size_t at = kAlgorithmsAt + payload * kAlgorithm_bytes;
    for (unsigned length = 1; length < 256; ++length) {
      if (length == kAlgorithm_bytes) continue;
      if (!is_long_form() && length > 20 && length % 16 != 0 && length != 255) continue;
      Bytes lie = good;
      lie[at + kLengthIn] = static_cast<std::byte>(length);
      packets.push_back(plain(PayloadType::OpenSessionRq, lie));
    }
    for (unsigned type = 0; type < 256; ++type) {
      if (type == payload) continue;
      if (!is_long_form() && type > 8 && type % 16 != 0 && type != 255) continue;
      Bytes lie = good;
      lie[at] = static_cast<std::byte>(type);
      packets.push_back(plain(PayloadType::OpenSessionRq, lie));
    }
  }
  expect_silence(packets);
}

TEST_F(Suites, ReservedBitsOfAnAlgorithmHideNoOther) {
  // 40h and 80h are reserved in the number. What is left of it counts: 0 stays 0.
  for (const int reserved : {0x40, 0x80, 0xc0}) {
    Bytes none = encode(asking_for({0, 0, 0}));
    for (std::size_t payload = 0; payload < 3; ++payload)
      none[kAlgorithmsAt + payload * kAlgorithm_bytes + kNumberIn] =
          static_cast<std::byte>(reserved);
    Peer peer(port());
    peer.send(plain(PayloadType::OpenSessionRq, none));
    const auto answer = peer.receive();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(RakpStatus::InvalidAuthenticationAlgorithm, status_of(*answer));
  }
}

TEST_F(LenientSuites, BothSuitesServeAndKeepApart) {
  LiveSession with17(port(), {kAlice, CipherSuite::Suite17, Privilege::User});
  LiveSession with3(port(), {kBob, CipherSuite::Suite3, Privilege::User});
  EXPECT_TRUE(with17.status().has_value());
  EXPECT_TRUE(with3.status().has_value());
}

TEST_F(LenientSuites, AHandshakeUnderAnotherHashThanItsSuiteIsRefused) {
  // Suite 17 was agreed on; the client computes its RAKP 3 with the weaker hash.
  Peer peer(port());
  Handshake handshake(peer, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge());
  wire::Rakp3 weak = handshake.rakp3_message();
  weak.key_exchange_code =
      session::rakp3_code(session::Hash::Sha1, secret_of(kAlice), handshake.exchange()).value();
  const auto answer = handshake.prove(weak);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, answer->status);
  handshake.give_up();
}

}  // namespace
}  // namespace fwr::hostile
