// SPDX-License-Identifier: GPL-3.0-or-later
// Files, sectors and what a power cut leaves of them.
#include "disk.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace fwr::sim {
namespace {

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

int fail_with(int error_number) {
  errno = error_number;
  return -1;
}

}  // namespace

int Disk::ask(const DiskCall& call) {
  ++calls_;
  if (off_) return EIO;
  const int error_number = before ? before(call) : 0;
  return off_ ? EIO : error_number;
}

void Disk::done(const DiskCall& call) {
  if (after) after(call);
}

int Disk::open(const std::string& path, int flags) {
  if (off_) return fail_with(EIO);
  if (directories_.contains(path)) {
    const int fd = next_fd_++ % kFdsOfDisk;
    open_[fd] = Opened{.path = path, .inode = nullptr};
    return fd;
  }
  if ((flags & O_DIRECTORY) != 0) return fail_with(ENOENT);
  const bool writable = (flags & O_ACCMODE) != O_RDONLY;
  if (!names_.contains(path)) {
    if ((flags & O_CREAT) == 0 || !directories_.contains(parent_of(path))) return fail_with(ENOENT);
    const DiskCall call{.op = DiskOp::Create, .path = path};
    if (const int error_number = ask(call)) return fail_with(error_number);
    unsynced_.push_back(names_);
    auto inode = std::make_shared<Inode>();
    inode->number = next_inode_++;
    names_[path] = std::move(inode);
    done(call);
    if (off_) return fail_with(EIO);
  }
  auto inode = names_.at(path);
  if ((flags & O_TRUNC) != 0 && !inode->now.empty()) {
    const DiskCall call{.op = DiskOp::Resize, .path = path};
    if (const int error_number = ask(call)) return fail_with(error_number);
    inode->now.clear();
    ++inode->version;
    done(call);
  }
  const int fd = next_fd_++ % kFdsOfDisk;
  open_[fd] = Opened{.path = path, .inode = std::move(inode), .writable = writable};
  return fd;
}

int Disk::close(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return fail_with(EBADF);
  if (found->second.holds_lock) found->second.inode->locked = false;
  open_.erase(found);
  return 0;
}

std::int64_t Disk::read(int fd, std::uint64_t offset, std::span<std::byte> out) {
  const Opened& opened = open_.at(fd);
  const DiskCall call{
      .op = DiskOp::Read, .path = opened.path, .offset = offset, .size = out.size()};
  if (const int error_number = ask(call)) return fail_with(error_number);
  const Bytes& from = opened.inode->now;
  if (offset >= from.size()) return 0;
  const auto count = std::min<std::uint64_t>(out.size(), from.size() - offset);
  std::memcpy(out.data(), from.data() + offset, count);
  return static_cast<std::int64_t>(count);
}

void Disk::note_dirty(Inode& inode, std::uint64_t offset, std::size_t size) {
  const std::uint64_t last = (offset + size - 1) / kSector_bytes;
  for (std::uint64_t sector = offset / kSector_bytes; sector <= last; ++sector) {
    const std::uint64_t at = sector * kSector_bytes;
    Sector bytes{};
    std::memcpy(bytes.data(), inode.now.data() + at,
                std::min<std::uint64_t>(kSector_bytes, inode.now.size() - at));
    inode.dirty[sector].push_back(bytes);
    inode.lost.erase(sector);
  }
}

std::int64_t Disk::write(int fd, std::uint64_t offset, ByteView bytes) {
  const Opened& opened = open_.at(fd);
  if (!opened.writable) return fail_with(EBADF);
  if (bytes.empty()) return 0;
  Inode& inode = *opened.inode;
  if (inode.block_device && offset + bytes.size() > inode.now.size()) return fail_with(ENOSPC);
  const DiskCall call{.op = DiskOp::Write,
                      .path = opened.path,
                      .offset = offset,
                      .size = bytes.size(),
                      .bytes = bytes};
  const int error_number = ask(call);
  if (off_) return fail_with(EIO);
  // What fails has often done a part of it.
  if (error_number != 0) bytes = bytes.first(bytes.size() / 2);
  if (bytes.empty()) return fail_with(error_number);
  if (inode.now.size() < offset + bytes.size()) inode.now.resize(offset + bytes.size());
  std::memcpy(inode.now.data() + offset, bytes.data(), bytes.size());
  note_dirty(inode, offset, bytes.size());
  ++inode.version;
  done(call);
  if (off_ || error_number != 0) return fail_with(off_ ? EIO : error_number);
  return static_cast<std::int64_t>(bytes.size());
}

