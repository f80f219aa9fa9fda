// SPDX-License-Identifier: GPL-3.0-or-later
// Two slots in files: what fits, what is refused, and what a fault of the file system becomes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <filesystem>
#include <functional>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "flash/slots_file.hpp"
#include "support/io_fault.hpp"
#include "support/scratch_directory.hpp"

namespace fwr::flash {
namespace {

using test::IoCall;
using test::IoFault;
using test::IoKind;
using test::IoReply;
using testing::HasSubstr;

constexpr std::uint64_t kSlot_bytes = 64ULL << 10;

class FileSlotsTest : public testing::Test {
 protected:
  FileSlotsConfig config() const {
    return {scratch_ / "slot-a", scratch_ / "slot-b", kSlot_bytes, scratch_ / "state.d"};
  }
  /// For a slot b that is not blank, while there is no record.
  FileSlotsConfig config_of_a_running() const {
    FileSlotsConfig stated = config();
    stated.active_without_record = SlotId::A;
    return stated;
  }
  std::unique_ptr<Slots> open(Access access = Access::ReadWrite) const {
    auto slots = open_file_slots(config(), access);
    EXPECT_TRUE(slots) << slots.error().message();
    return slots ? *std::move(slots) : nullptr;
  }
  test::ScratchDirectory scratch_;
};

Error error_of(const FileSlotsConfig& config, Access access = Access::ReadWrite) {
  auto slots = open_file_slots(config, access);
  return slots ? Error{Errc::Internal, "no error"} : slots.error();
}

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
  return bytes;
}

struct stat stat_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(0, ::stat(path.c_str(), &status)) << path;
  return status;
}

