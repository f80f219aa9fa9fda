// SPDX-License-Identifier: GPL-3.0-or-later
// Stands before pread, pwrite, ftruncate, fsync, fdatasync, rename and unlink of the C library.
#include "support/io_fault.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

namespace fwr::test {
namespace {

IoHook& hook() {
  static IoHook current;
  return current;
}

std::string path_of(int fd) {
  std::array<char, 4096> path{};
  const ssize_t length =
      ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size());
  return length < 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(length));
}

/// Asks the hook; sets errno and gives false when the call has to fail.
bool ask(const IoCall& call, std::size_t* count = nullptr) {
  if (!hook()) return true;
  const IoReply reply = hook()(call);
  if (reply.error_number != 0) {
    errno = reply.error_number;
    return false;
  }
  if (reply.count && count != nullptr) *count = *reply.count;
  return true;
}

}  // namespace

IoFault::IoFault(IoHook new_hook) {
  hook() = std::move(new_hook);
}
IoFault::~IoFault() {
  hook() = nullptr;
}

std::string end_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit " + std::to_string(WEXITSTATUS(status));
}

std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child < 0) return "no child";
  if (child == 0) {
    const std::string text = body();
    const bool sent = ::write(ends[1], text.data(), text.size()) >= 0;
    ::_exit(sent ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  const std::string end = end_of(child);
  return end == "exit 0" ? text : end;
}

IoHook kill_at(std::size_t n) {
  auto seen = std::make_shared<std::size_t>(0);
  return [n, seen](const IoCall& call) -> IoReply {
    if (call.kind == IoKind::Read || (*seen)++ != n) return {};
    if (call.kind == IoKind::Write) {
      const int fd = ::open(call.path.c_str(), O_WRONLY | O_CLOEXEC);
      (void)!::syscall(SYS_pwrite64, fd, call.bytes.data(), call.bytes.size() / 8, call.offset);
    }
    ::_exit(kKilled);
  };
}

}  // namespace fwr::test

// These have the symbols of the C library's functions, and the library's objects find them first.
// Under names of their own, because a header may have the real ones as inline functions.
extern "C" {

ssize_t fault_pread(int fd, void* out, size_t count, off_t offset) __asm__("pread");
ssize_t fault_pwrite(int fd, const void* bytes, size_t count, off_t offset) __asm__("pwrite");
int fault_ftruncate(int fd, off_t length) __asm__("ftruncate");
int fault_fsync(int fd) __asm__("fsync");
int fault_fdatasync(int fd) __asm__("fdatasync");
int fault_rename(const char* from, const char* to) __asm__("rename");
int fault_unlink(const char* path) __asm__("unlink");

}  // extern "C"

using fwr::test::ask;
using fwr::test::IoKind;
using fwr::test::path_of;

ssize_t fault_pread(int fd, void* out, size_t count, off_t offset) {
  std::size_t granted = count;
  if (!ask({IoKind::Read, path_of(fd), static_cast<std::uint64_t>(offset), count, {}}, &granted))
    return -1;
  return ::syscall(SYS_pread64, fd, out, granted, offset);
}

ssize_t fault_pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  std::size_t granted = count;
  const auto* first = static_cast<const std::byte*>(bytes);
  if (!ask({IoKind::Write, path_of(fd), static_cast<std::uint64_t>(offset), count,
            fwr::Bytes(first, first + count)},
           &granted))
    return -1;
  return ::syscall(SYS_pwrite64, fd, bytes, granted, offset);
}

int fault_ftruncate(int fd, off_t length) {
  if (!ask({IoKind::Truncate, path_of(fd), static_cast<std::uint64_t>(length), 0, {}})) return -1;
  return static_cast<int>(::syscall(SYS_ftruncate, fd, length));
}

int fault_fsync(int fd) {
  if (!ask({IoKind::Sync, path_of(fd), 0, 0, {}})) return -1;
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int fault_fdatasync(int fd) {
  if (!ask({IoKind::Sync, path_of(fd), 0, 0, {}})) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

int fault_rename(const char* from, const char* to) {
  if (!ask({IoKind::Rename, from, 0, 0, {}})) return -1;
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

int fault_unlink(const char* path) {
  if (!ask({IoKind::Unlink, path, 0, 0, {}})) return -1;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
