// SPDX-License-Identifier: GPL-3.0-or-later
// Reading an image file into a hash tree.
#include "image/image_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/again.hpp"
#include "base/file_kind.hpp"
#include "base/unique_fd.hpp"
#include "image/manifest.hpp"

namespace fwr::image {
namespace {

constexpr std::size_t kChunk_bytes = 1U << 20;

tl::unexpected<Error> file_error(const std::string& path) {
  const int error = errno;
  if (error == ENXIO) return fail(Errc::IoFailed, not_regular(path, kCannotBeOpened));
  const bool absent = error == ENOENT || error == ENOTDIR || error == ELOOP;
  const Errc code = absent ? Errc::NotFound : error == EACCES ? Errc::NoPermission : Errc::IoFailed;
  return fail(code, fmt::format("{}: {}", path, std::strerror(error)));
}

}  // namespace

Result<FileDigest> digest_file(const std::string& path, TreeBuilder::Emit emit) {
  const UniqueFd fd(
      again([&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); }));
  if (!fd.is_open()) return file_error(path);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return file_error(path);
  if (!S_ISREG(status.st_mode))
    return fail(Errc::IoFailed, not_regular(path, kind_of_file(status.st_mode)));
  FileDigest result;
  result.size_bytes = static_cast<std::uint64_t>(status.st_size);
  if (result.size_bytes == 0 || result.size_bytes > kImageLimit_bytes)
    return fail(Errc::BadManifest, fmt::format("{}: an image has 1 to {} bytes, and this has {}",
                                               path, kImageLimit_bytes, result.size_bytes));
  TreeBuilder builder(result.size_bytes, std::move(emit));
  Bytes chunk(kChunk_bytes);
  while (true) {
    const ssize_t count = again([&] { return read(fd.get(), chunk.data(), chunk.size()); });
    if (count < 0) return file_error(path);
    if (count == 0) break;
    if (auto done = builder.add(ByteView(chunk).first(static_cast<std::size_t>(count))); !done)
      return tl::unexpected(done.error());
  }
  auto digest = builder.finish();
  if (!digest) return tl::unexpected(digest.error());
  result.digest = *digest;
  return result;
}

}  // namespace fwr::image
