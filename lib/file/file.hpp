// SPDX-License-Identifier: GPL-3.0-or-later
// Opens, reads, writes, replaces and flushes files. Two layers: calls on a descriptor that leave
// errno, for callers that know more about the file than its path, and calls with a Result whose
// detail names the path.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace fwr::file {

using Stat = struct stat;

/// The part before the last slash; "." when there is none.
[[nodiscard]] std::string directory_of(const std::string& path);
/// True if both are one file or one device, whatever their paths are.
[[nodiscard]] bool same_object(const Stat& a, const Stat& b);

// --- On a descriptor: false, or a descriptor that is not open, and errno on failure --------------

inline constexpr mode_t kFileMode = 0644;  ///< mode of new files, before the umask

/// open(2) with O_CLOEXEC, O_NOCTTY and O_NONBLOCK, repeated after a signal. A FIFO in the place of
/// a file gives an error or an end at once, never a wait.
[[nodiscard]] UniqueFd open(const std::string& path, int flags, mode_t mode = kFileMode);
/// Opens a file that only this program writes: without following a link, and ENXIO for anything but
/// a regular file.
[[nodiscard]] UniqueFd open_own(const std::string& path, int flags);

/// Fills `out` from `offset`; bytes past the end of the file are zero.
[[nodiscard]] bool read_padded(int fd, std::uint64_t offset, std::span<std::byte> out);
/// Writes all of `bytes` at `offset`. ENOSPC at the end of a device.
[[nodiscard]] bool write_at(int fd, std::uint64_t offset, ByteView bytes);
/// Writes all of `bytes` to a file, pipe or terminal at its current position.
[[nodiscard]] bool write_stream(int fd, ByteView bytes);
[[nodiscard]] bool truncate_to(int fd, std::uint64_t size);

[[nodiscard]] bool flush(int fd);       ///< fsync(2)
[[nodiscard]] bool flush_data(int fd);  ///< fdatasync(2)
/// Drops the clean pages of the file from the page cache, so that the next read comes from the
/// medium where the kernel can do so. After a failed flush the cache shows bytes that may never
/// have reached the medium.
void forget_cached(int fd);
/// flush_data() and forget_cached().
[[nodiscard]] bool flush_to_medium(int fd);
/// Makes names that were created, renamed or removed in a directory survive a power cut. A file
/// system without this operation (EINVAL) has nothing to flush.
[[nodiscard]] bool flush_directory(const std::string& directory);

// --- With a Result ------------------------------------------------------------------------------

struct OpenFile {
  UniqueFd fd;
  std::uint64_t size_bytes = 0;
};
/// Opens a regular file for reading; anything else could block, or has no size. Errors:
/// read_failure's.
[[nodiscard]] Result<OpenFile> open_regular(const std::string& path);
/// open_regular() for `directory`/`name` where another user may write to `directory`: neither is
/// reached through a symbolic link, and both belong to one user, so that no other user can make the
/// program read what only the program may read. Errors: also NoPermission.
[[nodiscard]] Result<OpenFile> open_in(const std::string& directory, const std::string& name);
/// Fills `out`. Errors: IoFailed also when the file ends earlier.
[[nodiscard]] Result<> read_exactly(int fd, std::uint64_t offset, std::span<std::byte> out,
                                    const std::string& path);
/// Reads a whole file. Errors: LimitExceeded when it is longer than `limit_bytes`.
[[nodiscard]] Result<std::string> read_text(const OpenFile& file, const std::string& path,
                                            std::size_t limit_bytes);

/// Reads a file or pipe from its current position until it ends or `out` is full. Returns the
/// number of bytes. Errors: IoFailed also when the writer of a pipe sends nothing for 5 s.
[[nodiscard]] Result<std::size_t> read_stream(int fd, const std::string& path,
                                              std::span<std::byte> out);
/// Reads a file or pipe to its end. Errors: LimitExceeded; IoFailed for an empty pipe, which would
/// pass for an empty file.
[[nodiscard]] Result<std::string> read_to_end(int fd, const std::string& path,
                                              std::size_t limit_bytes);

/// Writes all of `bytes`, or flushes, with failure()'s errors for `path`.
[[nodiscard]] Result<> write_at(int fd, std::uint64_t offset, ByteView bytes,
                                const std::string& path);
[[nodiscard]] Result<> flush(int fd, const std::string& path);
[[nodiscard]] Result<> sync_directory(const std::string& directory);
/// sync_directory() with failure_as(code)'s errors.
[[nodiscard]] Result<> sync_directory(const std::string& directory, Errc code);

/// Creates a file that must not exist yet, with kFileMode whatever the umask is.
[[nodiscard]] Result<UniqueFd> create(const std::string& path);
/// create(), write and flush.
[[nodiscard]] Result<> write_new(const std::string& path, ByteView bytes);
/// Gives `directory`/`name` new contents such that at any instant the file has its old bytes or all
/// of the new: a new file, flushed, is renamed over the old. The caller prevents two calls at one
/// time. Errors: failure_as(code)'s.
[[nodiscard]] Result<> replace(const std::string& directory, const std::string& name,
                               ByteView bytes, Errc code);

/// The first entry of a directory, as std::filesystem::directory_iterator; repeated after a signal.
[[nodiscard]] std::filesystem::directory_iterator list_directory(const std::string& path,
                                                                 std::error_code& error);

}  // namespace fwr::file
