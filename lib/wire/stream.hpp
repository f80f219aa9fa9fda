// SPDX-License-Identifier: GPL-3.0-or-later
// The image stream: grants, segments and refusals. PROTOCOL §6.1.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "wire/ipmi.hpp"
#include "wire/layout.hpp"
#include "wire/oem.hpp"

namespace fwr::wire::stream {

inline constexpr std::uint16_t kPayloadId = 0x0001;  ///< OEM payload id
inline constexpr std::size_t kRangesPerGrant = 32;
inline constexpr std::size_t kSegmentHeader_bytes = 16;

enum class Object : std::uint8_t { Image = 0, Tree = 1 };

struct Range {
  std::uint32_t offset_granules = 0;
  std::uint16_t length_granules = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

struct Grant {
  Object object = Object::Image;
  std::uint16_t segment_granules = 0;
  std::uint32_t handle = 0;
  std::uint32_t number = 0;
  std::vector<Range> ranges;
};

/// `data` views the bytes that were decoded.
struct Segment {
  Object object = Object::Image;
  bool last = false;  ///< of its grant
  std::uint32_t handle = 0;
  std::uint32_t number = 0;
  std::uint32_t offset_granules = 0;
  ByteView data;
};

struct Refusal {
  Object object = Object::Image;
  CompletionCode reason = CompletionCode::Ok;
  std::uint32_t handle = 0;
  std::uint32_t number = 0;
};

[[nodiscard]] Bytes encode(const Grant& grant);
[[nodiscard]] Bytes encode(const Segment& segment);
/// Writes the 16-byte header of a segment in front of data that is already in place.
void encode_segment_header(const Segment& segment, std::span<std::byte, kSegmentHeader_bytes> out);
[[nodiscard]] Bytes encode(const Refusal& refusal);

/// Errors: Truncated, BadField (also an object that we do not know), Unsupported for an unknown
/// kind.
using Message = std::variant<Grant, Segment, Refusal>;
[[nodiscard]] Result<Message> decode_message(ByteView bytes);

}  // namespace fwr::wire::stream
