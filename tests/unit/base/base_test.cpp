// SPDX-License-Identifier: GPL-3.0-or-later
// Errors, byte cursors and the shared types.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/soonest.hpp"
#include "base/types.hpp"
#include "support/hex.hpp"

namespace fwr {
namespace {

using test::hex;

constexpr auto kLast = static_cast<unsigned>(Errc::Internal);

Errc code_at(unsigned index) {
  return static_cast<Errc>(index);
}

TEST(ErrorTable, HasAStableNameOfItsOwnForEveryCode) {
  std::set<std::string> names;
  for (unsigned i = 0; i <= kLast; ++i) {
    const std::string name(info(code_at(i)).name);
    EXPECT_EQ(std::string::npos, name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-")) << name;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
  }
}

TEST(ErrorTable, HasWordsThatFitTogetherForEveryCode) {
  for (unsigned i = 0; i <= kLast; ++i) {
    const ErrorInfo& row = info(code_at(i));
    ASSERT_FALSE(row.sentence.empty()) << row.name;
    EXPECT_NE('.', row.sentence.back()) << row.name;
  }
}

TEST(ErrorTable, GivesTheExitCodesOfTheManual) {
  const std::pair<Errc, int> expected[] = {
      {Errc::ReplacementNeeded, 10}, {Errc::NoDonorAnswered, 11}, {Errc::NoOfferAcceptable, 12},
      {Errc::AllDonorsFailed, 13},   {Errc::BadSignature, 14},    {Errc::UntrustedKey, 14},
      {Errc::BadManifest, 14},       {Errc::BadBlock, 14},        {Errc::DigestMismatch, 14},
      {Errc::ImageTooOld, 14},       {Errc::SlotWriteFailed, 15}, {Errc::NoSpace, 15},
      {Errc::SlotUnreadable, 15},    {Errc::DeadlinePassed, 16},  {Errc::AlreadyRunning, 17},
      {Errc::BadUsage, 2},           {Errc::BadConfiguration, 2}, {Errc::InsecureSecret, 2},
      {Errc::Truncated, 1},          {Errc::Internal, 1},         {Errc::AuthenticationFailed, 1},
  };
  for (const auto& [code, exit_code] : expected)
    EXPECT_EQ(exit_code, static_cast<int>(Error{code, ""}.exit_code())) << info(code).name;
}

TEST(ErrorTable, AnswersACodeOutsideOfItAsADefect) {
  EXPECT_EQ(Errc::Internal, info(code_at(kLast + 1)).code);
  EXPECT_EQ(Errc::Internal, info(code_at(255)).code);
}

TEST(ErrorMessage, IsTheSentenceAndThenTheDetail) {
  EXPECT_EQ("the image does not match its digest: slot b",
            (Error{Errc::DigestMismatch, "slot b"}.message()));
  EXPECT_EQ("no donor answered", (Error{Errc::NoDonorAnswered, {}}.message()));
}

TEST(Hex, GoesBothWays) {
  EXPECT_EQ("00097f80ff", to_hex(hex("00 09 7F 80 Ff")));
  EXPECT_EQ("", to_hex({}));
}

TEST(Hex, RejectsWhatIsNotPairsOfDigits) {
  EXPECT_EQ(Errc::BadField, from_hex("123", 16).error().code);
  for (const char* text : {"0g", "g0", " 1", "0x", "1\n", "@0", "`0", "/0", ":0", "G0"})
    EXPECT_EQ(Errc::BadField, from_hex(text, 16).error().code) << text;
}

TEST(Hex, HasALimitInBytes) {
  EXPECT_TRUE(from_hex("0102", 2).has_value());
  EXPECT_EQ(Errc::LimitExceeded, from_hex("010203", 2).error().code);
}

TEST(EqualConstantTime, ComparesEveryByteAndTheLength) {
  const Bytes a = hex("01 02 03");
  EXPECT_TRUE(equal_constant_time(a, hex("01 02 03")));
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_FALSE(equal_constant_time(a, hex("01 02")));
  EXPECT_FALSE(equal_constant_time(a, hex("81 02 03")));
  EXPECT_FALSE(equal_constant_time(a, hex("01 02 02")));
}

TEST(ByteReader, ReadsLittleEndianFieldsOfEverySize) {
  const Bytes bytes = hex("01 | 02 01 | 03 02 01 | 05 04 03 02 01 | 08 07 06 05 04 03 02 81");
  ByteReader in(bytes);
  EXPECT_EQ(0x01U, in.u8());
  EXPECT_EQ(0x0102U, in.u16());
  EXPECT_EQ(0x010203U, in.le<3>());
  EXPECT_EQ(0x0102030405U, in.le<5>());
  EXPECT_EQ(0x8102030405060708U, in.le<8>());
  EXPECT_TRUE(in.finish("m").has_value());
}

TEST(ByteReader, LatchesTheFirstReadPastTheEnd) {
  const Bytes bytes = hex("aa bb cc");
  ByteReader in(bytes);
  EXPECT_EQ(0xaaU, in.u8());
  EXPECT_EQ(0U, in.u32());
  EXPECT_TRUE(in.truncated());
  EXPECT_EQ(0U, in.u8()) << "what is left of a truncated message is not read as a later field";
  EXPECT_EQ(Errc::Truncated, in.finish("Offer").error().code);
  EXPECT_NE(std::string::npos, in.finish("Offer").error().message().find("Offer"));
  EXPECT_EQ(Errc::Truncated, in.finish_open("Offer").error().code);
}

TEST(ByteReader, LeavesAnArrayAloneWhenBytesAreMissing) {
  const Bytes bytes = hex("01 02 03");
  ByteReader in(bytes);
  std::array<std::byte, 4> out{};
  in.copy_to(out);
  EXPECT_EQ((std::array<std::byte, 4>{}), out);
  EXPECT_TRUE(in.truncated());
}

TEST(ByteReader, FinishesOpenButNotClosedWhenBytesAreLeft) {
  const Bytes bytes = hex("01 02");
  ByteReader in(bytes);
  EXPECT_EQ(1U, in.u8());
  EXPECT_TRUE(in.finish_open("m").has_value());
  EXPECT_EQ(Errc::TrailingBytes, in.finish("m").error().code);
  EXPECT_EQ(1U, in.take_rest().size());
  EXPECT_TRUE(in.finish("m").has_value());
}

TEST(ByteWriter, WritesWhatTheReaderReads) {
  ByteWriter out;
  out.u8(0x01);
  out.u16(0x0203);
  out.le<3>(0xff040506);
  out.u32(0x0708090a);
  out.bytes(hex("0b 0c"));
  out.zeros(2);
  EXPECT_EQ(14U, out.size());
  EXPECT_EQ(hex("01 | 03 02 | 06 05 04 | 0a 09 08 07 | 0b 0c | 00 00"), std::move(out).release());
}

TEST(GuidText, HasTheLastByteOfTheWireFirst) {
  Guid guid{};
  for (std::size_t i = 0; i < guid.size(); ++i) guid[i] = static_cast<std::byte>(i);
  const std::string text = "0f0e0d0c-0b0a-0908-0706-050403020100";
  EXPECT_EQ(text, to_text(guid));
  EXPECT_EQ(guid, parse_guid(text));
  EXPECT_EQ(guid, parse_guid("0F0E0D0C-0B0A-0908-0706-050403020100"));
}

TEST(GuidText, RejectsEverythingElse) {
  for (const char* text :
       {"", "0f0e0d0c0b0a09080706050403020100", "0f0e0d0c-0b0a-0908-0706-05040302010",
        "0f0e0d0c-0b0a-0908-0706-0504030201000", "0f0e0d0c-0b0a-0908-07060-50403020100",
        "0f0e0d0c-0b0a-0908-0706_050403020100", "0f0e0d0c-0b0a-0908-0706-05040302010g",
        "0f0e0d-c0b0a--0908-0706-050403020100", "{f0e0d0c-0b0a-0908-0706-05040302010}"})
    EXPECT_EQ(Errc::BadField, parse_guid(text).error().code) << text;
}

TEST(DigestText, HasExactly64Digits) {
  Digest digest{};
  digest.front() = std::byte{0xab};
  digest.back() = std::byte{0x01};
  const std::string text = to_text(digest);
  EXPECT_EQ("ab" + std::string(60, '0') + "01", text);
  EXPECT_EQ(digest, parse_digest(text));
  EXPECT_EQ(Errc::BadField, parse_digest(text + "00").error().code);
  EXPECT_EQ(Errc::BadField, parse_digest(text.substr(2)).error().code);
  EXPECT_EQ(Errc::BadField, parse_digest("").error().code);
}

TEST(Words, NameEveryMediumAndRole) {
  EXPECT_EQ("wired", to_text(Medium::Wired));
  EXPECT_EQ("wireless", to_text(Medium::Wireless));
  EXPECT_EQ("icmb", to_text(Medium::Icmb));
  EXPECT_EQ("bluetooth", to_text(Medium::Bluetooth));
  EXPECT_EQ("serial", to_text(Medium::Serial));
  EXPECT_EQ("console", to_text(DonorRole::Console));
  EXPECT_EQ("peer", to_text(DonorRole::Peer));
  EXPECT_EQ("unknown", to_text(static_cast<DonorRole>(9)));
  EXPECT_TRUE(is_known(DonorRole::Peer));
  EXPECT_FALSE(is_known(static_cast<DonorRole>(2)));
}

TEST(Secret, LeavesNothingBehindInItsBuffer) {
  Secret secret(as_bytes("correct horse battery staple"));
  const std::size_t length = secret.view().size();
  const std::byte* const buffer = secret.view().data();
  const Secret shorter(as_bytes("x"));
  secret = shorter;
  ASSERT_EQ(buffer, secret.view().data()) << "the buffer was not used again";
  EXPECT_EQ("x", as_text(secret.view()));
  // Still the vector's allocation: its capacity did not change.
  EXPECT_TRUE(
      std::all_of(buffer + 1, buffer + length, [](std::byte b) { return b == std::byte{}; }));
}

TEST(Secret, MovesWithoutACopyInTheOldPlace) {
  Secret from(as_bytes("correct horse"));
  const std::byte* const buffer = from.view().data();
  Secret to(std::move(from));
  EXPECT_EQ(buffer, to.view().data());
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the point
  Secret assigned;
  assigned = std::move(to);
  EXPECT_EQ(buffer, assigned.view().data());
  EXPECT_TRUE(to.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(Secret, SurvivesAssignmentToItself) {
  Secret secret(as_bytes("pw"));
  Secret& same = secret;
  secret = same;
  EXPECT_EQ("pw", as_text(secret.view()));
}

// --- Soonest -------------------------------------------------------------------------------------

TEST(Soonest, IsTheEarliestOfThoseThatArePresent) {
  Soonest soonest;
  EXPECT_EQ(std::nullopt, soonest.time());
  soonest.add(std::nullopt);
  EXPECT_EQ(std::nullopt, soonest.time());
  soonest.add(TimePoint(std::chrono::seconds(7)));
  soonest.add(std::optional(TimePoint(std::chrono::seconds(3))));
  soonest.add(std::nullopt);
  soonest.add(TimePoint(std::chrono::seconds(5)));
  EXPECT_EQ(TimePoint(std::chrono::seconds(3)), soonest.time());
}

}  // namespace
}  // namespace fwr
