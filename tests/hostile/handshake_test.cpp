// SPDX-License-Identifier: GPL-3.0-or-later
// Open Session, RAKP 1 and RAKP 3 by people who do not know the password, or who know one and want
// more than it gives.
#include <set>

#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

using Handshakes = HostileTest;

/// A session that waits for RAKP 1, from a host of its own.
struct Opened {
  explicit Opened(std::uint16_t port, const Attempt& attempt = {})
      : peer(port), handshake(peer, attempt) {
    const auto answer = handshake.open();
    EXPECT_TRUE(answer && answer->status == RakpStatus::Ok);
  }
  Peer peer;
  Handshake handshake;
};

/// One that waits for RAKP 3; the donor forgets it when the object goes.
struct Challenged : Opened {
  explicit Challenged(std::uint16_t port, const Attempt& attempt = {}) : Opened(port, attempt) {
    const auto answer = handshake.challenge();
    EXPECT_TRUE(answer && answer->status == RakpStatus::Ok);
  }
  ~Challenged() { handshake.give_up(); }
  Challenged(const Challenged&) = delete;
  Challenged& operator=(const Challenged&) = delete;
};

std::vector<Bytes> drained(Scene& scene, Peer& peer) {
  scene.settle();
  return peer.drain();
}

// --- Open Session --------------------------------------------------------------------------------

TEST_F(Handshakes, AConsoleSessionOfZeroIsRefused) {
  Peer peer(port());
  wire::OpenSessionRq request = Handshake(peer, {}).open_message();
  request.console_session = 0;
  expect_status(RakpStatus::IllegalParameter, PayloadType::OpenSessionRq, encode(request));
}

TEST_F(Handshakes, PrivilegesAboveAdministratorAreRefused) {
  for (unsigned level = 5; level < 16; ++level) {
    Peer peer(port());
    wire::OpenSessionRq request = Handshake(peer, {}).open_message();
    request.privilege = static_cast<Privilege>(level);
    expect_status(RakpStatus::InvalidRole, PayloadType::OpenSessionRq, encode(request));
  }
}

TEST_F(Handshakes, SessionIdsCannotBeForetold) {
  std::set<std::uint32_t> ids;
  std::uint32_t all_ones = 0xffffffffU;
  std::uint32_t any_ones = 0;
  constexpr unsigned kOpened = 64;
  for (unsigned i = 0; i < kOpened; ++i) {
    const Opened opened(port());
    const std::uint32_t id = opened.handshake.managed_session();
    EXPECT_NE(0U, id);
    ids.insert(id);
    all_ones &= id;
    any_ones |= id;
  }
  EXPECT_EQ(kOpened, ids.size());
  // A bit that is the same in 64 random numbers: one chance in 2^58 for some bit.
  EXPECT_EQ(0U, all_ones);
  EXPECT_EQ(0x7fffffffU, any_ones);  // PROTOCOL §11.6: bit 31 is for peers without a session
}

TEST_F(Handshakes, TheSameOpenSessionAgainIsTheSameSession) {
  Peer peer(port());
  Handshake handshake(peer, {});
  const auto first = handshake.open();
  const auto again = handshake.open();
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->managed_session, again->managed_session);
}

// --- RAKP 1 --------------------------------------------------------------------------------------

TEST_F(Handshakes, Rakp1OfUnknownSessionsIsRefused) {
  for (const std::uint32_t id : {0U, 1U, 0xffffffffU, random_id()}) {
    Peer peer(port());
    wire::Rakp1 message = Handshake(peer, {}).rakp1_message();
    message.managed_session = id;
    expect_status(RakpStatus::InvalidSessionId, PayloadType::Rakp1, encode(message));
  }
}

