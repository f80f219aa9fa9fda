// SPDX-License-Identifier: GPL-3.0-or-later
// Open Session and RAKP messages 1 to 4. IPMI v2.0 §13.17 to §13.23.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace fwr::wire {

/// IPMI v2.0 table 13-15.
enum class RakpStatus : std::uint8_t {
  Ok = 0x00,
  InsufficientResources = 0x01,
  InvalidSessionId = 0x02,
  InvalidAuthenticationAlgorithm = 0x04,
  InvalidIntegrityAlgorithm = 0x05,
  InvalidRole = 0x09,
  UnauthorizedRole = 0x0a,
  InvalidNameLength = 0x0c,
  UnauthorizedName = 0x0d,
  InvalidIntegrityCheckValue = 0x0f,
  InvalidConfidentialityAlgorithm = 0x10,
  NoMatchingCipherSuite = 0x11,
  IllegalParameter = 0x12,
};
[[nodiscard]] std::string describe(RakpStatus status);

enum class AuthAlgorithm : std::uint8_t { None = 0, HmacSha1 = 1, HmacMd5 = 2, HmacSha256 = 3 };
enum class IntegrityAlgorithm : std::uint8_t {
  None = 0,
  HmacSha1_96 = 1,
  HmacMd5_128 = 2,
  Md5_128 = 3,
  HmacSha256_128 = 4
};
enum class ConfidentialityAlgorithm : std::uint8_t {
  None = 0,
  AesCbc128 = 1,
  Xrc4_128 = 2,
  Xrc4_40 = 3
};

/// IPMI v2.0 §6.8. Zero in Open Session asks for the highest available.
enum class Privilege : std::uint8_t {
  Highest = 0,
  Callback = 1,
  User = 2,
  Operator = 3,
  Administrator = 4,
  Oem = 5
};

inline constexpr std::size_t kMaxUserName_bytes = 16;

/// Algorithm payloads may also ask "any" by length 0 (null payload); then the field is empty.
struct OpenSessionRq {
  std::uint8_t tag = 0;
  Privilege privilege = Privilege::Highest;
  std::uint32_t console_session = 0;
  std::optional<AuthAlgorithm> authentication;
  std::optional<IntegrityAlgorithm> integrity;
  std::optional<ConfidentialityAlgorithm> confidentiality;
};
struct OpenSessionRs {
  std::uint8_t tag = 0;
  RakpStatus status = RakpStatus::Ok;
  Privilege privilege = Privilege::Highest;
  std::uint32_t console_session = 0;
  std::uint32_t managed_session = 0;  ///< this and the rest only when status is Ok
  AuthAlgorithm authentication = AuthAlgorithm::None;
  IntegrityAlgorithm integrity = IntegrityAlgorithm::None;
  ConfidentialityAlgorithm confidentiality = ConfidentialityAlgorithm::None;
};
struct Rakp1 {
  std::uint8_t tag = 0;
  std::uint32_t managed_session = 0;
  Nonce console_random{};
  std::uint8_t role =
      0;             ///< requested privilege and b4 name-only lookup, as sent: part of the HMACs
  std::string user;  ///< at most kMaxUserName_bytes
};
struct Rakp2 {
  std::uint8_t tag = 0;
  RakpStatus status = RakpStatus::Ok;
  std::uint32_t console_session = 0;
  Nonce managed_random{};
  Guid guid{};
  Bytes key_exchange_code;
};
struct Rakp3 {
  std::uint8_t tag = 0;
  RakpStatus status = RakpStatus::Ok;
  std::uint32_t managed_session = 0;
  Bytes key_exchange_code;
};
struct Rakp4 {
  std::uint8_t tag = 0;
  RakpStatus status = RakpStatus::Ok;
  std::uint32_t console_session = 0;
  Bytes integrity_check_value;
};

[[nodiscard]] Bytes encode(const OpenSessionRq& message);
[[nodiscard]] Bytes encode(const OpenSessionRs& message);
[[nodiscard]] Bytes encode(const Rakp1& message);
[[nodiscard]] Bytes encode(const Rakp2& message);
[[nodiscard]] Bytes encode(const Rakp3& message);
[[nodiscard]] Bytes encode(const Rakp4& message);
/// Errors: Truncated, TrailingBytes, BadField.
[[nodiscard]] Result<OpenSessionRq> decode_open_session_rq(ByteView payload);
[[nodiscard]] Result<OpenSessionRs> decode_open_session_rs(ByteView payload);
[[nodiscard]] Result<Rakp1> decode_rakp1(ByteView payload);
[[nodiscard]] Result<Rakp2> decode_rakp2(ByteView payload);
[[nodiscard]] Result<Rakp3> decode_rakp3(ByteView payload);
[[nodiscard]] Result<Rakp4> decode_rakp4(ByteView payload);

}  // namespace fwr::wire
