// SPDX-License-Identifier: GPL-3.0-or-later
// Reading an image file into a hash tree.
#include "image/image_file.hpp"

#include <fmt/format.h>

#include "file/file.hpp"
#include "file/file_error.hpp"
#include "image/manifest.hpp"

namespace fwr::image {
namespace {

constexpr std::size_t kChunk_bytes = 1U << 20;

}  // namespace

Result<FileDigest> digest_file(const std::string& path, TreeBuilder::Emit emit) {
  const auto file = file::open_regular(path);
  if (!file) return tl::unexpected(file.error());
  FileDigest result;
  result.size_bytes = file->size_bytes;
  if (result.size_bytes == 0 || result.size_bytes > kImageLimit_bytes)
    return fail(Errc::BadManifest, fmt::format("{}: an image has 1 to {} bytes, and this has {}",
                                               path, kImageLimit_bytes, result.size_bytes));
  TreeBuilder builder(result.size_bytes, std::move(emit));
  Bytes chunk(kChunk_bytes);
  while (true) {
    const auto count = file::read_stream(file->fd.get(), path, chunk);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) break;
    if (auto done = builder.add(ByteView(chunk).first(*count)); !done)
      return tl::unexpected(done.error());
  }
  auto digest = builder.finish();
  if (!digest) return tl::unexpected(digest.error());
  result.digest = *digest;
  return result;
}

}  // namespace fwr::image
