// SPDX-License-Identifier: GPL-3.0-or-later
// Two slots in regular files or block devices. PROTOCOL §7.4.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "file/file.hpp"
#include "file/file_error.hpp"
#include "file/lock_file.hpp"
#include "flash/slots.hpp"
#include "flash/state_file.hpp"
#include "flash/storage_file.hpp"
#include "image/hash_tree.hpp"
#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr std::uint64_t kStatBlock_bytes = 512;  ///< the unit of st_blocks
/// The tree of the largest image has 34 MiB.
constexpr std::uint64_t kTreeLimit_bytes = 64ULL << 20;
constexpr std::array kOwnNames{
    "state",         "state.new",         "tree",        "lock", "lock.new",
    "history.jsonl", "history.jsonl.new", "history.lock"};

/// What a path is when it cannot be a slot, or nothing.
const char* unfit_kind(mode_t mode) {
  if (S_ISREG(mode) || S_ISBLK(mode)) return nullptr;
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode)) return "a character device";
  if (S_ISSOCK(mode)) return "a socket";
  return "of an unknown kind";
}

/// The kernel opens a device that is set to read-only for writing all the same, and refuses each
/// write.
bool is_set_to_read_only(int fd) {
  int read_only = 0;
  return ::ioctl(fd, BLKROGET, &read_only) == 0 && read_only != 0;
}

std::string read_only_words(const std::string& path) {
  return " is set to read-only; 'blockdev --setrw " + path + "' makes it writable";
}

/// Of a block device; nullopt: it is none.
std::optional<std::uint64_t> device_end(int fd) {
  file::Stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISBLK(status.st_mode)) return std::nullopt;
  const off_t end = ::lseek(fd, 0, SEEK_END);
  return end < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(end));
}

/// A device that is not there must not become a file in the device directory.
bool is_device_path(const std::string& path) {
  return path.starts_with("/dev/") && !path.starts_with("/dev/shm/");
}

std::string bytes_text(std::uint64_t bytes) {
  return std::to_string(bytes) + " bytes";
}

Result<> check_free_space(int fd, const std::string& what, std::uint64_t missing) {
  struct statvfs system {};
  // Without an answer the allocation itself decides. No blocks at all is none: memory without a
  // limit, as the initramfs is, reports that.
  if (::fstatvfs(fd, &system) != 0 || system.f_blocks == 0) return {};
  const std::uint64_t blocks = ::geteuid() == 0 ? system.f_bfree : system.f_bavail;
  const std::uint64_t block_bytes = system.f_frsize != 0 ? system.f_frsize : system.f_bsize;
  std::uint64_t free_bytes = 0;
  if (__builtin_mul_overflow(blocks, block_bytes, &free_bytes)) return {};
  if (missing <= free_bytes) return {};
  return fail(Errc::NoSpace, what + " needs " + bytes_text(missing) +
                                 " more, its file system has " + bytes_text(free_bytes) + " free");
}

/// Makes a regular file at least `size` long, with all of that allocated. What it had stays.
Result<> reserve(int fd, const std::string& what, std::uint64_t size) {
  file::Stat status{};
  if (::fstat(fd, &status) != 0) return file::failure_as(Errc::SlotWriteFailed, what, errno);
  const std::uint64_t allocated = static_cast<std::uint64_t>(status.st_blocks) * kStatBlock_bytes;
  if (auto room = check_free_space(fd, what, size - std::min(size, allocated)); !room) return room;
  int error_number = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  while (error_number == EINTR) error_number = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  const bool unsupported = error_number == EOPNOTSUPP || error_number == EINVAL;
  if (unsupported && static_cast<std::uint64_t>(status.st_size) < size)
    error_number = file::truncate_to(fd, size) ? 0 : errno;
  if (error_number == 0 || unsupported) return {};
  // What it got before it failed is of no use.
  (void)file::truncate_to(fd, static_cast<std::uint64_t>(status.st_size));
  return file::failure_as(Errc::SlotWriteFailed,
                          "making room for " + bytes_text(size) + " in " + what, error_number);
}

