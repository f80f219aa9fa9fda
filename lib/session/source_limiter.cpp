// SPDX-License-Identifier: GPL-3.0-or-later
// The bounded table of sources, least recently used first out.
#include "session/source_limiter.hpp"

#include <utility>

namespace fwr::session {

bool SourceLimiter::admit(const Address& source, TimePoint now) {
  if (!all_.has_token(now)) return false;
  TokenBucket& bucket = bucket_of(source);
  if (!bucket.has_token(now)) return false;
  bucket.take(now);
  all_.take(now);
  return true;
}

void SourceLimiter::charge(const Address& source, unsigned tokens, TimePoint now) {
  bucket_of(source).take(now, tokens);
  all_.take(now, tokens);
}

TokenBucket& SourceLimiter::bucket_of(const Address& source) {
  const auto known = by_address_.find(source);
  if (known != by_address_.end()) {
    by_age_.splice(by_age_.begin(), by_age_, known->second);
    return by_age_.front().bucket;
  }
  if (!by_age_.empty() && by_age_.size() >= limits_.sources) {
    by_address_.erase(by_age_.back().address);
    by_age_.pop_back();
  }
  by_age_.push_front({source, TokenBucket(limits_.per_source_per_s, limits_.burst)});
  by_address_.emplace(source, by_age_.begin());
  return by_age_.front().bucket;
}

}  // namespace fwr::session
