// SPDX-License-Identifier: GPL-3.0-or-later
// Open Session and RAKP messages, written by hand from IPMI v2.0 tables 13-9 to 13-14.
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "support/hex.hpp"
#include "wire/rakp.hpp"

namespace fwr::wire {
namespace {

using test::exact;
using test::expect_every_prefix_fails;
using test::hex;
using test::joined;

// Cipher suite 17, privilege Administrator.
constexpr std::string_view kOpenSessionRq =
    "07 04 00 00 | a4 a3 a2 a0 | 00 00 00 08 03 00 00 00 | 01 00 00 08 04 00 00 00 | "
    "02 00 00 08 01 00 00 00";
constexpr std::string_view kOpenSessionRs =
    "07 00 02 00 | a4 a3 a2 a0 | 11 22 33 44 | 00 00 00 08 01 00 00 00 | "
    "01 00 00 08 01 00 00 00 | 02 00 00 08 01 00 00 00";
constexpr std::string_view kRakp1 =
    "08 00 00 00 | 11 22 33 44 | 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f | 14 00 00 04 | "
    "72 6f 6f 74";
constexpr std::string_view kRakp2 =
    "08 00 00 00 | a4 a3 a2 a0 | 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f | "
    "20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f | "
    "30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f 40 41 42 43";
constexpr std::string_view kRakp3 =
    "09 00 00 00 | 11 22 33 44 | "
    "50 51 52 53 54 55 56 57 58 59 5a 5b 5c 5d 5e 5f 60 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e "
    "6f";
constexpr std::string_view kRakp4 =
    "09 00 00 00 | a4 a3 a2 a0 | 70 71 72 73 74 75 76 77 78 79 7a 7b";

TEST(OpenSessionRequest, IsReadAndWritten) {
  const auto message = decode_open_session_rq(hex(kOpenSessionRq));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(7, message->tag);
  EXPECT_EQ(Privilege::Administrator, message->privilege);
  EXPECT_EQ(0xa0a2a3a4U, message->console_session);
  EXPECT_EQ(AuthAlgorithm::HmacSha256, message->authentication);
  EXPECT_EQ(IntegrityAlgorithm::HmacSha256_128, message->integrity);
  EXPECT_EQ(ConfidentialityAlgorithm::AesCbc128, message->confidentiality);
  EXPECT_EQ(hex(kOpenSessionRq), encode(*message));
}

TEST(OpenSessionRequest, AsksForAnyAlgorithmWithANullPayload) {
  OpenSessionRq any;
  any.tag = 1;
  const Bytes bytes = encode(any);
  EXPECT_EQ(hex("00 00 00 00 00 00 00 00 | 01 00 00 00 00 00 00 00 | 02 00 00 00 00 00 00 00"),
            exact(ByteView(bytes).subspan(8)));
  const auto back = decode_open_session_rq(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(std::nullopt, back->authentication);
  EXPECT_EQ(std::nullopt, back->integrity);
  EXPECT_EQ(std::nullopt, back->confidentiality);
}

TEST(OpenSessionRequest, PassesAlgorithmsAndPrivilegesOnThatItDoesNotKnow) {
  Bytes bytes = hex(kOpenSessionRq);
  bytes[1] = std::byte{0x0f};
  bytes[12] = std::byte{0x3f};
  const auto message = decode_open_session_rq(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(0x0f, static_cast<int>(message->privilege));
  ASSERT_TRUE(message->authentication.has_value());
  EXPECT_EQ(0x3f, static_cast<int>(*message->authentication));
}

TEST(OpenSessionRequest, RejectsAMalformedAlgorithmPayload) {
  for (const std::size_t type_at : {8U, 16U, 24U}) {
    Bytes wrong_type = hex(kOpenSessionRq);
    wrong_type[type_at] = std::byte{3};
    EXPECT_EQ(Errc::BadField, decode_open_session_rq(wrong_type).error().code) << type_at;
    Bytes wrong_size = hex(kOpenSessionRq);
    wrong_size[type_at + 3] = std::byte{7};
    EXPECT_EQ(Errc::BadField, decode_open_session_rq(wrong_size).error().code) << type_at;
  }
}

TEST(OpenSessionRequest, RejectsAnotherLength) {
  expect_every_prefix_fails(hex(kOpenSessionRq), Errc::Truncated, decode_open_session_rq);
  EXPECT_EQ(Errc::TrailingBytes,
            decode_open_session_rq(joined(hex(kOpenSessionRq), hex("00"))).error().code);
}

TEST(OpenSessionResponse, IsReadAndWritten) {
  const auto message = decode_open_session_rs(hex(kOpenSessionRs));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(7, message->tag);
  EXPECT_EQ(RakpStatus::Ok, message->status);
  EXPECT_EQ(Privilege::User, message->privilege);
  EXPECT_EQ(0xa0a2a3a4U, message->console_session);
  EXPECT_EQ(0x44332211U, message->managed_session);
  EXPECT_EQ(AuthAlgorithm::HmacSha1, message->authentication);
  EXPECT_EQ(IntegrityAlgorithm::HmacSha1_96, message->integrity);
  EXPECT_EQ(ConfidentialityAlgorithm::AesCbc128, message->confidentiality);
  EXPECT_EQ(hex(kOpenSessionRs), encode(*message));
}

TEST(OpenSessionResponse, HasEightBytesWhenItIsAnError) {
  OpenSessionRs message;
  message.tag = 7;
  message.status = RakpStatus::NoMatchingCipherSuite;
  message.console_session = 0xa0a2a3a4;
  message.managed_session = 5;
  const Bytes bytes = encode(message);
  EXPECT_EQ(hex("07 11 00 00 | a4 a3 a2 a0"), bytes);
  const auto back = decode_open_session_rs(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(RakpStatus::NoMatchingCipherSuite, back->status);
  EXPECT_EQ(0U, back->managed_session);
}

TEST(OpenSessionResponse, IgnoresWhatFollowsAnError) {
  Bytes bytes = hex(kOpenSessionRs);
  bytes[1] = std::byte{0x01};
  const auto message = decode_open_session_rs(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(RakpStatus::InsufficientResources, message->status);
}

TEST(OpenSessionResponse, RejectsAnAnswerThatNamesNoAlgorithm) {
  for (const std::size_t size_at : {15U, 23U, 31U}) {
    Bytes bytes = hex(kOpenSessionRs);
    bytes[size_at] = std::byte{0};
    EXPECT_EQ(Errc::BadField, decode_open_session_rs(bytes).error().code) << size_at;
  }
}

TEST(OpenSessionResponse, RejectsAnotherLength) {
  expect_every_prefix_fails(hex(kOpenSessionRs), Errc::Truncated, decode_open_session_rs);
  EXPECT_EQ(Errc::TrailingBytes,
            decode_open_session_rs(joined(hex(kOpenSessionRs), hex("00"))).error().code);
}

TEST(RakpMessage1, IsReadAndWritten) {
  const auto message = decode_rakp1(hex(kRakp1));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(8, message->tag);
  EXPECT_EQ(0x44332211U, message->managed_session);
  EXPECT_EQ(std::byte{0x0f}, message->console_random[15]);
  EXPECT_EQ(0x14, message->role);
  EXPECT_EQ("root", message->user);
  EXPECT_EQ(hex(kRakp1), encode(*message));
}

TEST(RakpMessage1, TakesNamesOfNoneToSixteenBytes) {
  for (const std::string& user : {std::string(), std::string("sixteen-letters!")}) {
    Rakp1 message;
    message.user = user;
    const auto back = decode_rakp1(encode(message));
    ASSERT_TRUE(back.has_value()) << back.error().message();
    EXPECT_EQ(user, back->user);
  }
}

TEST(RakpMessage1, RejectsALongerName) {
  Bytes bytes = hex(kRakp1);
  bytes[27] = std::byte{17};
  bytes.resize(28 + 17, std::byte{'x'});
  EXPECT_EQ(Errc::BadField, decode_rakp1(bytes).error().code);
  bytes[27] = std::byte{255};
  EXPECT_EQ(Errc::BadField, decode_rakp1(bytes).error().code);
}

TEST(RakpMessage1, RejectsAnotherLength) {
  expect_every_prefix_fails(hex(kRakp1), Errc::Truncated, decode_rakp1);
  EXPECT_EQ(Errc::TrailingBytes, decode_rakp1(joined(hex(kRakp1), hex("00"))).error().code);
}

TEST(RakpMessage2, IsReadAndWritten) {
  const auto message = decode_rakp2(hex(kRakp2));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(8, message->tag);
  EXPECT_EQ(0xa0a2a3a4U, message->console_session);
  EXPECT_EQ(std::byte{0x10}, message->managed_random[0]);
  EXPECT_EQ(std::byte{0x2f}, message->guid[15]);
  EXPECT_EQ(20U, message->key_exchange_code.size());
  EXPECT_EQ(hex(kRakp2), encode(*message));
}

TEST(RakpMessage2, MayHaveNoCodeButNoLongerOneThanAnyAlgorithmMakes) {
  const Bytes fixed = exact(ByteView(hex(kRakp2)).first(40));
  const auto without = decode_rakp2(fixed);
  ASSERT_TRUE(without.has_value()) << without.error().message();
  EXPECT_TRUE(without->key_exchange_code.empty());
  expect_every_prefix_fails(fixed, Errc::Truncated, decode_rakp2);
  EXPECT_TRUE(decode_rakp2(joined(fixed, Bytes(32))).has_value());
  EXPECT_EQ(Errc::TrailingBytes, decode_rakp2(joined(fixed, Bytes(33))).error().code);
}

TEST(RakpMessage2, HasEightBytesWhenItIsAnError) {
  Rakp2 message;
  message.tag = 8;
  message.status = RakpStatus::UnauthorizedName;
  message.console_session = 0xa0a2a3a4;
  message.key_exchange_code = hex("01");
  EXPECT_EQ(hex("08 0d 00 00 | a4 a3 a2 a0"), encode(message));
  const auto back = decode_rakp2(encode(message));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(RakpStatus::UnauthorizedName, back->status);
  expect_every_prefix_fails(encode(message), Errc::Truncated, decode_rakp2);
}

TEST(RakpMessage3, IsReadAndWritten) {
  const auto message = decode_rakp3(hex(kRakp3));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(9, message->tag);
  EXPECT_EQ(0x44332211U, message->managed_session);
  EXPECT_EQ(32U, message->key_exchange_code.size());
  EXPECT_EQ(hex(kRakp3), encode(*message));
  EXPECT_EQ(Errc::TrailingBytes, decode_rakp3(joined(hex(kRakp3), hex("00"))).error().code);
}

TEST(RakpMessage3, TellsTheServerThatTheClientGaveUp) {
  const Bytes bytes = hex("09 0f 00 00 | 11 22 33 44");
  const auto message = decode_rakp3(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(RakpStatus::InvalidIntegrityCheckValue, message->status);
  EXPECT_TRUE(message->key_exchange_code.empty());
  EXPECT_EQ(bytes, encode(*message));
  expect_every_prefix_fails(bytes, Errc::Truncated, decode_rakp3);
}

TEST(RakpMessage4, IsReadAndWritten) {
  const auto message = decode_rakp4(hex(kRakp4));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(9, message->tag);
  EXPECT_EQ(RakpStatus::Ok, message->status);
  EXPECT_EQ(0xa0a2a3a4U, message->console_session);
  EXPECT_EQ(12U, message->integrity_check_value.size());
  EXPECT_EQ(hex(kRakp4), encode(*message));
  expect_every_prefix_fails(exact(ByteView(hex(kRakp4)).first(8)), Errc::Truncated, decode_rakp4);
  EXPECT_EQ(Errc::TrailingBytes,
            decode_rakp4(joined(hex("09 00 00 00 a4 a3 a2 a0"), Bytes(33))).error().code);
}

TEST(RakpMessage4, HasEightBytesWhenItIsAnError) {
  const Bytes bytes = hex("09 0a 00 00 | a4 a3 a2 a0");
  const auto message = decode_rakp4(joined(bytes, hex("ff ff")));
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(RakpStatus::UnauthorizedRole, message->status);
  EXPECT_TRUE(message->integrity_check_value.empty());
  EXPECT_EQ(bytes, encode(*message));
}

TEST(DescribeRakpStatus, NeverUsesTheSameWordsTwice) {
  std::set<std::string> words;
  for (unsigned status = 0; status <= 0xff; ++status)
    EXPECT_TRUE(words.insert(describe(static_cast<RakpStatus>(status))).second) << status;
  EXPECT_EQ("RAKP status 19", describe(static_cast<RakpStatus>(19)));
  EXPECT_EQ("RAKP status 255", describe(static_cast<RakpStatus>(0xff)));
  EXPECT_EQ("no error", describe(RakpStatus::Ok));
  EXPECT_EQ("wrong password or K_g", describe(RakpStatus::InvalidIntegrityCheckValue));
  EXPECT_EQ("illegal or unrecognized parameter", describe(RakpStatus::IllegalParameter));
}

}  // namespace
}  // namespace fwr::wire
