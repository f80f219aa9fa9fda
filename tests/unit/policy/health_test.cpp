// SPDX-License-Identifier: GPL-3.0-or-later
// Determining the need: each finding alone, and what follows from it.
#include <gtest/gtest.h>

#include <string>

#include "fixture.hpp"
#include "policy/health.hpp"

namespace fwr::policy {
namespace {

Observed healthy_system() {
  Observed observed;
  observed.active_slot = "slot a (/dev/mmcblk0p2)";
  observed.record = observed.slot = observed.manifest = observed.signature = Seen::good();
  observed.parsed_manifest = good_manifest();
  observed.slot_digest = good_manifest().digest;
  observed.security_floor = 7;
  observed.minimum_security_version = 6;
  return observed;
}

const Finding& finding(const Health& health, HealthCheck check) {
  return health.findings.at(static_cast<std::size_t>(check));
}

/// The only check that is not ok.
void expect_only(const Observed& observed, HealthCheck check, const std::string& words) {
  const Health health = assess(observed);
  for (const Finding& f : health.findings)
    EXPECT_EQ(f.ok, f.check != check) << to_text(f.check) << ": " << f.words;
  EXPECT_TRUE(finding(health, check).known);
  EXPECT_EQ(finding(health, check).words, words);
  EXPECT_FALSE(health.healthy());
  EXPECT_EQ(health.exit_code(), ExitCode::ReplacementNeeded);
  EXPECT_EQ(health.summary(), words);
}

TEST(Assess, FindsAHealthySystemHealthy) {
  const Health health = assess(healthy_system());
  EXPECT_TRUE(health.healthy());
  EXPECT_EQ(health.exit_code(), ExitCode::Ok);
  EXPECT_EQ(health.summary(), "the firmware is healthy");
  ASSERT_EQ(health.findings.size(), kHealthChecks.size());
  for (std::size_t i = 0; i < kHealthChecks.size(); ++i) {
    EXPECT_EQ(health.findings[i].check, kHealthChecks[i]);
    EXPECT_TRUE(health.findings[i].ok && health.findings[i].known);
    EXPECT_FALSE(health.findings[i].words.empty());
  }
  EXPECT_EQ(finding(health, HealthCheck::Manifest).words,
            "slot a (/dev/mmcblk0p2) should hold bmc 2.4, \"Firmware\"");
  EXPECT_EQ(finding(health, HealthCheck::SecurityVersion).words,
            "security version 7 is at or above 7");
}

TEST(Assess, GivesStableNames) {
  std::string names;
  for (const HealthCheck check : kHealthChecks) names.append(to_text(check)).append(" ");
  EXPECT_EQ(names, "state-record manifest signature active-slot digest security-version trial ");
}

TEST(Assess, KnowsNothingMoreWithoutTheRecord) {
  Observed observed;
  observed.record = Seen::bad("the state record is damaged in both copies");
  const Health health = assess(observed);
  EXPECT_EQ(health.exit_code(), ExitCode::ReplacementNeeded);
  EXPECT_EQ(health.summary(), "the state record is damaged in both copies");
  for (const Finding& f : health.findings) {
    EXPECT_FALSE(f.ok);
    EXPECT_EQ(f.known, f.check == HealthCheck::StateRecord);
    EXPECT_EQ(f.known, !f.words.starts_with("not checked: ")) << f.words;
  }
}

TEST(Assess, DoesNotCallUnknownThingsHealthy) {
  const Health health = assess(Observed());
  EXPECT_FALSE(health.healthy());
  EXPECT_EQ(health.summary(), "its health could not be checked");
  EXPECT_FALSE(Health().healthy()) << "without findings";
}

TEST(Assess, NeedsAManifest) {
  Observed observed = healthy_system();
  observed.manifest = Seen::bad("slot a was never written by a recovery");
  observed.signature = Seen();
  observed.slot = Seen();
  observed.parsed_manifest.reset();
  observed.slot_digest.reset();
  const Health health = assess(observed);
  EXPECT_EQ(health.summary(), "slot a was never written by a recovery");
  for (const HealthCheck check : {HealthCheck::Signature, HealthCheck::ActiveSlot,
                                  HealthCheck::Digest, HealthCheck::SecurityVersion})
    EXPECT_FALSE(finding(health, check).known || finding(health, check).ok) << to_text(check);
  EXPECT_TRUE(finding(health, HealthCheck::Trial).ok);
}

TEST(Assess, NeedsATrustedSignature) {
  Observed observed = healthy_system();
  observed.signature = Seen::of(Result<>(fail(Errc::UntrustedKey, "key 1, trusted is 2")));
  expect_only(observed, HealthCheck::Signature,
              "a manifest is signed with a key that is not trusted here: key 1, trusted is 2");
}

TEST(Assess, NeedsAReadableSlot) {
  Observed observed = healthy_system();
  observed.slot = Seen::bad("slot a cannot be read at 4096: Input/output error");
  observed.slot_digest.reset();
  const Health health = assess(observed);
  EXPECT_EQ(health.exit_code(), ExitCode::ReplacementNeeded);
  EXPECT_EQ(health.summary(), "slot a cannot be read at 4096: Input/output error");
  EXPECT_EQ(finding(health, HealthCheck::Digest).words, "not checked: the slot was not read whole");
  EXPECT_FALSE(finding(health, HealthCheck::Digest).known);
}

TEST(Assess, NeedsTheDigestOfTheManifest) {
  Observed observed = healthy_system();
  observed.slot_digest = Digest{};
  expect_only(observed, HealthCheck::Digest,
              "slot a (/dev/mmcblk0p2) has digest " + std::string(64, '0') +
                  ", the manifest says " + to_text(good_manifest().digest));
}

TEST(Assess, NeedsASecurityVersionAtFloorAndMinimum) {
  Observed observed = healthy_system();
  observed.security_floor = 8;
  expect_only(observed, HealthCheck::SecurityVersion,
              "security version 7 is below the floor 8, the highest that was confirmed on this "
              "system");
  observed.security_floor = 0;
  observed.minimum_security_version = 9;
  expect_only(observed, HealthCheck::SecurityVersion,
              "security version 7 is below 9, the policy's minimum");
}

TEST(Assess, TakesATrialThatIsNotExpiredForHealthy) {
  Observed observed = healthy_system();
  observed.trial = {false, 1800000000};
  EXPECT_TRUE(assess(observed).healthy());
  EXPECT_EQ(finding(assess(observed), HealthCheck::Trial).words,
            "the image is on trial, to be confirmed by 2027-01-15 08:00:00 UTC");
  observed.trial = Observed::Trial{};
  EXPECT_EQ(finding(assess(observed), HealthCheck::Trial).words,
            "the image is on trial, without a limit");
}

TEST(Assess, NeedsConfirmationInTime) {
  Observed observed = healthy_system();
  observed.trial = {true, 1800000000};
  expect_only(observed, HealthCheck::Trial,
              "the image is on trial and was not confirmed in time, by 2027-01-15 08:00:00 UTC");
}

}  // namespace
}  // namespace fwr::policy
