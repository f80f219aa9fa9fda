// SPDX-License-Identifier: GPL-3.0-or-later
// minisign signatures, algorithm "ED", verified with OpenSSL. PROTOCOL §7.2; minisign's file
// format.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::image {

inline constexpr std::size_t kSignatureLimit_bytes = 2048;
inline constexpr std::size_t kTrustedKeyLimit = 32;

using fwr::to_text;  // this namespace's own would hide it

using KeyId = std::array<std::byte, 8>;
[[nodiscard]] std::string to_text(const KeyId& id);  ///< as minisign prints it: no leading zeros

struct PublicKey {
  KeyId id{};
  std::array<std::byte, 32> key{};
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};
/// The text of a minisign .pub file, or its base64 line alone. Errors: BadSignature, saying what is
/// wrong.
[[nodiscard]] Result<PublicKey> parse_public_key(std::string_view text);

struct Signed {
  KeyId key{};
  std::string trusted_comment;
};
/// Verifies message and trusted comment. Errors: BadSignature (malformed, legacy "Ed", wrong);
/// UntrustedKey (no trusted key has the id of the signature).
[[nodiscard]] Result<Signed> verify_signature(ByteView message, std::string_view minisig,
                                              std::span<const PublicKey> trusted);

/// The key that a signature names as its own, which nothing has proved yet. nullopt: no signature.
[[nodiscard]] std::optional<KeyId> signing_key(std::string_view minisig);

/// A signature file without a byte order mark and empty lines at its end, which verify_signature()
/// does not mind and older releases do: what is stored and sent.
[[nodiscard]] std::string_view plain_signature(std::string_view minisig);

}  // namespace fwr::image
