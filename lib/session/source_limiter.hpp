// SPDX-License-Identifier: GPL-3.0-or-later
// How many replies without a session may go out: for one source, and in all. PROTOCOL §8.4.
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include "base/address.hpp"
#include "base/token_bucket.hpp"
#include "base/types.hpp"

namespace fwr::session {

/// The address without its port: one host, whatever sockets it uses.
[[nodiscard]] Address host_of(Address address);

class SourceLimiter {
 public:
  struct Limits {
    unsigned per_source_per_s;
    unsigned burst;
    unsigned per_s;
    std::size_t sources;
    unsigned burst_of_all = 0;  ///< 0: what comes together in a second
  };
  explicit SourceLimiter(const Limits& limits)
      : limits_(limits),
        all_(limits.per_s, limits.burst_of_all > 0 ? limits.burst_of_all : limits.per_s) {}

  /// Takes a token of the source and one of all sources, or neither.
  [[nodiscard]] bool admit(const Address& source, TimePoint now);
  /// Only a token of the source: for one whose address was proved to be its own.
  [[nodiscard]] bool admit_proved(const Address& source, TimePoint now);
  /// What was admitted costs so many tokens more, of the source and of all sources.
  void charge(const Address& source, unsigned tokens, TimePoint now);
  [[nodiscard]] std::size_t sources() const { return by_age_.size(); }

 private:
  struct Source {
    Address host;
    TokenBucket bucket;
  };
  TokenBucket& bucket_of(const Address& host);

  Limits limits_;
  TokenBucket all_;
  std::list<Source> by_age_;  ///< most recently used first
  /// Ordered, not hashed: a sender chooses its addresses, and must not choose our collisions.
  std::map<Address, std::list<Source>::iterator> by_host_;
};

}  // namespace fwr::session
