// SPDX-License-Identifier: GPL-3.0-or-later
// The system calls of lib/flash, redirected to a simulated disk by the linker's --wrap. Calls for
// files that are on no simulated disk go to the real system.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <string>
#include <string_view>

#include "disk.hpp"

namespace fwr::sim {
namespace {

std::array<Disk*, kDisks>& disks() {
  static std::array<Disk*, kDisks> mounted{};
  return mounted;
}

Disk* disk_of(const char* path) {
  const std::string_view text(path);
  if (!text.starts_with(kDiskRoot) || text.size() <= kDiskRoot.size()) return nullptr;
  const auto number = static_cast<std::size_t>(text[kDiskRoot.size()] - '0');
  return number < kDisks ? disks().at(number) : nullptr;
}

struct Place {
  Disk* disk = nullptr;
  int fd = -1;
  int number = 0;
};
Place place_of(int fd) {
  if (fd < kFirstFd) return {};
  const int number = (fd - kFirstFd) / kFdsOfDisk;
  Disk* disk = disks().at(static_cast<std::size_t>(number));
  return {.disk = disk, .fd = (fd - kFirstFd) % kFdsOfDisk, .number = number};
}
/// A descriptor of a simulated disk that is open there.
bool is_lost(const Place& place) {
  if (place.disk != nullptr && place.disk->has(place.fd)) return false;
  errno = EIO;
  return true;
}

}  // namespace

std::string disk_root(std::size_t number) {
  return std::string(kDiskRoot) + std::to_string(number);
}

Mounted::Mounted(std::size_t number, Disk& disk) : number_(number) {
  disks().at(number) = &disk;
}
Mounted::~Mounted() {
  disks().at(number_) = nullptr;
}

}  // namespace fwr::sim

using fwr::sim::Disk;
using fwr::sim::disk_of;
using fwr::sim::is_lost;
using fwr::sim::kFdsOfDisk;
using fwr::sim::kFirstFd;
using fwr::sim::place_of;

extern "C" {

int sim_open(const char* path, int flags, ...) __asm__("__wrap_open");
int sim_close(int fd) __asm__("__wrap_close");
ssize_t sim_pread(int fd, void* out, size_t count, off_t offset) __asm__("__wrap_pread");
ssize_t sim_pwrite(int fd, const void* bytes, size_t count, off_t offset) __asm__("__wrap_pwrite");
int sim_fsync(int fd) __asm__("__wrap_fsync");
int sim_fdatasync(int fd) __asm__("__wrap_fdatasync");
int sim_posix_fadvise(int fd, off_t offset, off_t size, int advice) __asm__("__wrap_posix_fadvise");
int sim_fstat(int fd, struct stat* out) __asm__("__wrap_fstat");
int sim_stat(const char* path, struct stat* out) __asm__("__wrap_stat");
int sim_fstatvfs(int fd, struct statvfs* out) __asm__("__wrap_fstatvfs");
int sim_ftruncate(int fd, off_t size) __asm__("__wrap_ftruncate");
int sim_posix_fallocate(int fd, off_t offset, off_t size) __asm__("__wrap_posix_fallocate");
int sim_rename(const char* from, const char* to) __asm__("__wrap_rename");
int sim_unlink(const char* path) __asm__("__wrap_unlink");
int sim_mkdir(const char* path, mode_t mode) __asm__("__wrap_mkdir");
int sim_flock(int fd, int operation) __asm__("__wrap_flock");
off_t sim_lseek(int fd, off_t offset, int whence) __asm__("__wrap_lseek");

int real_open(const char* path, int flags, ...) __asm__("__real_open");
int real_close(int fd) __asm__("__real_close");
ssize_t real_pread(int fd, void* out, size_t count, off_t offset) __asm__("__real_pread");
ssize_t real_pwrite(int fd, const void* bytes, size_t count, off_t offset) __asm__("__real_pwrite");
int real_fsync(int fd) __asm__("__real_fsync");
int real_fdatasync(int fd) __asm__("__real_fdatasync");
int real_posix_fadvise(int fd, off_t offset, off_t size,
                       int advice) __asm__("__real_posix_fadvise");
int real_fstat(int fd, struct stat* out) __asm__("__real_fstat");
int real_stat(const char* path, struct stat* out) __asm__("__real_stat");
int real_fstatvfs(int fd, struct statvfs* out) __asm__("__real_fstatvfs");
int real_ftruncate(int fd, off_t size) __asm__("__real_ftruncate");
int real_posix_fallocate(int fd, off_t offset, off_t size) __asm__("__real_posix_fallocate");
int real_rename(const char* from, const char* to) __asm__("__real_rename");
int real_unlink(const char* path) __asm__("__real_unlink");
int real_mkdir(const char* path, mode_t mode) __asm__("__real_mkdir");
int real_flock(int fd, int operation) __asm__("__real_flock");
off_t real_lseek(int fd, off_t offset, int whence) __asm__("__real_lseek");

}  // extern "C"

