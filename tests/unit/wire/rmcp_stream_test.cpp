// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP packets on a byte stream: cut anywhere, between garbage, never longer than the limit.
#include <gtest/gtest.h>

#include <random>

#include "support/hex.hpp"
#include "wire/rmcp.hpp"
#include "wire/rmcp_stream.hpp"

namespace fwr::wire {
namespace {

using test::hex;

Bytes packet(std::size_t size, std::uint8_t fill) {
  Bytes bytes(size, static_cast<std::byte>(fill));
  bytes[0] = std::byte{kRmcpVersion};
  return bytes;
}

Bytes framed(const std::vector<Bytes>& packets) {
  Bytes stream;
  for (const Bytes& one : packets) EXPECT_TRUE(append_to_stream(stream, one));
  return stream;
}

std::vector<Bytes> take_all(StreamDecoder& decoder) {
  std::vector<Bytes> taken;
  while (const auto one = decoder.next()) taken.emplace_back(one->begin(), one->end());
  return taken;
}

TEST(StreamFraming, LooksAsInTheSpecification) {
  Bytes stream;
  ASSERT_TRUE(append_to_stream(stream, encode(PresencePing{7})));
  EXPECT_EQ(
      "46570c00f3ff"
      "0600ff06000011be80070000",
      to_hex(stream));
}

TEST(StreamFraming, RefusesPacketsOutsideOfTheLimits) {
  Bytes stream;
  EXPECT_EQ(Errc::BadField, append_to_stream(stream, packet(3, 0)).error().code);
  EXPECT_EQ(Errc::BadField,
            append_to_stream(stream, packet(kLargestStreamPacket_bytes + 1, 0)).error().code);
  EXPECT_TRUE(stream.empty());
  EXPECT_TRUE(append_to_stream(stream, packet(4, 0)));
  EXPECT_TRUE(append_to_stream(stream, packet(kLargestStreamPacket_bytes, 0)));
  StreamDecoder decoder;
  decoder.push(stream);
  EXPECT_EQ(2U, take_all(decoder).size());
}

TEST(StreamDecoder, TakesPacketsHoweverTheyAreCut) {
  const std::vector<Bytes> sent{packet(4, 1), packet(700, 2),
                                packet(kLargestStreamPacket_bytes, 3)};
  const Bytes stream = framed(sent);
  for (const std::size_t piece : {1U, 2U, 5U, 6U, 7U, 1011U, 100'000U}) {
    StreamDecoder decoder;
    std::vector<Bytes> taken;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      decoder.push(ByteView(stream).subspan(at, std::min(piece, stream.size() - at)));
      for (Bytes& one : take_all(decoder)) taken.push_back(std::move(one));
    }
    EXPECT_EQ(sent, taken) << "in pieces of " << piece;
    EXPECT_EQ(0U, decoder.skipped_bytes());
    EXPECT_FALSE(decoder.inside_packet());
  }
}

TEST(StreamDecoder, FindsTheNextPacketBehindGarbage) {
  const Bytes good = packet(50, 0x46);  // full of what looks like the first byte of a sync
  for (const char* garbage : {
           "00",
           "46",                      // half a sync
           "4657",                    // a sync
           "46574657",                // two
           "465746",                  // a sync, and half of another one
           "46573200",                // a header that was cut
           "46573200ccff",            // a header whose length was damaged
           "465732000000",            // without the inverted length
           "46570300fcff",            // too short a packet
           "46570121fede",            // one byte longer than the largest
           "4657ffff0000",            // far too long
           "46573200cdff05",          // what follows is no RMCP
           "0600ff07000000",          // a packet without a header
           "a0200018c88120018c5ea5",  // Basic Mode
       }) {
    StreamDecoder decoder;
    Bytes stream = hex(garbage);
    const std::size_t noise = stream.size();
    const Bytes rest = framed({good, good});
    stream.insert(stream.end(), rest.begin(), rest.end());
    decoder.push(stream);
    EXPECT_EQ((std::vector<Bytes>{good, good}), take_all(decoder)) << garbage;
    EXPECT_EQ(noise, decoder.skipped_bytes()) << garbage;
  }
}

TEST(StreamDecoder, LosesOnlyWhatWasDamaged) {
  const std::vector<Bytes> sent{packet(60, 1), packet(60, 2), packet(60, 3), packet(60, 4)};
  const Bytes whole = framed(sent);
  // A piece is missing from the middle of the second packet: it takes the beginning of the third.
  Bytes stream(whole.begin(), whole.begin() + 66 + 20);
  stream.insert(stream.end(), whole.begin() + 66 + 40, whole.end());
  StreamDecoder decoder;
  decoder.push(stream);
  const auto taken = take_all(decoder);
  ASSERT_EQ(3U, taken.size());
  EXPECT_EQ(sent[0], taken[0]);
  EXPECT_EQ(sent[3], taken[2]) << "in step again";
}

TEST(StreamDecoder, SearchesInsideAPacketThatDoesNotEnd) {
  Bytes stream = hex("46570021ffde06");  // a header of the largest packet, which never comes
  const Bytes good = packet(50, 9);
  const Bytes rest = framed({good});
  stream.insert(stream.end(), rest.begin(), rest.end());
  StreamDecoder decoder;
  decoder.push(stream);
  EXPECT_TRUE(take_all(decoder).empty());
  EXPECT_TRUE(decoder.inside_packet());
  decoder.give_up();
  EXPECT_EQ(std::vector<Bytes>{good}, take_all(decoder));
  EXPECT_FALSE(decoder.inside_packet());
  EXPECT_EQ(7U, decoder.skipped_bytes());
  decoder.give_up();
  EXPECT_EQ(7U, decoder.skipped_bytes()) << "nothing was open";
}

TEST(StreamDecoder, SurvivesRandomBytesAndGoesOn) {
  std::mt19937 random(4);  // NOLINT(cert-msc51-cpp): the same bytes each time
  StreamDecoder decoder;
  for (int round = 0; round < 200; ++round) {
    Bytes noise(random() % 3000);
    // Many syncs, so that headers are tried.
    for (std::byte& b : noise) b = static_cast<std::byte>(random() % 3 == 0 ? 0x46 : random());
    decoder.push(noise);
    (void)take_all(decoder);
  }
  decoder.give_up();
  (void)take_all(decoder);
  const Bytes good = packet(50, 9);
  decoder.push(framed({good}));
  const auto taken = take_all(decoder);
  ASSERT_FALSE(taken.empty());
  EXPECT_EQ(good, taken.back());
}

}  // namespace
}  // namespace fwr::wire
