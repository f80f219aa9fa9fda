// SPDX-License-Identifier: GPL-3.0-or-later
// Offer tokens, by which a donor recognises its own offers without remembering them. PROTOCOL §6.2.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "base/types.hpp"

namespace fwr::donor {

class OfferTokens {
 public:
  using Token = std::array<std::byte, 16>;
  enum class Verdict : std::uint8_t { Valid, Expired, Forged };

  /// Draws the key. Tokens of another OfferTokens count as forged.
  OfferTokens(RandomSource& random, TimePoint start);

  [[nodiscard]] Token issue(const Nonce& nonce, const Digest& digest, std::chrono::seconds hold,
                            TimePoint now) const;
  [[nodiscard]] Verdict check(const Token& token, const Nonce& nonce, const Digest& digest,
                              TimePoint now) const;

 private:
  [[nodiscard]] Token make(const Nonce& nonce, const Digest& digest, std::uint32_t end_s) const;
  Secret key_;
  TimePoint start_;
};

}  // namespace fwr::donor
