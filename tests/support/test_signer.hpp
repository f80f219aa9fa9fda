// SPDX-License-Identifier: GPL-3.0-or-later
// Signs in minisign's format with a key that exists only in a test. For tests: the tools never
// hold a private key.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/bytes.hpp"
#include "image/signature.hpp"

namespace fwr::test {

class TestSigner {
 public:
  /// The same `seed` gives the same key.
  explicit TestSigner(std::uint8_t seed = 1) {
    std::array<unsigned char, 32> secret{};
    secret.fill(seed);
    key_.reset(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.data(), secret.size()));
    key_id_.fill(static_cast<std::byte>(seed));
    std::size_t size = public_key_.key.size();
    if (!key_ ||
        EVP_PKEY_get_raw_public_key(
            key_.get(), reinterpret_cast<unsigned char*>(public_key_.key.data()), &size) != 1)
      throw std::runtime_error("no Ed25519 key");
    public_key_.id = key_id_;
  }

  [[nodiscard]] const image::PublicKey& public_key() const { return public_key_; }

  /// The text of a .pub file.
  [[nodiscard]] std::string public_key_text() const {
    Bytes line = {std::byte{'E'}, std::byte{'d'}};
    line.insert(line.end(), public_key_.id.begin(), public_key_.id.end());
    line.insert(line.end(), public_key_.key.begin(), public_key_.key.end());
    return "untrusted comment: public key of a test\n" + base64(line) + "\n";
  }

  /// The text of a .minisig file.
  [[nodiscard]] std::string sign(std::string_view message,
                                 const std::string& trusted_comment = "test") const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned hash_size = 0;
    EVP_Digest(message.data(), message.size(), hash.data(), &hash_size, EVP_blake2b512(), nullptr);
    const Bytes signature = ed25519({reinterpret_cast<const std::byte*>(hash.data()), hash_size});
    Bytes line = {std::byte{'E'}, std::byte{'D'}};
    line.insert(line.end(), key_id_.begin(), key_id_.end());
    line.insert(line.end(), signature.begin(), signature.end());
    Bytes global = signature;
    const ByteView comment = as_bytes(trusted_comment);
    global.insert(global.end(), comment.begin(), comment.end());
    return "untrusted comment: signature of a test\n" + base64(line) +
           "\ntrusted comment: " + trusted_comment + "\n" + base64(ed25519(global)) + "\n";
  }

 private:
  [[nodiscard]] Bytes ed25519(ByteView message) const {
    Bytes signature(64);
    std::size_t size = signature.size();
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size()) != 1)
      throw std::runtime_error("no signature");
    return signature;
  }
  static std::string base64(ByteView bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    text.resize(static_cast<std::size_t>(EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()),
        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()))));
    return text;
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{nullptr, &EVP_PKEY_free};
  image::KeyId key_id_{};
  image::PublicKey public_key_;
};

}  // namespace fwr::test
