// SPDX-License-Identifier: GPL-3.0-or-later
// The grants of a recipient that are not sent yet, cut into segments one at a time. PROTOCOL §6.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "wire/ipmi.hpp"
#include "wire/stream.hpp"

namespace fwr::donor {

/// Limit of the ranges that wait in one lease, besides the credit: small ranges cost memory, not
/// credit.
inline constexpr std::size_t kWaitingRanges = 16384;

struct ObjectSizes {
  std::uint64_t image_bytes = 0;
  std::uint64_t tree_bytes = 0;
  [[nodiscard]] std::uint64_t of(wire::stream::Object object) const {
    return object == wire::stream::Object::Image ? image_bytes : tree_bytes;
  }
};

struct GrantLimits {
  std::uint32_t credit_bytes = 0;  ///< granted and unsent at any time
  std::uint16_t segment_granules = 0;
};

class GrantQueue {
 public:
  /// Takes all ranges, or none. Ok; OutOfRange: a range is outside the object; Busy: over the
  /// credit or kWaitingRanges; InvalidField: larger segments than the limit.
  [[nodiscard]] wire::CompletionCode take(const wire::stream::Grant& grant,
                                          const ObjectSizes& sizes, const GrantLimits& limits);
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] std::uint64_t unsent_bytes() const { return unsent_bytes_; }

  struct Segment {
    wire::stream::Object object = wire::stream::Object::Image;
    bool last = false;  ///< the last segment of its grant
    std::uint32_t number = 0;
    std::uint32_t offset_granules = 0;
    std::size_t size_bytes = 0;
  };
  /// The next segment; from now on it counts as sent. The queue is not empty.
  [[nodiscard]] Segment next(const ObjectSizes& sizes);
  /// Forgets the rest of the grant that `segment`, the latest of next(), belongs to.
  void skip_rest_of(const Segment& segment, const ObjectSizes& sizes);
  void clear();

 private:
  struct Waiting {
    std::uint32_t number = 0;
    std::uint32_t offset_granules = 0;
    std::uint16_t length_granules = 0;
    std::uint16_t segment_granules = 0;
    wire::stream::Object object = wire::stream::Object::Image;
    bool last = false;
  };
  std::deque<Waiting> ranges_;
  std::uint64_t unsent_bytes_ = 0;
};

}  // namespace fwr::donor
