// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes RMCP, the session headers, Open Session and RAKP. The first byte says which decoder.
//
// encode(decode(bytes)) == bytes, once the bits that a receiver ignores are zero: reserved fields
// and what else `significant` names for each message.
#include <optional>
#include <tuple>
#include <variant>

#include "fuzz.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"

namespace fwr::fuzz {
namespace {

using namespace wire;

constexpr std::size_t kRmcpHeader_bytes = 4;

void mask(Bytes& bytes, std::size_t at, unsigned kept) {
  if (at < bytes.size()) bytes[at] &= static_cast<std::byte>(kept);
}
void clear(Bytes& bytes, std::size_t first, std::size_t count) {
  for (std::size_t i = first; i < first + count; ++i) mask(bytes, i, 0);
}

// --- whole datagrams -----------------------------------------------------------------------------

struct EncodeAgain {
  template <class Message>
  Bytes operator()(const Message& message) const {
    return encode(message);
  }
  Bytes operator()(const RmcpPlusPacket& packet) const {
    ByteWriter out;
    put_headers(out, packet.header, packet.payload.size());
    require(packet.integrity_scope.size() + kRmcpHeader_bytes == out.size() + packet.payload.size(),
            "the integrity scope begins after the RMCP header and ends with the payload");
    out.bytes(packet.payload);
    out.bytes(packet.trailer);
    return std::move(out).release();
  }
};

/// The RMCP header's reserved byte (ASF 2.0 §3.2.2); of ASF its sequence number too.
struct SignificantBits {
  Bytes bytes;

  Bytes operator()(const PresencePing&) {
    asf();
    return bytes;
  }
  /// ASF 2.0 §3.2.4.3: of the supported entities and interactions we read that IPMI is there.
  Bytes operator()(const PresencePong& pong) {
    asf();
    clear(bytes, 20, 8);
    bytes[20] = pong.ipmi_supported ? std::byte{0x81} : std::byte{0x01};
    return bytes;
  }
  /// One legacy pad byte may follow (IPMI v2.0 §13.6).
  Bytes operator()(const SessionlessV15& message) {
    ipmi();
    bytes.resize(14 + message.message.size());
    return bytes;
  }
  Bytes operator()(const RmcpPlusPacket& packet) {
    ipmi();
    if (packet.header.payload_type == static_cast<std::uint8_t>(PayloadType::OemExplicit))
      clear(bytes, 9, 1);  // between OEM IANA and OEM payload id
    return bytes;
  }

