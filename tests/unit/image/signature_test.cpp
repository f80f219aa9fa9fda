// SPDX-License-Identifier: GPL-3.0-or-later
// minisign signatures, with recorded ones and with the stock minisign program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

#include "image/signature.hpp"
#include "support/stock_tool.hpp"

namespace fwr::image {
namespace {

using testing::HasSubstr;

// Made with minisign 0.11 for this test; the secret key is gone.
constexpr std::string_view kMessage = "hi\n";
constexpr std::string_view kKeyLine = "RWRQWwUDaNwaaVRXthOkURFNuB2ENyanJcJiJqOW/kr7OzuQ8az4zAp7";
constexpr std::string_view kKeyId = "691ADC6803055B50";
const std::string kKeyFile =
    "untrusted comment: minisign public key 691ADC6803055B50\n" + std::string(kKeyLine) + "\n";
const std::string kSignature =
    "untrusted comment: signature from minisign secret key\n"
    "RURQWwUDaNwaaWIzIInfOx+qqHlHxeAhanZa+hV1BJqB0OpMehhq8ItsUuxCXQXEciIQvIIBbJ0msLE8RhLjRGVydUEI"
    "myjS4wY=\n"
    "trusted comment: tc here\n"
    "CPN8uXgxAWL+ppuVMYwWfk2adiqcearEEmYR3XtyUpBurPLiS/w4LUBXEFtIzaJko6qkdYDPV6sA7Pxc4ricBg==\n";
const std::string kLegacySignature =
    "untrusted comment: signature from minisign secret key\n"
    "RWRQWwUDaNwaaT5d4UjSYdIPtZxasY7Yj//jFboT6OP2qbVAhlp6FOGb9QXzHeyoOdMlcicvlBLbgIun6JbNAPIRn4EN"
    "Hmp/vg4=\n"
    "trusted comment: timestamp:1795334948\tfile:m\n"
    "W5yOpiETbF8JyJQh/Ofczuck/F3TEWyMr69q36IJxguoUwZI0aWNgHQNWdwO/nYgVtDFN0RB+N2TI1NUljIaDQ==\n";

PublicKey recorded_key() {
  return parse_public_key(kKeyLine).value();
}

Result<Signed> verify(std::string_view minisig) {
  const PublicKey key = recorded_key();
  return verify_signature(as_bytes(kMessage), minisig, {&key, 1});
}

std::string why_refused(const std::string& minisig) {
  const auto result = verify(minisig);
  if (result) return "accepted";
  EXPECT_EQ(result.error().code, Errc::BadSignature);
  return result.error().detail;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the fixture has no " + std::string(from));
  return text.replace(at, from.size(), to);
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    found.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return found;
}

TEST(ParsePublicKey, TakesAFileAndALine) {
  const auto file = parse_public_key(kKeyFile);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(to_text(file->id), kKeyId);
  EXPECT_EQ(parse_public_key(kKeyLine), *file);
  EXPECT_EQ(parse_public_key(std::string(kKeyLine) + "\r\n"), *file);
}

TEST(ParsePublicKey, GivesAnIdWithoutLeadingZeros) {
  EXPECT_EQ(
      to_text(parse_public_key("RWTzWHnDBeZaCZiRJdXS+VTAtCvqulSaiEKM00EAUnMGh2jiOU9anElg")->id),
      "95AE605C37958F3");  // as minisign 0.11 printed it
}

TEST(ParsePublicKey, SaysWhatIsWrong) {
  const auto why = [](const std::string& text) {
    const auto key = parse_public_key(text);
    if (key) return std::string("accepted");
    EXPECT_EQ(key.error().code, Errc::BadSignature);
    return key.error().detail;
  };
  const std::string line(kKeyLine);
  const std::string not_base64 = "the public key is not the base64 of 42 bytes";
  EXPECT_EQ(why(""), "the public key file has no line with a key");
  EXPECT_EQ(why("untrusted comment: x\n"), "the public key file has no line with a key");
  EXPECT_THAT(why(line.substr(0, 55)), HasSubstr(not_base64));
  EXPECT_THAT(why(line + "A"), HasSubstr(not_base64));
  EXPECT_THAT(why(" " + line), HasSubstr(not_base64));
  EXPECT_THAT(why(line.substr(0, 55) + " "), HasSubstr(not_base64));
  EXPECT_THAT(why(line.substr(0, 55) + "="), HasSubstr(not_base64));
  EXPECT_THAT(why(line.substr(0, 55) + "-"), HasSubstr(not_base64));
  EXPECT_EQ(why(line + "\n\nx"), "something follows the public key");
  EXPECT_EQ(why(kKeyFile + kKeyFile), "something follows the public key");
  EXPECT_EQ(why(replaced(line, "RW", "RU")), "the public key is not an Ed25519 key");
  EXPECT_THAT(why(std::string(2000, 'A')), HasSubstr("more than 1200 bytes"));
}

TEST(ParsePublicKey, RefusesKeysForWhichAnyoneCanSign) {
  // "Ed", the id 0102030405060708, and a key of zeros or of ones; the latter is above the prime.
  for (const std::string& line :
       {"RWQBAgMEBQYHC" + std::string(43, 'A'), "RWQBAgMEBQYHCP" + std::string(42, '/')}) {
    const auto key = parse_public_key(line);
    ASSERT_FALSE(key);
    EXPECT_THAT(key.error().detail, HasSubstr("anyone can make signatures"));
  }
}

TEST(VerifySignature, TakesWhatMinisignSigned) {
  const auto result = verify(kSignature);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(to_text(result->key), kKeyId);
  EXPECT_EQ(result->trusted_comment, "tc here");
}

TEST(VerifySignature, RefusesAnotherMessage) {
  const PublicKey key = recorded_key();
  for (const std::string_view message : {"hi", "hi\n\n", "ho\n", ""}) {
    const auto result = verify_signature(as_bytes(message), kSignature, {&key, 1});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::BadSignature);
    EXPECT_EQ(result.error().detail, "it is not what key 691ADC6803055B50 signed");
  }
}

TEST(VerifySignature, RefusesAnotherTrustedComment) {
  EXPECT_EQ(why_refused(replaced(kSignature, "tc here", "tc there")),
            "the trusted comment is not what key 691ADC6803055B50 signed");
  EXPECT_THAT(why_refused(replaced(kSignature, "tc here", "tc here ")), HasSubstr("comment"));
}

TEST(VerifySignature, DoesNotCareForTheUntrustedComment) {
  EXPECT_TRUE(verify(replaced(kSignature, "signature from", "anything at all")));
  EXPECT_TRUE(verify(replaced(kSignature, "signature from minisign secret key", "")));
}

TEST(VerifySignature, RefusesLegacySignatures) {
  EXPECT_EQ(why_refused(kLegacySignature),
            "it is a legacy signature (\"Ed\"); sign again with minisign -S, without -l");
  // No algorithm is called "EE" or "Fd".
  EXPECT_EQ(why_refused(replaced(kSignature, "RURQ", "RUVQ")),
            "the algorithm of the signature is not minisign's \"ED\"");
  EXPECT_EQ(why_refused(replaced(kSignature, "RURQ", "RmRQ")),
            "the algorithm of the signature is not minisign's \"ED\"");
}

TEST(VerifySignature, TakesAnyOfSeveralTrustedKeys) {
  PublicKey other = recorded_key();
  other.id.fill(std::byte{0x11});
  for (const auto& keys : {std::vector<PublicKey>{other, recorded_key()},
                           std::vector<PublicKey>{recorded_key(), other}})
    EXPECT_TRUE(verify_signature(as_bytes(kMessage), kSignature, keys));
}

TEST(VerifySignature, NamesTheKeysWhenNoneIsTheRightOne) {
  PublicKey other = recorded_key();
  other.id.fill(std::byte{0x11});
  const auto result = verify_signature(as_bytes(kMessage), kSignature, {&other, 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::UntrustedKey);
  EXPECT_EQ(result.error().detail, "key 691ADC6803055B50, trusted is 1111111111111111");
  const auto none = verify_signature(as_bytes(kMessage), kSignature, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::UntrustedKey);
}

TEST(VerifySignature, RefusesAnotherKeyWithTheSameId) {
  PublicKey other = recorded_key();
  other.key[3] ^= std::byte{1};
  const auto result = verify_signature(as_bytes(kMessage), kSignature, {&other, 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::BadSignature);
}

TEST(VerifySignature, TriesEachKeyWithTheIdOfTheSignature) {
  PublicKey other = recorded_key();
  other.key[3] ^= std::byte{1};
  const std::array first{other, recorded_key()};
  const std::array last{recorded_key(), other};
  EXPECT_TRUE(verify_signature(as_bytes(kMessage), kSignature, first));
  EXPECT_TRUE(verify_signature(as_bytes(kMessage), kSignature, last));
}

TEST(VerifySignature, TakesBothLineEnds) {
  std::string crlf;
  for (const std::string& line : lines(kSignature)) crlf += line + "\r\n";
  EXPECT_TRUE(verify(crlf));
  EXPECT_TRUE(verify(kSignature.substr(0, kSignature.size() - 1))) << "without the last line end";
  EXPECT_NE(why_refused(replaced(crlf, "\r\n", "\r\r\n")), "accepted");
  EXPECT_NE(why_refused(replaced(kSignature, "\n", "\r")), "accepted");
}

TEST(VerifySignature, SaysWhichLineIsWrong) {
  const auto line = lines(kSignature);
  const auto with_line = [&](std::size_t number, const std::string& content) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) text += (i == number ? content : line[i]) + "\n";
    return text;
  };
  const std::string first = "line 1 of the signature is not a short \"untrusted comment: \"";
  const std::string second = "line 2 of the signature is not the base64 of 74 bytes";
  const std::string third = "line 3 of the signature does not begin with \"trusted comment: \"";
  const std::string fourth = "line 4 of the signature is not the base64 of 64 bytes";
  EXPECT_EQ(why_refused(with_line(0, "comment")), first);
  EXPECT_EQ(why_refused(with_line(0, "untrusted comment: " + std::string(990, 'x'))), first);
  EXPECT_EQ(why_refused(with_line(1, "")), second);
  EXPECT_EQ(why_refused(with_line(1, line[1].substr(0, 96))), second);
  EXPECT_EQ(why_refused(with_line(1, line[1].substr(0, 99))), second);
  EXPECT_EQ(why_refused(with_line(1, line[1] + "AAAA")), second);
  EXPECT_EQ(why_refused(with_line(1, replaced(line[1], "Y=", "Z="))), second) << "unused bits";
  EXPECT_EQ(why_refused(with_line(1, replaced(line[1], "=", " "))), second);
  EXPECT_EQ(why_refused(with_line(2, "trusted comment")), third);
  EXPECT_EQ(why_refused(with_line(2, "untrusted comment: tc here")), third);
  EXPECT_EQ(why_refused(with_line(3, line[3].substr(0, 84))), fourth);
  EXPECT_EQ(why_refused(with_line(3, replaced(line[3], "==", "=A"))), fourth);
  EXPECT_EQ(why_refused(with_line(3, " " + line[3].substr(1))), fourth);
  EXPECT_EQ(why_refused(line[0] + "\n" + line[1] + "\n" + line[2] + "\n"),
            "a signature has four lines, this one has fewer");
  EXPECT_EQ(why_refused(""), "a signature has four lines, this one has fewer");
  EXPECT_EQ(why_refused(kSignature + "\nx"), "something follows the fourth line of the signature");
  EXPECT_EQ(why_refused(with_line(0, line[0] + "\x1b[2J")),
            "a comment of the signature has a control character");
  EXPECT_EQ(why_refused(with_line(0, line[0] + std::string(1, '\0'))),
            "a comment of the signature has a control character");
  EXPECT_THAT(why_refused(with_line(2, line[2] + std::string(2000, 'x'))),
              HasSubstr("more than the limit of 2048"));
}

TEST(VerifySignature, RefusesEachDamagedBitOfTheSignatures) {
  const std::string signed_part = kSignature.substr(kSignature.find('\n') + 1);
  const std::string comment = kSignature.substr(0, kSignature.size() - signed_part.size());
  for (std::size_t at = 0; at + 1 < signed_part.size(); ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = signed_part;
      damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1U << bit));
      ASSERT_FALSE(verify(comment + damaged)) << "byte " << at << ", bit " << bit;
    }
}

