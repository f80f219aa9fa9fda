// SPDX-License-Identifier: GPL-3.0-or-later
// Serial Basic Mode: vectors, round trips, and every kind of garbage.
#include "wire/basic_mode.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "support/hex.hpp"
#include "wire/ipmi.hpp"

namespace fwr::wire::basic_mode {
namespace {

using test::hex;

std::vector<Bytes> decode_all(FrameDecoder& decoder, ByteView characters) {
  std::vector<Bytes> messages;
  for (const std::byte c : characters) {
    if (decoder.push(c) != Heard::Message) continue;
    messages.emplace_back(decoder.message().begin(), decoder.message().end());
  }
  return messages;
}

Heard last_heard(FrameDecoder& decoder, ByteView characters) {
  Heard last = Heard::NotStart;
  for (const std::byte c : characters) last = decoder.push(c);
  return last;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(BasicMode, EncodesGetDeviceIdAsStockClientsDo) {
  // What ipmitool 1.8.19 writes for "mc info", as its -vvvvvv shows.
  const Bytes message = encode(make_lan_request({0x06, 0x01, {}}, 1));
  EXPECT_EQ(hex("20 18 c8 81 04 01 7a"), message);
  EXPECT_EQ(hex("a0 20 18 c8 81 04 01 7a a5"), encode(ByteView(message)));
}

TEST(BasicMode, EscapesTheFiveCharactersAndNoOther) {
  EXPECT_EQ(hex("a0 aab0 aab5 aab6 aaba aa3b a5"), encode(hex("a0 a5 a6 aa 1b")));
  for (unsigned value = 0; value < 256; ++value) {
    const Bytes one{static_cast<std::byte>(value)};
    const bool special =
        value == 0xa0 || value == 0xa5 || value == 0xa6 || value == 0xaa || value == 0x1b;
    EXPECT_EQ(special ? 4U : 3U, encode(one).size()) << value;
    FrameDecoder decoder;
    EXPECT_EQ(std::vector<Bytes>{one}, decode_all(decoder, encode(one))) << value;
  }
}

TEST(BasicMode, TakesTheEscapedFormsWithoutTheirEscapeAsTheyAre) {
  FrameDecoder decoder;
  EXPECT_EQ(std::vector<Bytes>{hex("b0 b5 b6 ba 3b 1b")},
            decode_all(decoder, hex("a0 b0 b5 b6 ba 3b 1b a5")));
}

TEST(BasicMode, RoundTripsMessagesOfAnyBytesAndLength) {
  std::mt19937 dice(1);
  FrameDecoder decoder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{47}, std::size_t{2075},
                                 kLargestMessage_bytes}) {
    Bytes message(size);
    for (std::byte& b : message) b = static_cast<std::byte>(dice() & 0xffU);
    EXPECT_EQ(std::vector<Bytes>{message}, decode_all(decoder, encode(message))) << size;
  }
}

TEST(BasicMode, BeginsAnewAtEachStart) {
  FrameDecoder decoder;
  EXPECT_EQ(Heard::Restart, last_heard(decoder, hex("a0 01 02 a0")));
  EXPECT_EQ(std::vector<Bytes>{hex("03")}, decode_all(decoder, hex("03 a5")));
  // Also behind an escape.
  EXPECT_EQ(Heard::Restart, last_heard(decoder, hex("a0 01 aa a0")));
  EXPECT_EQ(std::vector<Bytes>{hex("04")}, decode_all(decoder, hex("04 a5")));
}

TEST(BasicMode, DropsAMessageAtABadEscape) {
  for (const char* bad : {"a0 01 aa 00", "a0 01 aa aa", "a0 01 aa a5", "a0 01 aa a6", "a0 aa 1b"}) {
    FrameDecoder decoder;
    EXPECT_EQ(Heard::BadEscape, last_heard(decoder, hex(bad))) << bad;
    EXPECT_EQ(std::vector<Bytes>{hex("05")}, decode_all(decoder, hex("02 a5 a5 a0 05 a5"))) << bad;
  }
}

TEST(BasicMode, DropsAMessageThatIsTooLong) {
  FrameDecoder decoder;
  Bytes characters(1 + kLargestMessage_bytes, std::byte{0x55});
  characters.front() = kStart;
  EXPECT_EQ(Heard::Part, last_heard(decoder, characters));
  EXPECT_EQ(Heard::TooLong, decoder.push(std::byte{0x55}));
  EXPECT_EQ(std::vector<Bytes>{hex("05")}, decode_all(decoder, hex("02 a5 a0 05 a5")));
}

TEST(BasicMode, HearsAHandshakeBetweenAndInsideOfMessages) {
  FrameDecoder decoder;
  EXPECT_EQ(Heard::Handshake, last_heard(decoder, hex("a6")));
  EXPECT_EQ(Heard::Handshake, last_heard(decoder, hex("a0 01 a6")));
  EXPECT_EQ(std::vector<Bytes>{hex("01 02")}, decode_all(decoder, hex("a6 02 a5")));
}

TEST(BasicMode, ForgetsAnOpenMessage) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.forget());
  EXPECT_EQ(Heard::Part, last_heard(decoder, hex("a0 01")));
  EXPECT_TRUE(decoder.in_message());
  EXPECT_TRUE(decoder.forget());
  EXPECT_FALSE(decoder.in_message());
  EXPECT_EQ(Heard::NotStart, last_heard(decoder, hex("02 a5")));
}

TEST(BasicMode, FindsEachMessageBehindGarbageThatHasNoStart) {
  std::mt19937 dice(2);
  const Bytes message = hex("20 18 c8 81 04 01 7a");
  for (int round = 0; round < 200; ++round) {
    Bytes garbage(dice() % 300);
    for (std::byte& b : garbage) b = static_cast<std::byte>(dice() & 0xffU);
    FrameDecoder decoder;
    const auto found = decode_all(decoder, joined({garbage, encode(message)}));
    ASSERT_FALSE(found.empty()) << round;
    EXPECT_EQ(message, found.back()) << round;
  }
}

TEST(BasicMode, HasRoomForASegmentOf32Granules) {
  constexpr std::size_t kSegmentHeader_bytes = 16;
  EXPECT_EQ(kSegmentHeader_bytes + 32U * 64U, kLargestStream_bytes);
}

}  // namespace
}  // namespace fwr::wire::basic_mode
