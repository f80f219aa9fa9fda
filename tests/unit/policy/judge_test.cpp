// SPDX-License-Identifier: GPL-3.0-or-later
// Judging offers and manifests: each reason for a refusal, in its words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fixture.hpp"

namespace fwr::policy {
namespace {

using testing::HasSubstr;

struct Case {
  Policy policy;
  Situation situation = good_situation();
  Candidate candidate = good_candidate();
  image::Manifest manifest = good_manifest();

  [[nodiscard]] std::string reason() const {
    const Verdict verdict = judge(policy, situation, candidate);
    return verdict.accepted ? "accepted" : verdict.reason;
  }
  [[nodiscard]] std::optional<Error> error() const {
    return judge_manifest(policy, situation, candidate, manifest);
  }
  /// Offer and manifest say the same.
  void offer_version(const std::string& version, std::uint32_t security) {
    candidate.version = manifest.version = version;
    candidate.security_version = manifest.security_version = security;
  }
};

// --- offers --------------------------------------------------------------------------------------

TEST(Judge, AcceptsAndSaysWhatItIsRankedBy) {
  const Case c;
  const Verdict verdict = judge(c.policy, c.situation, c.candidate);
  EXPECT_TRUE(verdict.accepted);
  EXPECT_EQ(verdict.reason,
            "security version 7, version 2.4, management console, wired, load 10 %, round trip "
            "0.4 ms");
}

TEST(Judge, NamesOnlyThePreferencesOfThePolicy) {
  Case c;
  c.policy.order = {Preference::Load, Preference::Version};
  EXPECT_EQ(judge(c.policy, c.situation, c.candidate).reason, "load 10 %, version 2.4");
  c.policy.order = {};
  EXPECT_EQ(judge(c.policy, c.situation, c.candidate).reason, "acceptable");
}

TEST(Judge, RefusesDeniedDonorsByGuidAndAddress) {
  Case c;
  c.policy.deny = {to_text(guid_of(7))};
  EXPECT_EQ(c.reason(), "the policy denies this donor, as 00000000-0000-0000-0000-000000000007");
  c.policy.deny = {"lan:10.0.0.8", "10.0.0.7"};
  EXPECT_EQ(c.reason(), "the policy denies this donor, as 10.0.0.7");
  c.policy.deny = {"lan:10.0.0.8", to_text(guid_of(8))};
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, RefusesDonorsThatAreNotOnTheAllowList) {
  Case c;
  c.policy.allow = {"lan:10.0.0.8", to_text(guid_of(8))};
  EXPECT_EQ(c.reason(),
            "donor 00000000-0000-0000-0000-000000000007 at lan:10.0.0.7 is not on the policy's "
            "list of allowed donors");
  c.policy.allow.push_back(to_text(guid_of(7)));
  EXPECT_EQ(c.reason(), "accepted");
  c.policy.allow = {"lan:10.0.0.7"};
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, LetsDenyWinOverAllow) {
  Case c;
  c.policy.allow = {"lan:10.0.0.7", to_text(guid_of(7))};
  c.policy.deny = {"lan:10.0.0.7"};
  EXPECT_THAT(c.reason(), HasSubstr("denies"));
}

TEST(Judge, TakesAnEntryWithoutAPortForEachPort) {
  Case c;
  c.candidate.path.peer = lan("10.0.0.7:6230");
  c.policy.deny = {"lan:10.0.0.7"};
  EXPECT_THAT(c.reason(), HasSubstr("denies"));
  c.policy.deny = {"lan:10.0.0.7:623"};
  EXPECT_EQ(c.reason(), "accepted");
  c.policy.deny = {"10.0.0.7:6230"};
  EXPECT_THAT(c.reason(), HasSubstr("denies"));
}

TEST(Judge, TakesIpv6EntriesWithAndWithoutPortAndInterface) {
  Case c;
  c.candidate.path.peer = lan("[fe80::1%3]:6230");
  const auto denied = [&](const char* entry) {
    c.policy.deny = {entry};
    return c.reason() != "accepted";
  };
  EXPECT_TRUE(denied("lan:[fe80::1]"));
  EXPECT_TRUE(denied("fe80::1"));
  EXPECT_TRUE(denied("lan:[fe80::1%3]"));
  EXPECT_TRUE(denied("lan:[fe80::1%3]:6230"));
  EXPECT_FALSE(denied("lan:[fe80::1%4]"));
  EXPECT_FALSE(denied("lan:[fe80::1%3]:623"));
  EXPECT_FALSE(denied("lan:[fe80::2]"));
  EXPECT_FALSE(denied("10.0.0.7"));
}

TEST(Judge, RefusesTheWrongRole) {
  Case c;
  c.policy.required_role = DonorRole::Peer;
  EXPECT_EQ(c.reason(), "the donor is a management console, and the policy requires a peer server");
  c.candidate.role = DonorRole::Peer;
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, RefusesMediaThatThePolicyDoesNotAllow) {
  Case c;
  c.policy.allowed_media = 0x05;
  c.candidate.medium = Medium::Wireless;
  EXPECT_EQ(c.reason(),
            "the offer came over the medium wireless, and the policy allows wired, icmb");
  c.candidate.medium = Medium::Icmb;
  EXPECT_EQ(c.reason(), "accepted");
  c.policy.allowed_media = 0;
  EXPECT_THAT(c.reason(), HasSubstr("the policy allows none"));
}

TEST(Judge, RefusesLinksOnWhichNobodyProvesWhoItIsWhenThePolicySaysSo) {
  Case c;
  c.candidate.authenticated = false;
  c.candidate.medium = Medium::Icmb;
  EXPECT_EQ(c.reason(), "accepted");
  c.policy.authenticated = true;
  EXPECT_EQ(c.reason(),
            "the offer came over the medium icmb, on which nobody proves who it is, and the policy "
            "requires donors that do");
  c.candidate.authenticated = true;
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, RefusesAnotherComponent) {
  Case c;
  c.candidate.component = "bios";
  EXPECT_EQ(c.reason(), "component: image \"bios\", system \"bmc\"");
}

TEST(Judge, RefusesTextsThatNoManifestCouldHaveAndDoesNotRepeatThem) {
  Case c;
  c.candidate.version = "2.4\x1b[2J";
  EXPECT_EQ(c.reason(), "the offer's version is not a version");
  c.candidate.version = "";
  EXPECT_EQ(c.reason(), "the offer's version is not a version");
  c.candidate.version = "2.4";
  c.candidate.component = "b\nmc";
  EXPECT_EQ(c.reason(), "the offer's component is not a name");
}

TEST(Judge, RefusesSizesThatNoImageHas) {
  Case c;
  c.situation.slot_capacity_bytes = ~std::uint64_t{0};
  c.candidate.size_bytes = 0;
  EXPECT_EQ(c.reason(), "an image has 1 to 4294967296 bytes, the offer says 0");
  c.candidate.size_bytes = image::kImageLimit_bytes + 1;
  EXPECT_THAT(c.reason(), HasSubstr("the offer says 4294967297"));
  c.candidate.size_bytes = image::kImageLimit_bytes;
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, RefusesWhatTheSlotCannotHold) {
  Case c;
  c.situation.slot_capacity_bytes = c.candidate.size_bytes - 1;
  EXPECT_EQ(c.reason(), "the image has 33554432 bytes, the slot holds 33554431");
  c.situation.slot_capacity_bytes = c.candidate.size_bytes;
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, RefusesSecurityVersionsBelowFloorAndMinimumEvenWithDowngrade) {
  Case c;
  c.policy.allow_downgrade = true;
  c.situation.security_floor = 8;
  EXPECT_EQ(c.reason(),
            "security version 7 is below the floor 8, the highest that was confirmed on this "
            "system");
  c.situation.security_floor = 7;
  EXPECT_EQ(c.reason(), "accepted");
  c.policy.minimum_security_version = 8;
  EXPECT_EQ(c.reason(), "security version 7 is below 8, the policy's minimum");
  c.policy.minimum_security_version = 7;
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, RefusesOlderVersionsUnlessDowngradeIsAllowed) {
  Case c;
  c.situation.installed_version = "2.10";
  EXPECT_EQ(c.reason(),
            "version 2.4 is older than 2.10, which is installed, and the policy does not allow a "
            "downgrade");
  c.candidate.security_version = 99;  // does not excuse it
  EXPECT_THAT(c.reason(), HasSubstr("is older than 2.10"));
  c.policy.allow_downgrade = true;
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, TakesTheInstalledVersionAgainAndAnyWhenNoneIsKnown) {
  Case c;
  c.situation.installed_version = "2.4";
  EXPECT_EQ(c.reason(), "accepted");
  c.situation.installed_version = std::nullopt;
  c.candidate.version = "0.1";
  EXPECT_EQ(c.reason(), "accepted");
}

TEST(Judge, RefusesAnyVersionButThePinnedOne) {
  Case c;
  c.policy.pinned_version = "2.5";
  EXPECT_EQ(c.reason(), "version 2.4 is not 2.5, which the policy pins");
  c.policy.pinned_version = "2.4";
  EXPECT_EQ(c.reason(), "accepted");
  c.situation.installed_version = "2.6";
  EXPECT_THAT(c.reason(), HasSubstr("does not allow a downgrade"));
}

// --- manifests -----------------------------------------------------------------------------------

TEST(JudgeManifest, AcceptsTheManifestOfTheOffer) {
  EXPECT_FALSE(Case().error());
}

TEST(JudgeManifest, RefusesAManifestThatIsNotWhatTheOfferClaimed) {
  const auto why = [](auto change) {
    Case c;
    change(c.manifest);
    const auto error = c.error();
    EXPECT_TRUE(error && error->code == Errc::BadManifest);
    return error ? error->detail : "accepted";
  };
  EXPECT_EQ(why([](auto& m) { m.version = "2.3"; }),
            "version: the donor's offer says 2.4, its manifest 2.3");
  EXPECT_EQ(why([](auto& m) { m.security_version = 6; }),
            "security version: the donor's offer says 7, its manifest 6");
  EXPECT_EQ(why([](auto& m) { m.size_bytes = 4096; }),
            "size: the donor's offer says 33554432, its manifest 4096");
  EXPECT_EQ(why([](auto& m) { m.component = "bios"; }),
            "component: the donor's offer says bmc, its manifest bios");
  EXPECT_THAT(why([](auto& m) { m.digest[0] ^= std::byte{1}; }),
              HasSubstr("digest: the donor's offer says d1d1"));
}

TEST(JudgeManifest, RefusesAnotherPlatform) {
  Case c;
  c.manifest.platforms[0].product_id = 0x1234;
  const auto error = c.error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::ImageIncompatible);
  EXPECT_EQ(error->detail, "product id: image 0x1234, system 0x4321");
}

TEST(JudgeManifest, RefusesAnotherComponentThatTheOfferNamedToo) {
  Case c;
  c.manifest.component = c.candidate.component = "bios";
  const auto error = c.error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::ImageIncompatible);
}