TEST(VerifySignature, SurvivesRandomBytesAndDamage) {
  std::mt19937 engine(3);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes(engine() % 400, '\0');
    for (char& c : bytes) c = static_cast<char>(engine());
    EXPECT_FALSE(verify(bytes));
    EXPECT_FALSE(parse_public_key(bytes));
    for (char& c : bytes) c = "\n\r =ABab01+/:"[engine() % 13];
    EXPECT_FALSE(verify(bytes));
    std::string damaged = kSignature;
    damaged.erase(55 + engine() % 200, 1 + engine() % 60);  // not in the untrusted comment
    EXPECT_FALSE(verify(damaged));
    std::string key = kKeyFile;
    key[engine() % key.size()] = static_cast<char>(engine());
    (void)parse_public_key(key);
  }
}

// --- the stock program ---------------------------------------------------------------------------

/// A key pair without a password, and files signed with it.
class Minisign : public testing::Test {
 protected:
  void SetUp() override {
    const auto made = test::run(scratch_, {"minisign", "-G", "-f", "-W", "-p", pub(), "-s", sec()});
    if (!made) GTEST_SKIP() << "there is no minisign (Debian: minisign)";
    ASSERT_EQ(made->status, 0) << made->output;
  }

  std::string sign(const std::string& message, std::vector<std::string> options) {
    std::vector<std::string> command{
        "minisign", "-S", "-W", "-s", sec(), "-m", scratch_.put("message", message)};
    command.insert(command.end(), {"-x", scratch_.path("signature")});
    command.insert(command.end(), options.begin(), options.end());
    const auto made = test::run(scratch_, command);
    EXPECT_TRUE(made && made->status == 0) << (made ? made->output : "");
    return scratch_.get("signature");
  }

