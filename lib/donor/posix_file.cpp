// SPDX-License-Identifier: GPL-3.0-or-later
// POSIX files behind Result<T>.
#include "donor/posix_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/again.hpp"
#include "base/file_kind.hpp"

namespace fwr::donor {
namespace {

constexpr mode_t kFileMode = 0644;

Errc code_of(int error) {
  switch (error) {
    case ENOENT:
    case ELOOP:
    case ENOTDIR: return Errc::NotFound;
    case EACCES:
    case EPERM:
    case EROFS: return Errc::NoPermission;
    case ENOSPC:
    case EFBIG:
    case EDQUOT: return Errc::NoSpace;
    case EEXIST:
    case ENOTEMPTY: return Errc::AlreadyExists;
    default: return Errc::IoFailed;
  }
}

}  // namespace

UniqueFd open_fd(const std::string& path, int flags) {
  return UniqueFd(again([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kFileMode); }));
}

std::filesystem::directory_iterator list_directory(const std::string& path,
                                                   std::error_code& error) {
  std::filesystem::directory_iterator at(path, error);
  while (error == std::errc::interrupted) at = std::filesystem::directory_iterator(path, error);
  return at;
}

tl::unexpected<Error> system_failure(int error, const std::string& what) {
  return fail(code_of(error), fmt::format("{}: {}", what, std::generic_category().message(error)));
}

tl::unexpected<Error> within(const std::string& what, Error error) {
  error.detail = error.detail.empty() ? what : fmt::format("{}: {}", what, error.detail);
  return tl::unexpected(std::move(error));
}

namespace {

/// Errors: IoFailed for what is no regular file.
Result<OpenFile> as_regular(UniqueFd fd, struct stat& status, const std::string& path) {
  if (!fd.is_open() && errno == ENXIO)
    return fail(Errc::IoFailed, not_regular(path, kCannotBeOpened));
  if (!fd.is_open()) return system_failure(errno, path);
  if (::fstat(fd.get(), &status) != 0) return system_failure(errno, path);
  if (!S_ISREG(status.st_mode))
    return fail(Errc::IoFailed, not_regular(path, kind_of_file(status.st_mode)));
  return OpenFile{std::move(fd), static_cast<std::uint64_t>(status.st_size)};
}

}  // namespace

Result<OpenFile> open_regular(const std::string& path) {
  struct stat status {};
  // O_NONBLOCK: a FIFO without a writer must not stop us before we see what it is.
  return as_regular(open_fd(path, O_RDONLY | O_NONBLOCK), status, path);
}

Result<OpenFile> open_in(const std::string& directory, const std::string& name) {
  const std::string path = directory + "/" + name;
  const UniqueFd inside = open_fd(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  struct stat around {};
  if (!inside.is_open() || ::fstat(inside.get(), &around) != 0) {
    const int error = errno;
    if (::lstat(directory.c_str(), &around) == 0 && S_ISLNK(around.st_mode))
      return fail(Errc::IoFailed, directory + ": a symbolic link, which is not followed here");
    return system_failure(error, directory);
  }
  UniqueFd fd(again([&] {
    return ::openat(inside.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  }));
  if (!fd.is_open() && errno == ELOOP)
    return fail(Errc::IoFailed, path + ": a symbolic link, which is not followed here");
  struct stat status {};
  auto file = as_regular(std::move(fd), status, path);
  if (file && status.st_uid != around.st_uid)
    return fail(Errc::NoPermission,
                fmt::format("{}: belongs to user {}, and its directory to user {}", path,
                            status.st_uid, around.st_uid));
  return file;
}

Result<UniqueFd> create_file(const std::string& path) {
  UniqueFd fd = open_fd(path, O_WRONLY | O_CREAT | O_EXCL);
  if (!fd.is_open()) return system_failure(errno, path);
  // Whatever the umask of who adds it: the daemon may be another user.
  if (::fchmod(fd.get(), kFileMode) != 0) return system_failure(errno, path);
  return fd;
}

Result<std::string> read_text(const Result<OpenFile>& file, const std::string& path,
                              std::size_t limit_bytes) {
  if (!file) return tl::unexpected(file.error());
  if (file->size_bytes > limit_bytes)
    return fail(Errc::LimitExceeded, fmt::format("{}: {} bytes, at most {} are allowed", path,
                                                 file->size_bytes, limit_bytes));
  std::string text(static_cast<std::size_t>(file->size_bytes), '\0');
  const std::span<std::byte> out = std::as_writable_bytes(std::span(text.data(), text.size()));
  if (auto done = read_at(file->fd.get(), 0, out, path); !done) return tl::unexpected(done.error());
  return text;
}

Result<> read_at(int fd, std::uint64_t offset, std::span<std::byte> out, const std::string& path) {
  while (!out.empty()) {
    const ssize_t got =
        again([&] { return ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset)); });
    if (got < 0) return system_failure(errno, path);
    if (got == 0)
      return fail(Errc::IoFailed, fmt::format("{}: the file ends at byte {}, {} more are wanted",
                                              path, offset, out.size()));
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<> write_at(int fd, std::uint64_t offset, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t put =
        again([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (put < 0) return system_failure(errno, path);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Result<> write_file(const std::string& path, ByteView bytes) {
  const auto fd = create_file(path);
  if (!fd) return tl::unexpected(fd.error());
  if (auto done = write_at(fd->get(), 0, bytes, path); !done) return done;
  return flush(fd->get(), path);
}

Result<> flush(int fd, const std::string& path) {
  if (again([&] { return ::fsync(fd); }) != 0) return system_failure(errno, path);
  return {};
}

Result<> flush_directory(const std::string& path) {
  const UniqueFd fd = open_fd(path, O_RDONLY | O_DIRECTORY);
  if (!fd.is_open()) return system_failure(errno, path);
  return flush(fd.get(), path);
}

}  // namespace fwr::donor