  void asf() {
    clear(bytes, 1, 1);
    bytes[2] = std::byte{kRmcpSequenceNoAck};
    clear(bytes, 10, 1);
  }
  void ipmi() {
    clear(bytes, 1, 1);
    mask(bytes, 4, 0x0f);  // authentication type: 4 bits (IPMI v2.0 table 13-8)
  }
};

void datagram(ByteView bytes) {
  const Bytes input = exact(bytes);
  const auto message = decode_rmcp(input);
  if (!message) return;
  const Bytes again = std::visit(EncodeAgain{}, *message);
  require(again == std::visit(SignificantBits{input}, *message), "encode(decode(x)) == x: RMCP");
  require(decode_rmcp(again).has_value(), "a decoder accepts what its encoder wrote: RMCP");
}

void built_datagram(Input& in) {
  RmcpPlusHeader header;
  header.payload_type = in.u8() & 0x3fU;
  header.session_id = in.u32();
  header.sequence = in.u32();
  if (header.payload_type == static_cast<std::uint8_t>(PayloadType::OemExplicit)) {
    header.oem_iana = in.u32() & 0xffffffU;
    header.oem_payload = in.u16();
  }
  const Bytes payload = exact(in.rest());
  const Bytes written = encode_plain(header, payload);
  const auto read = decode_rmcp(written);
  const auto* packet = read ? std::get_if<RmcpPlusPacket>(&*read) : nullptr;
  require(packet != nullptr, "decode(encode(x)): RMCP+");
  const auto fields = [](const RmcpPlusHeader& h) {
    return std::tuple(h.payload_type, h.encrypted, h.authenticated, h.oem_iana, h.oem_payload,
                      h.session_id, h.sequence);
  };
  require(fields(packet->header) == fields(header) && exact(packet->payload) == payload,
          "decode(encode(x)) == x: RMCP+");
}

// --- Open Session and RAKP -----------------------------------------------------------------------

/// One algorithm payload of 8 bytes (IPMI v2.0 table 13-9): reserved bytes, and the algorithm when
/// the length says that there is none.
void algorithm_bits(Bytes& bytes, std::size_t at) {
  clear(bytes, at + 1, 2);
  mask(bytes, at + 4, bytes[at + 3] == std::byte{0} ? 0 : 0x3f);
  clear(bytes, at + 5, 3);
}
/// A refusal has its first 8 bytes, whatever follows them.
bool is_refusal(Bytes& bytes) {
  if (bytes[1] == std::byte{0}) return false;
  bytes.resize(8);
  return true;
}

Bytes significant(const OpenSessionRq&, Bytes bytes) {
  mask(bytes, 1, 0x0f);
  clear(bytes, 2, 2);
  for (const std::size_t at : {8U, 16U, 24U}) algorithm_bits(bytes, at);
  return bytes;
}
Bytes significant(const OpenSessionRs&, Bytes bytes) {
  mask(bytes, 2, 0x0f);
  clear(bytes, 3, 1);
  if (is_refusal(bytes)) return bytes;
  for (const std::size_t at : {12U, 20U, 28U}) algorithm_bits(bytes, at);
  return bytes;
}
Bytes significant(const Rakp1&, Bytes bytes) {
  clear(bytes, 1, 3);
  clear(bytes, 25, 2);
  return bytes;
}
/// RAKP 2, 3 and 4 have the same first eight bytes.
template <class Message>
Bytes significant(const Message&, Bytes bytes) {
  clear(bytes, 2, 2);
  (void)is_refusal(bytes);
  return bytes;
}

auto fields(const OpenSessionRq& m) {
  return std::tuple(m.tag, m.privilege, m.console_session, m.authentication, m.integrity,
                    m.confidentiality);
}
auto fields(const OpenSessionRs& m) {
  return std::tuple(m.tag, m.status, m.privilege, m.console_session, m.managed_session,
                    m.authentication, m.integrity, m.confidentiality);
}
auto fields(const Rakp1& m) {
  return std::tuple(m.tag, m.managed_session, m.console_random, m.role, m.user);
}
auto fields(const Rakp2& m) {
  return std::tuple(m.tag, m.status, m.console_session, m.managed_random, m.guid,
                    m.key_exchange_code);
}
auto fields(const Rakp3& m) {
  return std::tuple(m.tag, m.status, m.managed_session, m.key_exchange_code);
}
auto fields(const Rakp4& m) {
  return std::tuple(m.tag, m.status, m.console_session, m.integrity_check_value);
}

template <class Message>
void payload(Result<Message> (*decode)(ByteView), ByteView bytes) {
  const auto message = decode(exact(bytes));
  if (!message) return;
  const Bytes again = encode(*message);
  require(again == significant(*message, exact(bytes)), "encode(decode(x)) == x: handshake");
  const auto twice = decode(again);
  require(twice && fields(*twice) == fields(*message), "decode(encode(x)) == x: handshake");
}

enum class InputKind : std::uint8_t {
  Datagram,
  BuiltDatagram,
  OpenSessionRq,
  OpenSessionRs,
  Rakp1,
  Rakp2,
  Rakp3,
  Rakp4
};
constexpr std::array<NamedAction<InputKind>, 8> kInputKinds{{
    {InputKind::Datagram, "datagram"},
    {InputKind::BuiltDatagram, "built"},
    {InputKind::OpenSessionRq, "open-session-request"},
    {InputKind::OpenSessionRs, "open-session-response"},
    {InputKind::Rakp1, "rakp1"},
    {InputKind::Rakp2, "rakp2"},
    {InputKind::Rakp3, "rakp3"},
    {InputKind::Rakp4, "rakp4"},
}};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fwr::fuzz;
  Input in(data, size);
  switch (draw_action(in, kInputKinds)) {
    case InputKind::Datagram: datagram(in.rest()); break;
    case InputKind::BuiltDatagram: built_datagram(in); break;
    case InputKind::OpenSessionRq: payload(decode_open_session_rq, in.rest()); break;
    case InputKind::OpenSessionRs: payload(decode_open_session_rs, in.rest()); break;
    case InputKind::Rakp1: payload(decode_rakp1, in.rest()); break;
    case InputKind::Rakp2: payload(decode_rakp2, in.rest()); break;
    case InputKind::Rakp3: payload(decode_rakp3, in.rest()); break;
    case InputKind::Rakp4: payload(decode_rakp4, in.rest()); break;
  }
  return 0;
}
