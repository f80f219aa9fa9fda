// SPDX-License-Identifier: GPL-3.0-or-later
// Grants, segments and refusals of the image stream. PROTOCOL §6.1.
#include "wire/stream.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace fwr::wire::stream {
namespace {

constexpr std::size_t kGrantHeader_bytes = 16;
constexpr std::size_t kRange_bytes = 6;

tl::unexpected<Error> bad_field(std::string_view message, std::string_view field) {
  return fail(Errc::BadField, std::string(message) + ", " + std::string(field));
}

Result<Message> decode_grant(ByteView bytes) {
  Grant grant;
  LayoutReader reader(bytes);
  Grant::layout(reader, grant);
  for (Range& range : grant.ranges) Range::layout(reader, range);
  if (auto done = reader.finish(Grant::kName); !done) return tl::unexpected(done.error());
  if (grant.segment_granules == 0) return bad_field(Grant::kName, "segment");
  if (grant.ranges.empty() || grant.ranges.size() > kRangesPerGrant)
    return bad_field(Grant::kName, "ranges");
  const auto empty = [](const Range& range) { return range.length_granules == 0; };
  if (std::any_of(grant.ranges.begin(), grant.ranges.end(), empty))
    return bad_field(Grant::kName, "length");
  return grant;
}

Result<Message> decode_segment(ByteView bytes) {
  Segment segment;
  LayoutReader reader(bytes);
  Segment::layout(reader, segment);
  if (auto done = reader.finish(Segment::kName); !done) return tl::unexpected(done.error());
  if (segment.data.empty()) return fail(Errc::Truncated, "Segment without data");
  return segment;
}

Result<Message> decode_refusal(ByteView bytes) {
  Result<Refusal> refusal = decode<Refusal>(bytes);
  if (!refusal) return tl::unexpected(refusal.error());
  if (refusal->reason == CompletionCode::Ok) return bad_field(Refusal::kName, "reason");
  return *refusal;
}

}  // namespace

Bytes encode(const Grant& grant) {
  assert(!grant.ranges.empty() && grant.ranges.size() <= kRangesPerGrant);
  ByteWriter out(kGrantHeader_bytes + grant.ranges.size() * kRange_bytes);
  LayoutWriter writer(out);
  Grant::layout(writer, grant);
  for (const Range& range : grant.ranges) Range::layout(writer, range);
  return std::move(out).release();
}

Bytes encode(const Segment& segment) {
  ByteWriter out(kSegmentHeader_bytes + segment.data.size());
  LayoutWriter writer(out);
  Segment::layout(writer, segment);
  return std::move(out).release();
}

void encode_segment_header(const Segment& segment, std::span<std::byte, kSegmentHeader_bytes> out) {
  Segment header = segment;
  header.data = {};
  const Bytes bytes = encode(header);
  assert(bytes.size() == out.size());
  std::memcpy(out.data(), bytes.data(), out.size());
}

Bytes encode(const Refusal& refusal) {
  return wire::encode<Refusal>(refusal);
}

Result<Message> decode_message(ByteView bytes) {
  if (bytes.empty()) return fail(Errc::Truncated, "image stream message");
  switch (static_cast<std::uint8_t>(bytes.front())) {
    case Grant::kKind: return decode_grant(bytes);
    case Segment::kKind: return decode_segment(bytes);
    case Refusal::kKind: return decode_refusal(bytes);
    default: return fail(Errc::Unsupported, "image stream message of an unknown kind");
  }
}

}  // namespace fwr::wire::stream