  bool stock_accepts(const std::string& message, const std::string& signature) {
    const auto verified = test::run(
        scratch_, {"minisign", "-V", "-H", "-p", pub(), "-m", scratch_.put("message", message),
                   "-x", scratch_.put("signature", signature)});
    return verified && verified->status == 0;
  }

  [[nodiscard]] std::string pub() const { return scratch_.path("key.pub"); }
  [[nodiscard]] std::string sec() const { return scratch_.path("key.sec"); }
  PublicKey key() { return parse_public_key(scratch_.get("key.pub")).value(); }

  test::Scratch scratch_;
};

TEST_F(Minisign, SignsWhatWeAccept) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 129U, 16384U}) {
    const std::string message(size, 'm');
    const std::string signature = sign(message, {"-t", "file:m of the test"});
    const PublicKey trusted = key();
    const auto result = verify_signature(as_bytes(message), signature, {&trusted, 1});
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->trusted_comment, "file:m of the test");
  }
}

TEST_F(Minisign, PrintsKeyIdsAsWeDo) {
  EXPECT_THAT(scratch_.get("key.pub"), HasSubstr(" " + to_text(key().id) + "\n"));
}

TEST_F(Minisign, MakesLegacySignaturesThatWeRefuse) {
  const PublicKey trusted = key();
  const auto result = verify_signature(as_bytes("m"), sign("m", {"-l"}), {&trusted, 1});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().detail, HasSubstr("legacy"));
}

