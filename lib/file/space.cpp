// SPDX-License-Identifier: GPL-3.0-or-later
// Allocating the space of a file.
#include "file/space.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "file/file.hpp"
#include "file/file_error.hpp"

namespace fwr::file {
namespace {

constexpr std::uint64_t kStatBlock_bytes = 512;  ///< the unit of st_blocks

std::string bytes_text(std::uint64_t bytes) {
  return std::to_string(bytes) + " bytes";
}

Result<> check_free_space(int fd, const std::string& what, std::uint64_t missing) {
  struct statvfs system {};
  // Without an answer the allocation itself decides. A file system with no blocks at all gives
  // none: memory without a limit, as the initramfs is, reports that.
  if (::fstatvfs(fd, &system) != 0 || system.f_blocks == 0) return {};
  const std::uint64_t blocks = ::geteuid() == 0 ? system.f_bfree : system.f_bavail;
  const std::uint64_t block_bytes = system.f_frsize != 0 ? system.f_frsize : system.f_bsize;
  std::uint64_t free_bytes = 0;
  if (__builtin_mul_overflow(blocks, block_bytes, &free_bytes)) return {};
  if (missing <= free_bytes) return {};
  return fail(Errc::NoSpace, what + " needs " + bytes_text(missing) +
                                 " more, its file system has " + bytes_text(free_bytes) + " free");
}

}  // namespace

Result<> reserve(int fd, const std::string& what, std::uint64_t size, Errc code) {
  Stat status{};
  if (::fstat(fd, &status) != 0) return failure_as(code, what, errno);
  const std::uint64_t allocated = static_cast<std::uint64_t>(status.st_blocks) * kStatBlock_bytes;
  if (auto room = check_free_space(fd, what, size - std::min(size, allocated)); !room) return room;
  int error_number = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  while (error_number == EINTR) error_number = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  const bool unsupported = error_number == EOPNOTSUPP || error_number == EINVAL;
  if (unsupported && static_cast<std::uint64_t>(status.st_size) < size)
    error_number = truncate_to(fd, size) ? 0 : errno;
  if (error_number == 0 || unsupported) return {};
  // What was allocated before the failure is of no use.
  (void)truncate_to(fd, static_cast<std::uint64_t>(status.st_size));
  return failure_as(code, "making room for " + bytes_text(size) + " in " + what, error_number);
}

}  // namespace fwr::file
