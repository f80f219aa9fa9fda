// SPDX-License-Identifier: GPL-3.0-or-later
// The order of acceptable offers: each preference, their precedence, and ties.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "fixture.hpp"

namespace fwr::policy {
namespace {

using Order = std::vector<std::size_t>;

/// Offers of different donors that agree in everything else.
std::vector<Candidate> equal_candidates(std::size_t count) {
  std::vector<Candidate> candidates(count, good_candidate());
  for (std::size_t i = 0; i < count; ++i) candidates[i].donor = guid_of(static_cast<unsigned>(i));
  return candidates;
}

Order rank_by(std::vector<Preference> order, const std::vector<Candidate>& candidates) {
  Policy policy;
  policy.order = std::move(order);
  return rank(policy, good_situation(), candidates);
}

TEST(Rank, PutsTheHigherSecurityVersionFirst) {
  auto c = equal_candidates(3);
  c[0].security_version = 6;
  c[1].security_version = 10;
  c[2].security_version = 9;
  EXPECT_EQ(rank_by({Preference::SecurityVersion}, c), (Order{1, 2, 0}));
}

TEST(Rank, PutsTheHigherVersionFirst) {
  auto c = equal_candidates(3);
  c[0].version = "2.9";
  c[1].version = "2.10~rc1";
  c[2].version = "2.10";
  EXPECT_EQ(rank_by({Preference::Version}, c), (Order{2, 1, 0}));
}

TEST(Rank, PutsThePreferredRoleFirst) {
  auto c = equal_candidates(2);
  c[0].role = DonorRole::Peer;
  EXPECT_EQ(rank_by({Preference::Role}, c), (Order{1, 0}));
  Policy policy;
  policy.order = {Preference::Role};
  policy.preferred_role = DonorRole::Peer;
  std::swap(c[0].role, c[1].role);
  EXPECT_EQ(rank(policy, good_situation(), c), (Order{1, 0}));
}

TEST(Rank, PutsTheFasterMediumFirst) {
  auto c = equal_candidates(5);
  c[0].medium = Medium::Icmb;
  c[1].medium = Medium::Serial;
  c[2].medium = Medium::Bluetooth;
  c[3].medium = Medium::Wireless;
  c[4].medium = Medium::Wired;
  EXPECT_EQ(rank_by({Preference::Medium}, c), (Order{4, 3, 2, 1, 0}));
}

TEST(Rank, FollowsThePolicysOrderOfMediaAndPutsOthersLast) {
  auto c = equal_candidates(3);
  c[0].medium = Medium::Wired;
  c[1].medium = Medium::Bluetooth;
  c[2].medium = Medium::Icmb;
  Policy policy;
  policy.order = {Preference::Medium};
  policy.media_order = {Medium::Icmb, Medium::Bluetooth};
  EXPECT_EQ(rank(policy, good_situation(), c), (Order{2, 1, 0}));
  EXPECT_EQ(media_rank(policy, Medium::Icmb), 0U);
  EXPECT_EQ(media_rank(policy, Medium::Wired), media_rank(policy, Medium::Serial));
}

TEST(Rank, PutsTheLowerLoadFirst) {
  auto c = equal_candidates(3);
  c[0].load_percent = 100;
  c[1].load_percent = 0;
  c[2].load_percent = 50;
  EXPECT_EQ(rank_by({Preference::Load}, c), (Order{1, 2, 0}));
}

TEST(Rank, PutsTheShorterRoundTripFirst) {
  auto c = equal_candidates(2);
  c[0].round_trip = std::chrono::microseconds(101);
  c[1].round_trip = std::chrono::microseconds(100);
  EXPECT_EQ(rank_by({Preference::RoundTrip}, c), (Order{1, 0}));
}

TEST(Rank, LetsTheFirstPreferenceThatDiffersDecide) {
  auto c = equal_candidates(2);
  c[0].load_percent = 90;
  c[0].version = "3.0";
  EXPECT_EQ(rank_by({Preference::Version, Preference::Load}, c), (Order{0, 1}));
  EXPECT_EQ(rank_by({Preference::Load, Preference::Version}, c), (Order{1, 0}));
  EXPECT_EQ(rank_by({Preference::SecurityVersion, Preference::Load}, c), (Order{1, 0}));
}

TEST(Rank, BreaksTiesByGuidAndThenByPath) {
  auto c = equal_candidates(4);
  c[0].donor = guid_of(9);
  c[1].donor = guid_of(3);
  c[1].path.peer = lan("10.0.0.9");
  c[2].donor = guid_of(3);
  c[2].path.peer = lan("10.0.0.8");
  c[3].donor = guid_of(1);
  EXPECT_EQ(rank_by({}, c), (Order{3, 2, 1, 0}));
}

TEST(Rank, DoesNotDependOnTheOrderInWhichOffersCame) {
  auto c = equal_candidates(12);
  for (std::size_t i = 0; i < c.size(); ++i) {
    c[i].load_percent = static_cast<std::uint8_t>(i % 3);
    c[i].version = i % 2 == 0 ? "2.4" : "2.5";
  }
  const auto guids = [](const std::vector<Candidate>& candidates) {
    std::vector<Guid> ranked;
    for (const std::size_t i : rank(Policy(), good_situation(), candidates))
      ranked.push_back(candidates[i].donor);
    return ranked;
  };
  const auto expected = guids(c);
  ASSERT_EQ(expected.size(), c.size());
  std::mt19937 engine(5);
  for (int round = 0; round < 50; ++round) {
    std::shuffle(c.begin(), c.end(), engine);
    EXPECT_EQ(guids(c), expected);
  }
}

TEST(Rank, LeavesOutWhatIsNotAcceptable) {
  auto c = equal_candidates(4);
  c[0].security_version = 1;
  c[2].component = "bios";
  EXPECT_EQ(rank_by({}, c), (Order{1, 3}));
  EXPECT_EQ(rank_by({}, {}), Order{});
}

TEST(Preference, HasANameThatIsReadBack) {
  for (const Preference preference : Policy().order)
    EXPECT_EQ(parse_preference(to_text(preference)), preference);
  EXPECT_EQ(to_text(Preference::RoundTrip), "rtt");
  EXPECT_EQ(to_text(Preference::SecurityVersion), "security-version");
  for (const char* name : {"", "RTT", "rtt ", "colour"})
    EXPECT_EQ(parse_preference(name), std::nullopt);
}

}  // namespace
}  // namespace fwr::policy
