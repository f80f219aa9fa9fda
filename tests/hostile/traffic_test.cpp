// SPDX-License-Identifier: GPL-3.0-or-later
// Packets of an active session that were replayed, renumbered, forged, unprotected, badly padded,
// or that come from elsewhere. PROTOCOL §2.2, §8.3.
#include "hostile_fixture.hpp"
#include "session/window.hpp"

namespace fwr::hostile {
namespace {

using session::kSequenceWindow;

class Traffic : public HostileTest {
 protected:
  void SetUp() override {
    HostileTest::SetUp();
    session_ = std::make_unique<LiveSession>(port(), Attempt{});
    ASSERT_TRUE(session_->is_up());
  }
  void TearDown() override {
    if (session_ && session_->is_up()) {
      EXPECT_TRUE(session_->status().has_value()) << "the session itself has suffered";
    }
    session_.reset();
    HostileTest::TearDown();
  }
  /// How many answers this session gets to the packets.
  unsigned answers(const std::vector<Bytes>& packets) {
    for (const Bytes& packet : packets) session_->peer().send(packet);
    settle();
    return session_->count_waiting();
  }
  unsigned answers(const Bytes& packet) { return answers(std::vector<Bytes>{packet}); }
  Bytes with_sequence(std::uint32_t sequence) {
    Bend bend;
    bend.sequence = sequence;
    return session_->status_request(bend);
  }

