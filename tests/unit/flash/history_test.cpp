// SPDX-License-Identifier: GPL-3.0-or-later
// The history of recoveries: bounded, and sound after a power cut.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "flash/record/history_file.hpp"
#include "support/io_fault.hpp"
#include "support/scratch_directory.hpp"

namespace fwr::flash {
namespace {

using test::IoCall;
using test::IoFault;
using test::IoKind;
using test::IoReply;
using Lines = std::vector<std::string>;

constexpr std::size_t kCallLimit =
    40;  ///< changes of files in one operation, far more than any has

class HistoryTest : public testing::Test {
 protected:
  std::string path() const { return scratch_ / "history.jsonl"; }
  Result<> append(const std::string& line) const { return append_history(scratch_.path(), line); }
  Lines read() const { return read_history(scratch_.path()).value(); }
  test::ScratchDirectory scratch_;
};

std::string entry(std::size_t n) {
  return R"({"n":)" + std::to_string(n) + "}";
}

/// `count` lines, the first with number `first`.
std::string text(std::size_t first, std::size_t count) {
  std::string result;
  for (std::size_t n = first; n < first + count; ++n) result += entry(n) + "\n";
  return result;
}

TEST_F(HistoryTest, IsEmptyBeforeThereIsOne) {
  EXPECT_EQ(Lines{}, read());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(HistoryTest, GivesItsLinesOldestFirst) {
  for (std::size_t n = 0; n < 3; ++n) ASSERT_TRUE(append(entry(n)));
  EXPECT_EQ((Lines{entry(0), entry(1), entry(2)}), read());
}

TEST_F(HistoryTest, LeavesOutALineThatWasTorn) {
  test::write_text(path(), entry(0) + "\n" + entry(1) + "\n" + R"({"n":)");
  EXPECT_EQ((Lines{entry(0), entry(1)}), read());
  ASSERT_TRUE(append(entry(2)));
  EXPECT_EQ(text(0, 3), test::read_text(path()));
}

TEST_F(HistoryTest, LeavesOutWhatIsNoJson) {
  test::write_text(path(), entry(0) + "\n" + std::string(20, '\0') + "\n{\n" + entry(1) + "\n");
  EXPECT_EQ((Lines{entry(0), entry(1)}), read());
  test::write_text(path(), std::string(20, '\0'));
  EXPECT_EQ(Lines{}, read());
  ASSERT_TRUE(append(entry(2)));
  EXPECT_EQ(text(2, 1), test::read_text(path()));
}

TEST_F(HistoryTest, RefusesWhatIsNotOneLineOfJson) {
  for (const std::string& line :
       {std::string(), std::string("{"), entry(1) + "\n", std::string("{\n}"), std::string("{}{}")})
    EXPECT_EQ(Errc::Internal, append(line).error().code) << line;
  const std::string longest = '"' + std::string(kHistoryLine_bytes - 2, 'x') + '"';
  EXPECT_TRUE(append(longest));
  EXPECT_EQ(Errc::LimitExceeded, append(longest + " ").error().code);
  EXPECT_EQ(Lines{longest}, read());
}

TEST_F(HistoryTest, KeepsTheLastThousandLines) {
  static_assert(kHistoryLines == 1000);
  test::write_text(path(), text(0, 1999));
  ASSERT_TRUE(append(entry(1999)));
  EXPECT_EQ(text(0, 2000), test::read_text(path()));
  EXPECT_EQ(kHistoryLines, read().size());
  EXPECT_EQ(entry(1000), read().front());
  ASSERT_TRUE(append(entry(2000)));
  EXPECT_EQ(text(1001, 1000), test::read_text(path()));
}

TEST_F(HistoryTest, ReadsOnlyTheEndOfAFileThatIsTooLong) {
  test::write_text(path(), "");
  std::filesystem::resize_file(path(), 1ULL << 33);
  ASSERT_TRUE(append(entry(0)));
  EXPECT_EQ(Lines{entry(0)}, read());
}

TEST_F(HistoryTest, LosesNoLineOfManyWriters) {
  constexpr std::size_t kWriters = 4;
  constexpr std::size_t kLines = 40;
  // Short of the limit, so that one of the writers thins the file out under the others.
  test::write_text(path(), text(100'000, 1900));
  std::vector<pid_t> children;
  for (std::size_t writer = 0; writer < kWriters; ++writer) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      bool good = true;
      for (std::size_t n = 0; n < kLines; ++n)
        good = append(entry(writer * kLines + n)).has_value() && good;
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) EXPECT_EQ("exit 0", test::end_of(child));
  std::set<std::string> lines;
  for (const std::string& line : read()) lines.insert(line);
  for (std::size_t n = 0; n < kWriters * kLines; ++n) EXPECT_TRUE(lines.contains(entry(n))) << n;
  EXPECT_LT(std::filesystem::file_size(path()), 1900 * entry(100'000).size());
}

TEST_F(HistoryTest, SurvivesAKillAtEveryStep) {
  // Plain, after a torn line, and at the line that has the file thinned out.
  for (const std::string& before : {text(0, 3), text(0, 3) + "{\"to", text(0, 2000)}) {
    test::write_text(path(), before);
    const Lines old_lines = read();
    Lines new_lines = old_lines;
    new_lines.push_back(entry(9999));
    if (new_lines.size() > kHistoryLines) new_lines.erase(new_lines.begin());
    bool done = false;
    for (std::size_t n = 0; n < kCallLimit && !done; ++n) {
      std::filesystem::remove(path());
      test::write_text(path(), before);
      const std::string end = test::in_child([&]() -> std::string {
        const IoFault fault(test::kill_at(n));
        return append(entry(9999)) ? "done" : "failed";
      });
      done = end == "done";
      if (!done) {
        ASSERT_EQ("exit " + std::to_string(test::kKilled), end);
      }
      const Lines now = read();
      ASSERT_TRUE(now == new_lines || (!done && now == old_lines)) << n;
      ASSERT_TRUE(append(entry(7)));
      ASSERT_EQ(entry(7), read().back());
    }
    EXPECT_TRUE(done);
  }
}

TEST_F(HistoryTest, SaysWhatFailed) {
  EXPECT_EQ(Errc::NotFound, append_history(scratch_ / "no", entry(1)).error().code);
  const IoFault fault([](const IoCall& call) {
    return call.kind == IoKind::Write ? IoReply{{}, ENOSPC} : IoReply{};
  });
  const auto appended = append(entry(1));
  ASSERT_FALSE(appended);
  EXPECT_EQ(Errc::NoSpace, appended.error().code);
  EXPECT_EQ("writing " + path() + ": No space left on device", appended.error().detail);
}

}  // namespace
}  // namespace fwr::flash
