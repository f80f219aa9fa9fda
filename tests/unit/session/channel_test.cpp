// SPDX-License-Identifier: GPL-3.0-or-later
// Packet protection, the sequence window and the rate limit.
#include "session/channel.hpp"

#include <gtest/gtest.h>

#include <set>

#include "fixture.hpp"
#include "session/source_limiter.hpp"

namespace fwr::session {
namespace {

using namespace std::chrono_literals;
using testing::pattern;
using testing::SeededRandom;

// --- the window ----------------------------------------------------------------------------------

TEST(SequenceWindow, RefusesZero) {
  SequenceWindow window;
  EXPECT_FALSE(window.allows(0));
  window.accept(5);
  EXPECT_FALSE(window.allows(0));
}

TEST(SequenceWindow, AcceptsEachNumberOnce) {
  SequenceWindow window;
  for (const std::uint32_t sequence : {3U, 1U, 2U, 130U, 7U}) {
    ASSERT_TRUE(window.allows(sequence)) << sequence;
    window.accept(sequence);
    EXPECT_FALSE(window.allows(sequence)) << sequence;
  }
  for (const std::uint32_t sequence : {3U, 2U, 7U, 130U}) EXPECT_FALSE(window.allows(sequence));
  EXPECT_TRUE(window.allows(4));
}

TEST(SequenceWindow, ReachesBack128PacketsAndNoFurther) {
  SequenceWindow window;
  window.accept(1000);
  EXPECT_TRUE(window.allows(1000 - 128));
  EXPECT_FALSE(window.allows(1000 - 129));
  window.accept(1000 - 128);
  EXPECT_FALSE(window.allows(1000 - 128));
  window.accept(1001);
  EXPECT_FALSE(window.allows(1000 - 128));
  EXPECT_TRUE(window.allows(1001 - 128));
}

TEST(SequenceWindow, RemembersTheHighestAcrossEveryJump) {
  for (const std::uint32_t jump : {1U, 2U, 127U, 128U}) {
    SequenceWindow window;
    window.accept(50);
    window.accept(50 + jump);
    EXPECT_FALSE(window.allows(50)) << jump;
    EXPECT_FALSE(window.allows(50 + jump)) << jump;
  }
  SequenceWindow window;
  window.accept(50);
  window.accept(50 + 129);
  EXPECT_FALSE(window.allows(50));
  EXPECT_TRUE(window.allows(51));
}

TEST(SequenceWindow, AcceptsFarAheadButNotHalfACircle) {
  SequenceWindow window;
  window.accept(1);
  EXPECT_TRUE(window.allows(0x80000000U));
  EXPECT_FALSE(window.allows(0x80000001U));
  window.accept(0x80000000U);
  EXPECT_FALSE(window.allows(1));
}

TEST(SequenceWindow, GoesOnAcrossTheWrap) {
  SequenceWindow window;
  window.accept(0xfffffffeU);
  window.accept(2);
  EXPECT_TRUE(window.allows(0xffffffffU));
  EXPECT_TRUE(window.allows(1));
  EXPECT_FALSE(window.allows(0));
  EXPECT_FALSE(window.allows(0xfffffffeU));
  EXPECT_FALSE(window.allows(2));
}

TEST(SequenceCounter, SkipsZeroAtTheWrap) {
  SequenceCounter counter(0xfffffffeU);
  EXPECT_EQ(counter.next(), 0xffffffffU);
  EXPECT_EQ(counter.next(), 1U);
  SequenceCounter fresh;
  EXPECT_EQ(fresh.next(), 1U);
}

// --- protection ----------------------------------------------------------------------------------

class Channel : public ::testing::TestWithParam<CipherSuite> {
 protected:
  static constexpr std::uint32_t kSession = 0x11223344;

  Channel() {
    SessionKeys keys{Secret(pattern(20)), Secret(pattern(32)), Secret(pattern(33))};
    sender_.emplace(*SecureChannel::create(GetParam(), keys, kSession, random_));
    receiver_.emplace(*SecureChannel::create(GetParam(), keys, kSession, random_));
  }

  Bytes sealed(ByteView payload) {
    auto datagram = sender_->seal(header_, payload);
    EXPECT_TRUE(datagram);
    return *datagram;
  }
  std::optional<Bytes> opened(const Bytes& datagram) {
    const auto message = wire::decode_rmcp(datagram);
    if (!message) return std::nullopt;
    const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message);
    Bytes out;
    if (packet == nullptr || !receiver_->open(*packet, out)) return std::nullopt;
    return out;
  }

