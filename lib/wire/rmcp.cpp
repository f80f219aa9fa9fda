// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP, ASF presence, and the IPMI session headers. IPMI v2.0 §13.1 to §13.6.
#include "wire/rmcp.hpp"

#include <cassert>
#include <utility>

namespace fwr::wire {
namespace {

constexpr std::size_t kRmcpHeader_bytes = 4;       // version, reserved, sequence, class
constexpr std::size_t kRmcpPlusHeader_bytes = 18;  // with the fields of payload type 02h
constexpr std::size_t kV15Header_bytes = 10;       // IPMI v2.0 table 13-8, without AuthCode
constexpr std::size_t kMaxV15Message_bytes = 0xff;
constexpr std::size_t kMaxPayload_bytes = 0xffff;
constexpr std::size_t kMinTrailer_bytes = 2;  // pad length and next header
constexpr std::uint8_t kAuthTypeMask = 0x0f;
constexpr std::uint8_t kEncryptedBit = 0x80;
constexpr std::uint8_t kAuthenticatedBit = 0x40;
constexpr std::uint8_t kPayloadTypeMask = 0x3f;

constexpr std::uint8_t kAsfPong = 0x40;
constexpr std::uint8_t kAsfPing = 0x80;
constexpr std::uint8_t kPongData_bytes = 16;
constexpr std::uint8_t kPongIpmi = 0x80;  // ASF 2.0 §3.2.4.3, supported entities: IPMI
constexpr std::uint8_t kPongAsf1 = 0x01;  // the same, ASF version 1.0

/// ASF sends its numbers most significant byte first.
std::uint32_t read_be32(ByteReader& in) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8U) | in.u8();
  return value;
}
void put_be32(ByteWriter& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.u8(static_cast<std::uint8_t>(value >> shift));
}

void put_rmcp(ByteWriter& out, std::uint8_t message_class) {
  out.u8(kRmcpVersion);
  out.u8(0);
  out.u8(kRmcpSequenceNoAck);
  out.u8(message_class);
}

void put_asf(ByteWriter& out, std::uint8_t type, std::uint8_t tag, std::uint8_t data_size) {
  put_rmcp(out, kRmcpClassAsf);
  put_be32(out, kAsfIana);
  out.u8(type);
  out.u8(tag);
  out.u8(0);
  out.u8(data_size);
}

Result<RmcpMessage> decode_pong(std::uint8_t tag, ByteReader in) {
  PresencePong pong;
  pong.tag = tag;
  pong.iana = read_be32(in);
  pong.oem = read_be32(in);
  pong.ipmi_supported = (in.u8() & kPongIpmi) != 0;
  (void)in.take(7);  // supported interactions, reserved
  if (auto done = in.finish("Presence Pong"); !done) return tl::unexpected(done.error());
  return pong;
}

Result<RmcpMessage> decode_asf(ByteReader in) {
  const std::uint32_t iana = read_be32(in);
  const std::uint8_t type = in.u8();
  const std::uint8_t tag = in.u8();
  (void)in.u8();
  const std::uint8_t data_size = in.u8();
  if (auto complete = in.finish_open("ASF message"); !complete)
    return tl::unexpected(complete.error());
  if (iana != kAsfIana) return fail(Errc::BadField, "ASF message, IANA number");
  if (data_size > in.remaining()) return fail(Errc::Truncated, "ASF message");
  if (data_size < in.remaining()) return fail(Errc::TrailingBytes, "ASF message");
  switch (type) {
    case kAsfPing:
      if (data_size != 0) return fail(Errc::BadField, "Presence Ping, data length");
      return PresencePing{tag};
    case kAsfPong:
      if (data_size != kPongData_bytes) return fail(Errc::BadField, "Presence Pong, data length");
      return decode_pong(tag, in);
    default: return fail(Errc::Unsupported, "ASF message type " + std::to_string(type));
  }
}

Result<RmcpMessage> decode_v15(ByteReader in) {
  const std::uint32_t sequence = in.u32();
  const std::uint32_t session_id = in.u32();
  const std::uint8_t size = in.u8();
  const ByteView message = in.take(size);
  if (auto complete = in.finish_open("IPMI v1.5 packet"); !complete)
    return tl::unexpected(complete.error());
  if (sequence != 0 || session_id != 0) return fail(Errc::Unsupported, "a session of IPMI v1.5");
  // The legacy pad: at most one byte, of any value.
  if (in.remaining() > 1) return fail(Errc::TrailingBytes, "IPMI v1.5 packet");
  return SessionlessV15{Bytes(message.begin(), message.end())};
}

