// SPDX-License-Identifier: GPL-3.0-or-later
// The two cipher suites that we speak, as a table. IPMI v2.0 §22.15.2, PROTOCOL §2.2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "wire/rakp.hpp"

namespace fwr::session {

enum class CipherSuite : std::uint8_t { Suite3 = 3, Suite17 = 17 };

enum class Hash : std::uint8_t { Sha1, Sha256 };

inline constexpr std::size_t kMaxDigest_bytes = 32;
[[nodiscard]] constexpr std::size_t digest_bytes(Hash hash) {
  return hash == Hash::Sha1 ? 20 : 32;
}

struct SuiteInfo {
  CipherSuite suite;
  Hash hash;
  wire::AuthAlgorithm authentication;
  wire::IntegrityAlgorithm integrity;
  wire::ConfidentialityAlgorithm confidentiality;
  std::size_t mac_bytes;  ///< of the truncated HMAC of packets and of RAKP 4
};

/// In order of preference.
inline constexpr std::array kSuites{
    SuiteInfo{CipherSuite::Suite17, Hash::Sha256, wire::AuthAlgorithm::HmacSha256,
              wire::IntegrityAlgorithm::HmacSha256_128, wire::ConfidentialityAlgorithm::AesCbc128,
              16},
    SuiteInfo{CipherSuite::Suite3, Hash::Sha1, wire::AuthAlgorithm::HmacSha1,
              wire::IntegrityAlgorithm::HmacSha1_96, wire::ConfidentialityAlgorithm::AesCbc128, 12},
};

[[nodiscard]] constexpr const SuiteInfo& info(CipherSuite suite) {
  return kSuites[suite == CipherSuite::Suite17 ? 0 : 1];
}

}  // namespace fwr::session
