// SPDX-License-Identifier: GPL-3.0-or-later
// Reading and writing what a path leads to.
#include "flash/targets/path_target.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "file/file_error.hpp"
#include "flash/storage_file.hpp"

namespace fwr::flash {

PathTarget::PathTarget(Place place) : place_(std::move(place)) {}
PathTarget::~PathTarget() = default;

Result<> PathTarget::read(std::uint64_t offset, std::span<std::byte> out) {
  if (!fd_.is_open()) {
    UniqueFd fd = file::open(place_.path, O_RDONLY);
    if (!fd.is_open())
      return file::failure_as(Errc::SlotUnreadable, "opening " + describe(), errno);
    fd_ = std::move(fd);
  }
  if (!file::read_padded(fd_.get(), offset, out))
    return file::failure_as(Errc::SlotUnreadable,
                            "reading " + describe() + " at byte " + std::to_string(offset), errno);
  return {};
}

Result<bool> PathTarget::blank() {
  file::Stat status{};
  if (::stat(place_.path.c_str(), &status) != 0 && errno == ENOENT) return true;
  return Target::blank();
}

Result<> PathTarget::try_begin() {
  file::Stat status{};
  const std::string directory = file::directory_of(place_.path);
  if (::stat(place_.path.c_str(), &status) == 0) {
    auto fd = open_for_writing();
    return fd ? Result<>() : tl::unexpected(fd.error());
  }
  if (::access(directory.c_str(), W_OK) == 0) return {};
  return file::failure_as(Errc::SlotWriteFailed, "writing " + directory, errno);
}

Result<> PathTarget::begin(std::uint64_t size) {
  if (auto claimed = claim(); !claimed) return claimed;
  return make_room(size);
}

Result<> PathTarget::write(std::uint64_t offset, ByteView bytes) {
  if (file::write_at(fd_.get(), offset, bytes)) return {};
  return write_failure(errno, offset);
}

Result<> PathTarget::finish() {
  if (file::flush_to_medium(fd_.get())) return {};
  return file::failure_as(Errc::SlotWriteFailed, "flushing " + describe(), errno);
}

/// What took its place under the same name is another slot.
bool PathTarget::in_place() const {
  if (!claimed_) return true;
  file::Stat named{};
  file::Stat held{};
  return ::stat(place_.path.c_str(), &named) == 0 && ::fstat(fd_.get(), &held) == 0 &&
         file::same_object(named, held);
}

void PathTarget::release() {
  if (!claimed_) return;
  claimed_ = false;
  fd_.reset();
}

tl::unexpected<Error> PathTarget::write_failure(int error_number, std::uint64_t offset) const {
  return file::failure_as(Errc::SlotWriteFailed,
                          "writing " + describe() + " at byte " + std::to_string(offset),
                          error_number);
}

Result<UniqueFd> PathTarget::open_for_writing() const {
  file::Stat status{};
  const bool there = ::stat(place_.path.c_str(), &status) == 0;
  if (const std::string kind = there ? unfit(status) : std::string(); !kind.empty())
    return fail(Errc::SlotWriteFailed, describe() + " is " + kind);
  UniqueFd fd = file::open(place_.path, O_RDWR | write_flags(there));
  if (!fd.is_open()) {
    if (errno == ENOENT)
      return fail(Errc::SlotUnreadable, describe() + ": its directory does not exist");
    const char* used =
        errno == EBUSY ? " (it or a part of it is mounted, or another program uses it)" : "";
    return file::failure_as(Errc::SlotWriteFailed, "opening " + describe() + " for writing" + used,
                            errno);
  }
  file::Stat opened{};
  file::Stat other{};
  if (::fstat(fd.get(), &opened) != 0)
    return file::failure_as(Errc::SlotWriteFailed, describe(), errno);
  if (auto good = check_opened(fd.get()); !good) return tl::unexpected(good.error());
  // Checked once more on what is open now: a link may lead elsewhere than it did at the start.
  if (::stat(place_.other_path.c_str(), &other) == 0 && share_storage(opened, other))
    return fail(Errc::BadConfiguration,
                describe() + " and " + place_.other_description + " share storage");
  // Also for a file that is there: the process that created it may have died before its directory
  // was flushed.
  if (S_ISREG(opened.st_mode))
    if (auto synced = file::sync_directory(file::directory_of(place_.path), Errc::StateFailed);
        !synced)
      return tl::unexpected(synced.error());
  return fd;
}

/// Opens the target for writing, or keeps what is open. The claim that O_EXCL makes on a block
/// device belongs to one open file, and would refuse a second one of ours like any other: so it is
/// made once, and given up by release().
Result<> PathTarget::claim() {
  if (claimed_ && in_place()) return {};
  release();
  auto fd = open_for_writing();
  if (!fd) return tl::unexpected(fd.error());
  fd_ = *std::move(fd);
  claimed_ = true;
  return {};
}

}  // namespace fwr::flash
