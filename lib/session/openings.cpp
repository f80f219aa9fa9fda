// SPDX-License-Identifier: GPL-3.0-or-later
// The codes, and the table of those that wait for RAKP 1.
#include "session/openings.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "session/application.hpp"

namespace fwr::session {

Openings::Openings(Duration life, RandomSource& random) : life_(life), random_(random) {}

void Openings::rekey(TimePoint now) {
  if (key_ && now < rekey_at_) return;
  previous_ = std::move(key_);
  key_.reset();
  if (now >= rekey_at_ + kRekey) previous_.reset();
  std::array<std::byte, kMaxDigest_bytes> key{};
  random_.fill(key);
  if (auto made = Hmac::create(Hash::Sha256, key)) key_ = *std::move(made);
  OPENSSL_cleanse(key.data(), key.size());
  rekey_at_ = now + kRekey;
}

/// 31 bits, not zero; 0 when libcrypto fails.
std::uint32_t Openings::code(Hmac& key, const Opening& opening, std::uint8_t attempt,
                             const Address& peer) {
  ByteWriter text;
  text.u8(static_cast<std::uint8_t>(peer.family));
  text.u32(peer.scope);
  text.u16(peer.port);
  text.bytes(std::as_bytes(std::span(peer.bytes)));
  text.u32(opening.console_session);
  text.u8(opening.tag);
  text.u8(static_cast<std::uint8_t>(opening.suite));
  text.u8(static_cast<std::uint8_t>(opening.ceiling));
  text.u8(attempt);
  const Bytes message = std::move(text).release();
  std::array<std::byte, 4> out{};
  if (!key.compute({message}, out)) return 0;
  const std::uint32_t id = ByteReader(out).u32() & ~kPlainSession;
  return id == 0 ? 1 : id;
}

std::span<Openings::Entry> Openings::place_of(std::uint32_t id) {
  if (entries_.empty()) entries_.resize(kEntries);
  return std::span(entries_).subspan(id % (kEntries / kWays) * kWays, kWays);
}

std::optional<std::uint32_t> Openings::issue(const Opening& opening, const Address& peer,
                                             TimePoint now,
                                             const std::function<bool(std::uint32_t)>& taken) {
  rekey(now);
  if (!key_) return std::nullopt;
  // The request of before the key changed may come again.
  if (previous_ && now < rekey_at_ - kRekey + life_) {
    const std::uint32_t id = code(*previous_, opening, 0, peer);
    for (const Entry& entry : place_of(id))
      if (entry.id == id && entry.opening == opening && now < entry.expires && !taken(id))
        return id;
  }
  for (std::uint8_t attempt = 0; attempt < kAttempts; ++attempt) {
    const std::uint32_t id = code(*key_, opening, attempt, peer);
    if (id == 0) return std::nullopt;
    if (taken(id)) continue;
    const std::span<Entry> place = place_of(id);
    auto at = std::find_if(place.begin(), place.end(),
                           [&](const Entry& entry) { return entry.id == id; });
    if (at == place.end())
      at = std::min_element(place.begin(), place.end(),
                            [](const Entry& a, const Entry& b) { return a.expires < b.expires; });
    // A repeat does not get more time.
    if (at->id != id || now >= at->expires) *at = {id, opening, attempt, now + life_};
    return id;
  }
  return std::nullopt;
}

std::optional<Openings::Found> Openings::find(std::uint32_t id, const Address& peer,
                                              TimePoint now) {
  if (id == 0 || entries_.empty()) return std::nullopt;
  for (const Entry& entry : place_of(id)) {
    if (entry.id != id || now >= entry.expires) continue;
    for (std::optional<Hmac>* key : {&key_, &previous_})
      if (*key && code(**key, entry.opening, entry.attempt, peer) == id)
        return Found{entry.opening, entry.expires};
  }
  return std::nullopt;
}

}  // namespace fwr::session
