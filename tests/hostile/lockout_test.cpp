// SPDX-License-Identifier: GPL-3.0-or-later
// Attackers that try to keep other hosts from being served. In each case an honest recovery by the
// real program runs beside them, and succeeds.
#include <atomic>

#include "flood.hpp"
#include "forger.hpp"
#include "hostile_fixture.hpp"
#include "recovery.hpp"

namespace fwr::hostile {
namespace {

constexpr Host kRecipient{0x7f000001};  // the address that fwrecover has on loopback

Bytes request_firmware() {
  wire::oem::RequestFirmwareRq rq;
  randomness().fill(rq.nonce);
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  return v15(make_request(kIana, Command::RequestFirmware, rq));
}

class Lockout : public HostileTest {
 protected:
  void TearDown() override {
    HostileTest::TearDown();
    note_empty_budget();
    scene_.expect_rest();
  }
};

/// Without an account, with a source address that is not its own.
class ForgedLockout : public Lockout {
 protected:
  void SetUp() override {
    Lockout::SetUp();
    if (!forger_.may()) GTEST_SKIP() << "raw sockets need root";
    Peer peer(port());
    const Handshake handshake(peer, {});
    wire::Rakp1 rakp1 = handshake.rakp1_message();
    rakp1.managed_session = random_id();
    wire::Rakp3 rakp3;
    rakp3.managed_session = random_id();
    packets_ = {encode(wire::PresencePing{1}), request_firmware(),
                plain(PayloadType::OpenSessionRq, encode(handshake.open_message())),
                plain(PayloadType::Rakp1, encode(rakp1)), plain(PayloadType::Rakp3, encode(rakp3))};
  }
  /// Ports on which as a rule no program listens.
  static std::uint16_t some_port(unsigned i) {
    return static_cast<std::uint16_t>(20000 + i % 9973);
  }

  Forger forger_{port()};
  std::vector<Bytes> packets_;
};

TEST_F(ForgedLockout, PacketsInTheNameOfARecipientDoNotKeepItOut) {
  for (const unsigned per_second : {800U, 2000U, 20000U}) {
    const Flood flood(per_second, [&](unsigned i) {
      forger_.send(kRecipient, some_port(i), packets_[i % packets_.size()]);
    });
    while (flood.sent() < per_second / 2) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(recovers(scene_.donor())) << per_second << " a second";
  }
}

TEST_F(ForgedLockout, PacketsOfOneKindDoNotEither) {
  for (const Bytes& packet : packets_) {
    const Flood flood(8000, [&](unsigned i) { forger_.send(kRecipient, some_port(i), packet); });
    while (flood.sent() < 2000) std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(recovers(scene_.donor()));
  }
}

TEST_F(ForgedLockout, NorDoesTheVeryPortOfTheRecipient) {
  auto owned = std::make_unique<Peer>(port());
  Peer& peer = *owned;
  peer.flood(packets_[1]);  // the largest of them: for the size rule all are its own
  const Flood flood(8000, [&](unsigned i) {
    forger_.send(peer.host(), peer.port(), packets_[i % packets_.size()]);
  });
  while (flood.sent() < 4000) std::this_thread::sleep_for(1ms);
  // Its answers come among those to the forger. The last step counts: only a session answers it.
  Handshake handshake(peer, {});
  const auto answer_to = [&](PayloadType type, const Bytes& message, std::uint8_t tag,
                             auto decode) -> decltype(decode(ByteView{})) {
    for (unsigned tries = 0; tries < 8; ++tries) {
      peer.flood(plain(type, message));
      const auto until = std::chrono::steady_clock::now() + 500ms;
      while (std::chrono::steady_clock::now() < until) {
        const auto datagram = peer.receive(100ms);
        const auto packet = datagram ? rmcp_plus(*datagram) : std::nullopt;
        if (!packet || packet->header.payload_type != static_cast<unsigned>(type) + 1) continue;
        auto decoded = decode(packet->payload);
        if (decoded && decoded->tag == tag && decoded->console_session != 0) return decoded;
      }
    }
    return fail(Errc::NoResponse, "no answer");
  };
  wire::OpenSessionRq open = handshake.open_message();
  open.tag = 0x77;
  const auto opened = answer_to(PayloadType::OpenSessionRq, encode(open), 0x77,
                                [](ByteView b) { return wire::decode_open_session_rs(b); });
  ASSERT_TRUE(opened.has_value());
  wire::Rakp1 rakp1 = handshake.rakp1_message();
  rakp1.managed_session = opened->managed_session;
  rakp1.tag = 0x78;
  const auto challenge = answer_to(PayloadType::Rakp1, encode(rakp1), 0x78,
                                   [](ByteView b) { return wire::decode_rakp2(b); });
  ASSERT_TRUE(challenge.has_value());
  EXPECT_EQ(RakpStatus::Ok, challenge->status);
  wire::Rakp3 give_up;
  give_up.status = RakpStatus::InvalidIntegrityCheckValue;
  give_up.managed_session = opened->managed_session;
  peer.flood(plain(PayloadType::Rakp3, encode(give_up)));
}

TEST_F(Lockout, RealAddressesThatStopAfterRakp1DoNotFillTheTable) {
  // They know the name of a user, and begin again as fast as they are answered.
  for (const std::size_t hosts : {40U, 400U}) {
    auto peers = many_peers(port(), hosts);
    std::atomic<unsigned> challenged = 0;
    const Flood flood(3000, [&](unsigned i) {
      Peer& peer = *peers[i % peers.size()];
      for (const Bytes& answer : peer.drain()) {
        const auto packet = rmcp_plus(answer);
        if (!packet) continue;
        if (packet->header.payload_type == static_cast<unsigned>(PayloadType::Rakp2)) ++challenged;
        const auto opened = wire::decode_open_session_rs(packet->payload);
        if (packet->header.payload_type != static_cast<unsigned>(PayloadType::OpenSessionRs) ||
            !opened)
          continue;
        wire::Rakp1 rakp1 = Handshake(peer, {}).rakp1_message();
        rakp1.managed_session = opened->managed_session;
        peer.flood(plain(PayloadType::Rakp1, encode(rakp1)));
      }
      peer.flood(plain(PayloadType::OpenSessionRq, encode(Handshake(peer, {}).open_message())));
    });
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (challenged < 300 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(10ms);
    EXPECT_GE(challenged, 300U);
    EXPECT_TRUE(recovers(scene_.donor(), {.patience = 20s})) << hosts << " addresses";
  }
}

TEST_F(Lockout, AnAccountThatHoldsLeasesLeavesSomeToOthers) {
  // Ten times as many as there are, each kept by a byte now and then.
  LiveSession hog(port(), {.account = kBob});
  ASSERT_TRUE(hog.is_up());
  std::vector<std::uint32_t> held;
  for (unsigned i = 0; i < 160; ++i)
    if (const auto lease = hog.take_lease()) held.push_back(lease->handle);
  EXPECT_GE(held.size(), 4U);
  EXPECT_LE(held.size(), 8U);
  const auto keep = [&] {
    for (const std::uint32_t handle : held) EXPECT_TRUE(hog.read_image(handle, 0, 1).has_value());
  };
  keep();
  EXPECT_TRUE(recovers(scene_.donor(), {.account = kAlice}));
  keep();
  EXPECT_TRUE(recovers(scene_.donor(), {.account = kBob})) << "from another address";
  keep();
  for (const std::uint32_t handle : held)
    (void)hog.oem(Command::ReleaseOffer, wire::oem::ReleaseOfferRq{handle});
}

}  // namespace
}  // namespace fwr::hostile