TEST(JudgeManifest, AppliesTheRulesOfAgeAgain) {
  const auto why = [](const Case& c) {
    const auto error = c.error();
    EXPECT_TRUE(error && error->code == Errc::ImageTooOld);
    return error ? error->detail : "accepted";
  };
  Case c;
  c.offer_version("2.4", 4);
  c.policy.allow_downgrade = true;
  EXPECT_THAT(why(c), HasSubstr("security version 4 is below the floor 5"));
  c.situation.security_floor = 0;
  EXPECT_FALSE(c.error());
  c.policy.minimum_security_version = 6;
  EXPECT_THAT(why(c), HasSubstr("security version 4 is below 6, the policy's minimum"));
  c.offer_version("1.9", 6);
  EXPECT_FALSE(c.error());
  c.policy.allow_downgrade = false;
  EXPECT_THAT(why(c), HasSubstr("version 1.9 is older than 2.0, which is installed"));
}

TEST(JudgeManifest, RefusesAnotherVersionThanThePinnedOne) {
  Case c;
  c.policy.pinned_version = "2.5";
  ASSERT_TRUE(c.error());
  EXPECT_EQ(c.error()->detail, "version 2.4 is not 2.5, which the policy pins");
}

TEST(JudgeManifest, WantsTheMinimumVersionToBeInstalled) {
  Case c;
  c.manifest.minimum_version = "2.1";
  const auto error = c.error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::ImageIncompatible);
  EXPECT_EQ(error->detail, "it can be installed over version 2.1 or later, and 2.0 is installed");
  c.manifest.minimum_version = "2.0";
  EXPECT_FALSE(c.error());
}

