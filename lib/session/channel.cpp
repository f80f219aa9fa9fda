// SPDX-License-Identifier: GPL-3.0-or-later
// Protection of the packets of a session.
#include "session/channel.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace fwr::session {

namespace {

constexpr std::size_t kRmcpHeader_bytes = 4;          // not covered by the authentication code
constexpr std::size_t kMaxHeaders_bytes = 4 + 18;     // RMCP, and RMCP+ with payload type 02h
constexpr std::size_t kMaxPads_bytes = 16 + 3;        // confidentiality and integrity pad
constexpr std::size_t kTrailerFields_bytes = 2;       // pad length, next header
constexpr std::size_t kIntegrityAlignment_bytes = 4;  // IPMI v2.0 §13.28.4
constexpr std::byte kIntegrityPad{0xff};
constexpr std::byte kNextHeader{0x07};

}  // namespace

std::span<const std::byte, kAesBlock_bytes> IvSource::next() {
  if (used_ == kVectors) {
    random_->fill(pool_);
    used_ = 0;
  }
  return std::span<const std::byte, kAesBlock_bytes>(pool_.data() + kAesBlock_bytes * used_++,
                                                     kAesBlock_bytes);
}

SecureChannel::SecureChannel(const SuiteInfo& suite, Hmac mac, AesCbc encrypt, AesCbc decrypt,
                             std::uint32_t peer_session, RandomSource& random)
    : mac_bytes_(suite.mac_bytes),
      mac_(std::move(mac)),
      encrypt_(std::move(encrypt)),
      decrypt_(std::move(decrypt)),
      peer_session_(peer_session),
      ivs_(random) {}

Result<SecureChannel> SecureChannel::create(CipherSuite suite, const SessionKeys& keys,
                                            std::uint32_t peer_session, RandomSource& random) {
  auto mac = Hmac::create(info(suite).hash, keys.k1.view());
  if (!mac) return tl::unexpected(std::move(mac).error());
  auto encrypt = AesCbc::create(AesCbc::Direction::Encrypt, keys.k2.view());
  if (!encrypt) return tl::unexpected(std::move(encrypt).error());
  auto decrypt = AesCbc::create(AesCbc::Direction::Decrypt, keys.k2.view());
  if (!decrypt) return tl::unexpected(std::move(decrypt).error());
  return SecureChannel(info(suite), *std::move(mac), *std::move(encrypt), *std::move(decrypt),
                       peer_session, random);
}

// | headers | IV | payload, pad 1 2 3 .., pad length: encrypted | FFh.. | pad length | 07h | MAC |
Result<Bytes> SecureChannel::seal(wire::RmcpPlusHeader header, ByteView payload) {
  if (payload.size() > kPayloadLimit_bytes)
    return fail(Errc::LimitExceeded, "a payload of " + std::to_string(payload.size()) + " bytes");

  const std::size_t whole = payload.size() / kAesBlock_bytes * kAesBlock_bytes;
  const ByteView tail = payload.subspan(whole);
  const std::size_t protected_size = kAesBlock_bytes + whole + kAesBlock_bytes;

  header.encrypted = true;
  header.authenticated = true;
  header.session_id = peer_session_;
  header.sequence = sent_.next();
  ByteWriter out(kMaxHeaders_bytes + protected_size + kMaxPads_bytes + kTrailerFields_bytes +
                 mac_bytes_);
  wire::put_headers(out, header, protected_size);
  const auto iv = ivs_.next();
  out.bytes(iv);
  const std::size_t ciphertext_at = out.size();

  std::array<std::byte, kAesBlock_bytes> last{};
  std::copy(tail.begin(), tail.end(), last.begin());
  const std::size_t pad = kAesBlock_bytes - 1 - tail.size();
  for (std::size_t i = 0; i < pad; ++i) last[tail.size() + i] = static_cast<std::byte>(i + 1);
  last.back() = static_cast<std::byte>(pad);

  out.zeros(whole + kAesBlock_bytes);
  const std::size_t unaligned =
      (out.size() - kRmcpHeader_bytes + kTrailerFields_bytes) % kIntegrityAlignment_bytes;
  const std::size_t integrity_pad = unaligned == 0 ? 0 : kIntegrityAlignment_bytes - unaligned;
  for (std::size_t i = 0; i < integrity_pad; ++i) out.u8(static_cast<std::uint8_t>(kIntegrityPad));
  out.u8(static_cast<std::uint8_t>(integrity_pad));
  out.u8(static_cast<std::uint8_t>(kNextHeader));
  out.zeros(mac_bytes_);

  Bytes datagram = std::move(out).release();
  const std::span<std::byte> ciphertext = std::span(datagram).subspan(ciphertext_at);
  const std::size_t mac_at = datagram.size() - mac_bytes_;
  if (!encrypt_.begin(iv) || !encrypt_.update(payload.first(whole), ciphertext.first(whole)) ||
      !encrypt_.update(last, ciphertext.subspan(whole, kAesBlock_bytes)) ||
      !mac_.compute({ByteView(datagram).subspan(kRmcpHeader_bytes, mac_at - kRmcpHeader_bytes)},
                    std::span(datagram).subspan(mac_at)))
    return fail(Errc::Internal, "libcrypto failed to protect a packet");
  return datagram;
}

bool SecureChannel::open(const wire::RmcpPlusPacket& packet, Bytes& out) {
  if (!packet.header.authenticated || !packet.header.encrypted) return false;
  // Before the MAC, to save its cost on repeats; the window moves after it.
  if (!received_.allows(packet.header.sequence)) return false;
  if (!mac_is_good(packet)) return false;
  received_.accept(packet.header.sequence);
  return decrypt(packet.payload, out);
}

bool SecureChannel::mac_is_good(const wire::RmcpPlusPacket& packet) {
  if (packet.trailer.size() < kTrailerFields_bytes + mac_bytes_) return false;
  const std::size_t covered = packet.trailer.size() - mac_bytes_;
  std::array<std::byte, kMaxDigest_bytes> mac{};
  const std::span<std::byte> expected = std::span(mac).first(mac_bytes_);
  if (!mac_.compute({packet.integrity_scope, packet.trailer.first(covered)}, expected))
    return false;
  if (!equal_constant_time(expected, packet.trailer.subspan(covered))) return false;
  // What follows was written by a holder of the key; it can only be malformed.
  const auto pad = static_cast<std::size_t>(packet.trailer[covered - 2]);
  return packet.trailer[covered - 1] == kNextHeader && pad + kTrailerFields_bytes == covered;
}

bool SecureChannel::decrypt(ByteView payload, Bytes& out) {
  if (payload.size() < 2 * kAesBlock_bytes || payload.size() % kAesBlock_bytes != 0) return false;
  const ByteView ciphertext = payload.subspan(kAesBlock_bytes);
  out.resize(ciphertext.size());
  if (!decrypt_.begin(payload.first<kAesBlock_bytes>()) || !decrypt_.update(ciphertext, out))
    return false;
  const auto pad = static_cast<std::size_t>(out.back());
  if (pad >= kAesBlock_bytes) return false;  // IPMI v2.0 §13.29: 0 to 15
  const std::size_t size = out.size() - 1 - pad;
  for (std::size_t i = 0; i < pad; ++i)
    if (out[size + i] != static_cast<std::byte>(i + 1)) return false;
  out.resize(size);
  return true;
}

}  // namespace fwr::session
