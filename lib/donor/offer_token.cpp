// SPDX-License-Identifier: GPL-3.0-or-later
// Offer tokens with HMAC-SHA256. PROTOCOL §6.2.
#include "donor/offer_token.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace fwr::donor {
namespace {

constexpr std::size_t kKey_bytes = 32;
constexpr std::size_t kEnd_bytes = 4;

Secret draw_key(RandomSource& random) {
  std::array<std::byte, kKey_bytes> key{};
  random.fill(key);
  Secret secret{ByteView(key)};
  OPENSSL_cleanse(key.data(), key.size());
  return secret;
}

}  // namespace

OfferTokens::OfferTokens(RandomSource& random, TimePoint start)
    : key_(draw_key(random)), start_(start) {}

OfferTokens::Token OfferTokens::issue(const Nonce& nonce, const Digest& digest,
                                      std::chrono::seconds hold, TimePoint now) const {
  // Rounded up: an offer holds as long as it says, and less than a second longer.
  const auto end = std::chrono::ceil<std::chrono::seconds>(now - start_) + hold;
  const auto end_s = std::clamp<std::chrono::seconds::rep>(
      end.count(), 0, std::numeric_limits<std::uint32_t>::max());
  return make(nonce, digest, static_cast<std::uint32_t>(end_s));
}

OfferTokens::Verdict OfferTokens::check(const Token& token, const Nonce& nonce,
                                        const Digest& digest, TimePoint now) const {
  const auto end_s = static_cast<std::uint32_t>(ByteReader(token).le<kEnd_bytes>());
  if (!equal_constant_time(make(nonce, digest, end_s), token)) return Verdict::Forged;
  return now - start_ > std::chrono::seconds(end_s) ? Verdict::Expired : Verdict::Valid;
}

OfferTokens::Token OfferTokens::make(const Nonce& nonce, const Digest& digest,
                                     std::uint32_t end_s) const {
  ByteWriter message(nonce.size() + digest.size() + kEnd_bytes);
  message.bytes(nonce);
  message.bytes(digest);
  message.u32(end_s);
  std::array<std::byte, 32> mac{};
  // Fails only without memory, or without SHA-256 in libcrypto: then no offer can be recognised.
  if (HMAC(EVP_sha256(), key_.view().data(), static_cast<int>(key_.view().size()),
           reinterpret_cast<const unsigned char*>(message.view().data()), message.size(),
           reinterpret_cast<unsigned char*>(mac.data()), nullptr) == nullptr)
    std::abort();
  Token token{};
  const auto end = std::copy_n(message.view().end() - kEnd_bytes, kEnd_bytes, token.begin());
  std::copy_n(mac.begin(), token.size() - kEnd_bytes, end);
  return token;
}

}  // namespace fwr::donor
