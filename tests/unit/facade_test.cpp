// SPDX-License-Identifier: GPL-3.0-or-later
// The installed interface, as a program that links libfwrecover sees it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "fwrecover/version.hpp"

namespace {

TEST(LibraryVersion, HasThreeNumbers) {
  const std::string version(fwrecover::library_version());
  EXPECT_EQ(2, std::count(version.begin(), version.end(), '.')) << version;
  EXPECT_EQ(std::string::npos, version.find_first_not_of("0123456789.")) << version;
}

TEST(DefaultIanaPen, FitsInThreeBytes) {
  EXPECT_GT(fwrecover::default_iana_pen(), 0U);
  EXPECT_LT(fwrecover::default_iana_pen(), 1U << 24);
}

}  // namespace
