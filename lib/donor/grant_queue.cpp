// SPDX-License-Identifier: GPL-3.0-or-later
// Admission and cutting of grants. PROTOCOL §6.1.
#include "donor/grant_queue.hpp"

#include <algorithm>
#include <cassert>

#include "wire/oem.hpp"

namespace fwr::donor {
namespace {

using wire::CompletionCode;
using wire::oem::kGranule_bytes;

/// Bytes of a range: whole granules, except at the end of the object. Zero when it is outside.
std::uint64_t bytes_of(std::uint64_t offset_granules, std::uint64_t length_granules,
                       std::uint64_t object_bytes) {
  const std::uint64_t begin = offset_granules * kGranule_bytes;
  if (begin >= object_bytes) return 0;
  const std::uint64_t rest = object_bytes - begin;
  const std::uint64_t rest_granules = (rest + kGranule_bytes - 1) / kGranule_bytes;
  if (length_granules > rest_granules) return 0;
  return std::min(rest, length_granules * kGranule_bytes);
}

}  // namespace

CompletionCode GrantQueue::take(const wire::stream::Grant& grant, const ObjectSizes& sizes,
                                const GrantLimits& limits) {
  if (grant.segment_granules == 0 || grant.segment_granules > limits.segment_granules)
    return CompletionCode::InvalidField;
  if (grant.ranges.empty()) return CompletionCode::InvalidField;
  std::uint64_t wanted_bytes = 0;
  for (const wire::stream::Range& range : grant.ranges) {
    const std::uint64_t bytes =
        bytes_of(range.offset_granules, range.length_granules, sizes.of(grant.object));
    if (bytes == 0) return CompletionCode::OutOfRange;
    wanted_bytes += bytes;
  }
  if (wanted_bytes + unsent_bytes_ > limits.credit_bytes) return CompletionCode::Busy;
  if (grant.ranges.size() + ranges_.size() > kWaitingRanges) return CompletionCode::Busy;
  for (const wire::stream::Range& range : grant.ranges)
    ranges_.push_back({grant.number, range.offset_granules, range.length_granules,
                       grant.segment_granules, grant.object, false});
  ranges_.back().last = true;
  unsent_bytes_ += wanted_bytes;
  return CompletionCode::Ok;
}

GrantQueue::Segment GrantQueue::next(const ObjectSizes& sizes) {
  assert(!ranges_.empty());
  Waiting& front = ranges_.front();
  const std::uint16_t granules = std::min(front.length_granules, front.segment_granules);
  const std::uint64_t bytes = bytes_of(front.offset_granules, granules, sizes.of(front.object));
  Segment segment{front.object, false, front.number, front.offset_granules,
                  static_cast<std::size_t>(bytes)};
  unsent_bytes_ -= bytes;
  front.offset_granules += granules;
  front.length_granules = static_cast<std::uint16_t>(front.length_granules - granules);
  if (front.length_granules == 0) {
    segment.last = front.last;
    ranges_.pop_front();
  }
  return segment;
}

void GrantQueue::skip_rest_of(const Segment& segment, const ObjectSizes& sizes) {
  // A grant's ranges are neighbours, and exactly its last one is marked.
  for (bool done = segment.last; !done;) {
    const Waiting& front = ranges_.front();
    done = front.last;
    unsent_bytes_ -= bytes_of(front.offset_granules, front.length_granules, sizes.of(front.object));
    ranges_.pop_front();
  }
}

void GrantQueue::clear() {
  ranges_.clear();
  unsent_bytes_ = 0;
}

}  // namespace fwr::donor
