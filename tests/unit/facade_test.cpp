// SPDX-License-Identifier: GPL-3.0-or-later
// The installed interface, as a program that links libfwrecover sees it.
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "fwrecover/version.hpp"

namespace {

TEST(LibraryVersion, HasThreeNumbers) {
  const std::string version(fwrecover::library_version());
  EXPECT_TRUE(std::regex_match(version, std::regex("[0-9]+\\.[0-9]+\\.[0-9]+"))) << version;
}

TEST(DefaultIanaPen, FitsInThreeBytes) {
  EXPECT_GT(fwrecover::default_iana_pen(), 0U);
  EXPECT_LT(fwrecover::default_iana_pen(), 1U << 24);
}

}  // namespace
