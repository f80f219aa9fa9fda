// SPDX-License-Identifier: GPL-3.0-or-later
// The state record in its file, when the power goes at any instant.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <random>
#include <set>

#include "flash/record/state_file.hpp"
#include "support/io_fault.hpp"
#include "support/scratch_directory.hpp"

namespace fwr::flash {
namespace {

using test::IoCall;
using test::IoFault;
using test::IoKind;
using test::IoReply;
using testing::HasSubstr;

constexpr std::size_t kSector_bytes = 512;
constexpr std::size_t kCallLimit =
    40;  ///< changes of files in one operation, far more than any has

class StateFileTest : public testing::Test {
 protected:
  std::string path() const { return scratch_ / "state"; }
  test::ScratchDirectory scratch_;
  StateFile file_{scratch_.path()};
};

BootRecord record(std::uint64_t generation) {
  BootRecord result;
  result.generation = generation;
  result.slots[0] = {SlotState::Good, std::string(9000, 'm'), "signature"};
  result.slots[1].manifest = "number " + std::to_string(generation);
  return result;
}

TEST_F(StateFileTest, GivesAFreshRecordBeforeThereIsOne) {
  EXPECT_EQ(BootRecord{}, file_.load().value());
  const auto lost = StateFile(scratch_ / "no").store(record(1));
  ASSERT_FALSE(lost);
  EXPECT_EQ(Errc::StateFailed, lost.error().code);
  EXPECT_EQ("creating " + (scratch_ / "no/state.new") + ": No such file or directory",
            lost.error().detail);
}

TEST_F(StateFileTest, GivesWhatWasStoredLast) {
  for (std::uint64_t generation = 1; generation <= 5; ++generation) {
    ASSERT_TRUE(file_.store(record(generation)));
    EXPECT_EQ(record(generation), file_.load().value());
  }
  EXPECT_EQ(kRecordCopies * kRecordCopy_bytes, std::filesystem::file_size(path()));
}

TEST_F(StateFileTest, IsCreatedOnce) {
  ASSERT_TRUE(file_.create_if_missing());
  EXPECT_EQ(BootRecord{}, file_.load().value());
  ASSERT_TRUE(file_.store(record(3)));
  ASSERT_TRUE(file_.create_if_missing());
  EXPECT_EQ(record(3), file_.load().value());
}

TEST_F(StateFileTest, NeverWaitsForAPipeInItsPlace) {
  ASSERT_EQ(0, ::mkfifo(path().c_str(), 0600));
  EXPECT_EQ(Errc::StateFailed, file_.load().error().code);
  EXPECT_EQ(Errc::StateFailed, file_.store(record(1)).error().code);
  ASSERT_EQ(0, ::unlink(path().c_str()));
  ASSERT_EQ(0, ::mkfifo((path() + ".new").c_str(), 0600));
  EXPECT_EQ(Errc::StateFailed, file_.create_if_missing().error().code);
}

TEST_F(StateFileTest, RefusesARecordThatIsNotNewer) {
  ASSERT_TRUE(file_.store(record(3)));
  EXPECT_EQ(Errc::Internal, file_.store(record(3)).error().code);
  EXPECT_EQ(Errc::Internal, file_.store(record(2)).error().code);
  EXPECT_EQ(record(3), file_.load().value());
}

TEST_F(StateFileTest, SaysWhatIsWrongWithBothCopies) {
  test::write_text(path(), "");
  for (const auto& error : {file_.load().error(), file_.store(record(1)).error()}) {
    EXPECT_EQ(Errc::CorruptState, error.code);
    EXPECT_EQ(path() + ": copy 0: never written; copy 1: never written", error.detail);
  }
  EXPECT_EQ("", test::read_text(path()));
}

TEST_F(StateFileTest, GoesOnWithOneGoodCopy) {
  ASSERT_TRUE(file_.store(record(1)));
  ASSERT_TRUE(file_.store(record(2)));
  std::string text = test::read_text(path());
  text.resize(kRecordCopy_bytes + 100);  // The second copy, which is the newer one, is torn off.
  test::write_text(path(), text);
  EXPECT_EQ(record(1), file_.load().value());
  ASSERT_TRUE(file_.store(record(2)));
  EXPECT_EQ(record(2), file_.load().value());
}

TEST_F(StateFileTest, ReadsAgainWhenAWriterOvertakesIt) {
  ASSERT_TRUE(file_.store(record(1)));
  const std::string good = test::read_text(path());
  test::write_text(path(), std::string(good.size(), 'x'));
  std::size_t reads = 0;
  const IoFault fault([&](const IoCall& call) {
    if (call.kind == IoKind::Read && ++reads == 3) test::write_text(path(), good);
    return IoReply{};
  });
  EXPECT_EQ(record(1), file_.load().value());
}

TEST_F(StateFileTest, KeepsTheOldRecordWhenWritingFails) {
  ASSERT_TRUE(file_.store(record(1)));
  const std::pair<IoReply, Errc> cases[] = {{{{}, EIO}, Errc::StateFailed},
                                            {{{}, ENOSPC}, Errc::NoSpace},
                                            {{{}, EROFS}, Errc::NoPermission}};
  for (const IoKind kind : {IoKind::Write, IoKind::Sync})
    for (const auto& [reply, code] : cases) {
      const IoFault fault([kind, reply = reply](const IoCall& call) {
        return call.kind == kind ? reply : IoReply{};
      });
      const auto stored = file_.store(record(2));
      ASSERT_FALSE(stored);
      EXPECT_EQ(code, stored.error().code);
      EXPECT_THAT(stored.error().detail, HasSubstr("writing " + path() + ": "));
      // After a failed flush it is unknown which record the medium has; both are sound.
      const auto now = file_.load();
      ASSERT_TRUE(now);
      if (kind == IoKind::Write) {
        EXPECT_EQ(record(1), *now);
      }
      if (*now == record(2)) break;
    }
}

TEST_F(StateFileTest, NoticesAMediumThatForgets) {
  ASSERT_TRUE(file_.store(record(1)));
  const IoFault fault([&](const IoCall& call) {
    if (call.kind != IoKind::Sync) return IoReply{};
    // What was written is gone when it is read back.
    std::filesystem::resize_file(path(), kRecordCopy_bytes);
    return IoReply{};
  });
  const auto stored = file_.store(record(2));
  ASSERT_FALSE(stored);
  EXPECT_EQ(Errc::StateFailed, stored.error().code);
  EXPECT_THAT(stored.error().detail, HasSubstr("the medium is failing"));
}

// --- kill ----------------------------------------------------------------------------------------

/// Ends `operation` at each of its changes of files in turn. `prepare` makes the start, `check`
/// looks at what is left. Gives how many changes there were.
std::size_t kill_everywhere(const std::function<void()>& prepare,
                            const std::function<Result<>()>& operation,
                            const std::function<void()>& check) {
  for (std::size_t n = 0; n < kCallLimit; ++n) {
    prepare();
    const std::string end = test::in_child([&]() -> std::string {
      const IoFault fault(test::kill_at(n));
      return operation() ? "done" : "failed";
    });
    check();
    if (end == "done") return n;
    EXPECT_EQ("exit " + std::to_string(test::kKilled), end);
  }
  ADD_FAILURE() << "never done";
  return kCallLimit;
}

TEST_F(StateFileTest, SurvivesAKillAtEveryStepOfAStore) {
  std::set<std::uint64_t> seen;
  const auto steps = kill_everywhere(
      [&] {
        std::filesystem::remove(path());
        for (std::uint64_t n = 1; n <= 4; ++n) ASSERT_TRUE(file_.store(record(n)));
      },
      [&] { return file_.store(record(5)); },
      [&] {
        const auto now = file_.load();
        ASSERT_TRUE(now) << now.error().message();
        ASSERT_EQ(record(now->generation), *now);
        seen.insert(now->generation);
        ASSERT_TRUE(file_.store(record(6)));
        ASSERT_EQ(record(6), file_.load().value());
      });
  EXPECT_EQ((std::set<std::uint64_t>{4, 5}), seen);
  EXPECT_EQ(2U, steps);
}

TEST_F(StateFileTest, SurvivesAKillAtEveryStepOfItsCreation) {
  std::set<std::uint64_t> seen;
  const auto steps = kill_everywhere(
      [&] { std::filesystem::remove(path()); }, [&] { return file_.store(record(1)); },
      [&] {
        const auto now = file_.load();
        ASSERT_TRUE(now) << now.error().message();
        ASSERT_EQ(now->generation == 0 ? BootRecord{} : record(1), *now);
        seen.insert(now->generation);
        ASSERT_TRUE(file_.store(record(2)));
        ASSERT_EQ(record(2), file_.load().value());
      });
  EXPECT_EQ((std::set<std::uint64_t>{0, 1}), seen);
  EXPECT_EQ(4U, steps);
}

// --- power cut -----------------------------------------------------------------------------------

/// The changes of files that `operation` makes, in order.
std::vector<IoCall> record_calls(const std::function<Result<>()>& operation) {
  std::vector<IoCall> calls;
  const IoFault fault([&](const IoCall& call) {
    if (call.kind != IoKind::Read) calls.push_back(call);
    return IoReply{};
  });
  EXPECT_TRUE(operation());
  return calls;
}

TEST_F(StateFileTest, FlushesItsNameWhenWhoCreatedItCouldNot) {
  const auto is_of_directory = [&](const IoCall& call) {
    return call.kind == IoKind::Sync && call.path == scratch_.path();
  };
  {
    const IoFault fault([&](const IoCall& call) {
      return is_of_directory(call) ? IoReply{{}, EIO} : IoReply{};
    });
    ASSERT_FALSE(file_.create_if_missing());
  }
  const auto calls = record_calls([&] { return file_.create_if_missing(); });
  EXPECT_TRUE(std::any_of(calls.begin(), calls.end(), is_of_directory));
}

std::vector<IoKind> kinds(const std::vector<IoCall>& calls) {
  std::vector<IoKind> result;
  result.reserve(calls.size());
  for (const IoCall& call : calls) result.push_back(call.kind);
  return result;
}

TEST_F(StateFileTest, IsFlushedBeforeItGetsItsName) {
  const auto calls = record_calls([&] { return file_.store(record(1)); });
  ASSERT_EQ((std::vector{IoKind::Write, IoKind::Sync, IoKind::Rename, IoKind::Sync}), kinds(calls));
  EXPECT_EQ(path() + ".new", calls[0].path);
  EXPECT_EQ(path() + ".new", calls[1].path);
  EXPECT_EQ(path() + ".new", calls[2].path);
  EXPECT_EQ(std::filesystem::canonical(scratch_.path()), calls[3].path);
}

TEST_F(StateFileTest, SurvivesAPowerCutAtAnyInstantOfAStore) {
  for (std::uint64_t generation = 1; generation <= 6; ++generation) {
    const std::string before = generation == 1 ? std::string() : test::read_text(path());
    const auto calls = record_calls([&] { return file_.store(record(generation)); });
    if (generation == 1) continue;
    ASSERT_EQ((std::vector{IoKind::Write, IoKind::Sync}), kinds(calls));
    // Until the flush ends, the medium has any of the sectors that were written.
    const IoCall& write = calls[0];
    ASSERT_EQ(0U, write.offset % kSector_bytes);
    std::vector<std::size_t> order(write.bytes.size() / kSector_bytes);
    std::iota(order.begin(), order.end(), 0U);
    std::mt19937 random(static_cast<std::uint32_t>(generation));
    std::shuffle(order.begin(), order.end(), random);
    std::string medium = before;
    for (const std::size_t sector : order) {
      const ByteView halves(reinterpret_cast<const std::byte*>(medium.data()), medium.size());
      const auto chosen =
          choose_copy(halves.first(kRecordCopy_bytes), halves.last(kRecordCopy_bytes));
      ASSERT_TRUE(chosen);
      ASSERT_TRUE(chosen->record == record(generation - 1) || chosen->record == record(generation));
      const std::string_view bytes =
          as_text(ByteView(write.bytes).subspan(sector * kSector_bytes, kSector_bytes));
      medium.replace(write.offset + sector * kSector_bytes, bytes.size(), bytes);
    }
    EXPECT_EQ(test::read_text(path()), medium);
  }
}

}  // namespace
}  // namespace fwr::flash
