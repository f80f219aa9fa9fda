// SPDX-License-Identifier: GPL-3.0-or-later
// Taking a lock that no stranger can hold, and never waiting for it without an end.
#include "file/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <optional>
#include <string_view>

#include "base/retry_eintr.hpp"
#include "file/file.hpp"
#include "file/file_error.hpp"

namespace fwr::file {
namespace {

constexpr mode_t kLockMode = 0600;
constexpr mode_t kOthers = 077;
/// The id of the holder in decimal, then blanks: rewriting it needs no more room on a full disk.
constexpr std::size_t kHolder_bytes = 16;
constexpr std::chrono::milliseconds kPause{50};
/// A holder needs a moment between the lock and its name in the file.
constexpr std::chrono::milliseconds kNameless_limit{500};
constexpr int kReplacements_limit = 100;  ///< how often the file may change under our hands

tl::unexpected<Error> failure(const std::string& path, int error_number) {
  const bool absent = error_number == ENOENT || error_number == ENOTDIR;
  return failure_as(absent ? Errc::NotFound : Errc::IoFailed, path, error_number);
}

void write_holder(int fd, std::string text) {
  text.resize(kHolder_bytes, ' ');
  text.back() = '\n';
  // The lock holds without it, and a full file system must not keep a system from recovering.
  (void)retry_eintr([&] { return ::pwrite(fd, text.data(), text.size(), 0); });
}

std::optional<pid_t> read_holder(int fd) {
  std::array<char, kHolder_bytes> text{};
  const ssize_t count = retry_eintr([&] { return ::pread(fd, text.data(), text.size(), 0); });
  pid_t holder = 0;
  if (count <= 0 || std::from_chars(text.data(), text.data() + count, holder).ec != std::errc{} ||
      holder <= 0)
    return std::nullopt;
  return holder;
}

bool is_alive(pid_t process) {
  return ::kill(process, 0) == 0 || errno == EPERM;
}

/// Slept on no clock that a signal would prolong: an interrupted pause is a short one.
void pause_for(std::chrono::milliseconds time) {
  const timespec wanted{.tv_sec = 0,
                        .tv_nsec = static_cast<long>(std::chrono::nanoseconds(time).count())};
  (void)::nanosleep(&wanted, nullptr);
}

struct Opened {
  UniqueFd fd;
  bool was_open_to_others = false;  ///< a stranger may have it open, and hold its lock
};

/// `flags`: O_EXCL for one that must be new.
Result<Opened> open_lock(const std::string& path, int flags = 0) {
  Opened opened{open(path, O_RDWR | O_CREAT | O_NOFOLLOW | flags, kLockMode), false};
  if (!opened.fd.is_open()) return failure(path, errno);
  Stat status{};
  if (::fstat(opened.fd.get(), &status) != 0) return failure(path, errno);
  if (!S_ISREG(status.st_mode))
    return fail(Errc::IoFailed, path + " is not a regular file; remove it");
  opened.was_open_to_others = (status.st_mode & kOthers) != 0;
  // Not ours to change: then its owner sees to it.
  if (opened.was_open_to_others) (void)::fchmod(opened.fd.get(), kLockMode);
  return opened;
}

bool is_still_there(int fd, const std::string& path) {
  Stat ours{};
  Stat there{};
  return ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &there) == 0 && same_object(ours, there);
}

/// A new file, locked, takes the place of one whose lock a stranger may hold.
Result<UniqueFd> replace(const std::string& path) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  auto opened = open_lock(fresh, O_EXCL);
  if (!opened) return tl::unexpected(opened.error());
  if (retry_eintr([&] { return ::flock(opened->fd.get(), LOCK_EX | LOCK_NB); }) != 0)
    return failure(fresh, errno);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failure(path, errno);
  return std::move(opened->fd);
}

}  // namespace

LockFile::~LockFile() {
  // A reader should not find the id of a process that has gone.
  if (fd_.is_open()) write_holder(fd_.get(), {});
}

std::optional<int> LockFile::holder(const std::string& path) {
  const UniqueFd fd = open(path, O_RDONLY | O_NOFOLLOW);
  // A shared lock for a moment: a process that takes the lock then tries again.
  if (!fd.is_open() || retry_eintr([&] { return ::flock(fd.get(), LOCK_SH | LOCK_NB); }) == 0)
    return std::nullopt;
  return read_holder(fd.get());
}

Result<LockFile> LockFile::take(const std::string& path, std::chrono::milliseconds patience) {
  std::chrono::milliseconds waited{0};
  std::chrono::milliseconds nameless{0};
  bool was_open_to_others = false;
  for (int replaced = 0; replaced < kReplacements_limit;) {
    auto opened = open_lock(path);
    if (!opened) return tl::unexpected(opened.error());
    UniqueFd& fd = opened->fd;
    was_open_to_others = was_open_to_others || opened->was_open_to_others;
    if (retry_eintr([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) == 0) {
      // Or it was replaced while it was opened, and its lock is worth nothing.
      if (!is_still_there(fd.get(), path)) {
        ++replaced;
        continue;
      }
      write_holder(fd.get(), std::to_string(::getpid()));
      return LockFile(std::move(fd));
    }
    if (errno != EWOULDBLOCK) return failure(path, errno);
    const auto holder = read_holder(fd.get());
    const bool ours = holder && is_alive(*holder);
    if (ours && waited >= patience)
      return fail(Errc::AlreadyRunning, path + " is held by process " + std::to_string(*holder));
    if (!ours && nameless >= kNameless_limit) {
      if (!was_open_to_others)
        return fail(Errc::IoFailed, path + " is locked by a process that is none of ours; 'fuser " +
                                        path + "' says which");
      auto fresh = replace(path);
      if (!fresh) return tl::unexpected(fresh.error());
      write_holder(fresh->get(), std::to_string(::getpid()));
      return LockFile(*std::move(fresh));
    }
    pause_for(kPause);
    waited += kPause;
    nameless += ours ? std::chrono::milliseconds{0} : kPause;
  }
  return fail(Errc::IoFailed, path + " is replaced all the time by other processes");
}

}  // namespace fwr::file