TEST_F(Handshakes, Rakp1FromAnotherAddressOrPortIsRefused) {
  Opened opened(port());
  const Bytes message = encode(opened.handshake.rakp1_message());
  expect_status(RakpStatus::InvalidSessionId, PayloadType::Rakp1, message);
  Peer neighbour(port(), opened.peer.host());
  neighbour.send(plain(PayloadType::Rakp1, message));
  const auto answer = neighbour.receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(RakpStatus::InvalidSessionId, status_of(*answer));
}

TEST_F(Handshakes, Rakp1IntoAnActiveSessionIsRefusedAndChangesNothing) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  Handshake handshake(session.peer(), {});
  wire::Rakp1 message = handshake.rakp1_message();
  message.managed_session = session.managed_session();
  const auto answer = handshake.challenge(message);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(RakpStatus::InvalidSessionId, answer->status);
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(Handshakes, UnknownNamesLookLikeKnownOnesWithAnotherPassword) {
  const auto attempt = [&](std::string_view name) {
    Opened opened(port(), {.account = {name, "guess"}});
    const auto challenge = opened.handshake.challenge();
    ASSERT_TRUE(challenge.has_value());
    EXPECT_EQ(RakpStatus::Ok, challenge->status) << name;
    EXPECT_EQ(32U, challenge->key_exchange_code.size()) << name;
    const auto answer = opened.handshake.prove();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, answer->status) << name;
    opened.handshake.give_up();
  };
  for (const std::string_view name :
       {"alice", "", "Alice", "alic", "alicee", "alice ", "root ", "ADMIN", "sixteen-letters",
        "sixteen-letters+", "../../etc/passwd", "%s%s%s%n"})
    attempt(name);
  for (const std::string_view name :
       {std::string_view("alice\0", 6), std::string_view("\0", 1), std::string_view("al\0ce", 5)})
    attempt(name);
}

TEST_F(Handshakes, NamesOfTheFullSixteenBytesWork) {
  const LiveSession session(port(), {.account = kSixteen});
  EXPECT_TRUE(session.is_up());
}

TEST_F(Handshakes, NameLengthsAboveSixteenAreRefused) {
  constexpr std::size_t kNameLengthAt = 27;
  Opened opened(port());
  const Bytes good = encode(opened.handshake.rakp1_message());
  for (unsigned length = 17; length < 256; length += length < 34 ? 1 : 17)
    for (const bool is_there : {false, true}) {
      Bytes lie = good;
      lie[kNameLengthAt] = static_cast<std::byte>(length);
      if (is_there) lie.resize(kNameLengthAt + 1 + length, std::byte{'x'});
      opened.peer.send(plain(PayloadType::Rakp1, lie));
      const auto answer = opened.peer.receive();
      ASSERT_TRUE(answer.has_value());
      EXPECT_EQ(RakpStatus::InvalidNameLength, status_of(*answer)) << length;
    }
}

TEST_F(Handshakes, NameLengthsThatLieAreNotAnswered) {
  constexpr std::size_t kNameLengthAt = 27;
  Opened opened(port());
  const Bytes good = encode(opened.handshake.rakp1_message());
  for (unsigned length = 0; length <= 16; ++length) {
    if (length == kAlice.name.size()) continue;
    Bytes lie = good;
    lie[kNameLengthAt] = static_cast<std::byte>(length);
    opened.peer.send(plain(PayloadType::Rakp1, lie));
  }
  expect_silence(opened.peer);
}

TEST_F(Handshakes, RolesThatAreNoneAreRefusedAndTheOthersSayNothing) {
  for (unsigned role = 0; role < 16; ++role)
    for (const unsigned lookup : {0x00U, 0x10U})
      for (const std::string_view password : {kAlice.password, std::string_view("guess")}) {
        Opened opened(port(),
                      {.account = {kAlice.name, password}, .privilege = Privilege::Administrator});
        wire::Rakp1 message = opened.handshake.rakp1_message();
        message.role = static_cast<std::uint8_t>(role | lookup);
        const auto answer = opened.handshake.challenge(message);
        ASSERT_TRUE(answer.has_value());
        EXPECT_EQ(role >= 1 && role <= 4 ? RakpStatus::Ok : RakpStatus::InvalidRole, answer->status)
            << role;
        if (answer->status != RakpStatus::Ok) continue;
        // What the account may be is said to its owner only, and not here.
        if (password != kAlice.password) {
          EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, opened.handshake.prove()->status)
              << role;
        }
        opened.handshake.give_up();
      }
}

