// SPDX-License-Identifier: GPL-3.0-or-later
// The simulator itself: it repeats itself, its disk tears as a disk does, and its checkers see what
// they are for.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <set>

#include "flash/record/state_file.hpp"
#include "flash_witness.hpp"
#include "run.hpp"

namespace fwr::sim {
namespace {

/// Also under the sanitizers; seeds.sh runs thousands.
constexpr std::uint64_t kSeeds = 150;
constexpr std::uint64_t kBusSeeds = 25;

TEST(Simulator, TakesTheSamePathAgainWithTheSameSeed) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const RunResult once = run_seed(seed);
    const RunResult again = run_seed(seed, {}, true);
    EXPECT_EQ(once.hash, again.hash) << "seed " << seed;
    EXPECT_EQ(once.totals.steps, again.totals.steps);
  }
}

TEST(Simulator, TakesAnotherPathWithAnotherSeed) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) hashes.insert(run_seed(seed).hash);
  EXPECT_EQ(12U, hashes.size());
}

TEST(Simulator, DoesNotCareAboutAPartThatIsLeftOutTwice) {
  const Plan plan = Plan::from_seed(3);
  ASSERT_GT(plan.faults.size(), 0U);
  EXPECT_EQ(run_seed(3, {0}).hash, run_seed(3, {0}).hash);
  EXPECT_FALSE(Plan::from_seed(3, {0}).faults[0].enabled);
}

TEST(Simulator, KeepsEveryPromiseInTheFirstSeeds) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = run_seed(seed);
    ASSERT_FALSE(result.violation)
        << "seed " << seed << ": " << result.violation->checker << ": " << result.violation->text;
  }
}

TEST(Simulator, TakesTheSamePathAgainWithABus) {
  for (std::uint64_t seed = kFirstBusSeed + 1; seed <= kFirstBusSeed + 6; ++seed)
    EXPECT_EQ(run_seed(seed).hash, run_seed(seed, {}, true).hash) << "seed " << seed;
}

TEST(Simulator, KeepsEveryPromiseInTheFirstSeedsWithABus) {
  for (std::uint64_t seed = kFirstBusSeed + 1; seed <= kFirstBusSeed + kBusSeeds; ++seed) {
    const RunResult result = run_seed(seed);
    ASSERT_FALSE(result.violation)
        << "seed " << seed << ": " << result.violation->checker << ": " << result.violation->text;
  }
}

/// Seeds that found a defect once.
class Pinned : public ::testing::TestWithParam<std::uint64_t> {};
TEST_P(Pinned, SeedKeepsEveryPromise) {
  const RunResult result = run_seed(GetParam());
  EXPECT_FALSE(result.violation) << result.violation->checker << ": " << result.violation->text;
}
INSTANTIATE_TEST_SUITE_P(Seeds, Pinned,
                         ::testing::Values(25, 98, 139, 222, 244, 557, 745, 2715, 3541, 4643, 10788,
                                           10945, 14911, 121873, 157885, 1000000018, 1000000283,
                                           1000004583, 1000006622, 1000006636, 1000008726));

// --- the disk ------------------------------------------------------------------------------------

class TornDisk : public ::testing::Test {
 protected:
  TornDisk() { disk.make_directory(directory); }
  void write(const std::string& path, std::uint64_t offset, const Bytes& bytes, bool flush) {
    const int fd = disk.open(path, O_RDWR | O_CREAT);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(static_cast<std::int64_t>(bytes.size()), disk.write(fd, offset, bytes));
    if (flush) {
      EXPECT_EQ(0, disk.flush(fd));
    }
    disk.close(fd);
  }
  Bytes after_cut(std::uint64_t seed, const std::string& path) {
    Dice dice(seed);
    return disk.torn(path, dice).value_or(Bytes());
  }

  std::string directory = disk_root(0) + "/var";
  std::string file = directory + "/file";
  Disk disk{disk_root(0)};
  Mounted mounted{0, disk};
};

