// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers, times and sizes as people write them.
#include "base/parse.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace fwr {
namespace {

using namespace std::string_view_literals;

TEST(ParseNumber, ReadsDecimalAndHexadecimal) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("4294967295"), 4'294'967'295U);
  EXPECT_EQ(parse_number("18446744073709551615"), 18'446'744'073'709'551'615U);
  EXPECT_EQ(parse_number("0x10"), 16U);
  EXPECT_EQ(parse_number("0xfF"), 255U);
}

TEST(ParseNumber, IsNeverOctal) {
  EXPECT_EQ(parse_number("007"), 7U);
  EXPECT_EQ(parse_number("009"), 9U);
  EXPECT_EQ(parse_number("010"), 10U);
  EXPECT_EQ(parse_number("0000000000000000000000000000000012"), 12U);
}

TEST(ParseNumber, TakesNothingElse) {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      " 7"sv,
                                      "7 "sv,
                                      "+7"sv,
                                      "-1"sv,
                                      "-0"sv,
                                      "0x"sv,
                                      "0x-1"sv,
                                      "0x+1"sv,
                                      "x10"sv,
                                      "0X10"sv,
                                      "0b1"sv,
                                      "0o7"sv,
                                      "1e3"sv,
                                      "1.0"sv,
                                      "1,000"sv,
                                      "1_000"sv,
                                      "nan"sv,
                                      "inf"sv,
                                      "18446744073709551616"sv,
                                      "0x10000000000000000"sv,
                                      "7\n"sv,
                                      "7\0"sv,
                                      "\xd9\xa3"sv})
    EXPECT_FALSE(parse_number(text)) << text;
}

TEST(ParseReal, IsFiniteAndNotNegative) {
  EXPECT_EQ(parse_real("0"), 0.0);
  EXPECT_EQ(parse_real("0.5"), 0.5);
  EXPECT_EQ(parse_real("010"), 10.0);
  EXPECT_EQ(parse_real("1e-5"), 1e-5);
  for (const std::string_view text :
       {""sv, "."sv, "nan"sv, "NaN"sv, "nan(1)"sv, "inf"sv, "infinity"sv, "-1"sv, "-0.0"sv, "+1"sv,
        "1e999"sv, "0x1p3"sv, "1,5"sv, "1.5 "sv, " 1"sv, "1e"sv})
    EXPECT_FALSE(parse_real(text)) << text;
}

TEST(ParseDuration, HasItsFactorForEachUnit) {
  EXPECT_EQ(parse_duration_ms("1"), 1000);
  EXPECT_EQ(parse_duration_ms("1ms"), 1);
  EXPECT_EQ(parse_duration_ms("1s"), 1000);
  EXPECT_EQ(parse_duration_ms("1m"), 60'000);
  EXPECT_EQ(parse_duration_ms("1h"), 3'600'000);
  EXPECT_EQ(parse_duration_ms("1d"), 86'400'000);
}

TEST(ParseDuration, IsDecimalWithAFraction) {
  EXPECT_EQ(parse_duration_ms("010m"), 600'000);
  EXPECT_EQ(parse_duration_ms("1.5h"), 5'400'000);
  EXPECT_EQ(parse_duration_ms("5.12"), 5120);
  EXPECT_EQ(parse_duration_ms("0.01s"), 10);
  EXPECT_EQ(parse_duration_ms("10 m"), 600'000);
  EXPECT_EQ(parse_duration_ms("0.1ms"), 1);  // never nothing, which may mean "no limit"
  EXPECT_EQ(parse_duration_ms("0"), 0);
}

TEST(ParseDuration, TakesNothingElse) {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "s"sv,
                                      "-1s"sv,
                                      "+1s"sv,
                                      "nan"sv,
                                      "inf"sv,
                                      "infs"sv,
                                      "1e3"sv,
                                      "0x10"sv,
                                      "0x10s"sv,
                                      "1 "sv,
                                      "1  s"sv,
                                      " 1s"sv,
                                      "1s "sv,
                                      "1.s"sv,
                                      ".5s"sv,
                                      "1..5s"sv,
                                      "1,5s"sv,
                                      "1S"sv,
                                      "1M"sv,
                                      "1min"sv,
                                      "1 weeks"sv,
                                      "1h30m"sv,
                                      "9223372036854775807"sv,
                                      "106751991168d"sv,
                                      "99999999999999999999s"sv,
                                      "0.0000000001s"sv,
                                      "1s\0"sv})
    EXPECT_FALSE(parse_duration_ms(text)) << text;
}

TEST(ParseTime, IsADateInUtcOrSeconds) {
  EXPECT_EQ(parse_time_s("0"), 0);
  EXPECT_EQ(parse_time_s("1798761600"), 1'798'761'600);
  EXPECT_EQ(parse_time_s("2027-01-01"), 1'798'761'600);
  EXPECT_EQ(parse_time_s("2028-02-29T23:59:58Z"), 1'835'481'598);
  EXPECT_EQ(parse_time_s("9999-12-31T23:59:59Z"), 253'402'300'799);
  EXPECT_EQ(parse_time_s("1969-12-31T23:59:59Z"), -1);
}

TEST(ParseTime, TakesNothingElse) {
  for (const std::string_view text :
       {""sv, "-1"sv, "2027-02-29"sv, "2027-00-01"sv, "2027-01-00"sv, "2027-1-1"sv, "2027/01/01"sv,
        "2027-01-01T12:00Z"sv, "2027-01-01T12:00:00"sv, "2027-01-01t12:00:00z"sv,
        "2027-01-01T12:60:00Z"sv, "2027-01-01T12:00:60Z"sv, "2027-01-01 12:00:00Z"sv,
        "2027-01-01Z"sv, "2027-01-01T12:00:00+00:00"sv, "20270101T000000Z"sv, "now"sv, "20270630"sv,
        "9223372036854775808"sv})
    EXPECT_FALSE(parse_time_s(text)) << text;
}

TEST(ParseSize, HasItsFactorForEachUnit) {
  EXPECT_EQ(parse_size_bytes("1"), 1);
  EXPECT_EQ(parse_size_bytes("1B"), 1);
  EXPECT_EQ(parse_size_bytes("1KiB"), 1024);
  EXPECT_EQ(parse_size_bytes("1MiB"), 1024 * 1024);
  EXPECT_EQ(parse_size_bytes("1GiB"), 1024 * 1024 * 1024);
  EXPECT_EQ(parse_size_bytes("1.5KiB"), 1536);
  EXPECT_EQ(parse_size_bytes("064KiB"), 65'536);
}

TEST(ParseSize, RefusesUnitsThatMeanTwoThings) {
  for (const std::string_view text :
       {""sv, "KiB"sv, "1K"sv, "1k"sv, "1kB"sv, "1KB"sv, "1M"sv, "1MB"sv, "1Mi"sv, "1mib"sv, "1G"sv,
        "1GB"sv, "1TiB"sv, "-1KiB"sv, "99999999999GiB"sv, "8589934592GiB"sv, "nanMiB"sv})
    EXPECT_FALSE(parse_size_bytes(text)) << text;
}

}  // namespace
}  // namespace fwr
