// SPDX-License-Identifier: GPL-3.0-or-later
// The image stream. PROTOCOL §6.1.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <variant>

#include "support/hex.hpp"
#include "wire/stream.hpp"

namespace fwr::wire::stream {
namespace {

using test::exact;
using test::expect_every_prefix_fails;
using test::hex;
using test::joined;

constexpr std::string_view kGrant =
    "01 01 11 00 | 04 03 02 01 | 07 00 00 00 | 02 00 00 00 | "
    "00 00 01 00 40 00 | ff ff ff ff 01 00";
constexpr std::string_view kSegment =
    "02 00 01 00 | 04 03 02 01 | 07 00 00 00 | 11 00 00 00 | de ad be ef";
constexpr std::string_view kRefusal = "03 01 84 00 | 04 03 02 01 | 07 00 00 00";

Errc error_of(const Bytes& bytes) {
  const Result<Message> message = decode_message(bytes);
  if (message) {
    ADD_FAILURE() << "accepted: " << test::spaced(bytes);
    return Errc::Internal;
  }
  return message.error().code;
}

Bytes with_byte(std::string_view text, std::size_t at, unsigned value) {
  Bytes bytes = hex(text);
  bytes[at] = static_cast<std::byte>(value);
  return bytes;
}

TEST(Grant, IsReadAndWritten) {
  const Result<Message> message = decode_message(hex(kGrant));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  const Grant& grant = std::get<Grant>(*message);
  EXPECT_EQ(Object::Tree, grant.object);
  EXPECT_EQ(17, grant.segment_granules);
  EXPECT_EQ(0x01020304U, grant.handle);
  EXPECT_EQ(7U, grant.number);
  EXPECT_EQ((std::vector<Range>{{0x10000, 64}, {0xffffffff, 1}}), grant.ranges);
  EXPECT_EQ(hex(kGrant), encode(grant));
}

TEST(Grant, HoldsUpTo32Ranges) {
  Grant grant;
  grant.segment_granules = 1;
  grant.ranges.resize(kRangesPerGrant, Range{1, 1});
  const Bytes bytes = encode(grant);
  EXPECT_EQ(16U + 32U * 6U, bytes.size());
  EXPECT_TRUE(decode_message(bytes).has_value());
  Bytes more = joined(bytes, hex("01 00 00 00 01 00"));
  more[12] = std::byte{33};
  EXPECT_EQ(Errc::BadField, error_of(more));
}

TEST(Grant, RejectsEveryTruncation) {
  expect_every_prefix_fails(hex(kGrant), Errc::Truncated, decode_message);
}

TEST(Grant, RejectsMoreRangesThanItBrings) {
  EXPECT_EQ(Errc::Truncated, error_of(with_byte(kGrant, 12, 3)));
  EXPECT_EQ(Errc::Truncated, error_of(with_byte(kGrant, 12, 255)));
}

TEST(Grant, RejectsValuesThatMeanNothing) {
  EXPECT_EQ(Errc::BadField, error_of(with_byte(kGrant, 1, 2))) << "object";
  EXPECT_EQ(Errc::BadField, error_of(with_byte(kGrant, 2, 0))) << "segments of nothing";
  EXPECT_EQ(Errc::BadField, error_of(with_byte(kGrant, 12, 0))) << "no ranges";
  EXPECT_EQ(Errc::BadField, error_of(with_byte(kGrant, 26, 0))) << "an empty range";
}

TEST(Grant, IgnoresReservedBytesAndWhatALaterVersionAdds) {
  Bytes bytes = joined(with_byte(kGrant, 13, 0xff), hex("99 99"));
  const Result<Message> message = decode_message(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(hex(kGrant), encode(std::get<Grant>(*message)));
}

TEST(Segment, IsReadAndWritten) {
  const Bytes bytes = hex(kSegment);
  const Result<Message> message = decode_message(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message();
  const Segment& segment = std::get<Segment>(*message);
  EXPECT_EQ(Object::Image, segment.object);
  EXPECT_TRUE(segment.last);
  EXPECT_EQ(0x01020304U, segment.handle);
  EXPECT_EQ(7U, segment.number);
  EXPECT_EQ(17U, segment.offset_granules);
  EXPECT_EQ(bytes.data() + kSegmentHeader_bytes, segment.data.data()) << "a view, not a copy";
  EXPECT_EQ(hex("de ad be ef"), exact(segment.data));
  EXPECT_EQ(bytes, encode(segment));
}

TEST(Segment, NeedsAtLeastOneByteOfData) {
  expect_every_prefix_fails(exact(ByteView(hex(kSegment)).first(kSegmentHeader_bytes + 1)),
                            Errc::Truncated, decode_message);
}

TEST(Segment, ReadsOnlyTheLowestFlag) {
  const Bytes reserved = with_byte(kSegment, 2, 0xfe);
  const Result<Message> not_last = decode_message(reserved);
  ASSERT_TRUE(not_last.has_value()) << not_last.error().message();
  EXPECT_FALSE(std::get<Segment>(*not_last).last);
}

TEST(Segment, RejectsAnObjectThatWeDoNotKnow) {
  EXPECT_EQ(Errc::BadField, error_of(with_byte(kSegment, 1, 2)));
}

TEST(SegmentHeader, IsWhatTheSegmentStartsWith) {
  const Bytes data = hex("de ad be ef");
  Segment segment;
  segment.object = Object::Tree;
  segment.handle = 0xfffefdfc;
  segment.number = 0x80000001;
  segment.offset_granules = 3;
  segment.data = data;
  std::array<std::byte, kSegmentHeader_bytes> header{};
  encode_segment_header(segment, header);
  EXPECT_EQ(encode(segment), joined(header, data));
}

TEST(Refusal, IsReadAndWritten) {
  const Result<Message> message = decode_message(hex(kRefusal));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  const Refusal& refusal = std::get<Refusal>(*message);
  EXPECT_EQ(Object::Tree, refusal.object);
  EXPECT_EQ(CompletionCode::LeaseEnded, refusal.reason);
  EXPECT_EQ(0x01020304U, refusal.handle);
  EXPECT_EQ(7U, refusal.number);
  EXPECT_EQ(hex(kRefusal), encode(refusal));
  expect_every_prefix_fails(hex(kRefusal), Errc::Truncated, decode_message);
}

TEST(Refusal, RejectsOneWithoutAReason) {
  EXPECT_EQ(Errc::BadField, error_of(with_byte(kRefusal, 2, 0)));
}

TEST(StreamMessage, IsUnsupportedWhenItsKindIsUnknown) {
  for (const unsigned kind : {0U, 4U, 0xffU})
    EXPECT_EQ(Errc::Unsupported, error_of(with_byte(kRefusal, 0, kind))) << kind;
  EXPECT_EQ(Errc::Truncated, error_of({}));
}

}  // namespace
}  // namespace fwr::wire::stream
