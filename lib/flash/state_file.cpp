// SPDX-License-Identifier: GPL-3.0-or-later
// The state record in its file: two copies, written in turn. PROTOCOL §7.4.
#include "flash/state_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/again.hpp"

namespace fwr::flash {
namespace {

constexpr std::string_view kStateName = "state";
/// A reader has no lock: it may see both copies torn when a writer overtakes it, and reads again.
constexpr int kReadTries = 4;
constexpr std::size_t kLockText_bytes = 32;

/// " (process 1234)", or nothing while the holder has not written it yet.
std::string holder(int fd) {
  std::array<std::byte, kLockText_bytes> text{};
  if (!read_at(fd, 0, text)) return {};
  const std::string_view digits = as_text(text);
  const std::size_t length = std::min(digits.find_first_not_of("0123456789"), digits.size());
  if (length == 0) return {};
  return " by process " + std::string(digits.substr(0, length));
}

}  // namespace

StateLock::~StateLock() {
  // Nobody should read the id of a process that has gone. A failure leaves only that.
  if (fd_.is_open() && !truncate_to(fd_.get(), 0)) fd_.reset();
}

Result<StateLock> StateLock::take(const std::string& state_directory) {
  const std::string path = state_directory + "/lock";
  UniqueFd fd = open_fd(path, O_RDWR | O_CREAT | O_NOFOLLOW);
  if (!fd.is_open()) return fail_errno(Errc::StateFailed, "opening lock file " + path, errno);
  if (again([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(Errc::AlreadyRunning, path + " is held" + holder(fd.get()));
    return fail_errno(Errc::StateFailed, "locking " + path, errno);
  }
  const std::string id = std::to_string(::getpid()) + "\n";
  // The lock holds without it: it is for people, and a full file system must not keep a system from
  // recovering.
  (void)(truncate_to(fd.get(), 0) && write_at(fd.get(), 0, as_bytes(id)));
  return StateLock(std::move(fd));
}

StateFile::StateFile(std::string state_directory)
    : directory_(std::move(state_directory)), path_(directory_ + "/" + std::string(kStateName)) {}

UniqueFd StateFile::open(int flags) const {
  return open_fd(path_, flags | O_NOFOLLOW);
}

Result<Chosen> StateFile::read_chosen(int fd) const {
  // A copy whose flush has failed counts for nothing, or the other one would be overwritten next:
  // the only one that a boot finds.
  forget_cached(fd);
  Bytes file(kRecordCopy_bytes * kRecordCopies);
  if (!read_at(fd, 0, file)) return fail_errno(Errc::StateFailed, "reading " + path_, errno);
  const ByteView view(file);
  auto chosen = choose_copy(view.first(kRecordCopy_bytes), view.last(kRecordCopy_bytes));
  if (!chosen) return fail(chosen.error().code, path_ + ": " + chosen.error().detail);
  return chosen;
}

Result<BootRecord> StateFile::load() const {
  const UniqueFd fd = open(O_RDONLY);
  if (!fd.is_open()) {
    if (errno == ENOENT) return BootRecord{};
    return fail_errno(Errc::StateFailed, "opening " + path_, errno);
  }
  auto chosen = read_chosen(fd.get());
  for (int tries = 1; tries < kReadTries && !chosen; ++tries) chosen = read_chosen(fd.get());
  if (!chosen) return tl::unexpected(chosen.error());
  return std::move(chosen->record);
}

Result<> StateFile::store(const BootRecord& record) const {
  const auto copy = encode_copy(record);
  if (!copy) return tl::unexpected(copy.error());
  const UniqueFd fd = open(O_RDWR);
  if (!fd.is_open()) {
    if (errno == ENOENT) return create(record);
    return fail_errno(Errc::StateFailed, "opening " + path_ + " for writing", errno);
  }
  const auto current = read_chosen(fd.get());
  if (!current) return tl::unexpected(current.error());
  if (record.generation <= current->record.generation)
    return fail(Errc::Internal,
                path_ + " has generation " + std::to_string(current->record.generation) +
                    ", and generation " + std::to_string(record.generation) + " is to be stored");
  const std::uint64_t offset = (1 - current->copy) * kRecordCopy_bytes;
  if (!write_at(fd.get(), offset, *copy) || !flush_to_medium(fd.get()))
    return fail_errno(Errc::StateFailed, "writing " + path_, errno);
  Bytes back(kRecordCopy_bytes);
  if (!read_at(fd.get(), offset, back))
    return fail_errno(Errc::StateFailed, "reading " + path_ + " back", errno);
  if (back != *copy)
    return fail(Errc::StateFailed, path_ + ": what was written at byte " + std::to_string(offset) +
                                       " reads back differently; the medium is failing");
  return {};
}

Result<> StateFile::create_if_missing() const {
  const UniqueFd fd = open(O_RDONLY);
  // Who was here last may have died, or failed, between writing a copy and flushing it. It counts
  // for every reader, but not for a boot, and the next one written would take the place of the one
  // that does.
  // Its name is in the same danger: it may be in no directory that was flushed.
  if (fd.is_open()) {
    if (!flush_to_medium(fd.get()))
      return fail_errno(Errc::StateFailed, "flushing " + path_, errno);
    return sync_directory(directory_);
  }
  if (errno != ENOENT) return fail_errno(Errc::StateFailed, "opening " + path_, errno);
  return create(BootRecord{});
}

Result<> StateFile::create(const BootRecord& record) const {
  auto file = encode_copy(record);
  if (!file) return tl::unexpected(file.error());
  // Blank, but there: later writes find their space allocated.
  file->resize(kRecordCopy_bytes * kRecordCopies);
  return replace_file(directory_, std::string(kStateName), *file);
}

}  // namespace fwr::flash
