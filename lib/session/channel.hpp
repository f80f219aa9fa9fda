// SPDX-License-Identifier: GPL-3.0-or-later
// One end of a session once its keys are known: packets out are encrypted and authenticated,
// packets in are checked and decrypted. IPMI v2.0 §13.28, §13.29.
#pragma once

#include <array>
#include <cstdint>

#include "base/types.hpp"
#include "session/crypto.hpp"
#include "session/keys.hpp"
#include "session/window.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session {

/// The largest payload that still fits into a UDP datagram with all that we add to it.
inline constexpr std::size_t kPayloadLimit_bytes = 65400;

/// Hands out initialization vectors that are drawn many at a time.
class IvSource {
 public:
  explicit IvSource(RandomSource& random) : random_(&random) {}
  [[nodiscard]] std::span<const std::byte, kAesBlock_bytes> next();

 private:
  static constexpr std::size_t kVectors = 32;
  RandomSource* random_;
  std::array<std::byte, kVectors * kAesBlock_bytes> pool_{};
  std::size_t used_ = kVectors;
};

class SecureChannel {
 public:
  /// `peer_session` is the id under which the peer knows the session. Error: Internal.
  [[nodiscard]] static Result<SecureChannel> create(CipherSuite suite, const SessionKeys& keys,
                                                    std::uint32_t peer_session,
                                                    RandomSource& random);

  /// A whole datagram. Of `header` counts what says which payload it is; the rest is set here.
  /// Errors: LimitExceeded; Internal when libcrypto fails.
  [[nodiscard]] Result<Bytes> seal(wire::RmcpPlusHeader header, ByteView payload);

  /// Writes the payload of a good packet to `out`. False, with `out` unspecified, for every other
  /// one; nobody outside learns why.
  [[nodiscard]] bool open(const wire::RmcpPlusPacket& packet, Bytes& out);

 private:
  SecureChannel(const SuiteInfo& suite, Hmac mac, AesCbc encrypt, AesCbc decrypt,
                std::uint32_t peer_session, RandomSource& random);
  [[nodiscard]] bool mac_is_good(const wire::RmcpPlusPacket& packet);
  [[nodiscard]] bool decrypt(ByteView payload, Bytes& out);

  std::size_t mac_bytes_;
  Hmac mac_;
  AesCbc encrypt_;
  AesCbc decrypt_;
  std::uint32_t peer_session_;
  IvSource ivs_;
  SequenceCounter sent_;
  SequenceWindow received_;
};

}  // namespace fwr::session