TEST(JudgeManifest, DoesNotLetAMinimumStopARecoveryWhenNothingIsInstalled) {
  Case c;
  c.manifest.minimum_version = "2.1";
  c.situation.installed_version = std::nullopt;
  EXPECT_FALSE(c.error());
}

TEST(JudgeManifest, RefusesAnExpiredManifest) {
  Case c;
  c.manifest.expires = 1750000000;
  const auto error = c.error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::ImageExpired);
  EXPECT_EQ(error->detail,
            "version 2.4 expired on 2025-06-15 15:06:40 UTC, and this system's clock says "
            "2027-01-15 08:00:00 UTC");
  c.manifest.expires = *c.situation.wall_clock + 1;
  EXPECT_FALSE(c.error());
  c.manifest.expires = *c.situation.wall_clock;
  EXPECT_TRUE(c.error());
}

TEST(JudgeManifest, JudgesExpiryOnlyWithAClockLaterThanCreated) {
  Case c;
  c.manifest.expires = c.manifest.created - 1000;  // long expired for each clock below
  for (const std::optional<std::int64_t> dead :
       {std::optional<std::int64_t>(), std::optional<std::int64_t>(0),
        std::optional<std::int64_t>(c.manifest.created - 1),
        std::optional<std::int64_t>(c.manifest.created)}) {
    c.situation.wall_clock = dead;
    EXPECT_FALSE(c.error()) << dead.value_or(-1);
  }
  c.situation.wall_clock = c.manifest.created + 1;
  EXPECT_TRUE(c.error());
}