class FileSlots final : public Slots {
 public:
  FileSlots(FileSlotsConfig config, Access access, file::LockFile lock)
      : state_directory_(config.state_directory),
        access_(access),
        slot_size_(config.slot_size_bytes),
        stated_active_(config.active_without_record),
        lock_(std::move(lock)),
        state_(config.state_directory) {
    files_[0].path = std::move(config.slot_a);
    files_[1].path = std::move(config.slot_b);
  }

  Result<std::uint64_t> capacity(SlotId slot) override;
  Result<> read(SlotId slot, std::uint64_t offset, std::span<std::byte> out) override;
  Result<> prepare(SlotId slot, std::uint64_t size) override;
  Result<> write(SlotId slot, std::uint64_t offset, ByteView bytes) override;
  Result<> flush(SlotId slot) override;
  Result<bool> blank(SlotId slot) override;
  Result<> try_out(SlotId slot) override;
  std::string describe(SlotId slot) const override;
  Result<BootRecord> load_record() override;
  Result<> store_record(const BootRecord& record) override;
  Result<> read_tree(std::uint64_t offset, std::span<std::byte> out) override;
  Result<> write_tree(std::uint64_t offset, ByteView bytes) override;

 private:
  struct File {
    std::string path;
    UniqueFd fd;           ///< for reading, and for writing once it is prepared
    bool claimed = false;  ///< `fd` was opened for writing: a block device is ours alone by now
    std::uint64_t writable_bytes = 0;  ///< prepared
  };

  File& file(SlotId slot) { return files_[static_cast<std::size_t>(slot)]; }
  const File& file(SlotId slot) const { return files_[static_cast<std::size_t>(slot)]; }
  std::string tree_path() const { return state_directory_ + "/tree"; }
  Result<> check_writable(SlotId slot);
  Result<> check_expendable(SlotId slot);
  Result<UniqueFd> open_for_writing(SlotId slot);
  void release(SlotId slot);
  Result<> claim(SlotId slot);
  [[nodiscard]] bool leads_to_what_is_held(SlotId slot) const;
  [[nodiscard]] tl::unexpected<Error> fail_write(SlotId slot, std::uint64_t offset) const;
  Result<> open_tree(int flags);

  std::string state_directory_;
  Access access_;
  std::uint64_t slot_size_;
  std::optional<SlotId> stated_active_;  ///< by who configured it, for when there is no record
  file::LockFile lock_;                  ///< keeps a second recovery out
  StateFile state_;
  std::array<File, 2> files_;
  UniqueFd tree_;
  bool tree_writable_ = false;
  std::optional<SlotId> active_;  ///< of the record in the file; nullopt: to be read
  bool active_known_ = false;     ///< somebody said so: the record, or who configured it
};

std::string FileSlots::describe(SlotId slot) const {
  return "slot " + std::string(to_text(slot)) + " (" + file(slot).path + ")";
}

Result<std::uint64_t> FileSlots::capacity(SlotId slot) {
  const std::string& path = file(slot).path;
  file::Stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return file::failure_as(Errc::SlotUnreadable, describe(slot), errno);
    // Neither must what a link like those of /dev/disk/by-partlabel leads to.
    if (::lstat(path.c_str(), &status) == 0)
      return fail(Errc::SlotUnreadable,
                  describe(slot) + " is a symbolic link to what is not there (any more)");
    if (is_device_path(path))
      return fail(Errc::SlotUnreadable, describe(slot) + ": there is no such device");
    if (slot_size_ == 0)
      return fail(Errc::SlotUnreadable,
                  describe(slot) +
                      " does not exist, and no slot size is configured with which "
                      "it could be created");
    return slot_size_;
  }
  if (S_ISREG(status.st_mode))
    return slot_size_ != 0 ? slot_size_ : static_cast<std::uint64_t>(status.st_size);
  const UniqueFd fd = file::open(path, O_RDONLY);
  if (!fd.is_open())
    return file::failure_as(Errc::SlotUnreadable, "opening " + describe(slot), errno);
  const off_t end = ::lseek(fd.get(), 0, SEEK_END);
  if (end < 0)
    return file::failure_as(Errc::SlotUnreadable, "finding the size of " + describe(slot), errno);
  if (end == 0)
    return fail(Errc::SlotUnreadable, describe(slot) + " is a device without a medium: 0 bytes");
  return static_cast<std::uint64_t>(end);
}