int Disk::flush(int fd) {
  const Opened& opened = open_.at(fd);
  const DiskCall call{.op = DiskOp::Flush, .path = opened.path};
  if (const int error_number = ask(call)) {
    if (!off_ && opened.inode != nullptr) lose(*opened.inode);
    return fail_with(error_number);
  }
  if (opened.inode != nullptr) {
    settle(*opened.inode);
  } else {
    unsynced_.clear();
    for (auto& [path, inode] : names_) ++inode->version;
  }
  done(call);
  return off_ ? fail_with(EIO) : 0;
}

void Disk::fill(const std::string& path, const Inode* inode, struct stat& out) const {
  out = {};
  out.st_dev = 1;
  if (inode == nullptr) {
    out.st_mode = S_IFDIR | 0755U;
    out.st_ino = 1;
    return;
  }
  out.st_ino = inode->number;
  if (inode->block_device) {
    out.st_mode = S_IFBLK | 0600U;
    out.st_rdev = inode->number;
    return;
  }
  out.st_mode = S_IFREG | 0644U;
  out.st_size = static_cast<off_t>(inode->now.size());
  out.st_blocks = static_cast<blkcnt_t>((inode->now.size() + kSector_bytes - 1) / kSector_bytes);
  (void)path;
}

int Disk::stat(const std::string& path, struct stat& out) const {
  if (off_) return fail_with(EIO);
  const auto found = names_.find(path);
  if (found == names_.end() && !directories_.contains(path)) return fail_with(ENOENT);
  fill(path, found == names_.end() ? nullptr : found->second.get(), out);
  return 0;
}

int Disk::stat(int fd, struct stat& out) const {
  if (off_) return fail_with(EIO);
  const Opened& opened = open_.at(fd);
  fill(opened.path, opened.inode.get(), out);
  return 0;
}

int Disk::resize(int fd, std::uint64_t size, bool only_grow) {
  const Opened& opened = open_.at(fd);
  Inode& inode = *opened.inode;
  if (only_grow && size <= inode.now.size()) return 0;
  const DiskCall call{.op = DiskOp::Resize, .path = opened.path, .offset = size};
  if (const int error_number = ask(call)) return fail_with(error_number);
  inode.now.resize(size);
  ++inode.version;
  done(call);
  return off_ ? fail_with(EIO) : 0;
}

int Disk::rename(const std::string& from, const std::string& to) {
  const DiskCall call{.op = DiskOp::Rename, .path = to};
  if (const int error_number = ask(call)) return fail_with(error_number);
  const auto found = names_.find(from);
  if (found == names_.end()) return fail_with(ENOENT);
  unsynced_.push_back(names_);
  names_[to] = found->second;
  names_.erase(from);
  ++names_[to]->version;
  done(call);
  return off_ ? fail_with(EIO) : 0;
}

int Disk::unlink(const std::string& path) {
  const DiskCall call{.op = DiskOp::Unlink, .path = path};
  if (const int error_number = ask(call)) return fail_with(error_number);
  if (!names_.contains(path)) return fail_with(ENOENT);
  unsynced_.push_back(names_);
  names_.erase(path);
  done(call);
  return 0;
}

int Disk::make_directory(const std::string& path) {
  if (off_) return fail_with(EIO);
  if (directories_.contains(path)) return fail_with(EEXIST);
  if (!directories_.contains(parent_of(path))) return fail_with(ENOENT);
  // Never undone: an installer makes it long before the first recovery.
  directories_.insert(path);
  return 0;
}

int Disk::lock(int fd) {
  if (off_) return fail_with(EIO);
  Opened& opened = open_.at(fd);
  if (opened.inode->locked && !opened.holds_lock) return fail_with(EWOULDBLOCK);
  opened.inode->locked = opened.holds_lock = true;
  return 0;
}

std::int64_t Disk::end_of(int fd) const {
  return static_cast<std::int64_t>(open_.at(fd).inode->now.size());
}

Bytes Disk::tear(const Inode& inode, Dice& dice) {
  // The length is a sector of its own, so to speak: it may be old or new.
  const bool new_size = inode.now.size() == inode.kept.size() || dice.chance(0.5);
  Bytes result = inode.kept;
  result.resize(std::max(inode.kept.size(), inode.now.size()));
  // Often all or nothing, or a beginning, because that is what real devices do most of the time.
  const std::uint64_t style = dice.below(4);
  const std::uint64_t until = inode.dirty.empty() ? 0 : dice.below(inode.dirty.rbegin()->first + 2);
  for (const auto& [sector, versions] : inode.dirty) {
    const std::uint64_t at = sector * kSector_bytes;
    if (at >= result.size()) break;
    const bool taken = style == 0   ? dice.chance(0.5)
                       : style == 1 ? dice.chance(0.95)
                       : style == 2 ? sector < until
                                    : sector >= until;
    if (!taken) continue;
    const Sector& bytes =
        dice.chance(0.8) ? versions.back() : versions[dice.below(versions.size())];
    std::memcpy(result.data() + at, bytes.data(),
                std::min<std::uint64_t>(kSector_bytes, result.size() - at));
  }
  result.resize(new_size ? inode.now.size() : inode.kept.size());
  return result;
}

