// SPDX-License-Identifier: GPL-3.0-or-later
// Which image a donor offers. PROTOCOL §5.2, §7.3.
#include "support/donor_fixture.hpp"

namespace fwr::test {
namespace {

class BestFor : public ::testing::Test {
 protected:
  std::size_t add(std::uint32_t security, const std::string& version, std::int64_t created) {
    image::Manifest manifest;
    manifest.component = "bmc";
    manifest.size_bytes = 100;
    manifest.platforms.resize(1);
    manifest.security_version = security;
    manifest.version = version;
    manifest.created = created;
    SeededRandom(++seed_).fill(manifest.digest);
    catalogue_.add(manifest, seed_);
    return catalogue_.entries().size() - 1;
  }
  void expect_best(std::size_t index) {
    EXPECT_EQ(&catalogue_.entry(index), next_for(catalogue_, {platform_}));
  }
  RandomCatalogue catalogue_;
  Platform platform_;
  unsigned seed_ = 0;
};

TEST_F(BestFor, AnEmptyCatalogueIsNothing) {
  EXPECT_EQ(nullptr, next_for(catalogue_, {platform_}));
}

TEST_F(BestFor, TakesTheHighestSecurityVersionFirst) {
  add(1, "9.0", 900);
  const std::size_t best = add(2, "1.0", 100);
  add(1, "8.0", 999);
  expect_best(best);
}

TEST_F(BestFor, ThenTheHighestVersion) {
  add(1, "1.9", 900);
  const std::size_t best = add(1, "1.10", 100);
  add(1, "1.10~rc1", 999);
  expect_best(best);
}

TEST_F(BestFor, ThenTheNewest) {
  add(1, "1.0", 100);
  const std::size_t best = add(1, "1.0", 101);
  add(1, "1.0", 99);
  expect_best(best);
}

TEST_F(BestFor, ThenAlwaysTheSame) {
  add(1, "1.0", 100);
  add(1, "1.0", 100);
  RandomCatalogue turned;
  turned.add(catalogue_.entry(1).manifest, 1);
  turned.add(catalogue_.entry(0).manifest, 2);
  EXPECT_EQ(next_for(catalogue_, {platform_})->manifest.digest,
            next_for(turned, {platform_})->manifest.digest);
}

TEST_F(BestFor, LooksOnlyAtWhatFits) {
  const std::size_t best = add(1, "1.0", 1);
  catalogue_.entry(add(9, "9.0", 1)).manifest.component = "bios";
  catalogue_.entry(add(9, "9.0", 1)).manifest.platforms[0].product_id = 77;
  expect_best(best);
  platform_.product_id = 77;
  expect_best(2);
}

TEST_F(BestFor, GoesOnBehindTheImageThatWasOfferedLastUntilTheEnd) {
  const std::size_t third = add(1, "3.0", 1);
  const std::size_t first = add(2, "1.0", 1);
  const std::size_t last = add(1, "1.0", 1);
  const std::size_t fourth = add(1, "2.0", 2);
  add(1, "2.5", 1);
  catalogue_.entry(4).manifest.platforms[0].product_id = 77;
  std::vector<std::size_t> order;
  Digest after{};
  while (const donor::Entry* entry = next_for(catalogue_, {platform_, after})) {
    order.push_back(static_cast<std::size_t>(entry - catalogue_.entries().data()));
    after = entry->manifest.digest;
    ASSERT_LE(order.size(), catalogue_.entries().size());
  }
  EXPECT_EQ((std::vector{first, third, fourth, last}), order);
}

TEST_F(BestFor, BeginsAnewBehindAnImageThatIsGone) {
  const std::size_t best = add(2, "2.0", 1);
  add(1, "1.0", 1);
  Digest gone;
  gone.fill(std::byte{0x77});
  EXPECT_EQ(&catalogue_.entry(best), next_for(catalogue_, {platform_, gone}));
}

TEST_F(BestFor, LeavesOutWhatHasExpiredByAClockThatIsSet) {
  const std::size_t best = add(2, "2.0", 1000);
  const std::size_t next = add(1, "1.0", 1000);
  catalogue_.entry(best).manifest.expires = 5000;
  EXPECT_EQ(&catalogue_.entry(best), next_for(catalogue_, {platform_, {}, std::nullopt}));
  EXPECT_EQ(&catalogue_.entry(best), next_for(catalogue_, {platform_, {}, 4999}));
  EXPECT_EQ(&catalogue_.entry(next), next_for(catalogue_, {platform_, {}, 5000}));
  // A clock that is older than the manifest is not set.
  catalogue_.entry(best).manifest.created = 6000;
  EXPECT_EQ(&catalogue_.entry(best), next_for(catalogue_, {platform_, {}, 5500}));
}

TEST_F(BestFor, FindsADigest) {
  add(1, "1.0", 1);
  add(2, "2.0", 1);
  EXPECT_EQ(&catalogue_.entry(1), find(catalogue_, catalogue_.entry(1).manifest.digest));
  EXPECT_EQ(nullptr, find(catalogue_, Digest{}));
}

}  // namespace
}  // namespace fwr::test
