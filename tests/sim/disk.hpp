// SPDX-License-Identifier: GPL-3.0-or-later
// A recipient's non-volatile memory below the system calls: what was flushed stays, everything
// since then may be there or not after a power cut, sector by sector. The real files of lib/flash
// run on it (system_calls.cpp).
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "dice.hpp"

namespace fwr::sim {

inline constexpr std::size_t kSector_bytes = 512;

enum class DiskOp : std::uint8_t { Read, Write, Flush, Create, Rename, Unlink, Resize, MakeDir };

struct DiskCall {
  DiskOp op = DiskOp::Read;
  const std::string& path;
  std::uint64_t offset = 0;
  std::size_t size = 0;
  ByteView bytes = {};  ///< of a write
};

/// Errors are those of errno. Every call that fails returns -1 (or the error, as the system call
/// does).
class Disk {
 public:
  explicit Disk(std::string root) : root_(std::move(root)) { directories_.insert(root_); }

  // What the system calls do.
  int open(const std::string& path, int flags);
  int close(int fd);
  std::int64_t read(int fd, std::uint64_t offset, std::span<std::byte> out);
  std::int64_t write(int fd, std::uint64_t offset, ByteView bytes);
  int flush(int fd);
  /// What is read next comes from the medium.
  void forget_pages(int fd);
  int stat(const std::string& path, struct stat& out) const;
  int stat(int fd, struct stat& out) const;
  int resize(int fd, std::uint64_t size, bool only_grow);
  int rename(const std::string& from, const std::string& to);
  int unlink(const std::string& path);
  int make_directory(const std::string& path);
  int lock(int fd);
  std::int64_t end_of(int fd) const;
  [[nodiscard]] bool has(int fd) const { return open_.contains(fd); }

  // What happens to it.
  /// Before each call: an errno makes it fail. A hook may cut the power.
  std::function<int(const DiskCall&)> before;
  /// After each call that changed something.
  std::function<void(const DiskCall&)> after;
  /// The power goes in the middle of whatever happens: now each sector that was not flushed keeps
  /// what it had, or gets something that was written since. Every later call fails.
  void cut(Dice& dice);
  [[nodiscard]] bool is_off() const { return off_; }
  /// The process that uses it dies in the middle of whatever happens: everything stays as it is.
  void stop() { off_ = true; }
  /// The power is back, or another process comes; nothing is open.
  void power_on();
  /// All processes end, the power stays.
  void close_all() { open_.clear(); }
  /// Flips bits in a sector of what a file has, also in what was flushed.
  void rot(const std::string& path, std::uint64_t sector, Dice& dice);

  // What is on it.
  /// Puts a file there, flushed.
  void install(const std::string& path, Bytes content, bool block_device = false);
  [[nodiscard]] bool exists(const std::string& path) const { return names_.contains(path); }
  /// As a reader sees it now.
  [[nodiscard]] const Bytes* content(const std::string& path) const;
  /// What was flushed of it, and its name too.
  [[nodiscard]] const Bytes* kept(const std::string& path) const;
  /// As a boot could find it after a power cut now; nullopt when there may be no such file.
  [[nodiscard]] std::optional<Bytes> torn(const std::string& path, Dice& dice) const;
  [[nodiscard]] bool is_flushed(const std::string& path) const;
  /// Rises with every change of the file.
  [[nodiscard]] std::uint64_t version(const std::string& path) const;
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  using Sector = std::array<std::byte, kSector_bytes>;
  struct Inode {
    std::uint64_t number = 0;
    bool block_device = false;
    Bytes now;                                           ///< what a reader sees
    Bytes kept;                                          ///< what was flushed
    std::map<std::uint64_t, std::vector<Sector>> dirty;  ///< everything a sector had since then
    std::set<std::uint64_t> lost;                        ///< shown, but a flush of them has failed
    std::uint64_t version = 0;
    bool locked = false;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct Opened {
    std::string path;
    std::shared_ptr<Inode> inode;  ///< null: a directory
    bool writable = false;
    bool holds_lock = false;
  };
  int ask(const DiskCall& call);
  void done(const DiskCall& call);
  static void note_dirty(Inode& inode, std::uint64_t offset, std::size_t size);
  static Bytes tear(const Inode& inode, Dice& dice);
  static void settle(Inode& inode);
  static void lose(Inode& inode);
  static void copy_sector(std::uint64_t sector, const Bytes& from, Bytes& to);
  [[nodiscard]] static bool is_clean(const Inode& inode) {
    return inode.dirty.empty() && inode.lost.empty() && inode.now.size() == inode.kept.size();
  }
  void fill(const std::string& path, const Inode* inode, struct stat& out) const;

  std::string root_;
  Names names_;                  ///< as a process sees the directories
  std::vector<Names> unsynced_;  ///< before each change since the last flush of a directory
  std::set<std::string> directories_;
  std::map<int, Opened> open_;
  int next_fd_ = 0;
  std::uint64_t next_inode_ = 2;
  std::uint64_t calls_ = 0;
  bool off_ = false;
};

/// Paths below this one are on a simulated disk; the next element names the recipient.
inline constexpr std::string_view kDiskRoot = "/sim/";
inline constexpr int kFirstFd = 1 << 24;
inline constexpr int kFdsOfDisk = 1 << 16;
inline constexpr std::size_t kDisks = 8;
[[nodiscard]] std::string disk_root(std::size_t number);

/// While it lives, the system calls on disk_root(number) reach this disk.
class Mounted {
 public:
  Mounted(std::size_t number, Disk& disk);
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;
  Mounted(Mounted&&) = delete;
  Mounted& operator=(Mounted&&) = delete;
  ~Mounted();

 private:
  std::size_t number_;
};

}  // namespace fwr::sim
