// SPDX-License-Identifier: GPL-3.0-or-later
// The IPMI LAN message (IPMI v2.0 §13.8) and the words of completion codes.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/hex.hpp"
#include "wire/ipmi.hpp"

namespace fwr::wire {
namespace {

using test::hex;

// rsAddr 20h, netFn App request, rqAddr 81h, rqSeq 1, Get Device ID.
constexpr std::string_view kGetDeviceId = "20 18 c8 | 81 04 01 | 7a";
// The answer of Get Self Test Results to rqSeq 2: completion code 00h, 55h 00h.
constexpr std::string_view kSelfTest = "81 1c 63 | 20 08 04 | 00 55 00 | 7f";

TEST(LanMessage, IsEncodedAsTheSpecificationLaysItOut) {
  const IpmiRequest request{raw(NetFn::AppRq), 0x01, {}};
  EXPECT_EQ(hex(kGetDeviceId), encode(make_lan_request(request, 1)));
}

TEST(LanMessage, KeepsEveryFieldThroughDecodeAndEncode) {
  for (const std::string_view text :
       {kGetDeviceId, kSelfTest, std::string_view("23 1a c3 | 82 07 38 | 8e 04 | ad")}) {
    const Result<LanMessage> message = decode_lan_message(hex(text));
    ASSERT_TRUE(message.has_value()) << text << ": " << message.error().message();
    EXPECT_EQ(hex(text), encode(*message));
  }
}

TEST(LanMessage, SplitsNetworkFunctionSequenceAndLuns) {
  const Result<LanMessage> message = decode_lan_message(hex("23 1a c3 | 82 07 38 | 8e 04 | ad"));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(0x23, message->responder_address);
  EXPECT_EQ(0x06, message->net_fn);
  EXPECT_EQ(2, message->responder_lun);
  EXPECT_EQ(0x82, message->requester_address);
  EXPECT_EQ(1, message->sequence);
  EXPECT_EQ(3, message->requester_lun);
  EXPECT_EQ(0x38, message->command);
  EXPECT_EQ(hex("8e 04"), message->data);
  EXPECT_FALSE(message->is_response());
}

TEST(LanMessage, RejectsOneThatIsShorterThanItsOverhead) {
  test::expect_every_prefix_fails(hex(kGetDeviceId), Errc::Truncated, decode_lan_message);
}

TEST(LanMessage, RejectsAResponseWithoutACompletionCode) {
  EXPECT_EQ(Errc::Truncated, decode_lan_message(hex("81 1c 63 | 20 08 04 | d4")).error().code);
}

TEST(LanMessage, RejectsEveryFlippedBit) {
  const Bytes good = hex(kSelfTest);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const Result<LanMessage> message = decode_lan_message(bad);
    ASSERT_FALSE(message.has_value()) << "bit " << bit;
    EXPECT_EQ(Errc::BadChecksum, message.error().code) << "bit " << bit;
  }
}

TEST(LanMessage, NamesTheChecksumThatIsWrong) {
  EXPECT_NE(std::string::npos,
            decode_lan_message(hex("20 18 c9 | 81 04 01 | 7a")).error().message().find("first"));
  EXPECT_NE(std::string::npos,
            decode_lan_message(hex("20 18 c8 | 81 04 01 | 7b")).error().message().find("second"));
}

TEST(LanMessage, KeepsOnlySixBitsOfTheSequence) {
  const LanMessage message = make_lan_request({raw(NetFn::AppRq), 0x01, {}}, 0xff);
  EXPECT_EQ(0x3f, message.sequence);
}

TEST(LanResponse, GoesBackWithTheCompletionCodeInFront) {
  const Result<LanMessage> request = decode_lan_message(hex("20 18 c8 | 81 08 04 | 73"));
  ASSERT_TRUE(request.has_value()) << request.error().message();
  const LanMessage response = make_lan_response(*request, {CompletionCode::Ok, hex("55 00")});
  EXPECT_TRUE(response.is_response());
  EXPECT_EQ(hex(kSelfTest), encode(response));
}

TEST(LanResponse, SwapsTheLunsWithTheAddresses) {
  LanMessage request;
  request.net_fn = raw(NetFn::OemGroupRq);
  request.responder_lun = 1;
  request.requester_lun = 2;
  const LanMessage response = make_lan_response(request, {CompletionCode::Busy, {}});
  EXPECT_EQ(2, response.responder_lun);
  EXPECT_EQ(1, response.requester_lun);
  EXPECT_EQ(kRemoteConsoleAddress, response.responder_address);
  EXPECT_EQ(kBmcAddress, response.requester_address);
  EXPECT_EQ(0x2f, response.net_fn);
  EXPECT_EQ(hex("83"), response.data);
}

TEST(DescribeCompletionCode, HasWordsForStandardCodes) {
  EXPECT_EQ("completed normally", describe(CompletionCode::Ok));
  EXPECT_EQ("invalid command", describe(CompletionCode::InvalidCommand));
  EXPECT_EQ("insufficient privilege", describe(CompletionCode::InsufficientPrivilege));
  EXPECT_EQ("unspecified error", describe(CompletionCode::Unspecified));
  EXPECT_EQ("node busy", describe(static_cast<CompletionCode>(0xc0)));
  EXPECT_EQ("sub-function disabled", describe(static_cast<CompletionCode>(0xd6)));
}

TEST(DescribeCompletionCode, GivesTheNumberOfACodeWithoutWords) {
  EXPECT_EQ("completion code D7h", describe(static_cast<CompletionCode>(0xd7)));
  EXPECT_EQ("completion code 01h", describe(static_cast<CompletionCode>(0x01)));
  EXPECT_EQ("completion code BFh", describe(static_cast<CompletionCode>(0xbf)));
}

TEST(DescribeCompletionCode, NeverUsesTheSameWordsTwice) {
  std::set<std::string> words;
  for (unsigned code = 0; code <= 0xff; ++code)
    EXPECT_TRUE(words.insert(describe(static_cast<CompletionCode>(code))).second) << code;
}

}  // namespace
}  // namespace fwr::wire
