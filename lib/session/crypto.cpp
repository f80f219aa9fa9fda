// SPDX-License-Identifier: GPL-3.0-or-later
// Thin wrappers of libcrypto's EVP interface.
#include "session/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <array>
#include <cassert>

namespace fwr::session {

namespace {

const unsigned char* octets(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* octets(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

Result<Hmac> Hmac::create(Hash hash, ByteView key) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  Hmac hmac(mac == nullptr ? nullptr : EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);  // the context holds its own reference
  if (!hmac.context_) return fail(Errc::Internal, "libcrypto offers no HMAC");

  std::array<char, 8> name{};
  std::memcpy(name.data(), hash == Hash::Sha1 ? "SHA1" : "SHA256", hash == Hash::Sha1 ? 4 : 6);
  const std::array params{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
      OSSL_PARAM_construct_end(),
  };
  // A null key would mean "the key of before".
  const unsigned char none = 0;
  if (EVP_MAC_init(hmac.context_.get(), key.empty() ? &none : octets(key), key.size(),
                   params.data()) != 1)
    return fail(Errc::Internal, "libcrypto offers no HMAC with this hash");
  return hmac;
}

bool Hmac::compute(std::initializer_list<ByteView> parts, std::span<std::byte> out) {
  EVP_MAC_CTX* context = context_.get();
  if (EVP_MAC_init(context, nullptr, 0, nullptr) != 1) return false;
  for (const ByteView part : parts)
    if (EVP_MAC_update(context, octets(part), part.size()) != 1) return false;
  std::array<unsigned char, kMaxDigest_bytes> digest{};
  std::size_t size = 0;
  if (EVP_MAC_final(context, digest.data(), &size, digest.size()) != 1) return false;
  assert(out.size() <= size);
  std::memcpy(out.data(), digest.data(), out.size());
  OPENSSL_cleanse(digest.data(), digest.size());
  return true;
}

Result<AesCbc> AesCbc::create(Direction direction, ByteView key) {
  assert(key.size() >= kAesBlock_bytes);
  AesCbc cipher(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX* context = cipher.context_.get();
  if (context == nullptr ||
      EVP_CipherInit_ex2(context, EVP_aes_128_cbc(), octets(key), nullptr,
                         direction == Direction::Encrypt ? 1 : 0, nullptr) != 1 ||
      EVP_CIPHER_CTX_set_padding(context, 0) != 1)
    return fail(Errc::Internal, "libcrypto offers no AES-128-CBC");
  return cipher;
}

bool AesCbc::begin(std::span<const std::byte, kAesBlock_bytes> iv) {
  return EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, octets(iv), -1, nullptr) == 1;
}

bool AesCbc::update(ByteView in, std::span<std::byte> out) {
  assert(in.size() == out.size() && in.size() % kAesBlock_bytes == 0);
  int written = 0;
  return EVP_CipherUpdate(context_.get(), octets(out), &written, octets(in),
                          static_cast<int>(in.size())) == 1 &&
         static_cast<std::size_t>(written) == in.size();
}

}  // namespace fwr::session
