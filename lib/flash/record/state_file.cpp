// SPDX-License-Identifier: GPL-3.0-or-later
// The state record in its file: two copies, written in turn. PROTOCOL §7.4.
#include "flash/record/state_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "file/file.hpp"
#include "file/file_error.hpp"

namespace fwr::flash {
namespace {

constexpr std::string_view kStateName = "state";
/// A reader has no lock: it may see both copies torn when a writer overtakes it, and reads again.
constexpr int kReadTries = 4;

}  // namespace

StateFile::StateFile(std::string state_directory, file::LockFile lock)
    : lock_(std::move(lock)),
      directory_(std::move(state_directory)),
      path_(directory_ + "/" + std::string(kStateName)) {}

UniqueFd StateFile::open(int flags) const {
  return file::open_own(path_, flags);
}

Result<Chosen> StateFile::read_chosen(int fd) const {
  // A copy whose flush has failed counts for nothing, or the other one would be overwritten next:
  // the only one that a boot finds.
  file::forget_cached(fd);
  Bytes file(kRecordCopy_bytes * kRecordCopies);
  if (!file::read_padded(fd, 0, file))
    return file::failure_as(Errc::StateFailed, "reading " + path_, errno);
  const ByteView view(file);
  auto chosen = choose_copy(view.first(kRecordCopy_bytes), view.last(kRecordCopy_bytes));
  if (!chosen) return fail(chosen.error().code, path_ + ": " + chosen.error().detail);
  return chosen;
}

Result<BootRecord> StateFile::load() const {
  const UniqueFd fd = open(O_RDONLY);
  if (!fd.is_open()) {
    if (errno == ENOENT) return BootRecord{};
    return file::failure_as(Errc::StateFailed, "opening " + path_, errno);
  }
  auto chosen = read_chosen(fd.get());
  for (int tries = 1; tries < kReadTries && !chosen; ++tries) chosen = read_chosen(fd.get());
  if (!chosen) return tl::unexpected(chosen.error());
  return std::move(chosen->record);
}

Result<> StateFile::store(const BootRecord& record) {
  const auto copy = encode_copy(record);
  if (!copy) return tl::unexpected(copy.error());
  const UniqueFd fd = open(O_RDWR);
  if (!fd.is_open()) {
    if (errno == ENOENT) return create(record);
    return file::failure_as(Errc::StateFailed, "opening " + path_ + " for writing", errno);
  }
  const auto current = read_chosen(fd.get());
  if (!current) return tl::unexpected(current.error());
  if (record.generation <= current->record.generation)
    return fail(Errc::Internal,
                path_ + " has generation " + std::to_string(current->record.generation) +
                    ", and generation " + std::to_string(record.generation) + " is to be stored");
  const std::uint64_t offset = (1 - current->copy) * kRecordCopy_bytes;
  if (!file::write_at(fd.get(), offset, *copy) || !file::flush_to_medium(fd.get()))
    return file::failure_as(Errc::StateFailed, "writing " + path_, errno);
  Bytes back(kRecordCopy_bytes);
  if (!file::read_padded(fd.get(), offset, back))
    return file::failure_as(Errc::StateFailed, "reading " + path_ + " back", errno);
  if (back != *copy)
    return fail(Errc::StateFailed, path_ + ": what was written at byte " + std::to_string(offset) +
                                       " reads back differently; the medium is failing");
  return {};
}

Result<> StateFile::try_store() const {
  file::Stat status{};
  // A missing directory is created when the one around it is there.
  const bool kept = ::stat(directory_.c_str(), &status) == 0;
  const std::string place = kept ? directory_ : file::directory_of(directory_);
  if (::access(place.c_str(), W_OK) == 0) return {};
  return file::failure_as(Errc::SlotWriteFailed, "writing " + place, errno);
}

Result<> StateFile::create_if_missing() const {
  const UniqueFd fd = open(O_RDONLY);
  // The last writer may have died, or failed, between writing a copy and flushing it. It counts
  // for every reader, but not for a boot, and the next one written would take the place of the one
  // that does.
  // Its name is in the same danger: it may be in no directory that was flushed.
  if (fd.is_open()) {
    if (!file::flush_to_medium(fd.get()))
      return file::failure_as(Errc::StateFailed, "flushing " + path_, errno);
    return file::sync_directory(directory_, Errc::StateFailed);
  }
  if (errno != ENOENT) return file::failure_as(Errc::StateFailed, "opening " + path_, errno);
  return create(BootRecord{});
}

Result<> StateFile::create(const BootRecord& record) const {
  auto file = encode_copy(record);
  if (!file) return tl::unexpected(file.error());
  // Blank, but there: later writes find their space allocated.
  file->resize(kRecordCopy_bytes * kRecordCopies);
  return file::replace(directory_, std::string(kStateName), *file, Errc::StateFailed);
}

}  // namespace fwr::flash