/// Everything that is dirty is kept; what an earlier flush lost is not.
void Disk::settle(Inode& inode) {
  if (is_clean(inode)) return;
  ++inode.version;
  inode.dirty.clear();
  const Bytes before = std::exchange(inode.kept, inode.now);
  for (const std::uint64_t sector : inode.lost) copy_sector(sector, before, inode.kept);
}

/// A flush that failed is not repeated: the system takes what it could not write for written, and
/// goes on showing it until it forgets the pages.
void Disk::lose(Inode& inode) {
  for (const auto& [sector, versions] : inode.dirty) inode.lost.insert(sector);
  inode.dirty.clear();
}

void Disk::forget_pages(int fd) {
  Inode* inode = open_.at(fd).inode.get();
  if (inode == nullptr || inode->lost.empty()) return;
  for (const std::uint64_t sector : inode->lost) copy_sector(sector, inode->kept, inode->now);
  inode->lost.clear();
  ++inode->version;
}

void Disk::copy_sector(std::uint64_t sector, const Bytes& from, Bytes& to) {
  const std::uint64_t at = sector * kSector_bytes;
  if (at >= to.size()) return;
  const auto part =
      std::span(to).subspan(at, std::min<std::uint64_t>(kSector_bytes, to.size() - at));
  std::fill(part.begin(), part.end(), std::byte{0});
  if (at < from.size())
    std::memcpy(part.data(), from.data() + at,
                std::min<std::uint64_t>(part.size(), from.size() - at));
}

void Disk::cut(Dice& dice) {
  if (off_) return;
  off_ = true;
  // Directories are journalled: their changes are kept in order, up to some point.
  if (!unsynced_.empty()) {
    const std::size_t kept = dice.below(unsynced_.size() + 1);
    if (kept < unsynced_.size()) names_ = unsynced_[kept];
    unsynced_.clear();
  }
  for (auto& [path, inode] : names_) {
    if (is_clean(*inode)) continue;
    inode->now = tear(*inode, dice);
    inode->kept = inode->now;
    inode->dirty.clear();
    inode->lost.clear();
    ++inode->version;
  }
}

void Disk::power_on() {
  off_ = false;
  open_.clear();
  for (auto& [path, inode] : names_) inode->locked = false;
}

void Disk::rot(const std::string& path, std::uint64_t sector, Dice& dice) {
  const auto found = names_.find(path);
  if (found == names_.end() || found->second->now.empty()) return;
  Inode& inode = *found->second;
  const std::uint64_t at = (sector * kSector_bytes + dice.below(kSector_bytes)) % inode.now.size();
  const auto bit = static_cast<std::byte>(1U << dice.below(8));
  inode.now[at] ^= bit;
  if (at < inode.kept.size()) inode.kept[at] ^= bit;
  ++inode.version;
}

void Disk::install(const std::string& path, Bytes content, bool block_device) {
  auto inode = std::make_shared<Inode>();
  inode->number = next_inode_++;
  inode->block_device = block_device;
  inode->now = content;
  inode->kept = std::move(content);
  names_[path] = std::move(inode);
}

const Bytes* Disk::content(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : &found->second->now;
}

const Bytes* Disk::kept(const std::string& path) const {
  const Names& names = unsynced_.empty() ? names_ : unsynced_.front();
  const auto found = names.find(path);
  return found == names.end() ? nullptr : &found->second->kept;
}

std::optional<Bytes> Disk::torn(const std::string& path, Dice& dice) const {
  const Names* names = &names_;
  if (!unsynced_.empty()) {
    const std::size_t kept = dice.below(unsynced_.size() + 1);
    if (kept < unsynced_.size()) names = &unsynced_[kept];
  }
  const auto found = names->find(path);
  if (found == names->end()) return std::nullopt;
  return tear(*found->second, dice);
}

bool Disk::is_flushed(const std::string& path) const {
  const auto found = names_.find(path);
  return found != names_.end() && is_clean(*found->second) && kept(path) != nullptr;
}

std::uint64_t Disk::version(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? 0 : found->second->version;
}

}  // namespace fwr::sim