TEST_F(Handshakes, WrongProofsAreCounted) {
  Challenged challenged(port(), {.account = {kAlice.name, "wrong"}});
  unsigned refused = 0;
  RakpStatus last = RakpStatus::Ok;
  for (unsigned i = 0; i < 80; ++i) {
    const auto answer = challenged.handshake.prove();
    ASSERT_TRUE(answer.has_value());
    last = answer->status;
    refused += last == RakpStatus::InvalidIntegrityCheckValue ? 1 : 0;
  }
  EXPECT_EQ(64U, refused);
  EXPECT_EQ(RakpStatus::InvalidSessionId, last);
}

TEST_F(Handshakes, ARoleAboveWhatOpenSessionAskedForIsRefused) {
  Opened opened(port(), {.account = kRoot, .privilege = Privilege::User});
  wire::Rakp1 message = opened.handshake.rakp1_message();
  message.role = 0x14;
  const auto answer = opened.handshake.challenge(message);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(RakpStatus::UnauthorizedRole, answer->status);
}

TEST_F(Handshakes, TheDonorsRandomNumberIsNewForEachSession) {
  std::set<Nonce> randoms;
  constexpr unsigned kSessions = 8;
  for (unsigned i = 0; i < kSessions; ++i)
    randoms.insert(Challenged(port()).handshake.exchange().managed_random);
  EXPECT_EQ(kSessions, randoms.size());
}

// --- RAKP 3 --------------------------------------------------------------------------------------

TEST_F(Handshakes, AWrongPasswordIsRefusedAtTheEnd) {
  Challenged challenged(port(), {.account = {kAlice.name, "wrong"}});
  const auto answer = challenged.handshake.prove();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, answer->status);
  EXPECT_TRUE(answer->integrity_check_value.empty());
}

TEST_F(Handshakes, AForgedRakp3DoesNotSpoilTheRightOne) {
  auto owned = std::make_unique<Peer>(port());
  Handshake handshake(*owned, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge());
  const wire::Rakp3 good = handshake.rakp3_message();
  for (std::size_t size = 0; size <= good.key_exchange_code.size(); ++size) {
    wire::Rakp3 forged = good;
    forged.key_exchange_code.resize(size);
    if (size == good.key_exchange_code.size()) forged.key_exchange_code.back() ^= std::byte{1};
    const auto answer = handshake.prove(forged);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, answer->status) << size;
  }
  wire::Rakp3 zeros = good;
  zeros.key_exchange_code.assign(good.key_exchange_code.size(), std::byte{0});
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, handshake.prove(zeros)->status);
  const auto proof = handshake.prove();
  ASSERT_TRUE(proof && proof->status == RakpStatus::Ok);
  LiveSession session(std::move(owned), handshake);
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(Handshakes, TheDonorsOwnCodeIsNoProof) {
  // Reflection: what RAKP 2 brought is sent back as RAKP 3.
  Opened opened(port());
  const auto challenge = opened.handshake.challenge();
  ASSERT_TRUE(challenge.has_value());
  wire::Rakp3 reflected = opened.handshake.rakp3_message();
  reflected.key_exchange_code = challenge->key_exchange_code;
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, opened.handshake.prove(reflected)->status);
  opened.handshake.give_up();
}

TEST_F(Handshakes, AProofOfOneSessionDoesNotOpenAnother) {
  Challenged first(port());
  Challenged second(port());
  wire::Rakp3 borrowed = first.handshake.rakp3_message();
  borrowed.managed_session = second.handshake.managed_session();
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, second.handshake.prove(borrowed)->status);
}