TEST(JudgeManifest, SaysTheTimeOfAnyClock) {
  Case c;
  c.manifest.expires = c.manifest.created + 1;
  c.situation.wall_clock = std::numeric_limits<std::int64_t>::max();
  ASSERT_TRUE(c.error());
  EXPECT_THAT(c.error()->detail, HasSubstr("clock says 9223372036854775807 s since 1970"));
}

TEST(JudgeManifest, RefusesWhatTheSlotCannotHold) {
  Case c;
  c.situation.slot_capacity_bytes = 1000;
  const auto error = c.error();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Errc::ImageTooLarge);
  EXPECT_EQ(error->detail, "the image has 33554432 bytes, the slot holds 1000");
}

// --- the policy itself ---------------------------------------------------------------------------

TEST(ValidatePolicy, TakesTheDefaultsAndEveryKindOfEntry) {
  Policy policy;
  EXPECT_TRUE(validate(policy));
  policy.allow = {"10.0.0.7", "lan:10.0.0.7:6230", "lan:[fe80::1%2]:623",
                  "00112233-4455-6677-8899-aabbccddeeff"};
  policy.deny = policy.allow;
  policy.pinned_version = "1.0~rc1";
  EXPECT_TRUE(validate(policy));
}

TEST(ValidatePolicy, NamesTheSettingThatIsWrong) {
  const auto why = [](const Policy& policy) {
    const auto result = validate(policy);
    EXPECT_TRUE(!result && result.error().code == Errc::BadConfiguration);
    return result ? "accepted" : result.error().detail;
  };
  Policy policy;
  policy.deny = {"10.0.0.7", "rack-4"};
  EXPECT_EQ(why(policy), "policy.deny: \"rack-4\" is neither a GUID nor an address");
  policy.allow = {""};
  EXPECT_EQ(why(policy), "policy.allow: \"\" is neither a GUID nor an address");
  policy = {};
  policy.pinned_version = "two";
  EXPECT_TRUE(validate(policy));
  policy.pinned_version = "2 4";
  EXPECT_THAT(why(policy), HasSubstr("policy.version: \"2 4\" is not a version"));
  policy = {};
  policy.order = {Preference::Load, Preference::Role, Preference::Load};
  EXPECT_EQ(why(policy), "policy.prefer: \"load\" is there twice");
}

// --- what the state record remembers -------------------------------------------------------------

TEST(JudgeAge, GoesByWhatWasConfirmedWhateverRuns) {
  Case c;
  c.situation.installed_version = "3.0";  // on trial
  c.situation.confirmed_version = "2.4";
  EXPECT_FALSE(c.error());
  c.situation.confirmed_version = "2.5";
  ASSERT_TRUE(c.error());
  EXPECT_EQ(
      "version 2.4 is older than 2.5, which was confirmed on this system, and the policy does not "
      "allow a downgrade",
      c.error()->detail);
  EXPECT_FALSE(judge(c.policy, c.situation, c.candidate).accepted);
  c.situation.installed_version.reset();
  EXPECT_TRUE(c.error());
  c.policy.allow_downgrade = true;
  EXPECT_FALSE(c.error());
}