TEST_F(TornDisk, KeepsWhatWasFlushed) {
  disk.install(file, Bytes(4096, std::byte{1}));
  write(file, 0, Bytes(2048, std::byte{2}), true);
  Dice dice(1);
  disk.cut(dice);
  disk.power_on();
  ASSERT_NE(nullptr, disk.content(file));
  EXPECT_EQ(std::byte{2}, disk.content(file)->at(2047));
  EXPECT_EQ(std::byte{1}, disk.content(file)->at(2048));
}

TEST_F(TornDisk, TearsWhatWasNotFlushedBetweenSectorsOnly) {
  disk.install(file, Bytes(8 * kSector_bytes, std::byte{1}));
  write(file, 0, Bytes(8 * kSector_bytes, std::byte{2}), false);
  std::set<Bytes> outcomes;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Bytes torn = after_cut(seed, file);
    ASSERT_EQ(8 * kSector_bytes, torn.size());
    for (std::size_t at = 0; at < torn.size(); ++at)
      ASSERT_EQ(torn[at - at % kSector_bytes], torn[at]) << "a sector is torn";
    outcomes.insert(torn);
  }
  EXPECT_GT(outcomes.size(), 50U);
}

TEST_F(TornDisk, MayKeepAnOlderOfTwoWritesToASector) {
  disk.install(file, Bytes(kSector_bytes, std::byte{1}));
  write(file, 0, Bytes(kSector_bytes, std::byte{2}), false);
  write(file, 0, Bytes(kSector_bytes, std::byte{3}), false);
  std::set<std::byte> outcomes;
  for (std::uint64_t seed = 0; seed < 300; ++seed) outcomes.insert(after_cut(seed, file).at(0));
  EXPECT_EQ((std::set<std::byte>{std::byte{1}, std::byte{2}, std::byte{3}}), outcomes);
}

TEST_F(TornDisk, LosesANewFileWhoseDirectoryWasNotFlushed) {
  write(file, 0, Bytes(10, std::byte{1}), true);
  std::set<bool> there;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Dice dice(seed);
    there.insert(disk.torn(file, dice).has_value());
  }
  EXPECT_EQ(2U, there.size());
  const int fd = disk.open(directory, O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(0, disk.flush(fd));
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Dice dice(seed);
    EXPECT_TRUE(disk.torn(file, dice));
  }
}

TEST_F(TornDisk, ForgetsWhatAFailedFlushLostOnceItsPagesGo) {
  disk.install(file, Bytes(kSector_bytes, std::byte{1}));
  disk.before = [](const DiskCall& call) { return call.op == DiskOp::Flush ? EIO : 0; };
  const int fd = disk.open(file, O_RDWR);
  const Bytes fresh(kSector_bytes, std::byte{2});
  ASSERT_GT(disk.write(fd, 0, fresh), 0);
  EXPECT_EQ(-1, disk.flush(fd));
  disk.before = nullptr;
  EXPECT_EQ(0, disk.flush(fd)) << "the second flush has nothing to do";
  EXPECT_EQ(std::byte{2}, disk.content(file)->front());
  disk.forget_pages(fd);
  EXPECT_EQ(std::byte{1}, disk.content(file)->front());
}

// --- the real state file on it -------------------------------------------------------------------

class StateOnTornDisk : public TornDisk {
 protected:
  StateOnTornDisk() {
    EXPECT_TRUE(state.create_if_missing());
    record.generation = 1;
    EXPECT_TRUE(state.store(record));
  }
  /// A boot after each of many power cuts that could come now finds one of these generations.
  void expect_after_any_cut(const std::set<std::uint64_t>& generations) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Bytes bytes = after_cut(seed, directory + "/state");
      const ByteView view(bytes);
      ASSERT_EQ(flash::kRecordCopies * flash::kRecordCopy_bytes, view.size());
      const auto found = flash::choose_copy(view.first(flash::kRecordCopy_bytes),
                                            view.last(flash::kRecordCopy_bytes));
      ASSERT_TRUE(found) << "no good copy of the record, seed " << seed;
      EXPECT_EQ(1U, generations.count(found->record.generation));
    }
  }
  Result<> store(std::uint64_t generation) {
    record.generation = generation;
    return state.store(record);
  }

  flash::StateFile state{directory};
  flash::BootRecord record;
};

