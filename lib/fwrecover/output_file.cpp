// SPDX-License-Identifier: GPL-3.0-or-later
// Files that a user names for output.
#include "fwrecover/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/retry_eintr.hpp"
#include "base/unique_fd.hpp"
#include "file/file.hpp"
#include "file/file_error.hpp"

namespace fwr {
namespace {

constexpr mode_t kFileMode = 0644;   // the umask takes from it
constexpr int kTemporaryNames = 16;  // that are tried: processes that died may have left some

tl::unexpected<Error> failed(const std::string& path, std::string_view what) {
  const int error = errno;
  return file::failure(error, fmt::format("{}: {}", path, what));
}

tl::unexpected<Error> refused(const std::string& path, std::string_view what) {
  return fail(Errc::BadUsage, fmt::format("{}: is {}, and nothing is written to one", path, what));
}

bool write_all(int fd, std::string_view content) {
  return file::write_stream(fd, as_bytes(content));
}

/// A new file beside `path`; its name in `name`.
UniqueFd create_beside(const std::string& path, std::string& name) {
  const std::size_t slash = path.rfind('/');
  const std::size_t start = slash == std::string::npos ? 0 : slash + 1;
  UniqueFd fd;
  for (int i = 0; i < kTemporaryNames && !fd.is_open(); ++i) {
    name = fmt::format("{}.{}.{}-{}.new", path.substr(0, start), path.substr(start), getpid(), i);
    fd = UniqueFd(retry_eintr(
        [&] { return open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode); }));
    if (!fd.is_open() && errno != EEXIST) break;
  }
  return fd;
}

/// The name, too, outlives a power cut. A directory that may be written but not read has none to
/// be flushed, and EINVAL is a file system without the operation.
Result<> flush_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const UniqueFd fd(
      retry_eintr([&] { return open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (fd.is_open() && !file::flush(fd.get()) && errno != EINVAL)
    return failed(path, "flush its directory");
  return {};
}

/// `old`: what is replaced, whose mode stays; nullptr: there is nothing yet.
Result<> replace(const std::string& path, std::string_view content, const struct stat* old) {
  std::string fresh;
  const UniqueFd fd = create_beside(path, fresh);
  if (!fd.is_open()) return failed(path, "create");
  const auto give_up = [&](std::string_view what) {
    auto error = failed(path, what);
    unlink(fresh.c_str());
    return error;
  };
  if (old != nullptr && fchmod(fd.get(), old->st_mode & 0777U) != 0) return give_up("chmod");
  if (!write_all(fd.get(), content)) return give_up("write");
  if (!file::flush(fd.get())) return give_up("flush");
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return give_up("rename");
  return flush_directory_of(path);
}

/// Into a character device or a FIFO.
Result<> write_through(const std::string& path, std::string_view content) {
  const UniqueFd fd(retry_eintr(
      [&] { return open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW); }));
  if (!fd.is_open()) return failed(path, "open");
  if (!write_all(fd.get(), content)) return failed(path, "write");
  return {};
}

bool is_standard_output(const struct stat& what) {
  struct stat output {};
  return fstat(STDOUT_FILENO, &output) == 0 && output.st_dev == what.st_dev &&
         output.st_ino == what.st_ino;
}

Result<> write_standard_output(std::string_view content) {
  (void)std::fflush(stdout);
  if (!write_all(STDOUT_FILENO, content)) return failed("standard output", "write");
  return {};
}

/// What the link at `path` leads to. A link in /tmp that another user put there leads where he
/// likes.
Result<std::string> follow(const std::string& path, const struct stat& link) {
  if (link.st_uid != 0 && link.st_uid != geteuid())
    return refused(path, "a symbolic link of another user");
  const std::unique_ptr<char, decltype(&std::free)> place(realpath(path.c_str(), nullptr),
                                                          &std::free);
  if (!place && errno == ENOENT) return refused(path, "a symbolic link that leads nowhere");
  if (!place) return failed(path, "follow the link");
  return std::string(place.get());
}

/// Into a pipe that has no name in the file system, as /dev/fd/3 may lead to: the kernel follows.
Result<> write_pipe(const std::string& path, std::string_view content) {
  const UniqueFd fd(retry_eintr([&] { return open(path.c_str(), O_WRONLY | O_CLOEXEC); }));
  if (!fd.is_open()) return failed(path, "open");
  if (!write_all(fd.get(), content)) return failed(path, "write");
  return {};
}

Result<> write_elsewhere(const std::string& path, std::string_view content) {
  struct stat there {};
  if (lstat(path.c_str(), &there) != 0) {
    if (errno != ENOENT) return failed(path, "look");
    return replace(path, content, nullptr);
  }
  std::string place = path;
  if (S_ISLNK(there.st_mode)) {
    struct stat target {};
    auto followed = follow(path, there);
    const bool ours = there.st_uid == 0 || there.st_uid == geteuid();
    if (!followed && ours && stat(path.c_str(), &target) == 0 && S_ISFIFO(target.st_mode))
      return write_pipe(path, content);
    if (!followed) return tl::unexpected(followed.error());
    place = *std::move(followed);
    if (lstat(place.c_str(), &there) != 0) return failed(place, "look");
  }
  if (S_ISREG(there.st_mode)) return replace(place, content, &there);
  if (S_ISCHR(there.st_mode) || S_ISFIFO(there.st_mode)) return write_through(place, content);
  if (S_ISDIR(there.st_mode)) return refused(path, "a directory");
  return refused(path, S_ISBLK(there.st_mode)    ? "a block device"
                       : S_ISSOCK(there.st_mode) ? "a socket"
                                                 : "no file");
}

}  // namespace

Result<bool> write_output(const std::string& path, std::string_view content) {
  struct stat target {};
  const bool found = stat(path.c_str(), &target) == 0;
  if (path == "-" || (found && is_standard_output(target))) {
    if (auto done = write_standard_output(content); !done) return tl::unexpected(done.error());
    return true;
  }
  const auto done = write_elsewhere(path, content);
  if (!done) return tl::unexpected(done.error());
  return false;
}

}  // namespace fwr
