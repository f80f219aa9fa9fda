// SPDX-License-Identifier: GPL-3.0-or-later
// Frames of the ICMB bus: vectors, round trips, and every kind of garbage.
#include "wire/icmb.hpp"
#include "wire/plain.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "support/hex.hpp"
#include "wire/crc16.hpp"
#include "wire/plain.hpp"

namespace fwr::wire::icmb {
namespace {

using test::hex;

/// A frame that owns its payload, for comparison.
struct Kept {
  BusAddress destination;
  BusAddress source;
  FrameType type;
  std::uint8_t sequence;
  Bytes payload;
  friend bool operator==(const Kept&, const Kept&) = default;
};
Kept kept(const Frame& frame) {
  return {frame.destination, frame.source, frame.type, frame.sequence,
          Bytes(frame.payload.begin(), frame.payload.end())};
}

std::vector<Kept> decode_all(FrameDecoder& decoder, ByteView characters) {
  std::vector<Kept> frames;
  for (const std::byte c : characters)
    if (decoder.push(c) == Heard::Frame) frames.push_back(kept(decoder.frame()));
  return frames;
}

Bytes on_the_line(const Frame& frame) {
  Bytes characters{kFlag};
  const Bytes encoded = encode(frame);
  characters.insert(characters.end(), encoded.begin(), encoded.end());
  return characters;
}

Heard last_heard(FrameDecoder& decoder, ByteView characters) {
  Heard last = Heard::Part;
  for (const std::byte c : characters) last = decoder.push(c);
  return last;
}

Bytes random_bytes(std::mt19937& dice, std::size_t count) {
  Bytes bytes(count);
  for (std::byte& b : bytes) b = static_cast<std::byte>(dice() & 0xffU);
  return bytes;
}

TEST(IcmbChecksum, IsCrc16X25) {
  EXPECT_EQ(0x906e, crc16(as_bytes("123456789")));
  EXPECT_EQ(0x0000, crc16({}));
}

TEST(IcmbFrame, HasTheLayoutOfTheDocument) {
  const Bytes payload = hex("0a7e0b7d0c");
  const Frame frame{BusAddress{0x0014}, BusAddress{0x1234}, FrameType::Stream, 7, payload};
  ByteWriter plain;
  plain.bytes(hex("140034120307"));
  plain.bytes(payload);
  const std::uint16_t check = crc16(plain.view());
  ByteWriter expected;
  expected.bytes(hex("1400341203070a7d5e0b7d5d0c"));
  expected.u16(check);
  expected.u8(0x7e);
  EXPECT_EQ(expected.view().size(), encode(frame).size());
  EXPECT_EQ(to_hex(expected.view()), to_hex(encode(frame)));
}

TEST(IcmbFrame, RoundTripsAtEverySizeThatMatters) {
  std::mt19937 dice(1);
  FrameDecoder decoder;
  for (const std::size_t size : {0U, 1U, 2U, 63U, 64U, 255U, 256U, 1040U, 2047U, 2048U}) {
    const Bytes payload = random_bytes(dice, size);
    const Frame frame{BusAddress{0x7e7d}, BusAddress{0x7d7e}, FrameType::Request, 0x7e, payload};
    const auto frames = decode_all(decoder, on_the_line(frame));
    ASSERT_EQ(1U, frames.size()) << size;
    EXPECT_EQ(kept(frame), frames[0]) << size;
  }
}

TEST(IcmbFrame, OfAllFlagsIsTwiceAsLongAndComesThrough) {
  const Bytes payload(kPayloadLimit_bytes, kFlag);
  const Frame frame{BusAddress{1}, BusAddress{2}, FrameType::Stream, 3, payload};
  EXPECT_GT(encode(frame).size(), 2 * kPayloadLimit_bytes);
  FrameDecoder decoder;
  EXPECT_EQ(1U, decode_all(decoder, on_the_line(frame)).size());
}

TEST(IcmbDecoder, TakesTheClosingFlagForAnOpeningOne) {
  Bytes line{kFlag};
  for (std::uint8_t i = 0; i < 3; ++i) {
    const Bytes encoded = encode(Frame{BusAddress{1}, BusAddress{2}, FrameType::Event, i, {}});
    line.insert(line.end(), encoded.begin(), encoded.end());
  }
  FrameDecoder decoder;
  EXPECT_EQ(3U, decode_all(decoder, line).size());
}

TEST(IcmbDecoder, TellsKindsOfGarbageApart) {
  FrameDecoder decoder;
  EXPECT_EQ(Heard::NotStart, decoder.push(std::byte{0x55}));
  EXPECT_EQ(Heard::Part, decoder.push(kFlag));
  EXPECT_EQ(Heard::Runt, last_heard(decoder, hex("0102037e")));
  EXPECT_EQ(Heard::BadChecksum, last_heard(decoder, hex("01020304050607087e")));
  EXPECT_EQ(Heard::Abandoned, last_heard(decoder, hex("01027d7e")));
  Bytes unknown = encode(Frame{BusAddress{1}, BusAddress{2}, FrameType{0x77}, 0, {}});
  EXPECT_EQ(Heard::UnknownType, last_heard(decoder, unknown));
  const Bytes endless(kShortestFrame_bytes + kPayloadLimit_bytes, std::byte{0x55});
  EXPECT_EQ(Heard::Part, last_heard(decoder, endless));
  EXPECT_EQ(Heard::Abandoned, decoder.push(std::byte{0x55}));
  EXPECT_EQ(Heard::NotStart, decoder.push(std::byte{0x55}));
  EXPECT_FALSE(decoder.in_frame());
}

TEST(IcmbDecoder, ForgetsAnOpenFrameAfterSilence) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.forget());
  (void)last_heard(decoder, hex("7e0102"));
  EXPECT_TRUE(decoder.in_frame());
  EXPECT_TRUE(decoder.forget());
  EXPECT_EQ(Heard::NotStart, decoder.push(std::byte{3}));
  EXPECT_EQ(1U, decode_all(decoder, on_the_line(Frame{})).size());
}