TEST_F(StateOnTornDisk, AlwaysHasTheOldRecordOrTheNewOne) {
  disk.after = [&](const DiskCall&) { expect_after_any_cut({1, 2}); };
  ASSERT_TRUE(store(2));
  disk.after = nullptr;
  expect_after_any_cut({2});
}

TEST_F(StateOnTornDisk, SurvivesAStoreAfterOneWhoseFlushFailed) {
  disk.before = [](const DiskCall& call) { return call.op == DiskOp::Flush ? EIO : 0; };
  EXPECT_FALSE(store(2));
  disk.before = nullptr;
  // Another process: the cache still shows generation 2, and a boot would not.
  disk.after = [&](const DiskCall&) { expect_after_any_cut({1, 2, 3}); };
  EXPECT_TRUE(state.create_if_missing());
  EXPECT_EQ(1U, state.load()->generation);
  EXPECT_TRUE(store(3));
}

TEST_F(StateOnTornDisk, SurvivesAStoreAfterAProcessThatDiedBeforeItsFlush) {
  disk.before = [&](const DiskCall& call) {
    if (call.op == DiskOp::Flush) disk.stop();
    return 0;
  };
  EXPECT_FALSE(store(2));
  disk.power_on();  // another process
  disk.before = nullptr;
  disk.after = [&](const DiskCall&) { expect_after_any_cut({1, 2, 3}); };
  ASSERT_TRUE(state.create_if_missing());
  ASSERT_TRUE(store(3));
}

TEST_F(TornDisk, KeepsAStateFileWhoseCreatorDiedBeforeTheDirectoryWasFlushed) {
  const flash::StateFile state(directory);
  disk.before = [&](const DiskCall& call) {
    if (call.op == DiskOp::Flush && call.path == directory) disk.stop();
    return 0;
  };
  EXPECT_FALSE(state.create_if_missing());
  disk.power_on();  // another process
  disk.before = nullptr;
  ASSERT_TRUE(state.create_if_missing());
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Dice dice(seed);
    EXPECT_TRUE(disk.torn(directory + "/state", dice));
  }
}

// --- the checkers --------------------------------------------------------------------------------

class Witness : public TornDisk {
 protected:
  Witness() {
    const Release release = make_release({.content = 10});
    record.generation = 5;
    record.slot(flash::SlotId::A) = {flash::SlotState::Good, release.entry.manifest_json,
                                     release.entry.signature};
    record.security_floor = 1;
    disk.install(paths.slot_a, release.content->bytes);
    disk.install(paths.slot_b, Bytes(release.content->bytes.size()));
    install(record);
    witness.look();
  }
  void install(const flash::BootRecord& next) {
    Bytes state = flash::encode_copy(next).value();
    state.resize(flash::kRecordCopies * flash::kRecordCopy_bytes);
    if (!disk.exists(paths.state())) return disk.install(paths.state(), std::move(state));
    const int fd = disk.open(paths.state(), O_RDWR);
    disk.write(fd, 0, state);
    disk.flush(fd);
    disk.close(fd);
  }
  [[nodiscard]] std::string violated() const {
    return chronicle.violation() ? chronicle.violation()->checker : "";
  }
  /// The other slot has this release, verified.
  void receive(const ReleaseSpec& spec) {
    const Release release = make_release(spec);
    record = flash::begin_writing(record, release.entry.manifest_json, release.entry.signature);
    record = flash::mark_verified(record);
    disk.install(paths.slot_b, release.content->bytes);
  }