Result<> FileSlots::read(SlotId slot, std::uint64_t offset, std::span<std::byte> out) {
  File& target = file(slot);
  if (!target.fd.is_open()) {
    // Non-blocking, because a FIFO that took its place would wait for a writer.
    UniqueFd fd = file::open(target.path, O_RDONLY | O_NONBLOCK);
    if (!fd.is_open())
      return file::failure_as(Errc::SlotUnreadable, "opening " + describe(slot), errno);
    target.fd = std::move(fd);
  }
  const std::string what = "reading " + describe(slot) + " at byte " + std::to_string(offset);
  if (!file::read_padded(target.fd.get(), offset, out))
    return file::failure_as(Errc::SlotUnreadable, what, errno);
  // A file is as long as it will be, with zeros to come; a device has an end, and may lose its
  // medium.
  if (const auto end = device_end(target.fd.get()); end && offset + out.size() > *end)
    return fail(Errc::SlotUnreadable, what + ": the device ends after " + bytes_text(*end));
  return {};
}

/// The last line of defence, whatever the caller believes: an active slot is never written.
Result<> FileSlots::check_writable(SlotId slot) {
  if (access_ != Access::ReadWrite)
    return fail(Errc::Internal, describe(slot) + " was opened for reading only");
  if (!active_) {
    const auto record = load_record();
    if (!record) return tl::unexpected(record.error());
  }
  if (active_ == slot)
    return fail(Errc::Internal, describe(slot) + " is active and must not be written");
  return {};
}

Result<bool> FileSlots::blank(SlotId slot) {
  file::Stat status{};
  if (::stat(file(slot).path.c_str(), &status) != 0 && errno == ENOENT) return true;
  return Slots::blank(slot);
}

/// Without a record the active slot is a guess, and a state directory that is lost or not mounted
/// looks just like that. Only a slot that nothing can run from is written on a guess.
Result<> FileSlots::check_expendable(SlotId slot) {
  if (active_known_) return {};
  const auto nothing_there = blank(slot);
  if (!nothing_there) return tl::unexpected(nothing_there.error());
  if (*nothing_there) return {};
  return fail(Errc::ActiveSlotUnknown, "there is none in " + state_directory_ + ", and " +
                                           describe(slot) + " is not blank: it may be the one");
}

Result<UniqueFd> FileSlots::open_for_writing(SlotId slot) {
  const std::string& path = file(slot).path;
  file::Stat status{};
  const bool there = ::stat(path.c_str(), &status) == 0;
  if (there && unfit_kind(status.st_mode) != nullptr)
    return fail(Errc::SlotWriteFailed, describe(slot) + " is " + unfit_kind(status.st_mode));
  int flags = O_RDWR | O_NONBLOCK;
  if (!there) flags |= O_CREAT;
  // Without O_CREAT this refuses a device that is mounted or otherwise in use.
  if (there && S_ISBLK(status.st_mode)) flags |= O_EXCL;
  UniqueFd fd = file::open(path, flags);
  if (!fd.is_open()) {
    if (errno == ENOENT)
      return fail(Errc::SlotUnreadable, describe(slot) + ": its directory does not exist");
    const char* used =
        errno == EBUSY ? " (it or a part of it is mounted, or another program uses it)" : "";
    return file::failure_as(Errc::SlotWriteFailed,
                            "opening " + describe(slot) + " for writing" + used, errno);
  }
  file::Stat opened{};
  file::Stat active{};
  if (::fstat(fd.get(), &opened) != 0)
    return file::failure_as(Errc::SlotWriteFailed, describe(slot), errno);
  if (S_ISBLK(opened.st_mode) && is_set_to_read_only(fd.get()))
    return fail(Errc::SlotWriteFailed, describe(slot) + read_only_words(path));
  // Once more, on what is open now: a link may lead elsewhere than it did at the start.
  if (::stat(file(other(slot)).path.c_str(), &active) == 0 && share_storage(opened, active))
    return fail(Errc::BadConfiguration,
                describe(slot) + " and " + describe(other(slot)) + " share storage");
  // Also for a file that is there: who created it may have died before its directory was flushed.
  if (S_ISREG(opened.st_mode))
    if (auto synced = file::sync_directory(file::directory_of(path), Errc::StateFailed); !synced)
      return tl::unexpected(synced.error());
  return fd;
}

