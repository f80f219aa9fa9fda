// SPDX-License-Identifier: GPL-3.0-or-later
// Open Session and RAKP messages 1 to 4. IPMI v2.0 §13.17 to §13.23, tables 13-9 to 13-14.
#include "wire/rakp.hpp"

#include <array>
#include <cassert>
#include <string_view>
#include <utility>

namespace fwr::wire {
namespace {

constexpr std::uint8_t kPrivilegeMask = 0x0f;
constexpr std::uint8_t kAlgorithmMask = 0x3f;
constexpr std::uint8_t kAlgorithmPayload_bytes = 8;
constexpr std::size_t kMaxCode_bytes = 32;  // HMAC-SHA256, the longest of the algorithms

// Types of the algorithm payloads, IPMI v2.0 tables 13-9 and 13-10.
constexpr std::uint8_t kAuthenticationPayload = 0x00;
constexpr std::uint8_t kIntegrityPayload = 0x01;
constexpr std::uint8_t kConfidentialityPayload = 0x02;

/// IPMI v2.0 table 13-15, from status 00h on; also those that we never send.
constexpr auto kStatusWords = std::to_array<std::string_view>({
    "no error",
    "no room for another session",
    "invalid session id",
    "invalid payload type",
    "authentication algorithm refused",
    "integrity algorithm refused",
    "no matching authentication payload",
    "no matching integrity payload",
    "inactive session id",
    "invalid privilege level",
    "privilege level not allowed for this user",
    "no room for a session of this privilege level",
    "user name too long",
    "user name not accepted",
    "GUID not accepted",
    "wrong password or K_g",
    "confidentiality algorithm refused",
    "no cipher suite with these algorithms",
    "illegal or unrecognized parameter",
});

template <class Algorithm>
void put_algorithm(ByteWriter& out, std::uint8_t type, std::optional<Algorithm> algorithm) {
  out.u8(type);
  out.zeros(2);
  out.u8(algorithm ? kAlgorithmPayload_bytes : 0);
  out.u8(algorithm ? static_cast<std::uint8_t>(*algorithm) : 0);
  out.zeros(3);
}

/// Gives the algorithm, nothing for a null payload, and clears `good` for a malformed one. Numbers
/// that we do not know pass: the answer to them is a status, not silence.
template <class Algorithm>
std::optional<Algorithm> read_algorithm(ByteReader& in, std::uint8_t type, bool& good) {
  const std::uint8_t found = in.u8();
  (void)in.take(2);
  const std::uint8_t size = in.u8();
  const auto algorithm = static_cast<Algorithm>(in.u8() & kAlgorithmMask);
  (void)in.take(3);
  if (found != type || (size != 0 && size != kAlgorithmPayload_bytes)) good = false;
  if (size == 0) return std::nullopt;
  return algorithm;
}

void put_status(ByteWriter& out, std::uint8_t tag, RakpStatus status, std::uint32_t session) {
  out.u8(tag);
  out.u8(static_cast<std::uint8_t>(status));
  out.zeros(2);
  out.u32(session);
}

/// What RAKP 2, 3 and 4 start with, and all that they have when the status is not Ok.
template <class Message>
void read_status(ByteReader& in, Message& message, std::uint32_t Message::*session) {
  message.tag = in.u8();
  message.status = static_cast<RakpStatus>(in.u8());
  (void)in.take(2);
  message.*session = in.u32();
}

/// The authentication code at the end of a message; its length follows from the algorithm, which
/// the session checks.
Result<Bytes> read_code(ByteReader in, std::string_view what) {
  if (auto complete = in.finish_open(what); !complete) return tl::unexpected(complete.error());
  if (in.remaining() > kMaxCode_bytes) return fail(Errc::TrailingBytes, std::string(what));
  const ByteView code = in.take_rest();
  return Bytes(code.begin(), code.end());
}

}  // namespace

std::string describe(RakpStatus status) {
  const auto value = static_cast<std::size_t>(status);
  if (value < kStatusWords.size()) return std::string(kStatusWords[value]);
  return "RAKP status " + std::to_string(value);
}

Bytes encode(const OpenSessionRq& message) {
  ByteWriter out(32);
  out.u8(message.tag);
  out.u8(static_cast<std::uint8_t>(message.privilege));
  out.zeros(2);
  out.u32(message.console_session);
  put_algorithm(out, kAuthenticationPayload, message.authentication);
  put_algorithm(out, kIntegrityPayload, message.integrity);
  put_algorithm(out, kConfidentialityPayload, message.confidentiality);
  return std::move(out).release();
}

Result<OpenSessionRq> decode_open_session_rq(ByteView payload) {
  ByteReader in(payload);
  bool good = true;
  OpenSessionRq message;
  message.tag = in.u8();
  message.privilege = static_cast<Privilege>(in.u8() & kPrivilegeMask);
  (void)in.take(2);
  message.console_session = in.u32();
  message.authentication = read_algorithm<AuthAlgorithm>(in, kAuthenticationPayload, good);
  message.integrity = read_algorithm<IntegrityAlgorithm>(in, kIntegrityPayload, good);
  message.confidentiality =
      read_algorithm<ConfidentialityAlgorithm>(in, kConfidentialityPayload, good);
  if (auto done = in.finish("Open Session Request"); !done) return tl::unexpected(done.error());
  if (!good) return fail(Errc::BadField, "Open Session Request, algorithm payload");
  return message;
}

Bytes encode(const OpenSessionRs& message) {
  ByteWriter out(36);
  out.u8(message.tag);
  out.u8(static_cast<std::uint8_t>(message.status));
  out.u8(static_cast<std::uint8_t>(message.privilege));
  out.u8(0);
  out.u32(message.console_session);
  if (message.status != RakpStatus::Ok) return std::move(out).release();
  out.u32(message.managed_session);
  put_algorithm(out, kAuthenticationPayload, std::optional(message.authentication));
  put_algorithm(out, kIntegrityPayload, std::optional(message.integrity));
  put_algorithm(out, kConfidentialityPayload, std::optional(message.confidentiality));
  return std::move(out).release();
}

Result<OpenSessionRs> decode_open_session_rs(ByteView payload) {
  constexpr std::string_view kWhat = "Open Session Response";
  ByteReader in(payload);
  OpenSessionRs message;
  message.tag = in.u8();
  message.status = static_cast<RakpStatus>(in.u8());
  message.privilege = static_cast<Privilege>(in.u8() & kPrivilegeMask);
  (void)in.u8();
  message.console_session = in.u32();
  if (auto complete = in.finish_open(kWhat); !complete) return tl::unexpected(complete.error());
  if (message.status != RakpStatus::Ok) return message;

  bool good = true;
  message.managed_session = in.u32();
  const auto authentication = read_algorithm<AuthAlgorithm>(in, kAuthenticationPayload, good);
  const auto integrity = read_algorithm<IntegrityAlgorithm>(in, kIntegrityPayload, good);
  const auto confidentiality =
      read_algorithm<ConfidentialityAlgorithm>(in, kConfidentialityPayload, good);
  if (auto done = in.finish(kWhat); !done) return tl::unexpected(done.error());
  // A null payload asks; an answer names the algorithm.
  if (!good || !authentication || !integrity || !confidentiality)
    return fail(Errc::BadField, std::string(kWhat) + ", algorithm payload");
  message.authentication = *authentication;
  message.integrity = *integrity;
  message.confidentiality = *confidentiality;
  return message;
}

Bytes encode(const Rakp1& message) {
  assert(message.user.size() <= kMaxUserName_bytes);
  ByteWriter out(28 + message.user.size());
  out.u8(message.tag);
  out.zeros(3);
  out.u32(message.managed_session);
  out.bytes(message.console_random);
  out.u8(message.role);
  out.zeros(2);
  out.u8(static_cast<std::uint8_t>(message.user.size()));
  out.bytes(as_bytes(message.user));
  return std::move(out).release();
}

Result<Rakp1> decode_rakp1(ByteView payload) {
  ByteReader in(payload);
  Rakp1 message;
  message.tag = in.u8();
  (void)in.take(3);
  message.managed_session = in.u32();
  in.copy_to(message.console_random);
  message.role = in.u8();
  (void)in.take(2);
  const std::uint8_t size = in.u8();
  if (size > kMaxUserName_bytes) return fail(Errc::BadField, "RAKP 1, user name length");
  message.user = as_text(in.take(size));
  if (auto done = in.finish("RAKP 1"); !done) return tl::unexpected(done.error());
  return message;
}

Bytes encode(const Rakp2& message) {
  ByteWriter out(40 + message.key_exchange_code.size());
  put_status(out, message.tag, message.status, message.console_session);
  if (message.status != RakpStatus::Ok) return std::move(out).release();
  out.bytes(message.managed_random);
  out.bytes(message.guid);
  out.bytes(message.key_exchange_code);
  return std::move(out).release();
}

Result<Rakp2> decode_rakp2(ByteView payload) {
  constexpr std::string_view kWhat = "RAKP 2";
  ByteReader in(payload);
  Rakp2 message;
  read_status(in, message, &Rakp2::console_session);
  if (auto complete = in.finish_open(kWhat); !complete) return tl::unexpected(complete.error());
  if (message.status != RakpStatus::Ok) return message;
  in.copy_to(message.managed_random);
  in.copy_to(message.guid);
  Result<Bytes> code = read_code(in, kWhat);
  if (!code) return tl::unexpected(std::move(code).error());
  message.key_exchange_code = *std::move(code);
  return message;
}

Bytes encode(const Rakp3& message) {
  ByteWriter out(8 + message.key_exchange_code.size());
  put_status(out, message.tag, message.status, message.managed_session);
  if (message.status == RakpStatus::Ok) out.bytes(message.key_exchange_code);
  return std::move(out).release();
}

Result<Rakp3> decode_rakp3(ByteView payload) {
  constexpr std::string_view kWhat = "RAKP 3";
  ByteReader in(payload);
  Rakp3 message;
  read_status(in, message, &Rakp3::managed_session);
  if (auto complete = in.finish_open(kWhat); !complete) return tl::unexpected(complete.error());
  if (message.status != RakpStatus::Ok) return message;
  Result<Bytes> code = read_code(in, kWhat);
  if (!code) return tl::unexpected(std::move(code).error());
  message.key_exchange_code = *std::move(code);
  return message;
}

Bytes encode(const Rakp4& message) {
  ByteWriter out(8 + message.integrity_check_value.size());
  put_status(out, message.tag, message.status, message.console_session);
  if (message.status == RakpStatus::Ok) out.bytes(message.integrity_check_value);
  return std::move(out).release();
}

Result<Rakp4> decode_rakp4(ByteView payload) {
  constexpr std::string_view kWhat = "RAKP 4";
  ByteReader in(payload);
  Rakp4 message;
  read_status(in, message, &Rakp4::console_session);
  if (auto complete = in.finish_open(kWhat); !complete) return tl::unexpected(complete.error());
  if (message.status != RakpStatus::Ok) return message;
  Result<Bytes> code = read_code(in, kWhat);
  if (!code) return tl::unexpected(std::move(code).error());
  message.integrity_check_value = *std::move(code);
  return message;
}

}  // namespace fwr::wire
