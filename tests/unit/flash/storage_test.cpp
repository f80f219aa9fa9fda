// SPDX-License-Identifier: GPL-3.0-or-later
// Slots that are the same storage under different names, as a made-up sysfs tells it.
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "flash/storage_file.hpp"
#include "support/scratch_directory.hpp"

namespace fwr::flash {
namespace {

namespace fs = std::filesystem;

file::Stat block_device(unsigned major_number, unsigned minor_number) {
  file::Stat status{};
  status.st_mode = S_IFBLK;
  status.st_dev = ::makedev(0, 5);  // where its node is
  status.st_ino = 100 + minor_number;
  status.st_rdev = ::makedev(major_number, minor_number);
  return status;
}

file::Stat file_on(unsigned major_number, unsigned minor_number) {
  file::Stat status{};
  status.st_mode = S_IFREG;
  status.st_dev = ::makedev(major_number, minor_number);
  status.st_ino = 7;
  return status;
}

/// sda (8:0) with sda1 (8:1) and sda2 (8:2); dm-0 (253:0) on sda2; loop0 (7:0) on a file.
class SharedStorage : public testing::Test {
 protected:
  void SetUp() override {
    device("sda", "8:0");
    device("sda/sda1", "8:1");
    device("sda/sda2", "8:2");
    test::write_text(scratch_ / "devices/sda/sda1/partition", "1\n");
    test::write_text(scratch_ / "devices/sda/sda2/partition", "2\n");
    device("dm-0", "253:0");
    fs::create_directories(scratch_ / "devices/dm-0/slaves");
    fs::create_symlink("../../sda/sda2", scratch_ / "devices/dm-0/slaves/sda2");
    device("loop0", "7:0");
    fs::create_directories(scratch_ / "devices/loop0/loop");
    test::write_text(scratch_ / "image", "backing");
    test::write_text(scratch_ / "devices/loop0/loop/backing_file", (scratch_ / "image") + "\n");
  }

  void device(const std::string& place, const std::string& number) {
    fs::create_directories(scratch_ / ("devices/" + place));
    test::write_text(scratch_ / ("devices/" + place + "/dev"), number + "\n");
    fs::create_directories(scratch_ / "dev/block");
    fs::create_symlink("../../devices/" + place, scratch_ / ("dev/block/" + number));
  }

  /// The same in either order.
  [[nodiscard]] bool shared(const file::Stat& a, const file::Stat& b) const {
    const bool forth = share_storage(a, b, scratch_.path());
    EXPECT_EQ(forth, share_storage(b, a, scratch_.path()));
    return forth;
  }

  test::ScratchDirectory scratch_;
};

TEST_F(SharedStorage, IsAPartitionAndItsDisk) {
  EXPECT_TRUE(shared(block_device(8, 0), block_device(8, 1)));
  EXPECT_TRUE(shared(block_device(8, 2), block_device(8, 2)));
}

TEST_F(SharedStorage, IsNotTwoPartitionsOfOneDisk) {
  EXPECT_FALSE(shared(block_device(8, 1), block_device(8, 2)));
  EXPECT_FALSE(shared(file_on(8, 1), block_device(8, 2)));
}

TEST_F(SharedStorage, IsAMappedDeviceAndWhatIsBelowIt) {
  EXPECT_TRUE(shared(block_device(253, 0), block_device(8, 2)));
  EXPECT_TRUE(shared(block_device(253, 0), block_device(8, 0)));
  EXPECT_FALSE(shared(block_device(253, 0), block_device(8, 1)));
}

TEST_F(SharedStorage, IsAFileAndTheDeviceThatHoldsIt) {
  EXPECT_TRUE(shared(file_on(8, 1), block_device(8, 1)));
  EXPECT_TRUE(shared(file_on(8, 1), block_device(8, 0)));
  EXPECT_TRUE(shared(file_on(253, 0), block_device(8, 2)));
}

TEST_F(SharedStorage, IsALoopDeviceAndItsFile) {
  file::Stat backing{};
  ASSERT_EQ(0, ::stat((scratch_ / "image").c_str(), &backing));
  EXPECT_TRUE(shared(block_device(7, 0), backing));
  EXPECT_FALSE(shared(block_device(7, 0), file_on(8, 1)));
}

TEST_F(SharedStorage, IsNotWhatTheKernelDoesNotTell) {
  EXPECT_FALSE(shared(block_device(9, 0), block_device(9, 1)));
  EXPECT_FALSE(shared(file_on(0, 40), block_device(8, 0)));
}

TEST_F(SharedStorage, EndsWhereLinksGoInACircle) {
  fs::create_directories(scratch_ / "devices/sda/slaves");
  fs::create_symlink("../../dm-0", scratch_ / "devices/sda/slaves/dm-0");
  EXPECT_FALSE(shared(block_device(253, 0), block_device(9, 0)));
}

}  // namespace
}  // namespace fwr::flash
