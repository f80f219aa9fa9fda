// SPDX-License-Identifier: GPL-3.0-or-later
// RAKP's authentication codes and the derivation of session keys.
#include "session/keys.hpp"

#include <openssl/crypto.h>

#include <array>
#include <initializer_list>

#include "session/crypto.hpp"

namespace fwr::session {

namespace {

using SessionIdBytes = std::array<std::byte, 4>;

SessionIdBytes little_endian(std::uint32_t id) {
  return {static_cast<std::byte>(id), static_cast<std::byte>(id >> 8),
          static_cast<std::byte>(id >> 16), static_cast<std::byte>(id >> 24)};
}

/// ROLEm and ULENGTHm, which stand together in every formula.
std::array<std::byte, 2> role_and_length(const RakpExchange& exchange) {
  return {static_cast<std::byte>(exchange.role), static_cast<std::byte>(exchange.user.size())};
}

/// Passwords and K_g are zero-padded to 20 bytes, which under HMAC changes nothing: a key shorter
/// than the hash's block is padded with zeros anyway.
Result<Bytes> code(Hash hash, ByteView key, std::initializer_list<ByteView> parts,
                   std::size_t size) {
  auto hmac = Hmac::create(hash, key);
  if (!hmac) return tl::unexpected(hmac.error());
  Bytes out(size);
  if (!hmac->compute(parts, out))
    return fail(Errc::Internal, "libcrypto failed to compute an HMAC");
  return out;
}

Result<Secret> derived_key(Hash hash, ByteView key, std::initializer_list<ByteView> parts) {
  auto bytes = code(hash, key, parts, digest_bytes(hash));
  if (!bytes) return tl::unexpected(bytes.error());
  Secret secret(*bytes);
  OPENSSL_cleanse(bytes->data(), bytes->size());
  return secret;
}

}  // namespace

// HMAC_Kuid(SIDm, SIDc, Rm, Rc, GUIDc, ROLEm, ULENGTHm, UNAMEm)
Result<Bytes> rakp2_code(Hash hash, const Secret& password, const RakpExchange& x) {
  return code(hash, password.view(),
              {little_endian(x.console_session), little_endian(x.managed_session), x.console_random,
               x.managed_random, x.guid, role_and_length(x), as_bytes(x.user)},
              digest_bytes(hash));
}

// HMAC_Kuid(Rc, SIDm, ROLEm, ULENGTHm, UNAMEm)
Result<Bytes> rakp3_code(Hash hash, const Secret& password, const RakpExchange& x) {
  return code(
      hash, password.view(),
      {x.managed_random, little_endian(x.console_session), role_and_length(x), as_bytes(x.user)},
      digest_bytes(hash));
}

// SIK = HMAC_Kg(Rm, Rc, ROLEm, ULENGTHm, UNAMEm); Kn = HMAC_SIK(constant n)
Result<SessionKeys> session_keys(Hash hash, const Secret& key, const RakpExchange& x) {
  auto sik = derived_key(
      hash, key.view(), {x.console_random, x.managed_random, role_and_length(x), as_bytes(x.user)});
  if (!sik) return tl::unexpected(sik.error());
  std::array<std::byte, kKeyConstant_bytes> constant{};
  constant.fill(std::byte{1});
  auto k1 = derived_key(hash, sik->view(), {constant});
  if (!k1) return tl::unexpected(k1.error());
  constant.fill(std::byte{2});
  auto k2 = derived_key(hash, sik->view(), {constant});
  if (!k2) return tl::unexpected(k2.error());
  return SessionKeys{std::move(*sik), std::move(*k1), std::move(*k2)};
}

// HMAC_SIK(Rm, SIDc, GUIDc), cut to the size of the integrity algorithm
Result<Bytes> rakp4_check(const SuiteInfo& suite, const SessionKeys& keys, const RakpExchange& x) {
  return code(suite.hash, keys.sik.view(),
              {x.console_random, little_endian(x.managed_session), x.guid}, suite.mac_bytes);
}

}  // namespace fwr::session
