// SPDX-License-Identifier: GPL-3.0-or-later
// What many recipients would refuse is said to who fills a catalogue. fwdonor(8), WARNINGS.
#include <gtest/gtest.h>

#include "donor/catalogue_review.hpp"
#include "support/test_signer.hpp"

namespace fwr::test {
namespace {

using donor::Occasion;

constexpr std::int64_t kNow = 1800000000;
constexpr std::int64_t kDay = 86'400;

class CatalogueReview : public ::testing::Test {
 protected:
  image::Manifest& add(const std::string& version, std::uint32_t security = 1,
                       std::uint16_t product = 7, std::uint8_t key = 1) {
    donor::Entry entry;
    entry.manifest.name = "bmc";
    entry.manifest.component = "bmc";
    entry.manifest.version = version;
    entry.manifest.security_version = security;
    entry.manifest.size_bytes = 1000;
    entry.manifest.created = kNow - 100 * kDay;
    entry.manifest.platforms.resize(1);
    entry.manifest.platforms[0].product_id = product;
    entry.manifest.digest.fill(static_cast<std::byte>(entries_.size() + 1));
    entry.signature = TestSigner(key).sign("whatever");
    entries_.push_back(entry);
    return entries_.back().manifest;
  }
  /// The names of the concerns about the image that was added last.
  std::string concerns(Occasion occasion = Occasion::Added,
                       std::optional<std::int64_t> clock = kNow) const {
    return concerns_of(entries_.size() - 1, occasion, clock);
  }
  std::string concerns_of(std::size_t index, Occasion occasion = Occasion::Listed,
                          std::optional<std::int64_t> clock = kNow) const {
    std::string names;
    for (const auto& concern : donor::review(entries_[index], entries_, clock, occasion)) {
      names += (names.empty() ? "" : " ") + std::string(concern.name);
      EXPECT_TRUE(concern.text.starts_with("bmc " + entries_[index].manifest.version));
    }
    return names;
  }
  std::vector<donor::Entry> entries_;
};

TEST_F(CatalogueReview, HasNothingToSayOfWhatIsRight) {
  add("1.0");
  EXPECT_EQ("", concerns());
  add("2.0").minimum_version = "1.0";
  EXPECT_EQ("", concerns());
  add("3.0", 2).expires = kNow + 400 * kDay;
  EXPECT_EQ("", concerns());
  EXPECT_EQ("", concerns_of(0));
}

TEST_F(CatalogueReview, SaysWhatExpiredAndWhatIsAboutTo) {
  image::Manifest& image = add("1.0");
  image.expires = kNow;
  EXPECT_EQ("expired", concerns());
  EXPECT_EQ("", concerns(Occasion::Added, std::nullopt)) << "nobody knows";
  image.expires = kNow + 1;
  EXPECT_EQ("expires-soon", concerns());
  image.expires = kNow + donor::kExpiresSoon_s - 1;
  EXPECT_EQ("expires-soon", concerns());
  image.expires = kNow + donor::kExpiresSoon_s;
  EXPECT_EQ("", concerns());
  image.expires = image.created;
  EXPECT_EQ("expired", concerns(Occasion::Added, std::nullopt));
}

TEST_F(CatalogueReview, SaysWhatWasMadeInTheFuture) {
  image::Manifest& image = add("1.0");
  image.created = kNow + donor::kClockDifference_s;
  EXPECT_EQ("", concerns());
  ++image.created;
  EXPECT_EQ("made-in-the-future", concerns());
}

TEST_F(CatalogueReview, WantsASteppingStoneForEachPlatform) {
  add("5.0").minimum_version = "4.0";
  EXPECT_EQ("no-stepping-stone", concerns());
  add("3.9");
  EXPECT_EQ("no-stepping-stone", concerns_of(0)) << "too low";
  add("4.1", 1, 8);
  EXPECT_EQ("no-stepping-stone", concerns_of(0)) << "for another product";
  add("4.2").minimum_version = "4.0";
  EXPECT_EQ("no-stepping-stone", concerns_of(0)) << "the same way in";
  add("4.3").expires = kNow - 1;
  EXPECT_EQ("no-stepping-stone", concerns_of(0)) << "expired";
  add("4.0");
  EXPECT_EQ("", concerns_of(0));
  entries_[0].manifest.platforms.push_back({});
  entries_[0].manifest.platforms[1].product_id = 9;
  EXPECT_EQ("no-stepping-stone", concerns_of(0)) << "of the second platform";
}

TEST_F(CatalogueReview, SaysWhatCanBeInstalledOverNewerOnesOnly) {
  add("2.0").minimum_version = "2.1";
  EXPECT_EQ("minimum-above-itself", concerns());
}

TEST_F(CatalogueReview, SaysWhatTheFloorOfSystemsRefuses) {
  add("2.0", 5);
  add("1.0", 4);
  EXPECT_EQ("security-version-lower", concerns());
  EXPECT_EQ("", concerns_of(1)) << "later it is a stepping stone";
  add("3.0", 4);
  EXPECT_EQ("security-version-lower", concerns_of(2)) << "forgotten, it seems";
  add("3.0", 4, 8);
  EXPECT_EQ("", concerns()) << "for other systems";
}

TEST_F(CatalogueReview, SaysWhatIsThereTwice) {
  add("2.0");
  add("2.0");
  EXPECT_EQ("same-version", concerns());
  add("2.0", 1, 8);
  EXPECT_EQ("", concerns());
}

TEST_F(CatalogueReview, SaysWhatAnotherKeySigned) {
  add("2.0", 1, 7, 2);
  EXPECT_EQ("", concerns()) << "nothing to compare with";
  add("1.0", 1, 7, 1);
  EXPECT_EQ("other-key", concerns());
  add("3.0", 1, 7, 1);
  EXPECT_EQ("", concerns()) << "one of two keys that are in use";
}

TEST_F(CatalogueReview, SaysWhatIsMuchLarger) {
  add("1.0");
  add("2.0").size_bytes = 1999;
  EXPECT_EQ("", concerns());
  add("3.0").size_bytes = 2 * 1999;
  EXPECT_EQ("much-larger", concerns());
}

TEST_F(CatalogueReview, PlatformsMeetWhereOneSystemFitsBoth) {
  add("2.0", 5).platforms[0].hardware_revision = image::PlatformMatch::RevisionRange{1, 3};
  add("1.0", 4).platforms[0].hardware_revision = image::PlatformMatch::RevisionRange{4, 9};
  EXPECT_EQ("", concerns());
  entries_[1].manifest.platforms[0].hardware_revision->lowest = 3;
  EXPECT_EQ("security-version-lower", concerns());
  entries_[1].manifest.platforms[0] = {};
  EXPECT_EQ("security-version-lower", concerns()) << "any platform";
  entries_[1].manifest.component = "nic";
  EXPECT_EQ("", concerns());
}

}  // namespace
}  // namespace fwr::test