/// `packet` starts with the authentication type.
Result<RmcpMessage> decode_rmcp_plus(ByteView packet) {
  ByteReader in(packet.subspan(1));
  RmcpPlusPacket out;
  const std::uint8_t type = in.u8();
  out.header.payload_type = type & kPayloadTypeMask;
  out.header.encrypted = (type & kEncryptedBit) != 0;
  out.header.authenticated = (type & kAuthenticatedBit) != 0;
  if (out.header.payload_type == static_cast<std::uint8_t>(PayloadType::OemExplicit)) {
    out.header.oem_iana = static_cast<std::uint32_t>(in.le<3>());
    (void)in.u8();
    out.header.oem_payload = in.u16();
  }
  out.header.session_id = in.u32();
  out.header.sequence = in.u32();
  const std::uint16_t size = in.u16();
  out.payload = in.take(size);
  if (auto complete = in.finish_open("RMCP+ packet"); !complete)
    return tl::unexpected(complete.error());
  out.trailer = in.take_rest();
  if (!out.header.authenticated && !out.trailer.empty())
    return fail(Errc::TrailingBytes, "RMCP+ packet without integrity");
  if (out.header.authenticated && out.trailer.size() < kMinTrailer_bytes)
    return fail(Errc::Truncated, "RMCP+ packet, session trailer");
  out.integrity_scope = packet.first(packet.size() - out.trailer.size());
  return out;
}

Result<RmcpMessage> decode_ipmi(std::uint8_t sequence, ByteView packet) {
  // IPMI v2.0 §13.1.3: IPMI messages are never acknowledged at the RMCP level.
  if (sequence != kRmcpSequenceNoAck) return fail(Errc::BadField, "RMCP header, sequence number");
  if (packet.empty()) return fail(Errc::Truncated, "IPMI session header");
  const std::uint8_t auth_type = static_cast<std::uint8_t>(packet.front()) & kAuthTypeMask;
  switch (auth_type) {
    case kAuthTypeNone: return decode_v15(ByteReader(packet.subspan(1)));
    case kAuthTypeRmcpPlus: return decode_rmcp_plus(packet);
    default: return fail(Errc::Unsupported, "authentication type " + std::to_string(auth_type));
  }
}

}  // namespace

Result<RmcpMessage> decode_rmcp(ByteView datagram) {
  ByteReader in(datagram);
  const std::uint8_t version = in.u8();
  (void)in.u8();
  const std::uint8_t sequence = in.u8();
  const std::uint8_t message_class = in.u8();
  if (auto complete = in.finish_open("RMCP header"); !complete)
    return tl::unexpected(complete.error());
  if (version != kRmcpVersion)
    return fail(Errc::Unsupported, "RMCP version " + std::to_string(version));
  switch (message_class) {
    case kRmcpClassAsf: return decode_asf(in);
    case kRmcpClassIpmi: return decode_ipmi(sequence, in.take_rest());
    default: return fail(Errc::Unsupported, "RMCP class " + std::to_string(message_class));
  }
}

Bytes encode(const PresencePing& ping) {
  ByteWriter out(12);
  put_asf(out, kAsfPing, ping.tag, 0);
  return std::move(out).release();
}

Bytes encode(const PresencePong& pong) {
  ByteWriter out(12 + kPongData_bytes);
  put_asf(out, kAsfPong, pong.tag, kPongData_bytes);
  put_be32(out, pong.iana);
  put_be32(out, pong.oem);
  out.u8(pong.ipmi_supported ? kPongIpmi | kPongAsf1 : kPongAsf1);
  out.zeros(7);
  return std::move(out).release();
}

Bytes encode(const SessionlessV15& message) {
  const std::size_t size = message.message.size();
  assert(size <= kMaxV15Message_bytes);
  ByteWriter out(kRmcpHeader_bytes + kV15Header_bytes + size);
  put_rmcp(out, kRmcpClassIpmi);
  out.u8(kAuthTypeNone);
  out.u32(0);  // session sequence number
  out.u32(0);  // session id
  out.u8(static_cast<std::uint8_t>(size));
  out.bytes(message.message);
  return std::move(out).release();
}

Bytes encode_plain(const RmcpPlusHeader& header, ByteView payload) {
  assert(!header.encrypted && !header.authenticated);
  ByteWriter out(kRmcpHeader_bytes + kRmcpPlusHeader_bytes + payload.size());
  put_headers(out, header, payload.size());
  out.bytes(payload);
  return std::move(out).release();
}

void put_headers(ByteWriter& out, const RmcpPlusHeader& header, std::size_t payload_size) {
  assert(payload_size <= kMaxPayload_bytes);
  put_rmcp(out, kRmcpClassIpmi);
  out.u8(kAuthTypeRmcpPlus);
  out.u8(static_cast<std::uint8_t>((header.payload_type & kPayloadTypeMask) |
                                   (header.encrypted ? kEncryptedBit : 0U) |
                                   (header.authenticated ? kAuthenticatedBit : 0U)));
  if (header.payload_type == static_cast<std::uint8_t>(PayloadType::OemExplicit)) {
    out.le<3>(header.oem_iana);
    out.u8(0);
    out.u16(header.oem_payload);
  }
  out.u32(header.session_id);
  out.u32(header.sequence);
  out.u16(static_cast<std::uint16_t>(payload_size));
}

}  // namespace fwr::wire