Result<> FileSlots::try_out(SlotId slot) {
  const auto record = load_record();
  if (!record) return tl::unexpected(record.error());
  if (record->active == slot)
    return fail(Errc::Internal, describe(slot) + " is active and must not be written");
  if (auto expendable = check_expendable(slot); !expendable) return expendable;
  const auto may_write = [](const std::string& path) {
    return ::access(path.c_str(), W_OK) == 0
               ? Result<>()
               : file::failure_as(Errc::SlotWriteFailed, "writing " + path, errno);
  };
  file::Stat status{};
  // A directory that is missing is made, when the one around it is there.
  const bool kept = ::stat(state_directory_.c_str(), &status) == 0;
  if (auto writable = may_write(kept ? state_directory_ : file::directory_of(state_directory_));
      !writable)
    return writable;
  const std::string& path = file(slot).path;
  if (::stat(path.c_str(), &status) != 0) return may_write(file::directory_of(path));
  auto fd = open_for_writing(slot);
  if (!fd) return tl::unexpected(fd.error());
  return {};
}

/// What was prepared is not any more; a block device may be claimed by others.
void FileSlots::release(SlotId slot) {
  File& target = file(slot);
  target.writable_bytes = 0;
  if (!target.claimed) return;
  target.claimed = false;
  target.fd.reset();
}

/// What took its place under the same name is another slot.
bool FileSlots::leads_to_what_is_held(SlotId slot) const {
  const File& target = file(slot);
  file::Stat named{};
  file::Stat held{};
  return ::stat(target.path.c_str(), &named) == 0 && ::fstat(target.fd.get(), &held) == 0 &&
         file::same_object(named, held);
}

/// Opens the slot for writing, or keeps what is open. The claim that O_EXCL makes on a block device
/// belongs to one open file, and would refuse a second one of ours as it refuses a stranger's: so
/// it is made once, and given up when the slot becomes active.
Result<> FileSlots::claim(SlotId slot) {
  File& target = file(slot);
  if (target.claimed && leads_to_what_is_held(slot)) return {};
  release(slot);
  auto fd = open_for_writing(slot);
  if (!fd) return tl::unexpected(fd.error());
  target.fd = *std::move(fd);
  target.claimed = true;
  return {};
}

Result<> FileSlots::prepare(SlotId slot, std::uint64_t size) {
  if (auto allowed = check_writable(slot); !allowed) return allowed;
  const auto room = capacity(slot);
  if (!room) return tl::unexpected(room.error());
  if (size == 0 || size > std::min(*room, image::kImageLimit_bytes))
    return fail(Errc::ImageTooLarge, describe(slot) + " has " + bytes_text(*room) +
                                         ", the image has " + bytes_text(size));
  if (auto expendable = check_expendable(slot); !expendable) return expendable;
  if (auto claimed = claim(slot); !claimed) return claimed;
  File& target = file(slot);
  file::Stat status{};
  if (::fstat(target.fd.get(), &status) != 0)
    return file::failure_as(Errc::SlotWriteFailed, describe(slot), errno);
  if (S_ISREG(status.st_mode))
    if (auto reserved = reserve(target.fd.get(), describe(slot), size); !reserved) return reserved;
  if (auto opened = open_tree(O_RDWR | O_CREAT); !opened) return opened;
  const std::uint64_t tree_size = image::TreeShape(size).tree_size_bytes();
  if (tree_size > 0)
    if (auto reserved = reserve(tree_.get(), tree_path(), tree_size); !reserved) return reserved;
  target.writable_bytes = size;
  return {};
}

