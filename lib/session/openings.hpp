// SPDX-License-Identifier: GPL-3.0-or-later
// What Open Session Requests settled, under ids that only their senders can know. PROTOCOL §8.3.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/types.hpp"
#include "session/crypto.hpp"
#include "wire/rakp.hpp"

namespace fwr::session {

/// All that an Open Session Request settles.
struct Opening {
  std::uint32_t console_session = 0;
  std::uint8_t tag = 0;
  CipherSuite suite = CipherSuite::Suite17;
  wire::Privilege ceiling = wire::Privilege::User;
  friend bool operator==(const Opening&, const Opening&) = default;
};

/// The ids are codes over the opening and the address of its sender, under a key that changes each
/// minute: who returns one in RAKP 1 was reached at that address. What a request settled stays in a
/// table of fixed size, in which only much newer openings take the place of older ones, so a flood
/// with forged addresses costs no memory and locks no client out.
class Openings {
 public:
  /// `life`: from Open Session to the last RAKP 1. `random` must outlive the object.
  Openings(Duration life, RandomSource& random);

  void set_life(Duration life) { life_ = life; }
  /// The id for an opening; a repeat gets the id of the first while that lives. `taken(id)`: other
  /// sessions use this id. Nothing when libcrypto fails.
  [[nodiscard]] std::optional<std::uint32_t> issue(const Opening& opening, const Address& peer,
                                                   TimePoint now,
                                                   const std::function<bool(std::uint32_t)>& taken);
  struct Found {
    Opening opening;
    TimePoint expires;
  };
  /// What this id was issued for, to this address and port.
  [[nodiscard]] std::optional<Found> find(std::uint32_t id, const Address& peer, TimePoint now);

  static constexpr std::size_t kEntries = 16384;  ///< openings, 32 bytes each
  static constexpr std::chrono::seconds kRekey{60};

 private:
  struct Entry {
    std::uint32_t id = 0;  ///< 0: none
    Opening opening;
    std::uint8_t attempt = 0;  ///< how many ids were taken by other sessions
    TimePoint expires{};
  };
  static constexpr std::size_t kWays = 4;  ///< entries that share a place in the table
  static constexpr std::uint8_t kAttempts = 4;

  void rekey(TimePoint now);
  [[nodiscard]] std::uint32_t code(Hmac& key, const Opening& opening, std::uint8_t attempt,
                                   const Address& peer);
  [[nodiscard]] std::span<Entry> place_of(std::uint32_t id);

  Duration life_;
  RandomSource& random_;
  std::optional<Hmac> key_;
  std::optional<Hmac> previous_;  ///< for the life of the openings that have it
  TimePoint rekey_at_{};
  std::vector<Entry> entries_;  ///< made with the first opening
};

}  // namespace fwr::session