TEST(JudgeMinimum, GoesByWhatWasConfirmedWhenNothingElseIsKnown) {
  Case c;
  c.manifest.minimum_version = "2.1";
  c.situation.installed_version.reset();
  EXPECT_FALSE(c.error());
  c.situation.confirmed_version = "2.0";
  ASSERT_TRUE(c.error());
  EXPECT_EQ(Errc::ImageIncompatible, c.error()->code);
}

TEST(UnjudgedGates, AreToldWhenNoVersionIsKnown) {
  Case c;
  EXPECT_FALSE(unjudged_gates(c.policy, c.situation));
  c.situation.installed_version.reset();
  EXPECT_TRUE(unjudged_gates(c.policy, c.situation));
  c.situation.confirmed_version = "2.0";
  EXPECT_FALSE(unjudged_gates(c.policy, c.situation));
}

TEST(JudgeExpiry, GoesByTheNewestTimeThatWasSeen) {
  for (const std::optional<std::int64_t>& clock :
       std::vector<std::optional<std::int64_t>>{std::nullopt, 0, 100, 1700000000}) {
    Case c;
    c.manifest.expires = c.manifest.created + 1000;
    c.situation.wall_clock = clock;
    EXPECT_FALSE(c.error());
    EXPECT_FALSE(expiry_is_judged(c.situation, c.manifest));
    c.situation.newest_time = c.manifest.created + 999;
    EXPECT_FALSE(c.error());
    EXPECT_TRUE(expiry_is_judged(c.situation, c.manifest));
    c.situation.newest_time = c.manifest.created + 1000;
    ASSERT_TRUE(c.error());
    EXPECT_EQ(Errc::ImageExpired, c.error()->code);
    c.policy.allow_expired = true;
    EXPECT_FALSE(c.error());
  }
}

TEST(JudgeFailed, RefusesWhatWasRolledBackHereAndSaysWhen) {
  Case c;
  c.situation.failed = {{c.candidate.digest, 1790000000, "was rolled back"}};
  ASSERT_TRUE(c.error());
  EXPECT_EQ(Errc::ImageFailedBefore, c.error()->code);
  const Verdict verdict = judge(c.policy, c.situation, c.candidate);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_FALSE(verdict.installed);
  EXPECT_EQ("this image was rolled back on 2026-09-21 14:13:20 UTC", verdict.reason);
  c.candidate.digest.fill(std::byte{0x99});
  EXPECT_TRUE(judge(c.policy, c.situation, c.candidate).accepted);
}

TEST(JudgeInstalled, RefusesWhatIsInstalledAndHealthy) {
  Case c;
  c.situation.healthy_image = c.candidate.digest;
  const Verdict verdict = judge(c.policy, c.situation, c.candidate);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_TRUE(verdict.installed);
  EXPECT_EQ("this image, version 2.4, is installed and healthy", verdict.reason);
  c.situation.healthy_image->fill(std::byte{1});
  EXPECT_TRUE(judge(c.policy, c.situation, c.candidate).accepted);
}

TEST(JudgeNewer, TakesOnlyAHigherSecurityVersionOrTheSameAndAHigherVersion) {
  Case c;
  c.situation.only_newer = true;
  c.situation.installed_version = "2.4";
  c.situation.installed_security = 7;
  EXPECT_TRUE(judge(c.policy, c.situation, c.candidate).installed);
  c.situation.installed_version = "2.3";
  EXPECT_TRUE(judge(c.policy, c.situation, c.candidate).accepted);
  c.situation.installed_security = 8;
  EXPECT_TRUE(judge(c.policy, c.situation, c.candidate).installed);
  c.situation.installed_version = "2.4";
  c.situation.installed_security = 6;
  EXPECT_TRUE(judge(c.policy, c.situation, c.candidate).accepted);
  c.situation.installed_version.reset();
  c.situation.installed_security = 9;
  EXPECT_TRUE(judge(c.policy, c.situation, c.candidate).accepted);
}

}  // namespace
}  // namespace fwr::policy
