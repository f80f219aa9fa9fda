// SPDX-License-Identifier: GPL-3.0-or-later
// HMAC and AES-CBC-128 contexts of libcrypto that are keyed once and used for many packets.
#pragma once

#include <openssl/evp.h>

#include <initializer_list>
#include <memory>
#include <span>

#include "base/bytes.hpp"
#include "session/suite.hpp"

namespace fwr::session {

inline constexpr std::size_t kAesBlock_bytes = 16;

class Hmac {
 public:
  /// Error: Internal when libcrypto does not offer the hash.
  [[nodiscard]] static Result<Hmac> create(Hash hash, ByteView key);

  /// The HMAC over the parts in order, cut to the size of `out`, which is at most the hash's. False
  /// when libcrypto fails.
  [[nodiscard]] bool compute(std::initializer_list<ByteView> parts, std::span<std::byte> out);

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  explicit Hmac(EVP_MAC_CTX* context) : context_(context) {}
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

/// Cipher block chaining without padding: whole blocks only.
class AesCbc {
 public:
  enum class Direction : std::uint8_t { Encrypt, Decrypt };
  /// The key is the first 16 bytes of `key` (IPMI v2.0 §13.29.2). Error: Internal.
  [[nodiscard]] static Result<AesCbc> create(Direction direction, ByteView key);

  /// Starts a message with this initialization vector.
  [[nodiscard]] bool begin(std::span<const std::byte, kAesBlock_bytes> iv);
  /// `in` and `out` have the same size, a multiple of the block, and are the same bytes or apart.
  [[nodiscard]] bool update(ByteView in, std::span<std::byte> out);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  explicit AesCbc(EVP_CIPHER_CTX* context) : context_(context) {}
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
};

}  // namespace fwr::session