  std::unique_ptr<LiveSession> session_;
};

class LenientTraffic : public LenientTest {};

// --- sequence numbers ----------------------------------------------------------------------------

TEST_F(Traffic, AReplayedPacketIsAnsweredOnce) {
  const Bytes packet = session_->status_request();
  EXPECT_EQ(1U, answers(packet));
  EXPECT_EQ(0U, answers({packet, packet, packet}));
  EXPECT_TRUE(session_->status().has_value());
  EXPECT_EQ(0U, answers(packet));
}

TEST_F(Traffic, AWholeRecordedSessionIsNotAnsweredAgain) {
  std::vector<Bytes> recorded;
  for (unsigned i = 0; i < 2 * kSequenceWindow + 10; ++i)
    recorded.push_back(session_->status_request());
  EXPECT_EQ(recorded.size(), answers(recorded));
  EXPECT_EQ(0U, answers(recorded));
}

TEST_F(Traffic, ARecordedSessionIsNothingInTheNextOne) {
  const Bytes recorded = session_->status_request();
  EXPECT_EQ(1U, answers(recorded));
  const Host host = session_->peer().host();
  const std::uint16_t own_port = session_->peer().port();
  session_.reset();
  Peer same(port(), host, own_port);
  same.send(recorded);
  expect_silence(same);
}

TEST_F(Traffic, SequenceZeroIsNeverTaken) {
  EXPECT_EQ(0U, answers({with_sequence(0), with_sequence(0)}));
}

TEST_F(Traffic, TheWindowTakesItsLastPacketOnceAndNothingBehind) {
  constexpr std::uint32_t kHigh = 5000;
  session_->set_sequence(kHigh);
  EXPECT_EQ(1U, answers(with_sequence(kHigh)));
  EXPECT_EQ(1U, answers(with_sequence(kHigh - kSequenceWindow)));
  EXPECT_EQ(0U, answers(with_sequence(kHigh - kSequenceWindow)));
  EXPECT_EQ(0U, answers(with_sequence(kHigh - kSequenceWindow - 1)));
  EXPECT_EQ(1U, answers(with_sequence(kHigh - 1)));
  EXPECT_EQ(0U, answers({with_sequence(kHigh), with_sequence(kHigh - 1), with_sequence(1)}));
  // The window slides by one: the packet at its edge falls out although it never came.
  EXPECT_EQ(1U, answers(with_sequence(kHigh + 1)));
  EXPECT_EQ(0U, answers(with_sequence(kHigh - kSequenceWindow)));
  session_->set_sequence(kHigh + 1);
}

TEST_F(Traffic, EveryNumberOfTheWindowIsTakenExactlyOnceInAnyOrder) {
  constexpr std::uint32_t kHigh = 1000;
  EXPECT_EQ(1U, answers(with_sequence(kHigh)));
  std::vector<Bytes> packets;
  for (std::uint32_t i = 0; i < kSequenceWindow; ++i)
    packets.push_back(with_sequence(kHigh - 1 - i * 37 % kSequenceWindow));
  EXPECT_EQ(kSequenceWindow, answers(packets));
  EXPECT_EQ(0U, answers(packets));
  session_->set_sequence(kHigh);
}

TEST_F(Traffic, AForgedPacketFarAheadDoesNotMoveTheWindow) {
  for (const std::uint32_t ahead : {1U, 127U, 128U, 129U, 100000U, 0x7fffffffU}) {
    Bend bend;
    bend.sequence = session_->sequence() + ahead;
    bend.code = [](Bytes& code) { code.back() ^= std::byte{1}; };
    EXPECT_EQ(0U, answers(session_->status_request(bend)));
    EXPECT_TRUE(session_->status().has_value());
  }
}

TEST_F(Traffic, NumbersOfTheOtherHalfOfTheCircleAreOld) {
  constexpr std::uint32_t kHigh = 1000;
  EXPECT_EQ(1U, answers(with_sequence(kHigh)));
  EXPECT_EQ(0U, answers({with_sequence(kHigh + 0x80000000U), with_sequence(0xffffffffU),
                         with_sequence(0x80000000U + kHigh + 1)}));
  EXPECT_EQ(1U, answers(with_sequence(kHigh + 0x7fffffffU)));
  EXPECT_EQ(0U, answers(with_sequence(kHigh + 1)));
  session_->set_sequence(kHigh + 0x7fffffffU);
}

TEST_F(Traffic, NumbersWrapPastZeroAndReplaysAcrossTheWrapStayReplays) {
  EXPECT_EQ(1U, answers(with_sequence(0xfffffff0U)));
  std::vector<Bytes> packets;
  for (std::uint32_t sequence = 0xfffffff1U; sequence != 17; ++sequence)
    packets.push_back(with_sequence(sequence));  // 0 is among them, and is not taken
  EXPECT_EQ(packets.size() - 1, answers(packets));
  EXPECT_EQ(0U, answers(packets));
  EXPECT_EQ(0U, answers(with_sequence(0xfffffff0U)));
  session_->set_sequence(16);
}

// --- authentication ------------------------------------------------------------------------------

TEST_F(Traffic, ABadCodeDoesNotUseUpTheNumberOfTheGoodPacket) {
  Bend bad;
  bad.sequence = session_->sequence() + 1;
  bad.code = [](Bytes& code) { code.front() ^= std::byte{0x80}; };
  EXPECT_EQ(0U, answers(session_->status_request(bad)));
  EXPECT_EQ(1U, answers(with_sequence(session_->sequence() + 1)));
  session_->set_sequence(session_->sequence() + 1);
}

TEST_F(Traffic, EveryBitOfTheCodeCounts) {
  std::vector<Bytes> packets;
  for (std::size_t at = 0; at < 16; ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bend bend;
      bend.code = [at, bit](Bytes& code) { code[at] ^= static_cast<std::byte>(1U << bit); };
      packets.push_back(session_->status_request(bend));
    }
  EXPECT_EQ(0U, answers(packets));
}

TEST_F(Traffic, CodesOfOtherLengthsAreNoCodes) {
  std::vector<Bytes> packets;
  for (std::size_t size = 0; size <= 40; ++size) {
    if (size == 16) continue;
    Bend bend;
    bend.code = [size](Bytes& code) { code.resize(size); };
    packets.push_back(session_->status_request(bend));
  }
  EXPECT_EQ(0U, answers(packets));
}

TEST_F(Traffic, EveryByteOfThePacketIsProtected) {
  constexpr std::size_t kRmcpHeader_bytes = 4;  // not covered; its own checks hold for it
  const Bytes good = session_->status_request();
  std::vector<Bytes> packets;
  for (std::size_t at = kRmcpHeader_bytes; at < good.size(); ++at)
    for (const int mask : {0x01, 0x80, 0x40}) {
      // Reserved bits of the authentication type are covered too.
      packets.push_back(good);
      packets.back()[at] ^= static_cast<std::byte>(mask);
    }
  EXPECT_EQ(0U, answers(packets));
  EXPECT_EQ(1U, answers(good));
}

TEST_F(Traffic, EveryPrefixOfAPacketIsNothing) {
  const Bytes good = session_->status_request();
  std::vector<Bytes> packets;
  for (std::size_t size = 12; size < good.size(); ++size)
    packets.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
  for (const std::size_t extra : {1, 4, 16, 100}) {
    packets.push_back(good);
    packets.back().resize(good.size() + extra);
  }
  EXPECT_EQ(0U, answers(packets));
  EXPECT_EQ(1U, answers(good));
}

TEST_F(Traffic, WithoutTheAuthenticatedBitNothingIsTaken) {
  Bend bend;
  bend.authenticated_bit = false;
  EXPECT_EQ(0U, answers(session_->status_request(bend)));
  bend.encrypted_bit = false;
  bend.encrypts = false;
  EXPECT_EQ(0U, answers(session_->status_request(bend)));
}

TEST_F(Traffic, WithoutTheEncryptedBitNothingIsTakenEvenWithAGoodCode) {
  Bend bend;
  bend.encrypted_bit = false;
  bend.encrypts = false;
  EXPECT_EQ(0U, answers(session_->status_request(bend)));
  bend.encrypts = true;
  EXPECT_EQ(0U, answers(session_->status_request(bend)));
  bend.encrypted_bit = true;
  bend.encrypts = false;
  EXPECT_EQ(0U, answers(session_->status_request(bend)));
}

// --- padding under a good code -------------------------------------------------------------------

TEST_F(Traffic, BadConfidentialityPadsAreDropped) {
  std::vector<Bytes> packets;
  for (unsigned pad = 0; pad < 256; ++pad) {
    Bend bend;
    bool same = false;
    bend.plaintext = [pad, &same](Bytes& body) {
      same = body.back() == static_cast<std::byte>(pad);
      body.back() = static_cast<std::byte>(pad);
    };
    Bytes packet = session_->status_request(bend);
    // A shorter pad leaves pad bytes in the message, whose checksum then is wrong.
    if (!same) packets.push_back(std::move(packet));
  }
  Bend bend;
  bend.plaintext = [](Bytes& body) { body[body.size() - 2] ^= std::byte{0x10}; };
  packets.push_back(session_->status_request(bend));
  EXPECT_EQ(0U, answers(packets));
}

TEST_F(Traffic, CiphertextThatIsNoBlocksIsDropped) {
  std::vector<Bytes> packets;
  for (std::size_t size = 0; size < 70; ++size) {
    if (size == 32) continue;
    Bend bend;
    bend.ciphertext = [size](Bytes& body) { body.resize(size); };
    packets.push_back(session_->status_request(bend));
  }
  EXPECT_EQ(0U, answers(packets));
}

TEST_F(Traffic, TrailersThatLieAreDroppedUnderAGoodCode) {
  std::vector<Bytes> packets;
  const auto bent = [&](std::function<void(Bytes&)> trailer) {
    Bend bend;
    bend.trailer = std::move(trailer);
    packets.push_back(session_->status_request(bend));
  };
  for (int length = 0; length < 256; ++length)
    bent([length](Bytes& trailer) {
      auto& field = trailer[trailer.size() - 2];
      field = field == static_cast<std::byte>(length) ? std::byte{0x55}
                                                      : static_cast<std::byte>(length);
    });
  for (int next = 0; next < 256; ++next)
    if (next != 7) bent([next](Bytes& trailer) { trailer.back() = static_cast<std::byte>(next); });
  bent([](Bytes& trailer) { trailer.clear(); });
  bent([](Bytes& trailer) { trailer.resize(1); });
  EXPECT_EQ(0U, answers(packets));
}

TEST_F(Traffic, EmptyAndHugePayloadsAreSurvived) {
  for (const std::size_t size : {0, 1, 6, 7, 8, 1000, 9000, 60000})
    session_->peer().send(session_->seal(Bytes(size)));
  settle();
  EXPECT_EQ(0U, session_->count_waiting());
  wire::IpmiRequest huge = wire::oem::make_request(kIana, Command::GetDonorStatus);
  huge.data.resize(60000);
  const auto answer = session_->command(huge);
  ASSERT_TRUE(answer.has_value()) << "later versions may be longer (PROTOCOL §10)";
}

// --- messages under a good code ------------------------------------------------------------------

TEST_F(Traffic, BadMessagesInsideAreDroppedOrRefused) {
  const wire::IpmiRequest request = wire::oem::make_request(kIana, Command::GetDonorStatus);
  const Bytes good = wire::encode(wire::make_lan_request(request, 1));
  std::vector<Bytes> packets;
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= std::byte{0x04};
    packets.push_back(session_->seal(bad));
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    packets.push_back(session_->seal(ByteView(good).first(size)));
  EXPECT_EQ(0U, answers(packets));
}

TEST_F(Traffic, EveryCommandOfEveryFunctionIsAnsweredAndNoneDoesHarm) {
  const unsigned functions = is_long_form() ? 64 : 16;
  for (unsigned net_fn = 0; net_fn < 64; net_fn += 2) {
    if (net_fn >= functions && net_fn != 0x2c && net_fn != 0x2e && net_fn != 0x30) continue;
    for (unsigned command = 0; command < 256; ++command) {
      if (net_fn == kApp && command == 0x3c) continue;  // Close Session
      const auto answer = session_->command(static_cast<std::uint8_t>(net_fn),
                                            static_cast<std::uint8_t>(command), {});
      ASSERT_TRUE(answer.has_value()) << net_fn << ' ' << command;
    }
  }
}

TEST_F(Traffic, EveryLengthOfEveryCommandOfOursIsAnswered) {
  for (unsigned command = 1; command <= 10; ++command)
    for (unsigned size = 0; size <= 170; ++size) {
      Bytes data = bytes({0xd9, 0x7e, 0x00});
      data.resize(size);
      ASSERT_TRUE(session_->command(0x2e, static_cast<std::uint8_t>(command), data).has_value())
          << command << ' ' << size;
    }
}

// --- from elsewhere ------------------------------------------------------------------------------

TEST_F(Traffic, APacketFromAnotherAddressOrPortIsNothingAndUsesUpNothing) {
  const Bytes packet = session_->status_request();
  Peer elsewhere(port());
  Peer neighbour(port(), session_->peer().host());
  elsewhere.send(packet);
  neighbour.send(packet);
  expect_silence(elsewhere);
  expect_silence(neighbour);
  EXPECT_EQ(1U, answers(packet)) << "to the owner, and the number was not used up";
}

TEST_F(Traffic, APacketUnderAnotherSessionsIdIsNothing) {
  LiveSession other(port(), {.account = kBob});
  ASSERT_TRUE(other.is_up());
  for (const std::uint32_t id :
       {0U, 1U, other.managed_session(), honest().managed_session(), 0xffffffffU}) {
    Bend bend;
    bend.session = id;
    session_->peer().flood(session_->status_request(bend));
  }
  settle();
  EXPECT_EQ(0U, session_->count_waiting());
  EXPECT_EQ(0U, other.count_waiting());
  EXPECT_TRUE(other.status().has_value());
}

TEST_F(Traffic, TwoSessionsOfOneHostAndUserDoNotMix) {
  LiveSession other(port(), {}, session_->peer().host());
  ASSERT_TRUE(other.is_up());
  const Bytes of_other = other.status_request();
  session_->peer().send(of_other);
  expect_silence(session_->peer());
  other.peer().send(of_other);
  settle();
  EXPECT_EQ(1U, other.count_waiting());
}

TEST_F(Traffic, GuessedSessionIdsFindNothing) {
  constexpr unsigned kGuesses = 2000;
  const Bytes packet = session_->status_request();
  for (unsigned i = 0; i < kGuesses; ++i) {
    Bend bend;
    bend.session = random_id();
    session_->peer().flood(session_->status_request(bend));
    if (i % 100 == 99) settle();
  }
  EXPECT_EQ(0U, answers(std::vector<Bytes>{}));
}

TEST_F(LenientTraffic, ForgeriesAreDroppedUnderSuite3Too) {
  LiveSession session(port(), {kAlice, CipherSuite::Suite3, Privilege::User});
  ASSERT_TRUE(session.is_up());
  std::vector<Bytes> packets;
  Bend bend;
  bend.code = [](Bytes& code) { code.back() ^= std::byte{1}; };
  packets.push_back(session.status_request(bend));
  for (const std::size_t size : {0, 1, 11, 13, 16, 20}) {
    bend.code = [size](Bytes& code) { code.resize(size); };
    packets.push_back(session.status_request(bend));
  }
  bend = {};
  bend.encrypted_bit = false;
  bend.encrypts = false;
  packets.push_back(session.status_request(bend));
  const Bytes good = session.status_request();
  session.peer().send(good);
  for (const Bytes& packet : packets) session.peer().send(packet);
  session.peer().send(good);
  settle();
  EXPECT_EQ(1U, session.count_waiting());
}

}  // namespace
}  // namespace fwr::hostile
