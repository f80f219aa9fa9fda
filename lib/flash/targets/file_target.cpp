// SPDX-License-Identifier: GPL-3.0-or-later
// A slot in a regular file.
#include "flash/targets/file_target.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "file/file_error.hpp"
#include "file/space.hpp"

namespace fwr::flash {

Result<std::uint64_t> FileTarget::capacity() {
  const std::uint64_t configured = place().size_bytes;
  file::Stat status{};
  if (::stat(place().path.c_str(), &status) == 0)
    return configured != 0 ? configured : static_cast<std::uint64_t>(status.st_size);
  if (errno != ENOENT) return file::failure_as(Errc::SlotUnreadable, describe(), errno);
  if (::lstat(place().path.c_str(), &status) == 0)
    return fail(Errc::SlotUnreadable,
                describe() + " is a symbolic link to what is not there (any more)");
  if (configured != 0) return configured;
  return fail(Errc::SlotUnreadable, describe() +
                                        " does not exist, and no slot size is configured with "
                                        "which it could be created");
}

std::string FileTarget::unfit(const file::Stat& status) const {
  return S_ISREG(status.st_mode) ? std::string() : std::string(file::kind_of(status.st_mode));
}

int FileTarget::write_flags(bool there) const {
  return there ? 0 : O_CREAT;
}

Result<> FileTarget::make_room(std::uint64_t size) {
  return file::reserve(fd(), describe(), size, Errc::SlotWriteFailed);
}

}  // namespace fwr::flash
