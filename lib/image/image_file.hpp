// SPDX-License-Identifier: GPL-3.0-or-later
// The digest of an image in a file.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/types.hpp"
#include "image/hash_tree.hpp"

namespace fwr::image {

struct FileDigest {
  std::uint64_t size_bytes = 0;
  Digest digest{};
};
/// Reads the file once; `emit` as TreeBuilder's. Errors: NotFound, NoPermission, IoFailed,
/// BadManifest (empty or too large for an image).
[[nodiscard]] Result<FileDigest> digest_file(const std::string& path, TreeBuilder::Emit emit = {});

}  // namespace fwr::image
