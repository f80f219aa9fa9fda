// SPDX-License-Identifier: GPL-3.0-or-later
// The hash tree in its file.
#include "flash/tree_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "file/file.hpp"
#include "file/file_error.hpp"
#include "file/space.hpp"

namespace fwr::flash {
namespace {

/// The tree of the largest image has 34 MiB.
constexpr std::uint64_t kTreeLimit_bytes = 64ULL << 20;

}  // namespace

Result<> TreeFile::reserve(std::uint64_t size) {
  if (auto opened = open(O_RDWR | O_CREAT); !opened) return opened;
  if (size == 0) return {};
  return file::reserve(fd_.get(), path_, size, Errc::SlotWriteFailed);
}

Result<> TreeFile::read(std::uint64_t offset, std::span<std::byte> out) {
  if (auto opened = open(O_RDONLY); !opened) {
    if (opened.error().code != Errc::NotFound) return opened;
    std::fill(out.begin(), out.end(), std::byte{0});
    return {};
  }
  if (!file::read_padded(fd_.get(), offset, out))
    return file::failure_as(Errc::StateFailed, "reading " + path_, errno);
  return {};
}

Result<> TreeFile::write(std::uint64_t offset, ByteView bytes) {
  if (offset > kTreeLimit_bytes || bytes.size() > kTreeLimit_bytes - offset)
    return fail(Errc::LimitExceeded,
                "a hash tree of more than " + std::to_string(kTreeLimit_bytes) + " bytes");
  if (auto opened = open(O_RDWR | O_CREAT); !opened) return opened;
  if (!file::write_at(fd_.get(), offset, bytes))
    return file::failure_as(Errc::StateFailed, "writing " + path_, errno);
  return {};
}

/// Errors: NotFound when there is no file and `flags` do not create it.
Result<> TreeFile::open(int flags) {
  const bool writable = (flags & O_ACCMODE) == O_RDWR;
  if (fd_.is_open() && (writable_ || !writable)) return {};
  UniqueFd fd = file::open_own(path_, flags);
  if (!fd.is_open())
    return file::failure_as(errno == ENOENT ? Errc::NotFound : Errc::StateFailed,
                            "opening " + path_, errno);
  fd_ = std::move(fd);
  writable_ = writable;
  return {};
}

}  // namespace fwr::flash
