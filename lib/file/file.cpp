// SPDX-License-Identifier: GPL-3.0-or-later
// Whole reads and writes, and flushes that last.
#include "file/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/retry_eintr.hpp"
#include "file/file_error.hpp"

namespace fwr::file {
namespace {

constexpr int kSlowestWriter_ms = 5000;
constexpr std::size_t kStreamPart_bytes = 65536;

constexpr const char* kNotFollowed = ": a symbolic link, which is not followed here";

/// Errors: IoFailed for anything but a regular file. `fd` and errno are those of open().
Result<OpenFile> as_regular(UniqueFd fd, Stat& status, const std::string& path) {
  if (!fd.is_open()) return read_failure(errno, path);
  if (::fstat(fd.get(), &status) != 0) return failure(errno, path);
  if (!S_ISREG(status.st_mode)) return not_regular(path, kind_of(status.st_mode));
  return OpenFile{std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

}  // namespace

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool same_object(const Stat& a, const Stat& b) {
  if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode)) return a.st_rdev == b.st_rdev;
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

UniqueFd open(const std::string& path, int flags, mode_t mode) {
  constexpr int kAlways = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  return UniqueFd(retry_eintr([&] { return ::open(path.c_str(), flags | kAlways, mode); }));
}

UniqueFd open_own(const std::string& path, int flags) {
  UniqueFd fd = open(path, flags | O_NOFOLLOW);
  Stat status{};
  if (!fd.is_open()) return fd;
  if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) return fd;
  fd.reset();
  errno = ENXIO;
  return fd;
}

bool read_padded(int fd, std::uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t count = retry_eintr(
        [&] { return ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset)); });
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
    const ssize_t count = retry_eintr(
        [&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
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

bool write_stream(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = retry_eintr([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool truncate_to(int fd, std::uint64_t size) {
  return retry_eintr([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }) == 0;
}

bool flush(int fd) {
  return retry_eintr([&] { return ::fsync(fd); }) == 0;
}

bool flush_data(int fd) {
  return retry_eintr([&] { return ::fdatasync(fd); }) == 0;
}

void forget_cached(int fd) {
  // Advice only: pages that are in use elsewhere stay, and some file systems ignore it.
  (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

bool flush_to_medium(int fd) {
  if (!flush_data(fd)) return false;
  forget_cached(fd);
  return true;
}

bool flush_directory(const std::string& directory) {
  UniqueFd fd = open(directory, O_RDONLY | O_DIRECTORY);
  if (!fd.is_open()) return false;
  const bool done = flush(fd.get()) || errno == EINVAL;
  const int error_number = errno;
  fd.reset();
  errno = error_number;
  return done;
}

Result<OpenFile> open_regular(const std::string& path) {
  Stat status{};
  return as_regular(open(path, O_RDONLY), status, path);
}

Result<OpenFile> open_in(const std::string& directory, const std::string& name) {
  const std::string path = directory + "/" + name;
  const UniqueFd inside = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  Stat around{};
  if (!inside.is_open() || ::fstat(inside.get(), &around) != 0) {
    const int error_number = errno;
    if (::lstat(directory.c_str(), &around) == 0 && S_ISLNK(around.st_mode))
      return fail(Errc::IoFailed, directory + kNotFollowed);
    return failure(error_number, directory);
  }
  UniqueFd fd(retry_eintr([&] {
    return ::openat(inside.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  }));
  if (!fd.is_open() && errno == ELOOP) return fail(Errc::IoFailed, path + kNotFollowed);
  Stat status{};
  auto file = as_regular(std::move(fd), status, path);
  if (file && status.st_uid != around.st_uid)
    return fail(Errc::NoPermission,
                fmt::format("{}: belongs to user {}, and its directory to user {}", path,
                            status.st_uid, around.st_uid));
  return file;
}

Result<> read_exactly(int fd, std::uint64_t offset, std::span<std::byte> out,
                      const std::string& path) {
  while (!out.empty()) {
    const ssize_t got = retry_eintr(
        [&] { return ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset)); });
    if (got < 0) return failure(errno, path);
    if (got == 0)
      return fail(Errc::IoFailed, fmt::format("{}: the file ends at byte {}, {} more are wanted",
                                              path, offset, out.size()));
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<std::string> read_text(const OpenFile& file, const std::string& path,
                              std::size_t limit_bytes) {
  if (file.size_bytes > limit_bytes)
    return fail(Errc::LimitExceeded, fmt::format("{}: {} bytes, at most {} are allowed", path,
                                                 file.size_bytes, limit_bytes));
  std::string text(static_cast<std::size_t>(file.size_bytes), '\0');
  const std::span<std::byte> out = std::as_writable_bytes(std::span(text.data(), text.size()));
  if (auto done = read_exactly(file.fd.get(), 0, out, path); !done)
    return tl::unexpected(done.error());
  return text;
}

Result<std::size_t> read_stream(int fd, const std::string& path, std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::span<std::byte> rest = out.subspan(done);
    const ssize_t count = retry_eintr([&] { return ::read(fd, rest.data(), rest.size()); });
    if (count < 0 && errno == EAGAIN) {
      // A pipe whose writer is slow.
      pollfd waits{fd, POLLIN, 0};
      if (retry_eintr([&] { return ::poll(&waits, 1, kSlowestWriter_ms); }) > 0) continue;
      return fail(Errc::IoFailed, fmt::format("{}: its writer has sent nothing for {} s", path,
                                              kSlowestWriter_ms / 1000));
    }
    if (count < 0) return read_failure(errno, path);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<std::string> read_to_end(int fd, const std::string& path, std::size_t limit_bytes) {
  std::string content;
  std::array<std::byte, kStreamPart_bytes> part{};
  while (true) {
    const auto count = read_stream(fd, path, part);
    if (!count) return tl::unexpected(count.error());
    content.append(as_text(ByteView(part).first(*count)));
    if (content.size() > limit_bytes)
      return fail(Errc::LimitExceeded, fmt::format("{}: larger than {} bytes", path, limit_bytes));
    if (*count < part.size()) break;
  }
  Stat status{};
  if (content.empty() && ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode))
    return fail(Errc::IoFailed, fmt::format("{}: nothing came through this pipe", path));
  return content;
}

Result<> write_at(int fd, std::uint64_t offset, ByteView bytes, const std::string& path) {
  if (!write_at(fd, offset, bytes)) return failure(errno, path);
  return {};
}

Result<> flush(int fd, const std::string& path) {
  if (!flush(fd)) return failure(errno, path);
  return {};
}

Result<> sync_directory(const std::string& directory) {
  if (!flush_directory(directory)) return failure(errno, directory);
  return {};
}

Result<> sync_directory(const std::string& directory, Errc code) {
  if (flush_directory(directory)) return {};
  return failure_as(code, "flushing directory " + directory, errno);
}

Result<UniqueFd> create(const std::string& path) {
  UniqueFd fd = open(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!fd.is_open()) return failure(errno, path);
  // Another user than the one who creates the file may have to read it.
  if (::fchmod(fd.get(), kFileMode) != 0) return failure(errno, path);
  return fd;
}

Result<> write_new(const std::string& path, ByteView bytes) {
  const auto fd = create(path);
  if (!fd) return tl::unexpected(fd.error());
  if (auto done = write_at(fd->get(), 0, bytes, path); !done) return done;
  return flush(fd->get(), path);
}

Result<> replace(const std::string& directory, const std::string& name, ByteView bytes, Errc code) {
  const std::string path = directory + "/" + name;
  const std::string fresh = path + ".new";
  // A leftover of a power cut is overwritten; a link in its place is not followed.
  UniqueFd fd = open_own(fresh, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd.is_open()) return failure_as(code, "creating " + fresh, errno);
  if (!write_at(fd.get(), 0, bytes) || !flush(fd.get())) {
    const int error_number = errno;
    ::unlink(fresh.c_str());
    return failure_as(code, "writing " + fresh, error_number);
  }
  fd.reset();
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return failure_as(code, "renaming " + fresh + " to " + path, errno);
  return sync_directory(directory, code);
}

std::filesystem::directory_iterator list_directory(const std::string& path,
                                                   std::error_code& error) {
  std::filesystem::directory_iterator at(path, error);
  while (error == std::errc::interrupted) at = std::filesystem::directory_iterator(path, error);
  return at;
}

}  // namespace fwr::file
