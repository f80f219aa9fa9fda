// SPDX-License-Identifier: GPL-3.0-or-later
// Files for the *_file.cpp of this directory: whole reads and writes, and errors that name the
// path.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace fwr::flash {

/// The words of errno.
[[nodiscard]] std::string errno_text(int error_number);
/// "<what>: <errno words>". Lack of space or permission keeps its own code; all else is `code`.
[[nodiscard]] tl::unexpected<Error> fail_errno(Errc code, const std::string& what,
                                               int error_number);

/// open(2) with O_CLOEXEC, again after a signal. -1 and errno when it fails.
inline constexpr mode_t kFileMode = 0644;  ///< of what we create; the umask takes from it
[[nodiscard]] UniqueFd open_fd(const std::string& path, int flags);
/// A regular file of the program's own, not through a link. Anything else in its place is ENXIO: a
/// FIFO would wait for a writer, and no signal ends that.
[[nodiscard]] UniqueFd open_own(const std::string& path, int flags);

/// Fills `out`; what lies past the end of the file is zero. False and errno when it fails.
[[nodiscard]] bool read_at(int fd, std::uint64_t offset, std::span<std::byte> out);
/// Writes all of `bytes`. False and errno when it fails.
[[nodiscard]] bool write_at(int fd, std::uint64_t offset, ByteView bytes);

/// ftruncate(2). False and errno when it fails.
[[nodiscard]] bool truncate_to(int fd, std::uint64_t size);

/// The page cache forgets what was flushed of the file: what is read next comes from the medium
/// where the kernel can. After a flush that failed the cache shows what may never have arrived
/// there.
void forget_cached(int fd);
/// fdatasync(2) and forget_cached(). False and errno when it fails.
[[nodiscard]] bool flush_to_medium(int fd);
/// What was created or renamed in a directory survives a power cut. Errors: StateFailed and
/// fail_errno's.
[[nodiscard]] Result<> sync_directory(const std::string& directory);

/// The part before the last slash; "." when there is none.
[[nodiscard]] std::string directory_of(const std::string& path);

/// Writes `bytes` to `directory`/`name` so that at any instant the file has its old content or all
/// of the new: a new file, flushed, takes the place of the old. Two callers at one time are the
/// caller's to prevent. Errors: StateFailed and fail_errno's.
[[nodiscard]] Result<> replace_file(const std::string& directory, const std::string& name,
                                    ByteView bytes);

}  // namespace fwr::flash
