// SPDX-License-Identifier: GPL-3.0-or-later
// A client of the session server that knows its keys: it opens sessions as it should, and seals
// packets in ways in which no honest client would.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/address.hpp"
#include "fuzz.hpp"
#include "session/channel.hpp"
#include "session/crypto.hpp"
#include "session/keys.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"

namespace fwr::fuzz {

[[nodiscard]] inline Path path_of(std::uint8_t host, std::uint16_t port = 40000) {
  Path path;
  path.local = {.family = AddressFamily::Ipv4, .port = kRmcpPort, .bytes = {10, 0, 0, 1}};
  path.peer = {.family = AddressFamily::Ipv4, .port = port, .bytes = {10, 0, 1, host}};
  return path;
}

[[nodiscard]] inline Bytes plain(wire::PayloadType type, ByteView payload) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  return wire::encode_plain(header, payload);
}

/// What a datagram is when it is RMCP+; it views the datagram.
[[nodiscard]] inline std::optional<wire::RmcpPlusPacket> as_packet(ByteView datagram) {
  const auto message = wire::decode_rmcp(datagram);
  const auto* packet = message ? std::get_if<wire::RmcpPlusPacket>(&*message) : nullptr;
  return packet == nullptr ? std::nullopt : std::optional(*packet);
}

struct SessionPeer {
  Path path;
  session::CipherSuite suite = session::CipherSuite::Suite17;
  Secret password;
  Secret kg;  ///< empty: the password serves
  session::RakpExchange exchange;
  std::optional<session::SessionKeys> keys;
  std::uint32_t sequence = 0;  ///< of the packets that are sealed by hand

  [[nodiscard]] const session::SuiteInfo& info() const { return session::info(suite); }

  [[nodiscard]] Bytes open_session(wire::Privilege privilege = wire::Privilege::Highest) const {
    wire::OpenSessionRq request;
    request.tag = 1;
    request.privilege = privilege;
    request.console_session = exchange.console_session;
    request.authentication = info().authentication;
    request.integrity = info().integrity;
    request.confidentiality = info().confidentiality;
    return plain(wire::PayloadType::OpenSessionRq, wire::encode(request));
  }
  [[nodiscard]] Bytes rakp1() const {
    return plain(wire::PayloadType::Rakp1,
                 wire::encode(wire::Rakp1{2, exchange.managed_session, exchange.console_random,
                                          exchange.role, exchange.user}));
  }
  /// The answer to RAKP 1 tells the rest of what the keys are made of.
  void take(const wire::Rakp2& answer) {
    exchange.managed_random = answer.managed_random;
    exchange.guid = answer.guid;
    auto made = session::session_keys(info().hash, kg.empty() ? password : kg, exchange);
    require(made.has_value(), "keys can be made");
    keys = *std::move(made);
  }
  [[nodiscard]] Bytes rakp3() const {
    const auto code = session::rakp3_code(info().hash, password, exchange);
    return plain(wire::PayloadType::Rakp3,
                 wire::encode(wire::Rakp3{3, wire::RakpStatus::Ok, exchange.managed_session,
                                          code.value_or(Bytes{})}));
  }

  /// `plaintext` with its confidentiality pad as it should be, or as the caller has put it.
  [[nodiscard]] static Bytes padded(ByteView payload) {
    Bytes out = exact(payload);
    const std::size_t pad = 15 - payload.size() % 16;
    for (std::size_t i = 1; i <= pad; ++i) out.push_back(static_cast<std::byte>(i));
    out.push_back(static_cast<std::byte>(pad));
    return out;
  }

  struct Oddities {
    bool encrypted = true;
    bool authenticated = true;
    std::size_t integrity_pad = 4;  ///< 4: what is right
    std::uint8_t next_header = 0x07;
    std::uint32_t session = 0;  ///< 0: this one
  };
  /// Encrypted and with a good MAC, whatever is inside and around. `plaintext` is cut to whole
  /// blocks.
  [[nodiscard]] Bytes sealed(wire::RmcpPlusHeader header, ByteView plaintext,
                             const Oddities& odd) const {
    header.encrypted = odd.encrypted;
    header.authenticated = odd.authenticated;
    header.session_id = odd.session == 0 ? exchange.managed_session : odd.session;
    plaintext =
        plaintext.first(plaintext.size() / session::kAesBlock_bytes * session::kAesBlock_bytes);
    const std::array<std::byte, session::kAesBlock_bytes> iv{};
    Bytes body(plaintext.size());
    auto aes = session::AesCbc::create(session::AesCbc::Direction::Encrypt, keys->k2.view());
    require(aes && aes->begin(iv) && aes->update(plaintext, body), "a packet can be encrypted");
    ByteWriter out;
    wire::put_headers(out, header, iv.size() + body.size());
    out.bytes(iv);
    out.bytes(body);
    const std::size_t right = (4 - (out.size() - 4 + 2) % 4) % 4;
    const std::size_t pad = odd.integrity_pad == 4 ? right : odd.integrity_pad;
    for (std::size_t i = 0; i < pad; ++i) out.u8(0xff);
    out.u8(static_cast<std::uint8_t>(pad));
    out.u8(odd.next_header);
    Bytes mac(info().mac_bytes);
    auto hmac = session::Hmac::create(info().hash, keys->k1.view());
    require(hmac && hmac->compute({out.view().subspan(4)}, mac), "a packet can be signed");
    out.bytes(mac);
    return std::move(out).release();
  }
};

}  // namespace fwr::fuzz
