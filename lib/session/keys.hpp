// SPDX-License-Identifier: GPL-3.0-or-later
// What RAKP computes: authentication codes and session keys. IPMI v2.0 §13.20 to §13.23, §13.31,
// §13.32.
#pragma once

#include <cstdint>
#include <string>

#include "base/types.hpp"
#include "session/suite.hpp"

namespace fwr::session {

inline constexpr std::size_t kMaxPassword_bytes = 20;
/// IPMI v2.0 §13.33, 20 bytes for every algorithm (PROTOCOL §2.2).
inline constexpr std::size_t kKeyConstant_bytes = 20;

/// What both ends said in the open part of the exchange, named as in the specification.
struct RakpExchange {
  std::uint32_t console_session = 0;  ///< SIDm
  std::uint32_t managed_session = 0;  ///< SIDc
  Nonce console_random{};             ///< Rm
  Nonce managed_random{};             ///< Rc
  Guid guid{};                        ///< GUIDc
  std::uint8_t role = 0;              ///< ROLEm, the whole byte as sent
  std::string user;                   ///< UNAMEm
};

struct SessionKeys {
  Secret sik;  ///< session integrity key
  Secret k1;   ///< authenticates packets
  Secret k2;   ///< its first 16 bytes encrypt
};

/// Key exchange authentication code of RAKP 2, under the user's password (Kuid).
[[nodiscard]] Result<Bytes> rakp2_code(Hash hash, const Secret& password,
                                       const RakpExchange& exchange);
/// The same of RAKP 3.
[[nodiscard]] Result<Bytes> rakp3_code(Hash hash, const Secret& password,
                                       const RakpExchange& exchange);
/// `key` is K_g, or the user's password when there is none.
[[nodiscard]] Result<SessionKeys> session_keys(Hash hash, const Secret& key,
                                               const RakpExchange& exchange);
/// Integrity check value of RAKP 4, under the session integrity key.
[[nodiscard]] Result<Bytes> rakp4_check(const SuiteInfo& suite, const SessionKeys& keys,
                                        const RakpExchange& exchange);

}  // namespace fwr::session