// PROTOCOL §7.2: stock minisign accepts what we accept.
TEST_F(Minisign, AcceptsWhatWeAccept) {
  const std::string good = sign("m", {"-t", "a\tcomment"});
  const PublicKey trusted = key();
  std::string crlf;
  for (const std::string& line : lines(good)) crlf += line + "\r\n";
  std::vector<std::string> candidates{
      good,
      crlf,
      good.substr(0, good.size() - 1),
      good + "x",
      replaced(good, "a\tc", "a c"),
      replaced(good, "\n", "\n\n"),
      replaced(good, "untrusted comment: ", "untrusted comment: " + std::string(900, 'x'))};
  std::mt19937 engine(4);
  for (int round = 0; round < 60; ++round) {
    std::string damaged = good;
    damaged[engine() % damaged.size()] = static_cast<char>(engine());
    candidates.push_back(std::move(damaged));
  }
  int accepted = 0;
  for (const std::string& candidate : candidates)
    if (verify_signature(as_bytes("m"), candidate, {&trusted, 1})) {
      ++accepted;
      EXPECT_TRUE(stock_accepts("m", candidate)) << candidate;
    }
  EXPECT_GE(accepted, 4);
}

TEST(ParsePublicKey, TakesAByteOrderMarkAndEmptyLinesAtTheEnd) {
  const auto plain = parse_public_key(kKeyFile);
  ASSERT_TRUE(plain);
  for (const std::string& text : {"\xef\xbb\xbf" + kKeyFile, kKeyFile + "\n", kKeyFile + "\r\n \n"})
    EXPECT_TRUE(parse_public_key(text));
}

TEST(PlainSignature, HasNeitherAMarkNorEmptyLinesAtItsEnd) {
  EXPECT_EQ(plain_signature("\xef\xbb\xbf" + kSignature + "\n\r\n"), kSignature);
  EXPECT_EQ(plain_signature(kSignature), kSignature);
  EXPECT_EQ(plain_signature(kSignature + "x"), kSignature + "x");
}

}  // namespace
}  // namespace fwr::image
