// SPDX-License-Identifier: GPL-3.0-or-later
// minisign signatures and public keys, verified with OpenSSL. PROTOCOL §7.2.
#include "image/signature.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace fwr::image {

namespace {

constexpr std::string_view kUntrustedPrefix = "untrusted comment: ";
constexpr std::string_view kTrustedPrefix = "trusted comment: ";
constexpr std::size_t kUntrustedLimit_bytes = 1000;  ///< minisign takes lines of up to 1,022
constexpr std::size_t kPublicKeyLimit_bytes = 1200;  ///< a comment and a key
constexpr int kSignature_lines = 4;
constexpr std::size_t kAlgorithm_bytes = 2;
constexpr std::size_t kEd25519Key_bytes = 32;
constexpr std::size_t kEd25519Signature_bytes = 64;
constexpr std::size_t kBlake2b512_bytes = 64;
constexpr std::size_t kPublicKey_bytes = kAlgorithm_bytes + sizeof(KeyId) + kEd25519Key_bytes;
constexpr std::size_t kSignature_bytes = kAlgorithm_bytes + sizeof(KeyId) + kEd25519Signature_bytes;

tl::unexpected<Error> bad(std::string_view what) {
  return fail(Errc::BadSignature, std::string(what));
}

// --- text ----------------------------------------------------------------------------------------

/// The next line without its end, which may be LF, CR LF or the end of the text.
std::optional<std::string_view> take_line(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Without a byte order mark in front, which editors add and minisign skips in a key.
std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

/// minisign reads as many lines as it needs: empty ones at the end are nothing.
bool is_blank(std::string_view rest) {
  return rest.find_first_not_of("\r\n\t ") == std::string_view::npos;
}

/// minisign's own functions would stop at a NUL, and a terminal obeys the others.
bool has_control_character(std::string_view line) {
  return std::any_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

/// Exactly `N` bytes of base64 with its padding, in the one way in which they can be written.
template <std::size_t N>
std::optional<std::array<std::byte, N>> decode_base64(std::string_view text) {
  constexpr std::size_t kGroups = (N + 2) / 3;
  if (text.size() != 4 * kGroups) return std::nullopt;
  std::array<unsigned char, 3 * kGroups> decoded{};
  if (EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size())) < 0)
    return std::nullopt;
  // EVP_DecodeBlock is lenient about white space, padding and unused bits: compare the way back.
  std::array<unsigned char, 4 * kGroups + 1> again{};
  EVP_EncodeBlock(again.data(), decoded.data(), static_cast<int>(N));
  if (!std::equal(text.begin(), text.end(), again.begin(),
                  [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; }))
    return std::nullopt;
  std::array<std::byte, N> out{};
  std::memcpy(out.data(), decoded.data(), N);
  return out;
}

// --- cryptography --------------------------------------------------------------------------------

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

bool ed25519_verifies(const PublicKey& key, ByteView signature, ByteView message) {
  const Key pkey(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(key.key), key.key.size()),
      &EVP_PKEY_free);
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return pkey && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, pkey.get()) == 1 &&
         EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message),
                          message.size()) == 1;
}

std::optional<std::array<std::byte, kBlake2b512_bytes>> blake2b512(ByteView message) {
  std::array<std::byte, kBlake2b512_bytes> hash{};
  if (EVP_Digest(message.data(), message.size(), reinterpret_cast<unsigned char*>(hash.data()),
                 nullptr, EVP_blake2b512(), nullptr) != 1)
    return std::nullopt;
  return hash;
}

/// Keys for which anyone can make signatures, such as one of zeros only: the points of small order
/// on Ed25519, by their y. minisign refuses them too, OpenSSL does not.
bool is_weak(const std::array<std::byte, kEd25519Key_bytes>& key) {
  static constexpr std::array<std::string_view, 5> kSmallOrder = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  std::array<std::byte, kEd25519Key_bytes> y = key;
  y.back() &= std::byte{0x7f};  // without the sign of x
  return std::any_of(kSmallOrder.begin(), kSmallOrder.end(),
                     [&](std::string_view small) { return to_hex(y) == small; });
}

/// y must be below the prime 2^255 - 19: there is one way to write a key.
bool is_reduced(const std::array<std::byte, kEd25519Key_bytes>& key) {
  constexpr auto kFull = std::byte{0xff};
  const bool top =
      (key.back() | std::byte{0x80}) == kFull &&
      std::all_of(key.begin() + 1, key.end() - 1, [](std::byte b) { return b == kFull; });
  return !top || key.front() < std::byte{0xed};
}

// --- the file ------------------------------------------------------------------------------------

struct SignatureFile {
  std::array<std::byte, kAlgorithm_bytes> algorithm{};
  KeyId key{};
  std::array<std::byte, kEd25519Signature_bytes> signature{};
  std::string_view trusted_comment;
  std::array<std::byte, kEd25519Signature_bytes> global_signature{};
};