  FlashPaths paths{disk_root(0) + "/slot-a", disk_root(0) + "/slot-b", directory};
  Chronicle chronicle{false};
  flash::BootRecord record;
  FlashWitness witness{disk, paths, "recipient 0", chronicle, Dice(1)};
};

TEST_F(Witness, IsContentWithAHealthySystem) {
  witness.look();
  EXPECT_EQ("", violated());
  EXPECT_TRUE(witness.active_is_bootable());
}

TEST_F(Witness, SeesAWriteToTheActiveSlot) {
  witness.before({.op = DiskOp::Write, .path = paths.slot_a, .offset = 0, .size = 512});
  EXPECT_EQ("active-slot-written", violated());
}

TEST_F(Witness, SeesAWriteBeforeTheRecordSaysSo) {
  witness.before({.op = DiskOp::Write, .path = paths.slot_b, .offset = 0, .size = 512});
  EXPECT_EQ("written-before-recorded", violated());
}

TEST_F(Witness, SeesBytesThatAreNotTheSignedImages) {
  const Release release = make_release({.content = 16, .version = "2.0"});
  install(flash::begin_writing(record, release.entry.manifest_json, release.entry.signature));
  const Bytes right(release.content->bytes.begin(), release.content->bytes.begin() + 4096);
  witness.before(
      {.op = DiskOp::Write, .path = paths.slot_b, .offset = 0, .size = 4096, .bytes = right});
  EXPECT_EQ("", violated());
  Bytes wrong = right;
  wrong[77] ^= std::byte{4};
  witness.before(
      {.op = DiskOp::Write, .path = paths.slot_b, .offset = 0, .size = 4096, .bytes = wrong});
  EXPECT_EQ("wrong-block-written", violated());
}

TEST_F(Witness, SeesARecordThatIsGone) {
  Dice dice(1);
  for (int i = 0; i < 200; ++i) disk.rot(paths.state(), static_cast<std::uint64_t>(i) % 8, dice);
  for (int i = 0; i < 200; ++i)
    disk.rot(paths.state(), 128 + static_cast<std::uint64_t>(i) % 8, dice);
  witness.look();
  EXPECT_EQ("boot-finds-record", violated());
}

TEST_F(Witness, SeesARecordThatWentBack) {
  flash::BootRecord older = record;
  older.generation = 4;
  install(older);
  witness.look();
  EXPECT_EQ("record-went-back", violated());
}

TEST_F(Witness, SeesAnActiveSlotThatIsNotWhole) {
  receive({.content = 16, .version = "2.0"});
  Dice dice(1);
  disk.rot(paths.slot_b, 3, dice);
  install(flash::activate(record, 1, 60).value());
  witness.look();
  EXPECT_EQ("boot-finds-image", violated());
}

TEST_F(Witness, SeesAnActiveImageThatNobodyTrustedSigned) {
  receive({.content = 16, .version = "2.0", .key = kAttackersKey});
  install(flash::activate(record, 1, 60).value());
  witness.look();
  EXPECT_EQ("boot-finds-image", violated());
}

TEST_F(Witness, SeesAnActiveImageBelowTheFloor) {
  receive({.content = 16, .version = "2.0", .security = 0});
  install(flash::activate(record, 1, 60).value());
  witness.look();
  EXPECT_EQ("security-floor", violated());
}

TEST_F(Witness, SeesDoneThatIsNotDone) {
  const Release release = make_release({.content = 16, .version = "2.0"});
  witness.recovered(release.entry.manifest);
  EXPECT_EQ("done-means-done", violated());
}

TEST_F(Witness, BelievesDoneWhenItIs) {
  receive({.content = 16, .version = "2.0"});
  install(flash::activate(record, 1, 60).value());
  witness.recovered(make_release({.content = 16, .version = "2.0"}).entry.manifest);
  EXPECT_EQ("", violated());
}

}  // namespace
}  // namespace fwr::sim
