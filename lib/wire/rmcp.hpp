// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP, ASF presence, and the IPMI v1.5 and v2.0 session headers. IPMI v2.0 §13.1 to §13.6, §13.27
// to §13.29.
#pragma once

#include <cstdint>
#include <variant>

#include "base/bytes.hpp"
#include "wire/ipmi.hpp"

namespace fwr::wire {

inline constexpr std::uint8_t kRmcpVersion = 0x06;
inline constexpr std::uint8_t kRmcpSequenceNoAck = 0xff;
inline constexpr std::uint8_t kRmcpClassAsf = 0x06;
inline constexpr std::uint8_t kRmcpClassIpmi = 0x07;
inline constexpr std::uint8_t kAuthTypeNone = 0x00;
inline constexpr std::uint8_t kAuthTypeRmcpPlus = 0x06;
inline constexpr std::uint32_t kAsfIana = 4542;

/// ASF 2.0 §3.2.4.3. Tag FFh in a ping asks for no answer.
struct PresencePing {
  std::uint8_t tag = 0;
};
struct PresencePong {
  std::uint8_t tag = 0;
  std::uint32_t iana = kAsfIana;
  std::uint32_t oem = 0;
  bool ipmi_supported = true;
};

/// IPMI v1.5 framing with authentication type none: what stock clients use before a session.
struct SessionlessV15 {
  Bytes message;  ///< an IPMI LAN message
};

enum class PayloadType : std::uint8_t {
  Ipmi = 0x00,
  OemExplicit = 0x02,
  OpenSessionRq = 0x10,
  OpenSessionRs = 0x11,
  Rakp1 = 0x12,
  Rakp2 = 0x13,
  Rakp3 = 0x14,
  Rakp4 = 0x15,
};

/// The RMCP+ header as it stands in the packet (IPMI v2.0 §13.6, table 13-8). Lengths were checked.
struct RmcpPlusHeader {
  std::uint8_t payload_type = 0;  ///< 6 bits
  bool encrypted = false;
  bool authenticated = false;
  std::uint32_t oem_iana = 0;     ///< payload type 02h only; 24 bits
  std::uint16_t oem_payload = 0;  ///< payload type 02h only
  std::uint32_t session_id = 0;
  std::uint32_t sequence = 0;
};
struct RmcpPlusPacket {
  RmcpPlusHeader header;
  ByteView payload;  ///< as sent: with the confidentiality header and trailer when encrypted
  ByteView trailer;  ///< what follows the payload: integrity pad, pad length, next header, AuthCode
  ByteView integrity_scope;  ///< from the authentication type to the last payload byte
};

using RmcpMessage = std::variant<PresencePing, PresencePong, SessionlessV15, RmcpPlusPacket>;
/// One whole datagram. Errors: Truncated, TrailingBytes, BadField, Unsupported (class, version,
/// authentication type). A v1.5 packet with an authentication type, a session or a sequence is
/// Unsupported (PROTOCOL §2.1). The legacy trailing pad byte of IPMI v1.5 packets is accepted (IPMI
/// v2.0 §13.6).
[[nodiscard]] Result<RmcpMessage> decode_rmcp(ByteView datagram);

[[nodiscard]] Bytes encode(const PresencePing& ping);
[[nodiscard]] Bytes encode(const PresencePong& pong);
[[nodiscard]] Bytes encode(const SessionlessV15& message);
/// A packet without integrity and confidentiality: pre-session payloads and session 0.
[[nodiscard]] Bytes encode_plain(const RmcpPlusHeader& header, ByteView payload);
/// RMCP header and session header up to and including the payload length; for the session layer.
void put_headers(ByteWriter& out, const RmcpPlusHeader& header, std::size_t payload_size);

}  // namespace fwr::wire
