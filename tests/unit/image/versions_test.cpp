// SPDX-License-Identifier: GPL-3.0-or-later
// The order of versions, compared with dpkg's.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "image/manifest.hpp"
#include "support/stock_tool.hpp"

namespace fwr::image {
namespace {

int sign(int value) {
  return (value > 0) - (value < 0);
}

/// No two are equal.
const std::vector<std::string> kVersions = {
    "~~",      "~~a",  "~",      "a",    "0~rc1",  "0",     "0.9",   "1.0~beta",
    "1.0~rc1", "1.0",  "1.0a",   "1.0b", "1.0+b1", "1.0.0", "1.0.9", "1.0.10",
    "1.2",     "1.10", "1.10-2", "2",    "2.a",    "2..",   "3-0-1", "10",
    "A",       "Z",    "a1",     "a1b",  "a2",     "v2",    "+"};

TEST(CompareVersions, PutsTildeBeforeTheEndAndLettersBeforeOtherSigns) {
  EXPECT_LT(compare_versions("1.0~rc1", "1.0"), 0);
  EXPECT_LT(compare_versions("1.0", "1.0a"), 0);
  EXPECT_LT(compare_versions("1.0a", "1.0+"), 0);
  EXPECT_LT(compare_versions("1.0~~", "1.0~"), 0);
}

TEST(CompareVersions, ComparesRunsOfDigitsByValue) {
  EXPECT_LT(compare_versions("1.9", "1.10"), 0);
  EXPECT_EQ(compare_versions("1.007", "1.7"), 0);
  EXPECT_EQ(compare_versions("1.", "1.000"), 0);
  EXPECT_LT(compare_versions("20260101000000000000000001", "20260101000000000000000002"), 0);
  EXPECT_GT(compare_versions("100000000000000000000000000", "99999999999999999999999999"), 0);
}

TEST(CompareVersions, IsAnOrder) {
  for (const std::string& a : kVersions)
    for (const std::string& b : kVersions) {
      EXPECT_EQ(sign(compare_versions(a, b)), -sign(compare_versions(b, a))) << a << " " << b;
      EXPECT_EQ(compare_versions(a, b) == 0, a == b) << a << " " << b;
      for (const std::string& c : kVersions)
        if (compare_versions(a, b) < 0 && compare_versions(b, c) < 0) {
          EXPECT_LT(compare_versions(a, c), 0) << a << " " << b << " " << c;
        }
    }
}

TEST(CompareVersions, AgreesWithDpkg) {
  const test::Scratch scratch;
  // dpkg wants a digit first, and takes what follows the last hyphen for a revision.
  const std::vector<std::string> versions = {"0",     "0.9",    "1.0~rc1", "1.0",  "1.0a", "1.0+b1",
                                             "1.0.0", "1.0.10", "1.10",    "1-2-", "2.a",  "007"};
  for (const std::string& a : versions)
    for (const std::string& b : versions) {
      const char* const relation = compare_versions(a, b) < 0    ? "lt"
                                   : compare_versions(a, b) == 0 ? "eq"
                                                                 : "gt";
      const auto dpkg =
          test::run(scratch, {"dpkg", "--compare-versions", a + "-0", relation, b + "-0"});
      if (!dpkg) GTEST_SKIP() << "there is no dpkg";
      EXPECT_EQ(dpkg->status, 0) << a << " " << relation << " " << b << ": " << dpkg->output;
    }
}

TEST(CompareVersions, TakesAnyBytes) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const std::string a{'1', static_cast<char>(first)};
      const std::string b{'1', static_cast<char>(second)};
      ASSERT_EQ(sign(compare_versions(a, b)), -sign(compare_versions(b, a)));
    }
}

TEST(IsVersion, TakesTheCharactersOfTheProtocolOnly) {
  for (const char* good : {"1", "1.2.3", "v2", "2026.03_rc~1+git-5", "AZaz09._+~-"})
    EXPECT_TRUE(is_version(good)) << good;
  for (const char* bad : {"", "1 2", "1:2", "1/2", "1\n", "\xc3\xa9"})
    EXPECT_FALSE(is_version(bad)) << bad;
  EXPECT_TRUE(is_version(std::string(31, '1')));
  EXPECT_FALSE(is_version(std::string(32, '1')));
  EXPECT_FALSE(is_version(std::string("1\0", 2)));
}

TEST(IsComponent, TakesTheCharactersOfTheProtocolOnly) {
  for (const char* good : {"bmc", "bios", "cpld-1", "a.b_c"}) EXPECT_TRUE(is_component(good));
  for (const char* bad : {"", "BMC", "b m c", "bmc+", "bmc~"}) EXPECT_FALSE(is_component(bad));
  EXPECT_TRUE(is_component(std::string(15, 'b')));
  EXPECT_FALSE(is_component(std::string(16, 'b')));
}

}  // namespace
}  // namespace fwr::image