  SeededRandom random_{3};
  wire::RmcpPlusHeader header_;
  std::optional<SecureChannel> sender_;
  std::optional<SecureChannel> receiver_;
};
INSTANTIATE_TEST_SUITE_P(Suites, Channel,
                         ::testing::Values(CipherSuite::Suite17, CipherSuite::Suite3),
                         [](const auto& instance) {
                           return "Suite" + std::to_string(static_cast<int>(instance.param));
                         });

TEST_P(Channel, CarriesPayloadsOfEverySize) {
  for (std::size_t size = 0; size <= 70; ++size)
    EXPECT_EQ(opened(sealed(pattern(size))), pattern(size));
  for (const std::size_t size : {1104U, 1360U, 8208U, 32784U, 65400U})
    EXPECT_EQ(opened(sealed(pattern(size))), pattern(size)) << size;
}

TEST_P(Channel, AlignsTheAuthenticatedPartToFourBytes) {
  for (const auto type : {wire::PayloadType::Ipmi, wire::PayloadType::OemExplicit}) {
    header_.payload_type = static_cast<std::uint8_t>(type);
    const Bytes datagram = sealed(pattern(10));
    EXPECT_EQ((datagram.size() - 4 - info(GetParam()).mac_bytes) % 4, 0U);
    EXPECT_TRUE(opened(datagram));
  }
}

TEST_P(Channel, FitsTheLargestPayloadIntoUdpAndRefusesMore) {
  header_.payload_type = static_cast<std::uint8_t>(wire::PayloadType::OemExplicit);
  EXPECT_LE(sealed(pattern(kPayloadLimit_bytes)).size(), 65507U);
  const auto larger = sender_->seal(header_, pattern(kPayloadLimit_bytes + 1));
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code, Errc::LimitExceeded);
}

TEST_P(Channel, ShowsNothingOfThePayload) {
  const Bytes payload(64, std::byte{'A'});
  const Bytes first = sealed(payload);
  const Bytes second = sealed(payload);
  EXPECT_EQ(as_text(first).find("AAAA"), std::string_view::npos);
  EXPECT_NE(to_hex(ByteView(first).subspan(16, 80)), to_hex(ByteView(second).subspan(16, 80)));
}

TEST_P(Channel, NeverUsesAnInitializationVectorTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const Bytes datagram = sealed(pattern(1));
    EXPECT_TRUE(seen.insert(to_hex(ByteView(datagram).subspan(16, 16))).second);
  }
  EXPECT_LT(random_.fills(), 20U);
}

