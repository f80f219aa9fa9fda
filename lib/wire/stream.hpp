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
[[nodiscard]] constexpr bool is_known(Object object) {
  return object <= Object::Tree;
}

struct Range {
  std::uint32_t offset_granules = 0;
  std::uint16_t length_granules = 0;
  friend bool operator==(const Range&, const Range&) = default;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<4>("offset", m.offset_granules);  // 0:3
    c.template le<2>("length", m.length_granules);  // 4:5
  }
};

struct Grant {
  static constexpr std::string_view kName = "Grant";
  static constexpr std::uint8_t kKind = 1;
  Object object = Object::Image;
  std::uint16_t segment_granules = 0;
  std::uint32_t handle = 0;
  std::uint32_t number = 0;
  std::vector<Range> ranges;  ///< 1..kRangesPerGrant; they follow the layout
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template fixed<1>("kind", kKind);               // 0
    c.template le<1>("object", m.object);             // 1
    c.template le<2>("segment", m.segment_granules);  // 2:3
    c.template le<4>("handle", m.handle);             // 4:7
    c.template le<4>("number", m.number);             // 8:11
    c.count("ranges", m.ranges);                      // 12
    c.template reserved<3>("reserved");               // 13:15
  }
};

/// `data` views the bytes that were decoded.
struct Segment {
  static constexpr std::string_view kName = "Segment";
  static constexpr std::uint8_t kKind = 2;
  Object object = Object::Image;
  bool last = false;  ///< of its grant
  std::uint32_t handle = 0;
  std::uint32_t number = 0;
  std::uint32_t offset_granules = 0;
  ByteView data;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template fixed<1>("kind", kKind);             // 0
    c.template le<1>("object", m.object);           // 1
    c.flag("flags", m.last);                        // 2
    c.template reserved<1>("reserved");             // 3
    c.template le<4>("handle", m.handle);           // 4:7
    c.template le<4>("number", m.number);           // 8:11
    c.template le<4>("offset", m.offset_granules);  // 12:15
    c.rest("data", m.data);                         // 16:
  }
};

struct Refusal {
  static constexpr std::string_view kName = "Refusal";
  static constexpr std::uint8_t kKind = 3;
  Object object = Object::Image;
  CompletionCode reason = CompletionCode::Unspecified;
  std::uint32_t handle = 0;
  std::uint32_t number = 0;
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template fixed<1>("kind", kKind);    // 0
    c.template le<1>("object", m.object);  // 1
    c.template le<1>("reason", m.reason);  // 2
    c.template reserved<1>("reserved");    // 3
    c.template le<4>("handle", m.handle);  // 4:7
    c.template le<4>("number", m.number);  // 8:11
  }
};

[[nodiscard]] Bytes encode(const Grant& grant);
[[nodiscard]] Bytes encode(const Segment& segment);
/// Writes the 16-byte header of a segment in front of data that is already in place.
void encode_segment_header(const Segment& segment, std::span<std::byte, kSegmentHeader_bytes> out);
[[nodiscard]] Bytes encode(const Refusal& refusal);

/// Errors: Truncated, BadField (an object that we do not know, no ranges or too many, an empty
/// range, a segment size of 0, a refusal that gives no reason), Unsupported for an unknown kind.
using Message = std::variant<Grant, Segment, Refusal>;
[[nodiscard]] Result<Message> decode_message(ByteView bytes);

}  // namespace fwr::wire::stream