TEST_F(Handshakes, Rakp3BeforeRakp1OrFromElsewhereIsRefused) {
  Opened opened(port());
  wire::Rakp3 early;
  early.managed_session = opened.handshake.managed_session();
  early.key_exchange_code.assign(32, std::byte{0});
  EXPECT_EQ(RakpStatus::InvalidSessionId, opened.handshake.prove(early)->status);
  Challenged challenged(port());
  expect_status(RakpStatus::InvalidSessionId, PayloadType::Rakp3,
                encode(challenged.handshake.rakp3_message()));
}

TEST_F(Handshakes, ADuplicateRakp3GetsTheSameRakp4) {
  auto owned = std::make_unique<Peer>(port());
  Peer& peer = *owned;
  Handshake handshake(peer, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge());
  const Bytes rakp3 = plain(PayloadType::Rakp3, encode(handshake.rakp3_message()));
  peer.send(rakp3);
  const auto first = peer.receive();
  ASSERT_TRUE(first && status_of(*first) == RakpStatus::Ok);
  LiveSession session(std::move(owned), handshake);
  EXPECT_TRUE(session.status().has_value());
  for (unsigned i = 0; i < 5; ++i) {
    peer.send(rakp3);
    EXPECT_EQ(first, peer.receive());
  }
  EXPECT_TRUE(session.status().has_value()) << "and the sequence numbers went on";
}

TEST_F(Handshakes, AForgedRakp3DoesNotDisturbAnActiveSession) {
  auto owned = std::make_unique<Peer>(port());
  Peer& peer = *owned;
  Handshake handshake(peer, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge() && handshake.prove());
  LiveSession session(std::move(owned), handshake);
  wire::Rakp3 forged = handshake.rakp3_message();
  forged.key_exchange_code.front() ^= std::byte{1};
  peer.send(plain(PayloadType::Rakp3, encode(forged)));
  forged.key_exchange_code.clear();
  peer.send(plain(PayloadType::Rakp3, encode(forged)));
  for (unsigned status = 1; status < 256; ++status) {
    forged.status = static_cast<RakpStatus>(status);
    if (status < 0x20 || status == 255) peer.send(plain(PayloadType::Rakp3, encode(forged)));
  }
  EXPECT_TRUE(drained(scene_, peer).empty());
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(Handshakes, ASecondRakp1MakesTheFirstProofWorthless) {
  auto owned = std::make_unique<Peer>(port());
  Handshake handshake(*owned, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge());
  const wire::Rakp3 first = handshake.rakp3_message();
  ASSERT_TRUE(handshake.challenge());
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, handshake.prove(first)->status);
  ASSERT_EQ(RakpStatus::Ok, handshake.prove()->status);
  const LiveSession session(std::move(owned), handshake);
}

TEST_F(Handshakes, TheUserCannotBeChangedBetweenChallengeAndProof) {
  // RAKP 1 as alice, then as root, then the proof as alice.
  Challenged challenged(port(), {.account = kAlice});
  const wire::Rakp3 as_alice = challenged.handshake.rakp3_message();
  wire::Rakp1 as_root = challenged.handshake.rakp1_message();
  as_root.user = kRoot.name;
  ASSERT_EQ(RakpStatus::Ok, challenged.handshake.challenge(as_root)->status);
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, challenged.handshake.prove(as_alice)->status);
}

TEST_F(Handshakes, AConsoleThatGivesUpLeavesNothing) {
  Opened opened(port());
  ASSERT_TRUE(opened.handshake.challenge());
  opened.handshake.give_up();
  expect_silence(opened.peer);
  EXPECT_EQ(RakpStatus::InvalidSessionId, opened.handshake.prove()->status);
}

}  // namespace
}  // namespace fwr::hostile
