// SPDX-License-Identifier: GPL-3.0-or-later
// Source addresses that no socket can have: the donor's own, port zero, a session's. Needs raw
// sockets; nothing leaves the loopback interface.
#include "forger.hpp"
#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

constexpr std::uint32_t kDonorIp = 0x7f000001;

class ForgedSources : public HostileTest {
 protected:
  void SetUp() override {
    HostileTest::SetUp();
    if (!forger_.may()) GTEST_SKIP() << "raw sockets need root";
  }
  void TearDown() override {
    scene_.expect_rest();
    HostileTest::TearDown();
  }
  Forger forger_{port()};
};

std::vector<Bytes> questions() {
  const wire::IpmiRequest capabilities{kApp, 0x38, bytes({0x8e, 0x04})};
  return {encode(wire::PresencePing{1}), v15(capabilities), v20(capabilities)};
}

TEST_F(ForgedSources, TheAnswerGoesToWhoeverWasNamed) {
  // So that the silences below mean something: what the forger sends does arrive.
  Peer victim(port());
  forger_.send(victim.host(), victim.port(), questions().front());
  settle();
  victim.send(questions().front());  // its own, and the size rule has something to compare with
  EXPECT_TRUE(victim.receive().has_value());
  EXPECT_TRUE(victim.receive().has_value());
}

TEST_F(ForgedSources, TheDonorDoesNotTalkToItself) {
  for (const Bytes& question : questions()) {
    forger_.send({kDonorIp}, port(), question);
    settle();
  }
}

TEST_F(ForgedSources, APortOfZeroCannotBeAnsweredAndHoldsNothingUp) {
  for (unsigned i = 0; i < 20; ++i)
    for (const Bytes& question : questions()) forger_.send(fresh_host(), 0, question);
  settle();
}

TEST_F(ForgedSources, BroadcastAddressesAreNotAnswered) {
  for (const Bytes& question : questions()) {
    forger_.send({0x7fffffff}, port(), question);
    forger_.send({0x7fffffff}, 623, question);
  }
  settle();
}

TEST_F(ForgedSources, AListenerOfAHandshakeCannotEndTheSessionThatCameOfIt) {
  // Who hears a handshake knows both session ids, and can forge the address; the keys it lacks.
  auto owned = std::make_unique<Peer>(port());
  const Host host = owned->host();
  const std::uint16_t own_port = owned->port();
  Handshake handshake(*owned, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge() && handshake.prove());
  LiveSession session(std::move(owned), handshake);
  ASSERT_TRUE(session.status().has_value());

  wire::Rakp3 failed;
  failed.status = RakpStatus::InvalidIntegrityCheckValue;
  failed.managed_session = handshake.managed_session();
  wire::Rakp1 again = handshake.rakp1_message();
  wire::OpenSessionRq open = handshake.open_message();
  const std::uint32_t id = handshake.managed_session();
  for (const Bytes& forged :
       {plain(PayloadType::Rakp3, encode(failed)), plain(PayloadType::Rakp1, encode(again)),
        plain(PayloadType::OpenSessionRq, encode(open)),
        plain(PayloadType::Ipmi, bytes({0x20, 0x18, 0xc8, 0x81, 0x04, 0x3c, 0x3f}), id, 7),
        plain(PayloadType::Ipmi, bytes({0x20, 0x18, 0xc8, 0x81, 0x04, 0x3c, 0x3f}), id, 0)})
    forger_.send(host, own_port, forged);
  Bend bend;
  bend.sequence = session.sequence() + 1000;
  bend.code = [](Bytes& code) { code.assign(code.size(), std::byte{0}); };
  forger_.send(host, own_port, session.status_request(bend));
  settle();
  EXPECT_TRUE(session.status().has_value());
}

}  // namespace
}  // namespace fwr::hostile