TEST_F(FileSlotsTest, FlushTheNamesOfFilesThatWhoCreatedThemCouldNot) {
  unsigned flushed = 0;
  const auto is_of_directory = [&](const IoCall& call) {
    return call.kind == IoKind::Sync && call.path == scratch_.path();
  };
  {
    const auto slots = open();
    const IoFault fault([&](const IoCall& call) {
      return is_of_directory(call) ? IoReply{{}, EIO} : IoReply{};
    });
    ASSERT_FALSE(slots->prepare(SlotId::B, 20'000));
  }
  const IoFault fault([&](const IoCall& call) {
    if (is_of_directory(call)) ++flushed;
    return IoReply{};
  });
  ASSERT_TRUE(open()->prepare(SlotId::B, 20'000));
  EXPECT_EQ(2U, flushed) << "for the state directory, and for the slot";
}

TEST_F(FileSlotsTest, KeepWhatIsWritten) {
  const auto slots = open();
  ASSERT_TRUE(slots->prepare(SlotId::B, 20'000));
  const Bytes image = pattern(20'000);
  ASSERT_TRUE(slots->write(SlotId::B, 0, ByteView(image).first(12'000)));
  ASSERT_TRUE(slots->write(SlotId::B, 12'000, ByteView(image).subspan(12'000)));
  ASSERT_TRUE(slots->flush(SlotId::B));
  Bytes back(30'000, std::byte{0xee});
  ASSERT_TRUE(slots->read(SlotId::B, 0, back));
  EXPECT_TRUE(std::equal(image.begin(), image.end(), back.begin()));
  EXPECT_TRUE(std::all_of(back.begin() + 20'000, back.end(),
                          [](std::byte b) { return b == std::byte{0}; }));
  Bytes far(16, std::byte{0xee});
  ASSERT_TRUE(slots->read(SlotId::B, 1ULL << 40, far));
  EXPECT_EQ(Bytes(16), far);
}

TEST_F(FileSlotsTest, PrepareAllocatesTheWholeImage) {
  const auto slots = open();
  EXPECT_EQ(kSlot_bytes, slots->capacity(SlotId::B).value());
  ASSERT_TRUE(slots->prepare(SlotId::B, kSlot_bytes));
  const struct stat status = stat_of(config().slot_b);
  EXPECT_EQ(kSlot_bytes, static_cast<std::uint64_t>(status.st_size));
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, kSlot_bytes);
  EXPECT_EQ(4096, stat_of(config().state_directory + "/tree").st_size);
}

TEST_F(FileSlotsTest, PrepareKeepsWhatIsThere) {
  test::write_text(config().slot_b, "what an interrupted recovery left");
  const auto slots = open_file_slots(config_of_a_running(), Access::ReadWrite).value();
  ASSERT_TRUE(slots->prepare(SlotId::B, 50'000));
  ASSERT_TRUE(slots->prepare(SlotId::B, 5));
  const std::string text = test::read_text(config().slot_b);
  EXPECT_EQ(50'000U, text.size());
  EXPECT_TRUE(text.starts_with("what an interrupted recovery left"));
}

TEST_F(FileSlotsTest, PrepareRefusesWhatDoesNotFit) {
  const auto slots = open();
  const auto prepared = slots->prepare(SlotId::B, kSlot_bytes + 1);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(Errc::ImageTooLarge, prepared.error().code);
  EXPECT_EQ("slot b (" + config().slot_b + ") has 65536 bytes, the image has 65537 bytes",
            prepared.error().detail);
  EXPECT_FALSE(slots->prepare(SlotId::B, 0));
  EXPECT_NE(0, ::access(config().slot_b.c_str(), F_OK));
}

// A state directory that is lost or not mounted looks like one of a new system.
TEST_F(FileSlotsTest, WriteNoSlotOnAGuessUnlessItIsBlank) {
  test::write_text(config().slot_b, std::string(3000, '\0') + "it may be running");
  const std::string before = test::read_text(config().slot_b);
  for (int again = 0; again < 2; ++again) {  // the first try leaves a record that says nothing
    const auto slots = open();
    const auto prepared = slots->prepare(SlotId::B, 5000);
    ASSERT_FALSE(prepared);
    EXPECT_EQ(Errc::ActiveSlotUnknown, prepared.error().code);
    EXPECT_THAT(prepared.error().detail, HasSubstr(config().state_directory));
    EXPECT_THAT(prepared.error().detail, HasSubstr(config().slot_b));
    EXPECT_FALSE(slots->write(SlotId::B, 0, Bytes(4)));
  }
  EXPECT_EQ(before, test::read_text(config().slot_b));
  test::write_text(config().slot_b, std::string(3000, '\xff') + std::string(20, '\0'));
  EXPECT_TRUE(open()->prepare(SlotId::B, 5000));
}

TEST_F(FileSlotsTest, WriteTheOtherSlotThanTheOneThatIsSaidToRun) {
  test::write_text(config().slot_a, "was left");
  test::write_text(config().slot_b, "runs");
  FileSlotsConfig stated = config();
  stated.active_without_record = SlotId::B;
  const auto slots = open_file_slots(stated, Access::ReadWrite).value();
  EXPECT_EQ(SlotId::B, slots->load_record()->active);
  EXPECT_EQ(Errc::Internal, slots->prepare(SlotId::B, 100).error().code);
  EXPECT_TRUE(slots->prepare(SlotId::A, 100));
}

TEST_F(FileSlotsTest, BelieveARecordMoreThanWhatIsSaid) {
  ASSERT_TRUE(open()->store_record(begin_writing(BootRecord{}, "m", "s")));
  test::write_text(config().slot_b, "half an image");
  FileSlotsConfig stated = config();
  stated.active_without_record = SlotId::B;
  const auto slots = open_file_slots(stated, Access::ReadWrite).value();
  EXPECT_EQ(SlotId::A, slots->load_record()->active);
  EXPECT_EQ(Errc::Internal, slots->prepare(SlotId::A, 100).error().code);
  EXPECT_TRUE(slots->prepare(SlotId::B, 100));
}

TEST_F(FileSlotsTest, NeverTouchTheActiveSlot) {
  test::write_text(config().slot_a, "active");
  const auto slots = open();
  for (const auto& refused :
       {slots->prepare(SlotId::A, 100), slots->write(SlotId::A, 0, Bytes(4))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(Errc::Internal, refused.error().code);
    EXPECT_THAT(refused.error().detail, HasSubstr("active"));
  }
  EXPECT_EQ("active", test::read_text(config().slot_a));
}

TEST_F(FileSlotsTest, NeverTouchASlotThatBecameActive) {
  const auto slots = open();
  ASSERT_TRUE(slots->prepare(SlotId::B, 100));
  ASSERT_TRUE(slots->write(SlotId::B, 0, Bytes(100)));
  const BootRecord record =
      activate(mark_verified(begin_writing(slots->load_record().value(), "m", "s")), 1, 2).value();
  ASSERT_TRUE(slots->store_record(record));
  EXPECT_FALSE(slots->write(SlotId::B, 0, Bytes(100)));
  EXPECT_FALSE(slots->prepare(SlotId::B, 100));
  EXPECT_TRUE(slots->prepare(SlotId::A, 100));
  // Back again: what was prepared before it became active does not count any more.
  BootRecord back = record;
  back.slot(SlotId::A).state = SlotState::Good;
  ASSERT_TRUE(slots->store_record(roll_back(back).value()));
  EXPECT_FALSE(slots->write(SlotId::B, 0, Bytes(100)));
  EXPECT_TRUE(slots->prepare(SlotId::B, 100));
  EXPECT_TRUE(slots->write(SlotId::B, 0, Bytes(100)));
}

TEST_F(FileSlotsTest, NeverMakeASlotActiveWhosePathLeadsElsewhereByNow) {
  const std::string path = config().slot_b;
  const auto gone = [&] { std::filesystem::remove(path); };
  const auto replaced = [&] {
    test::write_text(path + ".other", "another image");
    std::filesystem::rename(path + ".other", path);
  };
  for (const auto& change : {std::function<void()>(gone), std::function<void()>(replaced)}) {
    const auto slots = open();
    ASSERT_TRUE(slots->prepare(SlotId::B, 100));
    ASSERT_TRUE(slots->write(SlotId::B, 0, Bytes(100)));
    const BootRecord before = slots->load_record().value();
    const BootRecord record =
        activate(mark_verified(begin_writing(before, "m", "s")), 1, 2).value();
    change();
    const auto refused = slots->store_record(record);
    ASSERT_FALSE(refused);
    EXPECT_EQ(Errc::SlotWriteFailed, refused.error().code);
    EXPECT_THAT(refused.error().detail, HasSubstr("does not become active"));
    EXPECT_EQ(before, slots->load_record().value());
  }
}

TEST_F(FileSlotsTest, WriteOnlyWhatWasPrepared) {
  const auto slots = open();
  EXPECT_FALSE(slots->write(SlotId::B, 0, Bytes(1)));
  ASSERT_TRUE(slots->prepare(SlotId::B, 100));
  EXPECT_TRUE(slots->write(SlotId::B, 99, Bytes(1)));
  EXPECT_FALSE(slots->write(SlotId::B, 99, Bytes(2)));
  EXPECT_FALSE(slots->write(SlotId::B, UINT64_MAX, Bytes(2)));
}

TEST_F(FileSlotsTest, TakeTheSizeOfTheFileWhenNoneIsConfigured) {
  FileSlotsConfig without_size = config();
  without_size.slot_size_bytes = 0;
  test::write_text(without_size.slot_a, std::string(1234, 'a'));
  const auto slots = open_file_slots(without_size, Access::ReadWrite).value();
  EXPECT_EQ(1234U, slots->capacity(SlotId::A).value());
  const auto missing = slots->capacity(SlotId::B);
  ASSERT_FALSE(missing);
  EXPECT_EQ(Errc::SlotUnreadable, missing.error().code);
  EXPECT_THAT(missing.error().detail, HasSubstr("no slot size"));
}

TEST_F(FileSlotsTest, SayThatASlotCannotBeRead) {
  const auto slots = open();
  Bytes out(16);
  const auto missing = slots->read(SlotId::A, 0, out);
  ASSERT_FALSE(missing);
  EXPECT_EQ(Errc::SlotUnreadable, missing.error().code);
  EXPECT_EQ("opening slot a (" + config().slot_a + "): No such file or directory",
            missing.error().detail);
  test::write_text(config().slot_a, "x");
  const IoFault fault([](const IoCall& call) {
    return call.kind == IoKind::Read ? IoReply{{}, EIO} : IoReply{};
  });
  const auto failing = slots->read(SlotId::A, 8192, out);
  ASSERT_FALSE(failing);
  EXPECT_EQ(Errc::SlotUnreadable, failing.error().code);
  EXPECT_EQ("reading slot a (" + config().slot_a + ") at byte 8192: Input/output error",
            failing.error().detail);
}

TEST_F(FileSlotsTest, GoOnAfterSignalsAndShortCalls) {
  const auto slots = open();
  ASSERT_TRUE(slots->prepare(SlotId::B, 10'000));
  const Bytes image = pattern(10'000);
  Bytes back(10'000);
  {
    std::size_t calls = 0;
    const IoFault fault([&](const IoCall& call) {
      if (++calls % 3 == 0) return IoReply{{}, EINTR};
      return IoReply{std::min<std::size_t>(call.count, 777), 0};
    });
    ASSERT_TRUE(slots->write(SlotId::B, 0, image));
    ASSERT_TRUE(slots->flush(SlotId::B));
    ASSERT_TRUE(slots->read(SlotId::B, 0, back));
    EXPECT_GT(calls, 26U);
  }
  EXPECT_EQ(image, back);
}

TEST_F(FileSlotsTest, GiveEachFaultOfAWriteItsCode) {
  const auto slots = open();
  ASSERT_TRUE(slots->prepare(SlotId::B, 10'000));
  const std::pair<int, Errc> cases[] = {{EIO, Errc::SlotWriteFailed},
                                        {ENOSPC, Errc::NoSpace},
                                        {EDQUOT, Errc::NoSpace},
                                        {EPERM, Errc::NoPermission},
                                        {EROFS, Errc::NoPermission}};
  for (const auto& [number, code] : cases) {
    const IoFault fault([number = number](const IoCall& call) {
      return call.kind == IoKind::Write ? IoReply{{}, number} : IoReply{};
    });
    const auto written = slots->write(SlotId::B, 4096, Bytes(10));
    ASSERT_FALSE(written);
    EXPECT_EQ(code, written.error().code);
    EXPECT_EQ("writing slot b (" + config().slot_b + ") at byte 4096: " + std::strerror(number),
              written.error().detail);
  }
  const IoFault fault([](const IoCall& call) {
    return call.kind == IoKind::Sync ? IoReply{{}, EIO} : IoReply{};
  });
  EXPECT_EQ(Errc::SlotWriteFailed, slots->flush(SlotId::B).error().code);
}

TEST_F(FileSlotsTest, FailWhenADeviceTakesNoMoreBytes) {
  const auto slots = open();
  ASSERT_TRUE(slots->prepare(SlotId::B, 10'000));
  const IoFault fault([](const IoCall& call) {
    return call.kind == IoKind::Write ? IoReply{0U, 0} : IoReply{};
  });
  EXPECT_EQ(Errc::NoSpace, slots->write(SlotId::B, 0, Bytes(10)).error().code);
}

// --- refused configurations ----------------------------------------------------------------------

TEST_F(FileSlotsTest, RefuseOneFileForBothSlots) {
  FileSlotsConfig same = config();
  test::write_text(same.slot_a, "x");
  ASSERT_EQ(0, ::link(same.slot_a.c_str(), (scratch_ / "hard").c_str()));
  ASSERT_EQ(0, ::symlink("slot-a", (scratch_ / "soft").c_str()));
  for (const auto& path :
       {same.slot_a, scratch_ / "hard", scratch_ / "soft", scratch_ / "./slot-a"}) {
    same.slot_b = path;
    const Error error = error_of(same, Access::ReadOnly);
    EXPECT_EQ(Errc::BadConfiguration, error.code) << path;
    EXPECT_EQ("slot a (" + same.slot_a + ") and slot b (" + path + ") are the same file or device",
              error.detail);
  }
}

TEST_F(FileSlotsTest, RefuseOneMissingFileForBothSlots) {
  FileSlotsConfig same = config();
  same.slot_b = scratch_ / "./slot-a";
  EXPECT_EQ(Errc::BadConfiguration, error_of(same).code);
  same.slot_b = scratch_ / "state.d/slot-a";
  EXPECT_TRUE(open_file_slots(same, Access::ReadWrite));
}

TEST_F(FileSlotsTest, RefuseALinkToWhatIsNotThere) {
  ASSERT_EQ(0, ::symlink("slot-a", config().slot_b.c_str()));
  const auto slots = open();
  const auto prepared = slots->prepare(SlotId::B, 100);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(Errc::SlotUnreadable, prepared.error().code);
  EXPECT_FALSE(std::filesystem::exists(config().slot_a));
}

TEST_F(FileSlotsTest, RefuseWhatIsNoFileAndNoBlockDevice) {
  FileSlotsConfig bad = config();
  bad.slot_b = scratch_.path();
  EXPECT_THAT(error_of(bad).detail, HasSubstr("is a directory; name a regular file"));
  bad.slot_b = scratch_ / "fifo";
  ASSERT_EQ(0, ::mkfifo(bad.slot_b.c_str(), 0600));
  EXPECT_THAT(error_of(bad, Access::ReadOnly).detail, HasSubstr("is a FIFO"));
  bad.slot_b = "/dev/null";
  EXPECT_THAT(error_of(bad).detail, HasSubstr("is a character device"));
  EXPECT_EQ(Errc::BadConfiguration, error_of(bad).code);
}

TEST_F(FileSlotsTest, RefuseTheFilesOfTheStateDirectory) {
  ASSERT_TRUE(open());
  FileSlotsConfig bad = config();
  bad.slot_b = config().state_directory + "/state";
  const Error error = error_of(bad);
  EXPECT_EQ(Errc::BadConfiguration, error.code);
  EXPECT_THAT(error.detail, HasSubstr("is the file \"state\""));
}

TEST_F(FileSlotsTest, RefuseWhatIsNotConfigured) {
  for (auto member :
       {&FileSlotsConfig::slot_a, &FileSlotsConfig::slot_b, &FileSlotsConfig::state_directory}) {
    FileSlotsConfig bad = config();
    (bad.*member).clear();
    EXPECT_EQ(Errc::BadConfiguration, error_of(bad, Access::ReadOnly).code);
  }
}

TEST_F(FileSlotsTest, NeverCreateAFileInPlaceOfADevice) {
  FileSlotsConfig bad = config();
  bad.slot_b = "/dev/fwrecover-test-no-such-device";
  const auto slots = open_file_slots(bad, Access::ReadWrite).value();
  for (const Error& error :
       {slots->capacity(SlotId::B).error(), slots->prepare(SlotId::B, 100).error()}) {
    EXPECT_EQ(Errc::SlotUnreadable, error.code);
    EXPECT_THAT(error.detail, HasSubstr("there is no such device"));
  }
}

TEST_F(FileSlotsTest, SayWhichDirectoryIsMissing) {
  FileSlotsConfig bad = config();
  bad.state_directory = scratch_ / "no/state";
  EXPECT_EQ(Errc::NotFound, error_of(bad).code);
  EXPECT_THAT(error_of(bad).detail, HasSubstr(scratch_ / "no does not exist"));
  bad = config();
  bad.slot_b = scratch_ / "no/slot-b";
  const auto slots = open_file_slots(bad, Access::ReadWrite).value();
  const auto prepared = slots->prepare(SlotId::B, 100);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(Errc::SlotUnreadable, prepared.error().code);
  EXPECT_THAT(prepared.error().detail, HasSubstr("its directory does not exist"));
}

TEST_F(FileSlotsTest, FollowLinksToSlotsButNotOfTheStateDirectory) {
  test::write_text(scratch_ / "real", "");
  ASSERT_EQ(0, ::symlink("real", config().slot_b.c_str()));
  {
    const auto slots = open();
    ASSERT_TRUE(slots->prepare(SlotId::B, 100));
    EXPECT_EQ(100, stat_of(scratch_ / "real").st_size);
  }
  const std::string lock = config().state_directory + "/lock";
  ASSERT_EQ(0, ::unlink(lock.c_str()));
  ASSERT_EQ(0, ::symlink("../elsewhere", lock.c_str()));
  EXPECT_THAT(error_of(config()).detail, HasSubstr("symbolic link"));
}

// --- lock and access -----------------------------------------------------------------------------

TEST_F(FileSlotsTest, LetOnlyOneWriterIn) {
  auto first = open();
  const Error error = error_of(config());
  EXPECT_EQ(Errc::AlreadyRunning, error.code);
  EXPECT_EQ(config().state_directory + "/lock is held by process " + std::to_string(::getpid()),
            error.detail);
  EXPECT_TRUE(open(Access::ReadOnly));
  first.reset();
  EXPECT_EQ(std::string(15, ' ') + "\n", test::read_text(config().state_directory + "/lock"));
  EXPECT_TRUE(open());
}

TEST_F(FileSlotsTest, LetTheNextWriterInAfterAKill) {
  EXPECT_EQ("signal 9", test::in_child([this]() -> std::string {
              const auto slots = open();
              ::raise(SIGKILL);
              return "alive";
            }));
  EXPECT_TRUE(open());
}

TEST_F(FileSlotsTest, ReadOnlyLeavesNoTrace) {
  const auto slots = open(Access::ReadOnly);
  EXPECT_EQ(BootRecord{}, slots->load_record().value());
  Bytes out(16, std::byte{1});
  EXPECT_TRUE(slots->read_tree(0, out));
  EXPECT_EQ(Bytes(16), out);
  EXPECT_FALSE(slots->prepare(SlotId::B, 100));
  EXPECT_FALSE(slots->store_record(begin_writing(BootRecord{}, "", "")));
  EXPECT_FALSE(slots->write_tree(0, out));
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
}

TEST_F(FileSlotsTest, ReadOnlyWorksForAnyoneWhoCanRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become someone else";
  test::write_text(config().slot_a, "readable");
  test::write_text(config().slot_b, "secret");
  ASSERT_EQ(0, ::chmod(config().slot_b.c_str(), 0600));
  ASSERT_EQ(0, ::chmod(scratch_.path().c_str(), 0755));
  ASSERT_TRUE(open()->store_record(begin_writing(BootRecord{}, "m", "s")));
  const std::string result = test::in_child([this]() -> std::string {
    if (::setresuid(65534, 65534, 65534) != 0) return "setresuid";
    const auto slots = open_file_slots(config(), Access::ReadOnly);
    if (!slots) return slots.error().message();
    const auto record = (*slots)->load_record();
    if (!record) return record.error().message();
    if (record->slot(SlotId::B).state != SlotState::Writing) return "another record";
    Bytes out(8);
    if (const auto read = (*slots)->read(SlotId::A, 0, out); !read) return read.error().message();
    if (as_text(out) != "readable") return "another text";
    const auto secret = (*slots)->read(SlotId::B, 0, out);
    if (secret || secret.error().code != Errc::NoPermission) return "could read slot b";
    const Error error = error_of(config());
    if (error.code != Errc::NoPermission) return "could write: " + error.message();
    return "fine";
  });
  EXPECT_EQ("fine", result);
}

// --- the hash tree -------------------------------------------------------------------------------

TEST_F(FileSlotsTest, KeepTheTree) {
  const auto slots = open();
  const Bytes block = pattern(4096);
  ASSERT_TRUE(slots->write_tree(8192, block));
  Bytes back(4096);
  ASSERT_TRUE(slots->read_tree(8192, back));
  EXPECT_EQ(block, back);
  ASSERT_TRUE(slots->read_tree(0, back));
  EXPECT_EQ(Bytes(4096), back);
  ASSERT_TRUE(slots->read_tree(1ULL << 32, back));
  EXPECT_EQ(Bytes(4096), back);
  EXPECT_EQ(Errc::LimitExceeded, slots->write_tree(64ULL << 20, block).error().code);
  EXPECT_EQ(Errc::LimitExceeded, slots->write_tree(UINT64_MAX, block).error().code);
}

// --- disk full and devices -----------------------------------------------------------------------

/// Mounts a file system (of 1 MiB) on `path` that only this process sees; "" or why not.
std::string mount_small(const std::string& path, const char* type = "tmpfs",
                        const char* options = "size=1m") {
  const int flags = ::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
  if (::unshare(flags) != 0) return std::string("skip: unshare: ") + std::strerror(errno);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", path.c_str(), type, 0, options) != 0)
    return std::string("skip: mount: ") + std::strerror(errno);
  return {};
}

TEST_F(FileSlotsTest, FindAFullDiskBeforeAnythingIsWritten) {
  FileSlotsConfig small = config();
  small.slot_b = scratch_ / "small/slot-b";
  small.slot_size_bytes = 4 << 20;
  ASSERT_EQ(0, ::mkdir((scratch_ / "small").c_str(), 0755));
  const std::string result = test::in_child([&]() -> std::string {
    if (auto why = mount_small(scratch_ / "small"); !why.empty()) return why;
    const auto slots = open_file_slots(small, Access::ReadWrite).value();
    const auto prepared = slots->prepare(SlotId::B, 2 << 20);
    if (prepared) return "no error";
    if (prepared.error().code != Errc::NoSpace) return prepared.error().message();
    struct stat status {};
    if (::stat(small.slot_b.c_str(), &status) != 0 || status.st_size != 0) return "a part is left";
    if (!slots->prepare(SlotId::B, 512 << 10)) return "what fits does not fit";
    return prepared.error().detail;
  });
  if (result.starts_with("skip: ")) GTEST_SKIP() << result;
  EXPECT_EQ("slot b (" + small.slot_b +
                ") needs 2097152 bytes more, its file system has 1048576 bytes free",
            result);
}

TEST_F(FileSlotsTest, FindAFullDiskOfTheTree) {
  FileSlotsConfig small = config();
  small.state_directory = scratch_ / "small";
  small.slot_size_bytes = 256 << 20;
  ASSERT_EQ(0, ::mkdir((scratch_ / "small").c_str(), 0755));
  const std::string result = test::in_child([&]() -> std::string {
    if (auto why = mount_small(scratch_ / "small"); !why.empty()) return why;
    const auto slots = open_file_slots(small, Access::ReadWrite).value();
    // A sparse slot keeps the test small; its tree has 2 MiB.
    const auto prepared = slots->prepare(SlotId::B, 256 << 20);
    if (prepared) return "no error";
    return prepared.error().code == Errc::NoSpace ? prepared.error().detail : "another error";
  });
  if (result.starts_with("skip: ")) GTEST_SKIP() << result;
  EXPECT_THAT(result, HasSubstr("small/tree needs 2"));
}

// The initramfs has no size, nor has a tmpfs without a limit: that is not a full file system.
TEST_F(FileSlotsTest, TakeAFileSystemWithoutASizeForWhatItIs) {
  for (const auto& [type, options] : {std::pair{"ramfs", ""}, std::pair{"tmpfs", "size=0"}}) {
    FileSlotsConfig there = config();
    there.slot_b = scratch_ / "unlimited/slot-b";
    there.state_directory = scratch_ / "unlimited/state";
    ::mkdir((scratch_ / "unlimited").c_str(), 0755);
    const std::string result =
        test::in_child([&, &type = type, &options = options]() -> std::string {
          if (auto why = mount_small(scratch_ / "unlimited", type, options); !why.empty())
            return why;
          const auto slots = open_file_slots(there, Access::ReadWrite).value();
          const auto prepared = slots->prepare(SlotId::B, kSlot_bytes);
          if (!prepared) return prepared.error().message();
          if (!slots->write(SlotId::B, kSlot_bytes - 4, Bytes(4))) return "cannot be written";
          return stat_of(there.slot_b).st_size == kSlot_bytes ? "" : "another size";
        });
    if (result.starts_with("skip: ")) GTEST_SKIP() << result;
    EXPECT_EQ("", result) << type;
  }
}

/// A block device on a file, for the time of the test; invalid when there is none to be had.
class LoopDevice {
 public:
  explicit LoopDevice(const std::string& file) {
    const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return;
    const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
    ::close(control);
    if (number < 0) return;
    path_ = "/dev/loop" + std::to_string(number);
    const int backing = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    fd_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (fd_ >= 0 && ::ioctl(fd_, LOOP_SET_FD, backing) != 0) {
      ::close(fd_);
      fd_ = -1;
    }
    ::close(backing);
  }
  ~LoopDevice() {
    if (fd_ < 0) return;
    ::ioctl(fd_, LOOP_CLR_FD, 0);
    ::close(fd_);
  }
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int fd_ = -1;
};

TEST_F(FileSlotsTest, WorkOnBlockDevices) {
  test::write_text(scratch_ / "disk", std::string(128 << 10, 'd'));
  const LoopDevice device(scratch_ / "disk");
  if (!device.valid()) GTEST_SKIP() << "no loop device can be set up here";
  FileSlotsConfig block = config_of_a_running();
  block.slot_b = device.path();
  {
    const auto slots = open_file_slots(block, Access::ReadWrite).value();
    EXPECT_EQ(128U << 10, slots->capacity(SlotId::B).value());
    EXPECT_EQ(Errc::ImageTooLarge, slots->prepare(SlotId::B, (128 << 10) + 1).error().code);
    const auto prepared = slots->prepare(SlotId::B, 10'000);
    ASSERT_TRUE(prepared) << prepared.error().message();
    const Bytes image = pattern(10'000);
    ASSERT_TRUE(slots->write(SlotId::B, 0, image));
    ASSERT_TRUE(slots->flush(SlotId::B));
    Bytes back(10'001);
    ASSERT_TRUE(slots->read(SlotId::B, 0, back));
    EXPECT_TRUE(std::equal(image.begin(), image.end(), back.begin()));
    EXPECT_EQ(std::byte{'d'}, back.back());
  }
  // The file below the device.
  block.slot_a = scratch_ / "disk";
  EXPECT_EQ(Errc::BadConfiguration, error_of(block).code);
  EXPECT_THAT(error_of(block).detail, HasSubstr("share storage"));
  block.slot_a = scratch_ / "alias";
  const struct stat status = stat_of(device.path());
  if (::mknod(block.slot_a.c_str(), S_IFBLK | 0600, status.st_rdev) != 0)
    GTEST_SKIP() << "no second node for the device: " << std::strerror(errno);
  EXPECT_EQ(Errc::BadConfiguration, error_of(block).code);
}

}  // namespace
}  // namespace fwr::flash
