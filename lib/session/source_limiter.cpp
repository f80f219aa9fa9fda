// SPDX-License-Identifier: GPL-3.0-or-later
// The bounded table of sources, least recently used first out.
#include "session/source_limiter.hpp"

#include <utility>

namespace fwr::session {

Address host_of(Address address) {
  address.port = 0;
  return address;
}

bool SourceLimiter::admit(const Address& source, TimePoint now) {
  if (!all_.has_token(now) || !admit_proved(source, now)) return false;
  all_.take(now);
  return true;
}

bool SourceLimiter::admit_proved(const Address& source, TimePoint now) {
  TokenBucket& bucket = bucket_of(host_of(source));
  if (!bucket.has_token(now)) return false;
  bucket.take(now);
  return true;
}

void SourceLimiter::charge(const Address& source, unsigned tokens, TimePoint now) {
  bucket_of(host_of(source)).take(now, tokens);
  all_.take(now, tokens);
}

TokenBucket& SourceLimiter::bucket_of(const Address& host) {
  const auto known = by_host_.find(host);
  if (known != by_host_.end()) {
    by_age_.splice(by_age_.begin(), by_age_, known->second);
    return by_age_.front().bucket;
  }
  if (!by_age_.empty() && by_age_.size() >= limits_.sources) {
    by_host_.erase(by_age_.back().host);
    by_age_.pop_back();
  }
  by_age_.push_front({host, TokenBucket(limits_.per_source_per_s, limits_.burst)});
  by_host_.emplace(host, by_age_.begin());
  return by_age_.front().bucket;
}

}  // namespace fwr::session