TEST(IcmbDecoder, NeverTakesADamagedBitForAFrame) {
  std::mt19937 dice(2);
  const Bytes payload = random_bytes(dice, 40);
  const Frame frame{BusAddress{0x14}, BusAddress{0x15}, FrameType::Stream, 9, payload};
  const Bytes good = on_the_line(frame);
  for (std::size_t bit = 8; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    FrameDecoder decoder;
    EXPECT_TRUE(decode_all(decoder, bad).empty()) << "bit " << bit;
  }
}

TEST(IcmbDecoder, FindsTheNextFrameAfterAnyGarbage) {
  std::mt19937 dice(3);
  FrameDecoder decoder;
  std::size_t good = 0;
  for (int round = 0; round < 2000; ++round) {
    (void)decode_all(decoder, random_bytes(dice, dice() % 300));
    const Bytes payload = random_bytes(dice, dice() % 100);
    const Frame frame{BusAddress{static_cast<std::uint16_t>(round)}, BusAddress{3},
                      FrameType::Response, static_cast<std::uint8_t>(round), payload};
    // The first flag ends what was open.
    const auto frames = decode_all(decoder, on_the_line(frame));
    ASSERT_FALSE(frames.empty()) << round;
    EXPECT_EQ(kept(frame), frames.back()) << round;
    good += frames.size();
  }
  EXPECT_LT(good, 2005U);  // of 16 bits one garbage in 65,536 passes
}

TEST(IcmbMessages, RoundTrip) {
  Guid guid{};
  guid[0] = std::byte{1};
  guid[15] = std::byte{0xff};
  const auto address = decode<AddressMessage>(
      wire::encode(AddressMessage{AddressMessageKind::Defence, BusAddress{0x1234}, guid}));
  ASSERT_TRUE(address);
  EXPECT_EQ(BusAddress{0x1234}, address->address);
  EXPECT_EQ(guid, address->guid);
  EXPECT_EQ(AddressMessageKind::Defence, address->kind);

  plain::Message message{9, kBridgeRq << 2U, 0x11, hex("0102")};
  const auto decoded = decode<plain::Message>(wire::encode(message));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(kBridgeRq, decoded->net_fn());
  EXPECT_EQ(message.data, decoded->data);

  BridgeStatistics statistics;
  statistics.sent = 1;
  statistics.arbitration_losses = 0x01020304;
  statistics.conflicts = 16;
  const Bytes encoded = wire::encode(statistics);
  EXPECT_EQ(64U, encoded.size());
  const auto back = decode<BridgeStatistics>(encoded);
  ASSERT_TRUE(back);
  EXPECT_EQ(0x01020304U, back->arbitration_losses);
  EXPECT_EQ(16U, back->conflicts);
}

TEST(IcmbMessages, RejectWhatIsShortOrUnknown) {
  EXPECT_EQ(Errc::Truncated, decode<AddressMessage>(Bytes(18, std::byte{1})).error().code);
  EXPECT_EQ(Errc::BadField, decode<AddressMessage>(Bytes(19, std::byte{3})).error().code);
  EXPECT_EQ(Errc::BadField, decode<EventMessage>(Bytes(17, std::byte{2})).error().code);
  EXPECT_EQ(Errc::Truncated, decode<plain::Message>(Bytes(2)).error().code);
  EXPECT_EQ(Errc::BadField, decode<BridgeStateBody>(Bytes(1, std::byte{4})).error().code);
}

TEST(IcmbAddresses, ConvertToAndFromThoseOfPaths) {
  const Address address = to_address(BusAddress{0x1234}, 2);
  EXPECT_EQ(AddressFamily::Icmb, address.family);
  EXPECT_EQ(2U, address.scope);
  EXPECT_EQ(0x12, address.bytes[0]);
  EXPECT_EQ(BusAddress{0x1234}, bus_address(address));
  EXPECT_EQ(BusAddress::Unassigned, bus_address(Address{}));
  EXPECT_EQ("0x0014", to_text(BusAddress{0x14}));
  EXPECT_FALSE(is_assignable(BusAddress::Unassigned));
  EXPECT_TRUE(is_assignable(BusAddress{0xfeff}));
  EXPECT_FALSE(is_assignable(BusAddress{0xff00}));
}

}  // namespace
}  // namespace fwr::wire::icmb