/// After a write that failed. The kernel says of a device that was set to read-only what it says to
/// who lacks permission.
tl::unexpected<Error> FileSlots::fail_write(SlotId slot, std::uint64_t offset) const {
  const int error_number = errno;
  const File& target = file(slot);
  if (error_number == EPERM && is_set_to_read_only(target.fd.get()))
    return fail(Errc::SlotWriteFailed, describe(slot) + read_only_words(target.path));
  return file::failure_as(Errc::SlotWriteFailed,
                          "writing " + describe(slot) + " at byte " + std::to_string(offset),
                          error_number);
}

Result<> FileSlots::write(SlotId slot, std::uint64_t offset, ByteView bytes) {
  if (auto allowed = check_writable(slot); !allowed) return allowed;
  const File& target = file(slot);
  if (bytes.size() > target.writable_bytes || offset > target.writable_bytes - bytes.size())
    return fail(Errc::Internal, "writing " + bytes_text(bytes.size()) + " at byte " +
                                    std::to_string(offset) + " of " + describe(slot) + ", where " +
                                    bytes_text(target.writable_bytes) + " are prepared");
  if (!file::write_at(target.fd.get(), offset, bytes)) return fail_write(slot, offset);
  return {};
}

Result<> FileSlots::flush(SlotId slot) {
  const File& target = file(slot);
  if (target.writable_bytes == 0) return {};
  if (!file::flush_to_medium(target.fd.get()))
    return file::failure_as(Errc::SlotWriteFailed, "flushing " + describe(slot), errno);
  return {};
}

Result<BootRecord> FileSlots::load_record() {
  active_.reset();
  auto record = state_.load();
  if (!record) return record;
  if (record->generation == 0) record->active = stated_active_.value_or(record->active);
  active_known_ = record->generation != 0 || stated_active_.has_value();
  active_ = record->active;
  return record;
}

Result<> FileSlots::store_record(const BootRecord& record) {
  if (access_ != Access::ReadWrite)
    return fail(Errc::Internal, state_directory_ + " was opened for reading only");
  // The system starts from what the path leads to, not from what was written and verified.
  if (file(record.active).claimed && !leads_to_what_is_held(record.active))
    return fail(Errc::SlotWriteFailed,
                describe(record.active) +
                    " does not become active: its path does not lead to what was written any more");
  active_.reset();
  if (auto stored = state_.store(record); !stored) return stored;
  active_ = record.active;
  active_known_ = true;
  // From here on it is only read, and what boots from it may claim the device.
  release(record.active);
  return {};
}

Result<> FileSlots::open_tree(int flags) {
  const bool writable = (flags & O_ACCMODE) == O_RDWR;
  if (tree_.is_open() && (tree_writable_ || !writable)) return {};
  UniqueFd fd = file::open_own(tree_path(), flags);
  if (!fd.is_open())
    return file::failure_as(errno == ENOENT ? Errc::NotFound : Errc::StateFailed,
                            "opening " + tree_path(), errno);
  tree_ = std::move(fd);
  tree_writable_ = writable;
  return {};
}

Result<> FileSlots::read_tree(std::uint64_t offset, std::span<std::byte> out) {
  if (auto opened = open_tree(O_RDONLY); !opened) {
    if (opened.error().code != Errc::NotFound) return opened;
    std::fill(out.begin(), out.end(), std::byte{0});
    return {};
  }
  if (!file::read_padded(tree_.get(), offset, out))
    return file::failure_as(Errc::StateFailed, "reading " + tree_path(), errno);
  return {};
}

Result<> FileSlots::write_tree(std::uint64_t offset, ByteView bytes) {
  if (access_ != Access::ReadWrite)
    return fail(Errc::Internal, state_directory_ + " was opened for reading only");
  if (offset > kTreeLimit_bytes || bytes.size() > kTreeLimit_bytes - offset)
    return fail(Errc::LimitExceeded, "a hash tree of more than " + bytes_text(kTreeLimit_bytes));
  if (auto opened = open_tree(O_RDWR | O_CREAT); !opened) return opened;
  if (!file::write_at(tree_.get(), offset, bytes))
    return file::failure_as(Errc::StateFailed, "writing " + tree_path(), errno);
  return {};
}

