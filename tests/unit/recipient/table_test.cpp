// SPDX-License-Identifier: GPL-3.0-or-later
// The transition table against doc/PROTOCOL.md §6.4, both ways.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "recipient/transitions.hpp"

namespace fwr::recipient {
namespace {

std::vector<std::string> rows_of_section(const std::string& heading) {
  const char* top = std::getenv("TOP_SRCDIR");
  std::ifstream file(std::string(top != nullptr ? top : "..") + "/doc/PROTOCOL.md");
  std::vector<std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("### ") || line.starts_with("## "))
      inside = line.starts_with("### " + heading);
    else if (inside && line.starts_with("| ") && !line.starts_with("| state"))
      rows.push_back(line);
  }
  return rows;
}

TEST(TransitionTable, HasTheRowsOfTheProtocolInTheirOrder) {
  std::vector<std::string> ours;
  for (const Row& row : transition_table())
    ours.push_back("| " + std::string(to_text(row.from)) + " | " + std::string(to_text(row.event)) +
                   " | " + std::string(to_text(row.to)) + " |");
  const auto theirs = rows_of_section("6.4");
  ASSERT_GT(theirs.size(), 30U);
  EXPECT_EQ(ours, theirs);
}

TEST(TransitionTable, AnEventLeadsToOneStateOnly) {
  const auto table = transition_table();
  for (std::size_t i = 0; i < table.size(); ++i)
    for (std::size_t j = i + 1; j < table.size(); ++j)
      EXPECT_FALSE(table[i].from == table[j].from && table[i].event == table[j].event)
          << to_text(table[i].from) << " " << to_text(table[i].event);
}

TEST(TransitionTable, NothingLeavesDoneAndFailed) {
  for (const Row& row : transition_table()) {
    EXPECT_NE(row.from, State::Done);
    EXPECT_NE(row.from, State::Failed);
  }
}

}  // namespace
}  // namespace fwr::recipient
