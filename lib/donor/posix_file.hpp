// SPDX-License-Identifier: GPL-3.0-or-later
// Descriptors, whole reads and writes at an offset, and system errors in our words. For the
// *_file.cpp of this directory only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace fwr::donor {

/// Errors: NotFound, NoPermission, NoSpace, AlreadyExists, otherwise IoFailed; the detail is
/// "<what>: <the system's words>".
[[nodiscard]] tl::unexpected<Error> system_failure(int error, const std::string& what);
/// The same error with "<what>: " in front of its detail.
[[nodiscard]] tl::unexpected<Error> within(const std::string& what, Error error);

/// open(2) with O_CLOEXEC, again after a signal. -1 and errno when it fails.
[[nodiscard]] UniqueFd open_fd(const std::string& path, int flags);
/// The first entry of a directory, as fs::directory_iterator; again after a signal.
[[nodiscard]] std::filesystem::directory_iterator list_directory(const std::string& path,
                                                                 std::error_code& error);
struct OpenFile {
  UniqueFd fd;
  std::uint64_t size_bytes = 0;
};
/// For reading. Regular files only: anything else could block, or has no size.
[[nodiscard]] Result<OpenFile> open_regular(const std::string& path);
/// The same for a file of a catalogue's entry, `directory`: neither is reached through a symbolic
/// link, and both belong to one user. Who may write to a catalogue cannot make the donor serve what
/// only the donor may read. Errors: also NoPermission.
[[nodiscard]] Result<OpenFile> open_in(const std::string& directory, const std::string& name);
/// A new file for writing, readable by everyone: images and manifests are no secrets.
[[nodiscard]] Result<UniqueFd> create_file(const std::string& path);
/// The whole file, if it could be opened. Error: LimitExceeded when it is longer than `limit`.
[[nodiscard]] Result<std::string> read_text(const Result<OpenFile>& file, const std::string& path,
                                            std::size_t limit_bytes);
/// Error: IoFailed also when the file ends before `out` is full.
[[nodiscard]] Result<> read_at(int fd, std::uint64_t offset, std::span<std::byte> out,
                               const std::string& path);
[[nodiscard]] Result<> write_at(int fd, std::uint64_t offset, ByteView bytes,
                                const std::string& path);
[[nodiscard]] Result<> write_file(const std::string& path, ByteView bytes);  ///< and flushes it
[[nodiscard]] Result<> flush(int fd, const std::string& path);
[[nodiscard]] Result<> flush_directory(const std::string& path);

}  // namespace fwr::donor
