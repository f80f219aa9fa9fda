// SPDX-License-Identifier: GPL-3.0-or-later
// Every payload type at every state of a session, with every combination of the protection bits.
#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

using PayloadTypes = HostileTest;

constexpr unsigned kTypes = 64;

Bytes status_message() {
  return wire::encode(
      wire::make_lan_request(wire::oem::make_request(kIana, Command::GetDonorStatus), 1));
}

/// Every type, each with no bit, the one, the other and both, in a packet without protection.
std::vector<Bytes> all_types(std::uint32_t session, ByteView payload) {
  std::vector<Bytes> packets;
  for (unsigned type = 0; type < kTypes; ++type)
    for (unsigned bits = 0; bits < 4; ++bits) {
      wire::RmcpPlusHeader header;
      header.payload_type = static_cast<std::uint8_t>(type);
      header.encrypted = (bits & 1U) != 0;
      header.authenticated = (bits & 2U) != 0;
      header.oem_iana = kIana;
      header.oem_payload = wire::stream::kPayloadId;
      header.session_id = session;
      header.sequence = 1;
      packets.push_back(plain(header, payload));
      // A trailer that is well formed, of which only the code is wrong.
      if (header.authenticated) packets.back().resize(packets.back().size() + 2 + 16);
    }
  return packets;
}

/// Sends from the session's own address, and expects nothing.
void expect_deaf(Scene& scene, Peer& peer, const std::vector<Bytes>& packets) {
  for (const Bytes& packet : packets) peer.flood(packet);
  scene.settle();
  for (const Bytes& answer : peer.drain()) ADD_FAILURE() << "answered " << to_hex(answer);
}

TEST_F(PayloadTypes, WithoutASessionOnlyTheListedOnesAreHeard) {
  // An IPMI message is no Open Session Request, nor RAKP 1; RAKP 3 that is none gets a status.
  for (const Bytes& answer : answers_to(all_types(0, status_message())))
    EXPECT_EQ(RakpStatus::InvalidSessionId, status_of(answer)) << to_hex(answer);
  const wire::IpmiRequest capabilities{kApp, 0x38, bytes({0x8e, 0x04})};
  const Bytes message = wire::encode(wire::make_lan_request(capabilities, 1));
  unsigned answered = 0;
  for (const Bytes& answer : answers_to(all_types(0, message)))
    answered += rmcp_plus(answer)->header.payload_type == 0 ? 1 : 0;
  EXPECT_EQ(1U, answered) << "of the IPMI payload only the one without bits is answered";
}

TEST_F(PayloadTypes, AfterOpenSessionNothingIsHeardInTheSession) {
  Peer peer(port());
  Handshake handshake(peer, {});
  ASSERT_TRUE(handshake.open().has_value());
  expect_deaf(scene_, peer, all_types(handshake.managed_session(), status_message()));
  const auto challenge = handshake.challenge();
  ASSERT_TRUE(challenge && challenge->status == RakpStatus::Ok);
  handshake.give_up();
}

TEST_F(PayloadTypes, AfterRakp1NothingIsHeardInTheSession) {
  Peer peer(port());
  Handshake handshake(peer, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge());
  expect_deaf(scene_, peer, all_types(handshake.managed_session(), status_message()));
  handshake.give_up();
}

TEST_F(PayloadTypes, AfterRakp1NothingIsHeardEvenUnderTheRightKeys) {
  auto owned = std::make_unique<Peer>(port());
  Peer& peer = *owned;
  Handshake handshake(peer, {});
  ASSERT_TRUE(handshake.open() && handshake.challenge());
  // Who knows the password knows the keys as soon as RAKP 2 has come.
  LiveSession early(std::move(owned), handshake);
  early.abandon();
  std::vector<Bytes> packets{early.status_request()};
  for (unsigned type = 0; type < kTypes; ++type) {
    Bend bend;
    bend.payload_type = static_cast<std::uint8_t>(type);
    packets.push_back(early.seal(status_message(), bend));
  }
  expect_deaf(scene_, peer, packets);
  const auto proof = handshake.prove();
  ASSERT_TRUE(proof && proof->status == RakpStatus::Ok);
  EXPECT_TRUE(early.status().has_value());
  // What came too early does not count as come.
  peer.send(packets.front());
  settle();
  EXPECT_EQ(1U, early.count_waiting());
  EXPECT_TRUE(early
                  .command(kApp, 0x3c,
                           [&] {
                             ByteWriter id;
                             id.u32(handshake.managed_session());
                             return std::move(id).release();
                           }())
                  .has_value());
}

