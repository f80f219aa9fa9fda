// SPDX-License-Identifier: GPL-3.0-or-later
// A slot in a block device.
#include "flash/targets/block_target.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "file/file_error.hpp"

namespace fwr::flash {
namespace {

/// The kernel opens a device that is set to read-only for writing all the same, and refuses each
/// write.
bool is_set_to_read_only(int fd) {
  int read_only = 0;
  return ::ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0;
}

std::optional<std::uint64_t> end_of(int fd) {
  const off_t end = ::lseek(fd, 0, SEEK_END);
  return end < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(end));
}

}  // namespace

bool BlockTarget::fits(const std::string& path) {
  file::Stat status{};
  if (::stat(path.c_str(), &status) == 0) return S_ISBLK(status.st_mode);
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
}

Result<std::uint64_t> BlockTarget::capacity() {
  file::Stat status{};
  const std::string& path = place().path;
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return file::failure_as(Errc::SlotUnreadable, describe(), errno);
    // A link like those of /dev/disk/by-partlabel.
    if (::lstat(path.c_str(), &status) == 0)
      return fail(Errc::SlotUnreadable,
                  describe() + " is a symbolic link to what is not there (any more)");
    return fail(Errc::SlotUnreadable, describe() + ": there is no such device");
  }
  const UniqueFd device = file::open(path, O_RDONLY);
  if (!device.is_open())
    return file::failure_as(Errc::SlotUnreadable, "opening " + describe(), errno);
  const auto end = end_of(device.get());
  if (!end)
    return file::failure_as(Errc::SlotUnreadable, "finding the size of " + describe(), errno);
  if (*end == 0)
    return fail(Errc::SlotUnreadable, describe() + " is a device without a medium: 0 bytes");
  return *end;
}

Result<> BlockTarget::read(std::uint64_t offset, std::span<std::byte> out) {
  if (auto done = PathTarget::read(offset, out); !done) return done;
  // What was read as zeros past the end of a file is an error here: a device may lose its medium.
  if (const auto end = end_of(fd()); end && offset + out.size() > *end)
    return fail(Errc::SlotUnreadable, "reading " + describe() + " at byte " +
                                          std::to_string(offset) + ": the device ends after " +
                                          std::to_string(*end) + " bytes");
  return {};
}

std::string BlockTarget::unfit(const file::Stat& status) const {
  return S_ISBLK(status.st_mode) ? std::string() : std::string(file::kind_of(status.st_mode));
}

/// Without O_CREAT, O_EXCL refuses a device that is mounted or otherwise in use.
int BlockTarget::write_flags(bool /*there*/) const {
  return O_EXCL;
}

Result<> BlockTarget::check_opened(int fd) const {
  if (is_set_to_read_only(fd)) return set_to_read_only();
  return {};
}

/// The kernel reports the same error for a device that was set to read-only as for a lack of
/// permission.
tl::unexpected<Error> BlockTarget::write_failure(int error_number, std::uint64_t offset) const {
  if (error_number == EPERM && is_set_to_read_only(fd())) return set_to_read_only();
  return PathTarget::write_failure(error_number, offset);
}

tl::unexpected<Error> BlockTarget::set_to_read_only() const {
  return fail(Errc::SlotWriteFailed, describe() + " is set to read-only; 'blockdev --setrw " +
                                         place().path + "' makes it writable");
}

}  // namespace fwr::flash