TEST_P(Channel, DropsAChangeOfAnyBit) {
  const Bytes datagram = sealed(pattern(20));
  for (std::size_t bit = 4 * 8; bit < datagram.size() * 8; ++bit) {
    Bytes changed = datagram;
    changed[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    EXPECT_FALSE(opened(changed)) << "bit " << bit;
  }
  EXPECT_TRUE(opened(datagram));
}

TEST_P(Channel, DropsEveryTruncation) {
  const Bytes datagram = sealed(pattern(20));
  for (std::size_t size = 0; size < datagram.size(); ++size)
    EXPECT_FALSE(opened(Bytes(datagram.begin(), datagram.begin() + static_cast<long>(size))));
  EXPECT_TRUE(opened(datagram));
}

TEST_P(Channel, DropsAReplay) {
  const Bytes first = sealed(pattern(5));
  const Bytes second = sealed(pattern(6));
  EXPECT_TRUE(opened(second));
  EXPECT_TRUE(opened(first));
  EXPECT_FALSE(opened(first));
  EXPECT_FALSE(opened(second));
}

TEST_P(Channel, DoesNotMoveTheWindowForABadPacket) {
  const Bytes first = sealed(pattern(5));
  Bytes forged = first;
  forged[4 + 2 + 4 + 3] = std::byte{0x70};  // a sequence number far ahead
  EXPECT_FALSE(opened(forged));
  EXPECT_TRUE(opened(first));
}

TEST_P(Channel, DropsWhatIsNotEncryptedOrNotAuthenticated) {
  Bytes datagram = sealed(pattern(5));
  const auto message = wire::decode_rmcp(datagram);
  auto packet = std::get<wire::RmcpPlusPacket>(*message);
  Bytes out;
  packet.header.encrypted = false;
  EXPECT_FALSE(receiver_->open(packet, out));
  packet.header.encrypted = true;
  packet.header.authenticated = false;
  EXPECT_FALSE(receiver_->open(packet, out));
  packet.header.authenticated = true;
  EXPECT_TRUE(receiver_->open(packet, out));
}

/// A holder of the key that writes what seal() would never write.
class BadPadding : public ::testing::Test {
 protected:
  Bytes packet_with(const Bytes& plaintext, std::uint32_t sequence) {
    const Secret k1{pattern(32)};
    const Secret k2{pattern(33)};
    wire::RmcpPlusHeader header;
    header.encrypted = true;
    header.authenticated = true;
    header.session_id = 9;
    header.sequence = sequence;
    ByteWriter out;
    wire::put_headers(out, header, 16 + plaintext.size());
    out.zeros(16 + plaintext.size());
    Bytes datagram = std::move(out).release();
    auto cipher = *AesCbc::create(AesCbc::Direction::Encrypt, k2.view());
    const std::array<std::byte, 16> iv{};
    EXPECT_TRUE(cipher.begin(iv));
    EXPECT_TRUE(cipher.update(plaintext, std::span(datagram).last(plaintext.size())));
    const Bytes trailer = testing::bytes({0xff, 0xff, 2, 7});
    datagram.insert(datagram.end(), trailer.begin(), trailer.end());
    Bytes mac(16);
    EXPECT_TRUE(
        Hmac::create(Hash::Sha256, k1.view())->compute({ByteView(datagram).subspan(4)}, mac));
    datagram.insert(datagram.end(), mac.begin(), mac.end());
    return datagram;
  }
  bool opens(const Bytes& plaintext) {
    SeededRandom random(1);
    const SessionKeys keys{Secret(pattern(20)), Secret(pattern(32)), Secret(pattern(33))};
    auto channel = *SecureChannel::create(CipherSuite::Suite17, keys, 9, random);
    const Bytes datagram = packet_with(plaintext, 1);
    const auto message = wire::decode_rmcp(datagram);
    Bytes out;
    return channel.open(std::get<wire::RmcpPlusPacket>(*message), out);
  }
};

TEST_F(BadPadding, IsDropped) {
  Bytes good(16);
  for (int i = 0; i < 15; ++i) good[static_cast<std::size_t>(i)] = static_cast<std::byte>(i + 1);
  good[15] = std::byte{15};
  EXPECT_TRUE(opens(good));

  Bytes wrong_byte = good;
  wrong_byte[3] = std::byte{9};
  EXPECT_FALSE(opens(wrong_byte));
  Bytes too_long(32, std::byte{16});
  EXPECT_FALSE(opens(too_long));
  Bytes way_too_long(16, std::byte{0xff});
  EXPECT_FALSE(opens(way_too_long));
  EXPECT_FALSE(opens({}));
}

// --- the rate limit ------------------------------------------------------------------------------

constexpr SourceLimiter::Limits kLimits{
    .per_source_per_s = 20, .burst = 40, .per_s = 1000, .sources = 1024};

unsigned admitted(SourceLimiter& limiter, const Address& source, unsigned tries, TimePoint now) {
  unsigned count = 0;
  for (unsigned i = 0; i < tries; ++i)
    if (limiter.admit(source, now)) ++count;
  return count;
}

TEST(SourceLimiter, GivesABurstAndThenTheRate) {
  SourceLimiter limiter(kLimits);
  const Address source = testing::path_of(1).peer;
  TimePoint now{1h};
  EXPECT_EQ(admitted(limiter, source, 100, now), 40U);
  EXPECT_EQ(admitted(limiter, source, 100, now + 1s), 20U);
  EXPECT_EQ(admitted(limiter, source, 100, now + 1s + 49ms), 0U);
  EXPECT_EQ(admitted(limiter, source, 100, now + 1s + 50ms), 1U);
  EXPECT_EQ(admitted(limiter, source, 100, now + 1h), 40U);
}

TEST(SourceLimiter, LimitsAllSourcesTogetherAndTheTable) {
  SourceLimiter limiter(kLimits);
  unsigned count = 0;
  Address source = testing::path_of(1).peer;
  for (unsigned i = 0; i < 5000; ++i) {
    source.bytes[2] = static_cast<std::uint8_t>(i >> 8U);
    source.bytes[3] = static_cast<std::uint8_t>(i);
    count += admitted(limiter, source, 1, TimePoint{1h} + std::chrono::microseconds(i * 400));
  }
  // 1000 at once and 1000 for each of the two seconds.
  EXPECT_NEAR(count, 3000, 2);
  EXPECT_LE(limiter.sources(), 1024U);
}

TEST(SourceLimiter, ForgetsTheLeastRecentlyUsedSourceFirst) {
  SourceLimiter limiter({.per_source_per_s = 20, .burst = 1, .per_s = 1000, .sources = 2});
  const Address a = testing::path_of(1).peer;
  const Address b = testing::path_of(2).peer;
  const Address c = testing::path_of(3).peer;
  EXPECT_TRUE(limiter.admit(a, TimePoint{}));
  EXPECT_TRUE(limiter.admit(b, TimePoint{}));
  EXPECT_FALSE(limiter.admit(a, TimePoint{}));
  EXPECT_TRUE(limiter.admit(c, TimePoint{}));
  EXPECT_FALSE(limiter.admit(a, TimePoint{}));
  EXPECT_TRUE(limiter.admit(b, TimePoint{}));
}

}  // namespace
}  // namespace fwr::session
