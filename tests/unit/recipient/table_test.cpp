// SPDX-License-Identifier: GPL-3.0-or-later
// The transition tables against doc/PROTOCOL.md §6.4, both ways.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "recipient/transitions.hpp"
#include "support/recovery_rig.hpp"

namespace fwr::recipient {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> rows_of_section(const std::string& heading) {
  const char* top = std::getenv("TOP_SRCDIR");
  std::ifstream file(std::string(top != nullptr ? top : "..") + "/doc/PROTOCOL.md");
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("### ") || line.starts_with("## "))
      inside = line.starts_with("### " + heading);
    else if (inside && line.starts_with("| ") && !line.starts_with("| phase") &&
             !line.starts_with("| state"))
      rows.push_back(line);
  }
  return rows;
}

template <class S>
std::vector<std::string> rows_of(std::span<const Row<S>> table) {
  std::vector<std::string> rows;
  for (const Row<S>& row : table)
    rows.push_back("| " + std::string(to_text(row.from)) + " | " + std::string(to_text(row.event)) +
                   " | " + std::string(to_text(row.to)) + " |");
  return rows;
}

template <class S>
void expect_one_next_state_for_each_event(std::span<const Row<S>> table) {
  for (std::size_t i = 0; i < table.size(); ++i)
    for (std::size_t j = i + 1; j < table.size(); ++j)
      EXPECT_FALSE(table[i].from == table[j].from && table[i].event == table[j].event)
          << to_text(table[i].from) << " " << to_text(table[i].event);
}

TEST(TransitionTable, HasTheRowsOfTheProtocolInTheirOrder) {
  auto ours = rows_of(recovery_table());
  for (std::string& row : rows_of(talk_table())) ours.push_back(std::move(row));
  const auto theirs = rows_of_section("6.4");
  ASSERT_GT(theirs.size(), 50U);
  EXPECT_EQ(ours, theirs);
}

TEST(TransitionTable, AnEventLeadsToOneStateOnly) {
  expect_one_next_state_for_each_event(recovery_table());
  expect_one_next_state_for_each_event(talk_table());
}

TEST(TransitionTable, NothingLeavesDoneAndFailed) {
  for (const Row<Phase>& row : recovery_table()) {
    EXPECT_NE(row.from, Phase::Done);
    EXPECT_NE(row.from, Phase::Failed);
  }
}

TEST(TransitionTable, NothingLeavesLeaving) {
  for (const Row<TalkState>& row : talk_table()) EXPECT_NE(row.from, TalkState::Leaving);
}

TEST(TransitionTable, ARowYieldsItsStateAndNoRowNone) {
  EXPECT_EQ(next(Phase::Selecting, Event::DonorChosen), Phase::Negotiating);
  EXPECT_EQ(next(Phase::Verifying, Event::Deadline), std::nullopt);
  EXPECT_EQ(next(TalkState::Vetting, Event::NextImage), TalkState::Vetting);
  EXPECT_EQ(next(TalkState::Leaving, Event::Deadline), std::nullopt);
}

TEST(TransitionTable, TheDeadlineEndsTheWaitForABusyDonor) {
  test::RecoveryRig rig;
  rig.config.policy.deadline = 8s;
  rig.add_donor(test::SignedImage::make(test::noise(10000, 1), "2.0", 5)).meddle =
      [](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
    if (request.command != static_cast<std::uint8_t>(wire::oem::Command::AcceptOffer)) return {};
    wire::IpmiResponse busy{.code = wire::CompletionCode::Busy,
                            .data = wire::oem::response_data(test::kIana)};
    busy.data.insert(busy.data.end(), {std::byte{60}, std::byte{0}});
    return busy;
  };
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::DeadlinePassed);
  EXPECT_EQ(rig.chosen.size(), 2U) << "the second time it waits";
  EXPECT_TRUE(test::rows_taken<TalkState>().contains({TalkState::Waiting, Event::Deadline}));
}

/// Runs after all tests of the program: every row of both tables was taken by one of them.
class EveryRow final : public testing::Environment {
 public:
  void TearDown() override {
    if (testing::GTEST_FLAG(filter) != "*") return;
    expect_all(recovery_table());
    expect_all(talk_table());
  }

 private:
  template <class S>
  static void expect_all(std::span<const Row<S>> table) {
    for (const Row<S>& row : table)
      EXPECT_TRUE(test::rows_taken<S>().contains({row.from, row.event}))
          << "no test takes " << to_text(row.from) << ", " << to_text(row.event);
  }
};
[[maybe_unused]] testing::Environment* const kEveryRow =
    testing::AddGlobalTestEnvironment(new EveryRow);

}  // namespace
}  // namespace fwr::recipient