Result<SignatureFile> parse_signature(std::string_view text) {
  if (text.size() > kSignatureLimit_bytes)
    return bad(fmt::format("the signature has {} bytes, more than the limit of {}", text.size(),
                           kSignatureLimit_bytes));
  text = without_mark(text);
  const auto untrusted = take_line(text);
  const auto first = take_line(text);
  const auto trusted = take_line(text);
  const auto second = take_line(text);
  if (!second) return bad("a signature has four lines, this one has fewer");
  if (!is_blank(text)) return bad("something follows the fourth line of the signature");
  if (!untrusted->starts_with(kUntrustedPrefix) || untrusted->size() > kUntrustedLimit_bytes)
    return bad("line 1 of the signature is not a short \"untrusted comment: \"");
  if (!trusted->starts_with(kTrustedPrefix))
    return bad("line 3 of the signature does not begin with \"trusted comment: \"");
  if (has_control_character(*untrusted) || has_control_character(*trusted))
    return bad("a comment of the signature has a control character");

  const auto head = decode_base64<kSignature_bytes>(*first);
  if (!head) return bad("line 2 of the signature is not the base64 of 74 bytes");
  const auto tail = decode_base64<kEd25519Signature_bytes>(*second);
  if (!tail) return bad("line 4 of the signature is not the base64 of 64 bytes");

  SignatureFile file;
  ByteReader reader(*head);
  reader.copy_to(file.algorithm);
  reader.copy_to(file.key);
  reader.copy_to(file.signature);
  file.trusted_comment = trusted->substr(kTrustedPrefix.size());
  file.global_signature = *tail;
  return file;
}

Result<> check_algorithm(const SignatureFile& file) {
  const std::string_view algorithm = as_text(file.algorithm);
  if (algorithm == "ED") return {};
  if (algorithm == "Ed")
    return bad("it is a legacy signature (\"Ed\"); sign again with minisign -S, without -l");
  return bad("the algorithm of the signature is not minisign's \"ED\"");
}

}  // namespace

std::string to_text(const KeyId& id) {
  return fmt::format("{:X}", ByteReader(id).le<8>());
}

Result<PublicKey> parse_public_key(std::string_view text) {
  if (text.size() > kPublicKeyLimit_bytes)
    return bad(fmt::format("the public key file has more than {} bytes", kPublicKeyLimit_bytes));
  text = without_mark(text);
  auto line = take_line(text);
  if (line && line->starts_with(kUntrustedPrefix)) line = take_line(text);
  if (!line) return bad("the public key file has no line with a key");
  if (!is_blank(text)) return bad("something follows the public key");
  const auto bytes = decode_base64<kPublicKey_bytes>(*line);
  if (!bytes) return bad("the public key is not the base64 of 42 bytes, as minisign writes it");

  std::array<std::byte, kAlgorithm_bytes> algorithm{};
  PublicKey key;
  ByteReader reader(*bytes);
  reader.copy_to(algorithm);
  reader.copy_to(key.id);
  reader.copy_to(key.key);
  if (as_text(algorithm) != "Ed") return bad("the public key is not an Ed25519 key");
  if (!is_reduced(key.key) || is_weak(key.key))
    return bad("anyone can make signatures for this public key; use one that minisign -G made");
  return key;
}

Result<Signed> verify_signature(ByteView message, std::string_view minisig,
                                std::span<const PublicKey> trusted) {
  const auto file = parse_signature(minisig);
  if (!file) return tl::unexpected(file.error());
  if (auto known = check_algorithm(*file); !known) return tl::unexpected(known.error());
  if (trusted.empty())
    return fail(Errc::UntrustedKey,
                fmt::format("key {}, and no key is trusted", to_text(file->key)));
  const auto has_id = [&](const PublicKey& key) { return key.id == file->key; };
  if (std::none_of(trusted.begin(), trusted.end(), has_id)) {
    std::string ids;
    for (const PublicKey& k : trusted.first(std::min(trusted.size(), kTrustedKeyLimit)))
      ids += (ids.empty() ? "" : ", ") + to_text(k.id);
    return fail(Errc::UntrustedKey, fmt::format("key {}, trusted is {}", to_text(file->key), ids));
  }

  const auto hash = blake2b512(message);
  // The maker of a key chooses its id: another one with the same id must not hide the right one.
  const auto key = std::find_if(trusted.begin(), trusted.end(), [&](const PublicKey& candidate) {
    return has_id(candidate) && hash && ed25519_verifies(candidate, file->signature, *hash);
  });
  if (key == trusted.end())
    return bad(fmt::format("it is not what key {} signed", to_text(file->key)));
  Bytes global(file->signature.begin(), file->signature.end());
  const ByteView comment = as_bytes(file->trusted_comment);
  global.insert(global.end(), comment.begin(), comment.end());
  if (!ed25519_verifies(*key, file->global_signature, global))
    return bad(fmt::format("the trusted comment is not what key {} signed", to_text(file->key)));
  return Signed{file->key, std::string(file->trusted_comment)};
}

std::optional<KeyId> signing_key(std::string_view minisig) {
  const auto file = parse_signature(minisig);
  if (!file) return std::nullopt;
  return file->key;
}

std::string_view plain_signature(std::string_view minisig) {
  minisig = without_mark(minisig);
  std::string_view rest = minisig;
  for (int line = 0; line < kSignature_lines; ++line) (void)take_line(rest);
  return is_blank(rest) ? minisig.substr(0, minisig.size() - rest.size()) : minisig;
}

}  // namespace fwr::image