TEST_F(PayloadTypes, InAnActiveSessionNothingWithoutProtectionIsHeard) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  expect_deaf(scene_, session.peer(), all_types(session.managed_session(), status_message()));
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(PayloadTypes, InAnActiveSessionOnlyIpmiAndTheStreamAreHeard) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  for (unsigned type = 1; type < kTypes; ++type) {
    Bend bend;
    bend.payload_type = static_cast<std::uint8_t>(type);
    session.peer().send(session.seal(status_message(), bend));
  }
  settle();
  EXPECT_EQ(0U, session.count_waiting());
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(PayloadTypes, HandshakesInsideASessionDoNothing) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  Handshake handshake(session.peer(), {});
  for (const auto& [type, payload] :
       {std::pair{PayloadType::OpenSessionRq, encode(handshake.open_message())},
        std::pair{PayloadType::Rakp1, encode(handshake.rakp1_message())}}) {
    Bend bend;
    bend.payload_type = static_cast<std::uint8_t>(type);
    session.peer().send(session.seal(payload, bend));
    session.peer().send(plain(type, payload, session.managed_session(), 1));
  }
  expect_silence(session.peer());
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(PayloadTypes, OtherPeoplesOemPayloadsAreNotGrants) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  const auto lease = session.take_lease();
  ASSERT_TRUE(lease.has_value());
  wire::stream::Grant grant;
  grant.segment_granules = 17;
  grant.handle = lease->handle;
  grant.ranges = {{0, 4}};
  const Bytes payload = wire::stream::encode(grant);
  for (const std::uint32_t iana : {0U, kIana - 1, kIana + 1, 0xd97e00U, 0xffffffU})
    for (const int id : {0, 1, 2, 0x0100, 0xffff}) {
      Bend bend;
      bend.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
      bend.oem_iana = iana;
      bend.oem_payload = static_cast<std::uint16_t>(id);
      session.peer().send(session.seal(payload, bend));
    }
  for (const int id : {0, 2, 0x0100, 0xffff}) {
    Bend bend;
    bend.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
    bend.oem_payload = static_cast<std::uint16_t>(id);
    session.peer().send(session.seal(payload, bend));
  }
  settle();
  EXPECT_EQ(0U, session.count_waiting());
  session.grant(grant);
  const auto segment = session.receive();
  ASSERT_TRUE(segment.has_value()) << "so that the silences above mean something";
  EXPECT_EQ(static_cast<unsigned>(PayloadType::OemExplicit), segment->payload_type);
}

TEST_F(PayloadTypes, MalformedGrantsAreIgnored) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  const auto lease = session.take_lease();
  ASSERT_TRUE(lease.has_value());
  wire::stream::Grant grant;
  grant.segment_granules = 17;
  grant.handle = lease->handle;
  grant.ranges = {{0, 1}, {2, 1}, {4, 1}};
  const Bytes whole = wire::stream::encode(grant);
  Bend bend;
  bend.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
  for (std::size_t size = 0; size < whole.size(); ++size)
    session.peer().send(session.seal(ByteView(whole).first(size), bend));
  constexpr std::size_t kRangesAt = 12;
  for (const int ranges : {0, 4, 5, 33, 255}) {
    Bytes lie = whole;
    lie[kRangesAt] = static_cast<std::byte>(ranges);
    session.peer().send(session.seal(lie, bend));
  }
  for (int kind = 0; kind < 256; ++kind) {
    if (kind == 1) continue;
    Bytes other = whole;
    other[0] = static_cast<std::byte>(kind);
    session.peer().send(session.seal(other, bend));
  }
  settle();
  EXPECT_EQ(0U, session.count_waiting());
  EXPECT_TRUE(session.status().has_value());
}

TEST_F(PayloadTypes, GrantsOutsideTheImageAreRefusedAndSendNothing) {
  LiveSession session(port(), {});
  ASSERT_TRUE(session.is_up());
  const auto lease = session.take_lease();
  ASSERT_TRUE(lease.has_value());
  const auto end = static_cast<std::uint32_t>((kImage_bytes + 63) / 64);
  unsigned sent = 0;
  for (const wire::stream::Range range :
       {wire::stream::Range{end, 1}, wire::stream::Range{end - 1, 2},
        wire::stream::Range{0xffffffffU, 1}, wire::stream::Range{0xffffffffU, 0xffff},
        wire::stream::Range{0x04000000U, 1}, wire::stream::Range{end - 1, 0xffff}}) {
    wire::stream::Grant grant;
    grant.segment_granules = 512;
    grant.handle = lease->handle;
    grant.number = ++sent;
    grant.ranges = {{0, 1}, range};  // none of it, not even the good range
    session.grant(grant);
  }
  settle();
  unsigned refusals = 0;
  while (const auto incoming = session.receive(0ms)) {
    const auto message = wire::stream::decode_message(incoming->payload);
    ASSERT_TRUE(message.has_value());
    const auto* refusal = std::get_if<wire::stream::Refusal>(&*message);
    ASSERT_NE(nullptr, refusal) << "bytes were sent";
    EXPECT_EQ(wire::CompletionCode::OutOfRange, refusal->reason);
    ++refusals;
  }
  EXPECT_EQ(sent, refusals);
}

}  // namespace
}  // namespace fwr::hostile
