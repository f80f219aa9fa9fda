// SPDX-License-Identifier: GPL-3.0-or-later
// Limits the rate of replies: for one source, and in all. PROTOCOL §8.4.
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include "base/address.hpp"
#include "base/token_bucket.hpp"
#include "base/types.hpp"

namespace fwr::session {

/// The caller decides what a source is: an address with its port, one without, or a prefix.
class SourceLimiter {
 public:
  struct Limits {
    unsigned per_source_per_s;
    unsigned burst;
    unsigned per_s;
    std::size_t sources;
    unsigned burst_of_all = 0;  ///< 0: the rate of one second
  };
  explicit SourceLimiter(const Limits& limits)
      : limits_(limits),
        all_(limits.per_s, limits.burst_of_all > 0 ? limits.burst_of_all : limits.per_s) {}

  /// Takes a token of the source and one of all sources, or neither.
  [[nodiscard]] bool admit(const Address& source, TimePoint now);
  /// Takes so many more tokens for what was admitted, of the source and of all sources.
  void charge(const Address& source, unsigned tokens, TimePoint now);
  [[nodiscard]] std::size_t sources() const { return by_age_.size(); }

 private:
  struct Source {
    Address address;
    TokenBucket bucket;
  };
  TokenBucket& bucket_of(const Address& source);

  Limits limits_;
  TokenBucket all_;
  std::list<Source> by_age_;  ///< most recently used first
  /// Ordered, not hashed: a sender chooses its addresses, and must not choose our collisions.
  std::map<Address, std::list<Source>::iterator> by_address_;
};

}  // namespace fwr::session
