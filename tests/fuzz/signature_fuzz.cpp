// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes minisign signatures and public keys: nothing is accepted that was not signed with the key.
//
// There is one way to write what counts: the base64 lines and the trusted comment. The untrusted
// comment and the ends of lines (LF, CR LF) are free.
#include <string>

#include "fuzz.hpp"
#include "image/signature.hpp"
#include "support/test_signer.hpp"

namespace fwr::fuzz {
namespace {

using image::PublicKey;

constexpr std::string_view kMessage = R"({"format":1})";

/// Line `which` of a text, without its end.
std::string_view line_of(std::string_view text, std::size_t which) {
  for (; which > 0; --which) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

struct Signing {
  test::TestSigner signer{1};
  std::string signature = signer.sign(kMessage);
};
const Signing& signing() {
  static const Signing kOne;
  return kOne;
}

void require_honest(std::string_view message, std::string_view minisig) {
  const auto good = image::verify_signature(as_bytes(message), minisig,
                                            std::span(&signing().signer.public_key(), 1));
  if (!good) {
    require(good.error().code == Errc::BadSignature || good.error().code == Errc::UntrustedKey,
            "the code of a refusal");
    return;
  }
  require(message == kMessage, "nobody signed this message");
  require(line_of(minisig, 1) == line_of(signing().signature, 1), "nobody made this signature");
  require(line_of(minisig, 2) == line_of(signing().signature, 2) &&
              line_of(minisig, 3) == line_of(signing().signature, 3),
          "nobody signed this trusted comment");
  require(good->key == signing().signer.public_key().id && good->trusted_comment == "test",
          "what is signed is what is reported");
}

/// The good signature with some bytes changed, put in or left out.
std::string damaged(Input& in) {
  std::string text = signing().signature;
  for (unsigned changes = 0; changes < 8 && !in.ended(); ++changes) {
    const std::size_t at = in.u16() % (text.size() + 1);
    const char c = static_cast<char>(in.u8());
    switch (in.below(3)) {
      case 0: text.insert(at, 1, c); break;
      case 1: text.erase(at, 1); break;
      default:
        if (at < text.size()) text[at] = c;
        break;
    }
    if (text.empty()) break;
  }
  return text;
}

void public_key(std::string_view text) {
  const auto key = image::parse_public_key(text);
  if (!key) {
    require(key.error().code == Errc::BadSignature, "the code of a refusal");
    return;
  }
  // Written as minisign writes it, it is the same key.
  Bytes line{std::byte{'E'}, std::byte{'d'}};
  line.insert(line.end(), key->id.begin(), key->id.end());
  line.insert(line.end(), key->key.begin(), key->key.end());
  std::string written(57, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(written.data()),
                  reinterpret_cast<const unsigned char*>(line.data()), 42);
  written.pop_back();
  require(text.find(written) != std::string_view::npos, "encode(decode(x)) == x: public key");
  const auto again = image::parse_public_key(written);
  require(again && *again == *key, "decode(encode(x)) == x: public key");
  // Another key never verifies what ours signed.
  const bool ours = *key == signing().signer.public_key();
  const auto verified =
      image::verify_signature(as_bytes(kMessage), signing().signature, std::span(&*key, 1));
  require(verified.has_value() == ours, "only the key that signed verifies");
}

enum class InputKind : std::uint8_t { AnySignature, DamagedSignature, AnyMessage, PublicKey };
constexpr std::array<NamedAction<InputKind>, 4> kInputKinds{{
    {InputKind::AnySignature, "any-signature"},
    {InputKind::DamagedSignature, "damaged-signature"},
    {InputKind::AnyMessage, "any-message"},
    {InputKind::PublicKey, "public-key"},
}};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fwr::fuzz;
  Input in(data, size);
  switch (draw_action(in, kInputKinds)) {
    case InputKind::AnySignature: require_honest(kMessage, fwr::as_text(exact(in.rest()))); break;
    case InputKind::DamagedSignature: require_honest(kMessage, damaged(in)); break;
    case InputKind::AnyMessage:
      require_honest(fwr::as_text(exact(in.rest())), signing().signature);
      break;
    case InputKind::PublicKey: public_key(fwr::as_text(exact(in.rest()))); break;
  }
  return 0;
}
