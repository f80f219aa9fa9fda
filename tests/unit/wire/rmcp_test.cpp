// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP, ASF presence and the IPMI session headers, with packets written by hand from the
// specifications: IPMI v2.0 §13.1 to §13.6, ASF 2.0 §3.2.4.
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "support/hex.hpp"
#include "wire/rmcp.hpp"

namespace fwr::wire {
namespace {

using test::exact;
using test::expect_every_prefix_fails;
using test::hex;
using test::joined;

constexpr std::string_view kPing = "06 00 ff 06 | 00 00 11 be | 80 2a 00 00";
constexpr std::string_view kPong =
    "06 00 ff 06 | 00 00 11 be | 40 2a 00 10 | 00 00 11 be | 00 00 00 00 | 81 00 | "
    "00 00 00 00 00 00";
// Get Channel Authentication Capabilities, as stock clients begin.
constexpr std::string_view kV15 =
    "06 00 ff 07 | 00 | 00 00 00 00 | 00 00 00 00 | 09 | 20 18 c8 81 00 38 8e 04 b5";
// Get Channel Cipher Suites in v2.0 framing, session 0.
constexpr std::string_view kV20 =
    "06 00 ff 07 | 06 00 | 00 00 00 00 | 00 00 00 00 | 0a 00 | 20 18 c8 81 04 54 0e 00 80 99";
// Encrypted and authenticated, session 04030201h, sequence 3, payload of 3 bytes, then a trailer:
// three pad bytes, pad length, next header, 12 bytes of AuthCode.
constexpr std::string_view kSession =
    "06 00 ff 07 | 06 c0 | 01 02 03 04 | 03 00 00 00 | 03 00 | aa bb cc | "
    "ff ff ff 03 07 | 00 11 22 33 44 55 66 77 88 99 aa bb";
constexpr std::string_view kOemExplicit =
    "06 00 ff 07 | 06 02 | d9 7e 00 00 | 01 00 | 0d 0c 0b 0a | 10 00 00 00 | 02 00 | 5a a5";

template <class Message>
Message decoded(std::string_view text) {
  // Static: the packet's views outlive this function.
  static Bytes bytes;
  bytes = hex(text);
  const Result<RmcpMessage> message = decode_rmcp(bytes);
  if (!message) {
    ADD_FAILURE() << text << ": " << message.error().message();
    return {};
  }
  if (!std::holds_alternative<Message>(*message)) {
    ADD_FAILURE() << text << ": another kind of message";
    return {};
  }
  return std::get<Message>(*message);
}

Errc error_of(const Bytes& bytes) {
  const Result<RmcpMessage> message = decode_rmcp(bytes);
  if (message) {
    ADD_FAILURE() << "accepted: " << test::spaced(bytes);
    return Errc::Internal;
  }
  return message.error().code;
}
Errc error_of(std::string_view text) {
  return error_of(hex(text));
}

TEST(Rmcp, RejectsEveryTruncation) {
  for (const std::string_view text : {kPing, kPong, kV15, kV20, kOemExplicit})
    expect_every_prefix_fails(hex(text), Errc::Truncated, decode_rmcp);
}

TEST(Rmcp, RejectsWhatIsOfAnotherVersionOrClass) {
  EXPECT_EQ(Errc::Unsupported, error_of("05 00 ff 06 00 00 11 be 80 2a 00 00"));
  EXPECT_EQ(Errc::Unsupported, error_of("06 00 ff 08 00 00 11 be 80 2a 00 00"));
  EXPECT_EQ(Errc::Unsupported, error_of("06 00 ff 87")) << "an RMCP acknowledgement";
  EXPECT_EQ(Errc::Unsupported, error_of("06 00 ff 00 00 00 00 00"));
}

TEST(Rmcp, RejectsAnIpmiMessageThatAsksForAnAcknowledgement) {
  Bytes bytes = hex(kV15);
  bytes[2] = std::byte{0x01};
  EXPECT_EQ(Errc::BadField, error_of(bytes));
}

TEST(PresencePing, IsReadAndWritten) {
  EXPECT_EQ(0x2a, decoded<PresencePing>(kPing).tag);
  EXPECT_EQ(hex(kPing), encode(PresencePing{0x2a}));
}

TEST(PresencePing, IsReadWithAnySequenceBecauseWeNeverAcknowledge) {
  EXPECT_EQ(0x2a, decoded<PresencePing>("06 00 00 06 | 00 00 11 be | 80 2a 00 00").tag);
}

TEST(PresencePing, RejectsAWrongLengthNumberOrType) {
  EXPECT_EQ(Errc::TrailingBytes, error_of("06 00 ff 06 00 00 11 be 80 2a 00 00 00"));
  EXPECT_EQ(Errc::Truncated, error_of("06 00 ff 06 00 00 11 be 80 2a 00 01"));
  EXPECT_EQ(Errc::BadField, error_of("06 00 ff 06 00 00 11 be 80 2a 00 01 00"));
  EXPECT_EQ(Errc::BadField, error_of("06 00 ff 06 be 11 00 00 80 2a 00 00"));
  EXPECT_EQ(Errc::Unsupported, error_of("06 00 ff 06 00 00 11 be 81 2a 00 00"));
}

TEST(PresencePong, IsReadAndWritten) {
  const auto pong = decoded<PresencePong>(kPong);
  EXPECT_EQ(0x2a, pong.tag);
  EXPECT_EQ(kAsfIana, pong.iana);
  EXPECT_EQ(0U, pong.oem);
  EXPECT_TRUE(pong.ipmi_supported);
  EXPECT_EQ(hex(kPong), encode(pong));
}

TEST(PresencePong, CarriesAnOemNumberAndTheLackOfIpmi) {
  const PresencePong pong{0x01, 0x00007ed9, 0x01020304, false};
  const Bytes bytes = encode(pong);
  EXPECT_EQ(hex("00 00 7e d9 | 01 02 03 04 | 01"), exact(ByteView(bytes).subspan(12, 9)));
  const auto back = decoded<PresencePong>(to_hex(bytes));
  EXPECT_EQ(pong.iana, back.iana);
  EXPECT_EQ(pong.oem, back.oem);
  EXPECT_FALSE(back.ipmi_supported);
}

TEST(PresencePong, RejectsAnotherDataLength) {
  Bytes shorter = hex(kPong);
  shorter.pop_back();
  shorter[11] = std::byte{15};
  EXPECT_EQ(Errc::BadField, error_of(shorter));
  Bytes longer = hex(kPong);
  longer.push_back(std::byte{0});
  EXPECT_EQ(Errc::TrailingBytes, error_of(longer));
  longer[11] = std::byte{17};
  EXPECT_EQ(Errc::BadField, error_of(longer));
}

TEST(SessionlessV15, IsReadAndWritten) {
  const auto packet = decoded<SessionlessV15>(kV15);
  EXPECT_EQ(hex("20 18 c8 81 00 38 8e 04 b5"), packet.message);
  EXPECT_EQ(hex(kV15), encode(packet));
}

TEST(SessionlessV15, CarriesTheLargestMessageThatItsLengthByteCanSay) {
  const SessionlessV15 packet{Bytes(255, std::byte{0x5a})};
  const Bytes bytes = encode(packet);
  ASSERT_EQ(14U + 255U, bytes.size());
  EXPECT_EQ(packet.message, decoded<SessionlessV15>(to_hex(bytes)).message);
}

TEST(SessionlessV15, AcceptsTheLegacyPadAndNoMore) {
  const Bytes padded = joined(hex(kV15), hex("00"));
  EXPECT_EQ(hex("20 18 c8 81 00 38 8e 04 b5"), decoded<SessionlessV15>(to_hex(padded)).message);
  EXPECT_EQ(Errc::TrailingBytes, error_of(joined(padded, hex("00"))));
}

TEST(SessionlessV15, RefusesASessionASequenceAndEveryAuthenticationType) {
  for (const std::size_t at : {std::size_t{5}, std::size_t{8}, std::size_t{9}, std::size_t{12}}) {
    Bytes bytes = hex(kV15);
    bytes[at] = std::byte{1};
    EXPECT_EQ(Errc::Unsupported, error_of(bytes)) << "byte " << at;
  }
  for (const unsigned type : {1U, 2U, 4U, 5U, 7U, 15U}) {
    Bytes bytes = hex(kV15);
    bytes[4] = static_cast<std::byte>(type);
    EXPECT_EQ(Errc::Unsupported, error_of(bytes)) << "authentication type " << type;
  }
}

TEST(RmcpPlus, IsReadAndWrittenWithoutASession) {
  const auto packet = decoded<RmcpPlusPacket>(kV20);
  EXPECT_EQ(0, packet.header.payload_type);
  EXPECT_FALSE(packet.header.encrypted);
  EXPECT_FALSE(packet.header.authenticated);
  EXPECT_EQ(0U, packet.header.session_id);
  EXPECT_EQ(0U, packet.header.sequence);
  EXPECT_EQ(hex("20 18 c8 81 04 54 0e 00 80 99"), exact(packet.payload));
  EXPECT_TRUE(packet.trailer.empty());
  EXPECT_EQ(hex(kV20), encode_plain(packet.header, packet.payload));
}

TEST(RmcpPlus, SplitsAPacketOfASession) {
  const auto packet = decoded<RmcpPlusPacket>(kSession);
  EXPECT_EQ(0, packet.header.payload_type);
  EXPECT_TRUE(packet.header.encrypted);
  EXPECT_TRUE(packet.header.authenticated);
  EXPECT_EQ(0x04030201U, packet.header.session_id);
  EXPECT_EQ(3U, packet.header.sequence);
  EXPECT_EQ(hex("aa bb cc"), exact(packet.payload));
  EXPECT_EQ(hex("ff ff ff 03 07 00 11 22 33 44 55 66 77 88 99 aa bb"), exact(packet.trailer));
  EXPECT_EQ(hex("06 c0 01 02 03 04 03 00 00 00 03 00 aa bb cc"), exact(packet.integrity_scope));

  ByteWriter out;
  put_headers(out, packet.header, packet.payload.size());
  out.bytes(packet.payload);
  out.bytes(packet.trailer);
  EXPECT_EQ(hex(kSession), std::move(out).release());
}

TEST(RmcpPlus, TellsEncryptedFromAuthenticated) {
  const auto encrypted = decoded<RmcpPlusPacket>("06 00 ff 07 06 80 01 00 00 00 01 00 00 00 00 00");
  EXPECT_TRUE(encrypted.header.encrypted);
  EXPECT_FALSE(encrypted.header.authenticated);
  const auto authenticated =
      decoded<RmcpPlusPacket>("06 00 ff 07 06 40 01 00 00 00 01 00 00 00 00 00 00 07");
  EXPECT_FALSE(authenticated.header.encrypted);
  EXPECT_TRUE(authenticated.header.authenticated);
}

TEST(RmcpPlus, ReadsAndWritesTheFieldsOfAnOemExplicitPayload) {
  const auto packet = decoded<RmcpPlusPacket>(kOemExplicit);
  EXPECT_EQ(static_cast<std::uint8_t>(PayloadType::OemExplicit), packet.header.payload_type);
  EXPECT_EQ(32473U, packet.header.oem_iana);
  EXPECT_EQ(1, packet.header.oem_payload);
  EXPECT_EQ(0x0a0b0c0dU, packet.header.session_id);
  EXPECT_EQ(0x10U, packet.header.sequence);
  EXPECT_EQ(hex("5a a5"), exact(packet.payload));
  EXPECT_EQ(hex(kOemExplicit), encode_plain(packet.header, packet.payload));
}

TEST(RmcpPlus, IgnoresTheReservedByteAfterTheOemNumber) {
  Bytes bytes = hex(kOemExplicit);
  bytes[9] = std::byte{0xff};
  EXPECT_EQ(32473U, decoded<RmcpPlusPacket>(to_hex(bytes)).header.oem_iana);
}

TEST(RmcpPlus, PassesPayloadTypesOnThatItDoesNotKnow) {
  EXPECT_EQ(0x3f, decoded<RmcpPlusPacket>("06 00 ff 07 06 3f 00 00 00 00 00 00 00 00 00 00")
                      .header.payload_type);
}

TEST(RmcpPlus, RejectsBytesAfterAPayloadWithoutIntegrity) {
  EXPECT_EQ(Errc::TrailingBytes, error_of(joined(hex(kV20), hex("00"))));
}

TEST(RmcpPlus, RejectsAnAuthenticatedPacketWithoutRoomForItsTrailer) {
  const std::size_t payload_end = 19;
  for (const std::size_t trailer : {0U, 1U}) {
    const Bytes bytes = exact(ByteView(hex(kSession)).first(payload_end + trailer));
    EXPECT_EQ(Errc::Truncated, error_of(bytes)) << trailer;
  }
  expect_every_prefix_fails(exact(ByteView(hex(kSession)).first(payload_end)), Errc::Truncated,
                            decode_rmcp);
}

TEST(RmcpPlus, RejectsALengthThatReachesPastTheDatagram) {
  Bytes bytes = hex(kSession);
  bytes[14] = std::byte{0xff};
  bytes[15] = std::byte{0xff};
  EXPECT_EQ(Errc::Truncated, error_of(bytes));
  bytes[14] = std::byte{21};  // one more than the 20 bytes that follow the header
  bytes[15] = std::byte{0};
  EXPECT_EQ(Errc::Truncated, error_of(bytes));
}

TEST(RmcpPlus, CarriesThePayloadOfALargeDatagram) {
  RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(PayloadType::OemExplicit);
  const Bytes payload(65000, std::byte{0x11});
  const Bytes bytes = encode_plain(header, payload);
  const Result<RmcpMessage> message = decode_rmcp(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(payload, exact(std::get<RmcpPlusPacket>(*message).payload));
}

}  // namespace
}  // namespace fwr::wire