int sim_open(const char* path, int flags, ...) {
  if (Disk* disk = disk_of(path)) {
    const int fd = disk->open(path, flags);
    const int number = path[fwr::sim::kDiskRoot.size()] - '0';
    return fd < 0 ? fd : kFirstFd + number * kFdsOfDisk + fd;
  }
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return real_open(path, flags, mode);
}

int sim_close(int fd) {
  if (fd < kFirstFd) return real_close(fd);
  const auto place = place_of(fd);
  return is_lost(place) ? -1 : place.disk->close(place.fd);
}

ssize_t sim_pread(int fd, void* out, size_t count, off_t offset) {
  if (fd < kFirstFd) return real_pread(fd, out, count, offset);
  const auto place = place_of(fd);
  if (is_lost(place)) return -1;
  return place.disk->read(place.fd, static_cast<std::uint64_t>(offset),
                          {static_cast<std::byte*>(out), count});
}

ssize_t sim_pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  if (fd < kFirstFd) return real_pwrite(fd, bytes, count, offset);
  const auto place = place_of(fd);
  if (is_lost(place)) return -1;
  return place.disk->write(place.fd, static_cast<std::uint64_t>(offset),
                           {static_cast<const std::byte*>(bytes), count});
}

int sim_fsync(int fd) {
  if (fd < kFirstFd) return real_fsync(fd);
  const auto place = place_of(fd);
  return is_lost(place) ? -1 : place.disk->flush(place.fd);
}

int sim_fdatasync(int fd) {
  if (fd < kFirstFd) return real_fdatasync(fd);
  return sim_fsync(fd);
}

int sim_posix_fadvise(int fd, off_t offset, off_t size, int advice) {
  if (fd < kFirstFd) return real_posix_fadvise(fd, offset, size, advice);
  const auto place = place_of(fd);
  if (is_lost(place)) return errno;
  place.disk->forget_pages(place.fd);
  return 0;
}

int sim_fstat(int fd, struct stat* out) {
  if (fd < kFirstFd) return real_fstat(fd, out);
  const auto place = place_of(fd);
  return is_lost(place) ? -1 : place.disk->stat(place.fd, *out);
}

int sim_stat(const char* path, struct stat* out) {
  Disk* disk = disk_of(path);
  return disk == nullptr ? real_stat(path, out) : disk->stat(path, *out);
}

int sim_fstatvfs(int fd, struct statvfs* out) {
  if (fd < kFirstFd) return real_fstatvfs(fd, out);
  *out = {};
  out->f_frsize = fwr::sim::kSector_bytes;
  out->f_bfree = out->f_bavail = 1U << 24;
  return 0;
}

int sim_ftruncate(int fd, off_t size) {
  if (fd < kFirstFd) return real_ftruncate(fd, size);
  const auto place = place_of(fd);
  if (is_lost(place)) return -1;
  return place.disk->resize(place.fd, static_cast<std::uint64_t>(size), false);
}

int sim_posix_fallocate(int fd, off_t offset, off_t size) {
  if (fd < kFirstFd) return real_posix_fallocate(fd, offset, size);
  const auto place = place_of(fd);
  if (is_lost(place)) return errno;
  const auto end = static_cast<std::uint64_t>(offset + size);
  return place.disk->resize(place.fd, end, true) == 0 ? 0 : errno;
}

int sim_rename(const char* from, const char* to) {
  Disk* disk = disk_of(from);
  return disk == nullptr ? real_rename(from, to) : disk->rename(from, to);
}

int sim_unlink(const char* path) {
  Disk* disk = disk_of(path);
  return disk == nullptr ? real_unlink(path) : disk->unlink(path);
}

int sim_mkdir(const char* path, mode_t mode) {
  Disk* disk = disk_of(path);
  return disk == nullptr ? real_mkdir(path, mode) : disk->make_directory(path);
}

int sim_flock(int fd, int operation) {
  if (fd < kFirstFd) return real_flock(fd, operation);
  const auto place = place_of(fd);
  return is_lost(place) ? -1 : place.disk->lock(place.fd);
}

off_t sim_lseek(int fd, off_t offset, int whence) {
  if (fd < kFirstFd) return real_lseek(fd, offset, whence);
  const auto place = place_of(fd);
  return is_lost(place) ? -1 : static_cast<off_t>(place.disk->end_of(place.fd));
}
