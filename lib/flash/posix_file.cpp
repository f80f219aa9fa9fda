// SPDX-License-Identifier: GPL-3.0-or-later
// Whole reads and writes, flushes that last, errors with their words.
#include "flash/posix_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "base/again.hpp"

namespace fwr::flash {
std::string errno_text(int error_number) {
  return std::generic_category().message(error_number);
}

tl::unexpected<Error> fail_errno(Errc code, const std::string& what, int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EFBIG:
    case EDQUOT: code = Errc::NoSpace; break;
    case EACCES:
    case EPERM:
    case EROFS: code = Errc::NoPermission; break;
    // The program's own files are opened without following links, so that nobody can lead them
    // away.
    case ELOOP: return fail(code, what + ": is a symbolic link, which is not followed here");
    case EISDIR:
    case ENXIO:
      if (code != Errc::StateFailed && code != Errc::IoFailed) break;
      return fail(code, what + ": is no regular file; move it away");
    default: break;
  }
  return fail(code, what + ": " + errno_text(error_number));
}

UniqueFd open_fd(const std::string& path, int flags) {
  // O_NONBLOCK: a FIFO in the place of a file gives an error at once, and never a wait.
  return UniqueFd(
      again([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, kFileMode); }));
}

UniqueFd open_own(const std::string& path, int flags) {
  UniqueFd fd = open_fd(path, flags | O_NOFOLLOW);
  struct stat status {};
  if (!fd.is_open()) return fd;
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) return fd;
  fd.reset();
  errno = ENXIO;
  return fd;
}

bool read_at(int fd, std::uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count =
        again([&] { return ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset)); });
    if (count < 0) return false;
    if (count == 0) {
      std::memset(out.data(), 0, out.size());
      return true;
    }
    out = out.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

bool write_at(int fd, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        again([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (count < 0) return false;
    if (count == 0) {
      // A device's end; there is no errno for it.
      errno = ENOSPC;
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return true;
}

bool truncate_to(int fd, std::uint64_t size) {
  return again([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }) == 0;
}

void forget_cached(int fd) {
  // Advice only: pages that are in use elsewhere stay, and some file systems ignore it.
  (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

bool flush_to_medium(int fd) {
  if (again([&] { return ::fdatasync(fd); }) != 0) return false;
  forget_cached(fd);
  return true;
}

Result<> sync_directory(const std::string& directory) {
  const UniqueFd fd = open_fd(directory, O_RDONLY | O_DIRECTORY);
  if (!fd.is_open()) return fail_errno(Errc::StateFailed, "opening directory " + directory, errno);
  // EINVAL: a file system that has no such operation also has nothing to flush.
  if (again([&] { return ::fsync(fd.get()); }) != 0 && errno != EINVAL)
    return fail_errno(Errc::StateFailed, "flushing directory " + directory, errno);
  return {};
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<> replace_file(const std::string& directory, const std::string& name, ByteView bytes) {
  const std::string path = directory + "/" + name;
  const std::string fresh = path + ".new";
  // A leftover of a power cut is overwritten; a link in its place is not followed.
  UniqueFd fd = open_own(fresh, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd.is_open()) return fail_errno(Errc::StateFailed, "creating " + fresh, errno);
  if (!write_at(fd.get(), 0, bytes) || again([&] { return ::fsync(fd.get()); }) != 0) {
    const int error_number = errno;
    ::unlink(fresh.c_str());
    return fail_errno(Errc::StateFailed, "writing " + fresh, error_number);
  }
  fd.reset();
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return fail_errno(Errc::StateFailed, "renaming " + fresh + " to " + path, errno);
  return sync_directory(directory);
}

}  // namespace fwr::flash
