// SPDX-License-Identifier: GPL-3.0-or-later
// The installed interface, as a program that links libfwrecover sees it.
#include <gtest/gtest.h>

#include "fwrecover/version.hpp"

namespace {

TEST(LibraryVersion, HasThreeNumbers) {
  unsigned major_part = 0;
  unsigned minor_part = 0;
  unsigned patch_part = 0;
  const std::string version(fwrecover::library_version());
  EXPECT_EQ(3, std::sscanf(version.c_str(), "%u.%u.%u", &major_part, &minor_part, &patch_part));
}

TEST(DefaultIanaPen, FitsInThreeBytes) {
  EXPECT_GT(fwrecover::default_iana_pen(), 0U);
  EXPECT_LT(fwrecover::default_iana_pen(), 1U << 24);
}

}  // namespace