std::string configured(const char* name, const std::string& path) {
  return "slot " + std::string(name) + " (" + path + ")";
}

/// Two paths that do not exist yet name the same file when they have one name in one directory.
bool same_missing(const std::string& a, const std::string& b) {
  file::Stat in_a{};
  file::Stat in_b{};
  return a == b ||
         (a.substr(a.rfind('/') + 1) == b.substr(b.rfind('/') + 1) &&
          ::stat(file::directory_of(a).c_str(), &in_a) == 0 &&
          ::stat(file::directory_of(b).c_str(), &in_b) == 0 && file::same_object(in_a, in_b));
}

Result<> check_paths(const FileSlotsConfig& config) {
  const std::array<std::pair<const char*, const std::string*>, 2> slots{
      {{"a", &config.slot_a}, {"b", &config.slot_b}}};
  if (config.state_directory.empty())
    return fail(Errc::BadConfiguration, "no state directory is configured");
  std::array<std::optional<file::Stat>, 2> found;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto& [name, path] = slots[i];
    if (path->empty())
      return fail(Errc::BadConfiguration, "no path is configured for slot " + std::string(name));
    file::Stat status{};
    // Other faults of a path come out, with their words, where it is used.
    if (::stat(path->c_str(), &status) != 0) continue;
    if (const char* kind = unfit_kind(status.st_mode))
      return fail(Errc::BadConfiguration, configured(name, *path) + " is " + kind +
                                              "; name a regular file or a block device");
    for (const char* own : kOwnNames) {
      file::Stat ours{};
      if (::stat((config.state_directory + "/" + own).c_str(), &ours) == 0 &&
          file::same_object(status, ours))
        return fail(Errc::BadConfiguration, configured(name, *path) + " is the file \"" + own +
                                                "\" of the state directory");
    }
    found[i] = status;
  }
  const std::string both =
      configured("a", config.slot_a) + " and " + configured("b", config.slot_b);
  const bool same = found[0] && found[1]     ? file::same_object(*found[0], *found[1])
                    : !found[0] && !found[1] ? same_missing(config.slot_a, config.slot_b)
                                             : false;
  if (same) return fail(Errc::BadConfiguration, both + " are the same file or device");
  if (found[0] && found[1] && share_storage(*found[0], *found[1]))
    return fail(Errc::BadConfiguration,
                both + " share storage: one is a part of the other, or lies on it");
  return {};
}

Result<> create_state_directory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0)
    return file::sync_directory(file::directory_of(path), Errc::StateFailed);
  if (errno == EEXIST) {
    // Who created it may have died before this. Often the directory around it is not ours to read.
    auto synced = file::sync_directory(file::directory_of(path), Errc::StateFailed);
    if (!synced && synced.error().code == Errc::NoPermission) return {};
    return synced;
  }
  if (errno == ENOENT)
    return fail(Errc::NotFound, "state directory " + path + " cannot be created: " +
                                    file::directory_of(path) + " does not exist");
  return file::failure_as(Errc::StateFailed, "creating state directory " + path, errno);
}

std::string lock_path(const FileSlotsConfig& config) {
  return config.state_directory + "/lock";
}

}  // namespace

std::optional<int> slots_writer(const FileSlotsConfig& config) {
  return file::LockFile::holder(lock_path(config));
}

Result<std::unique_ptr<Slots>> open_file_slots(const FileSlotsConfig& config, Access access) {
  if (auto checked = check_paths(config); !checked) return tl::unexpected(checked.error());
  if (access == Access::ReadOnly)
    return std::make_unique<FileSlots>(config, access, file::LockFile());
  if (auto created = create_state_directory(config.state_directory); !created)
    return tl::unexpected(created.error());
  auto lock = file::LockFile::take(lock_path(config));
  if (!lock && lock.error().code == Errc::IoFailed)
    return fail(Errc::StateFailed, lock.error().detail);
  if (!lock) return tl::unexpected(lock.error());
  if (auto created = StateFile(config.state_directory).create_if_missing(); !created)
    return tl::unexpected(created.error());
  return std::make_unique<FileSlots>(config, access, *std::move(lock));
}

}  // namespace fwr::flash
