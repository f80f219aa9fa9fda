// SPDX-License-Identifier: GPL-3.0-or-later
// Reads, opens and checks the files of an entry.
#include "donor/entry_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "file/file.hpp"
#include "file/file_error.hpp"
#include "image/hash_tree.hpp"

namespace fwr::donor {
namespace {

constexpr std::size_t kCheckStep_bytes = 256U << 10;

/// How a file is opened, by its path.
using Opener = std::function<Result<file::OpenFile>(const std::string& path)>;

/// Opens a file in the directory of an entry.
Result<file::OpenFile> open_of_entry(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return file::open_in(path.substr(0, slash), path.substr(slash + 1));
}

Result<std::string> read_text(const Opener& open, const std::string& path,
                              std::size_t limit_bytes) {
  const auto file = open(path);
  if (!file) return tl::unexpected(file.error());
  return file::read_text(*file, path, limit_bytes);
}

/// The same error with "<what>: " in front of its detail.
tl::unexpected<Error> within(const std::string& what, Error error) {
  error.detail = error.detail.empty() ? what : fmt::format("{}: {}", what, error.detail);
  return tl::unexpected(std::move(error));
}

Result<Entry> read_with(const Opener& open, const std::string& manifest_path,
                        const std::string& signature_path,
                        std::span<const image::PublicKey> trusted) {
  auto json = read_text(open, manifest_path, image::kManifestLimit_bytes);
  if (!json) return tl::unexpected(json.error());
  auto signature = read_text(open, signature_path, image::kSignatureLimit_bytes);
  if (!signature) return tl::unexpected(signature.error());
  if (auto good = image::verify_signature(as_bytes(*json), *signature, trusted); !good)
    return within(signature_path, good.error());
  auto manifest = image::parse_manifest(*json);
  if (!manifest) return within(manifest_path, manifest.error());
  return Entry{std::move(*manifest), std::move(*json),
               std::string(image::plain_signature(*signature))};
}

Result<file::OpenFile> open_sized(const std::string& path, std::uint64_t size_bytes) {
  auto file = open_of_entry(path);
  if (file && file->size_bytes != size_bytes)
    return fail(Errc::IoFailed, fmt::format("{} has {} bytes, its manifest says {}", path,
                                            file->size_bytes, size_bytes));
  return file;
}

class FilesCheck final : public ContentCheck {
 public:
  FilesCheck(const image::Manifest& manifest, EntryFiles files)
      : digest_(manifest.digest),
        size_bytes_(manifest.size_bytes),
        files_(std::move(files)),
        stored_(image::kBlock_bytes),
        buffer_(kCheckStep_bytes),
        builder_(manifest.size_bytes, [this](std::uint64_t block, ByteView bytes) {
          return compare_tree(block, bytes);
        }) {}

  [[nodiscard]] Result<bool> step() override;

 private:
  Result<> compare_tree(std::uint64_t block, ByteView bytes) {
    auto done = file::read_exactly(files_.tree.get(), block * image::kBlock_bytes, stored_,
                                   files_.tree_path);
    if (done && !std::equal(stored_.begin(), stored_.end(), bytes.begin(), bytes.end()))
      wrong_tree_block_ = std::min(block, wrong_tree_block_.value_or(block));
    return done;
  }

  Digest digest_;
  std::uint64_t size_bytes_;
  EntryFiles files_;
  std::uint64_t read_bytes_ = 0;
  std::optional<std::uint64_t> wrong_tree_block_;
  Bytes stored_;
  Bytes buffer_;
  image::TreeBuilder builder_;
};

Result<bool> FilesCheck::step() {
  const auto chunk = std::span(buffer_).first(
      static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), size_bytes_ - read_bytes_)));
  if (auto done = file::read_exactly(files_.image.get(), read_bytes_, chunk, files_.image_path);
      !done)
    return tl::unexpected(done.error());
  if (auto done = builder_.add(chunk); !done) return tl::unexpected(done.error());
  read_bytes_ += chunk.size();
  if (read_bytes_ < size_bytes_) return false;
  const auto found = builder_.finish();
  if (!found) return tl::unexpected(found.error());
  if (*found != digest_)
    return fail(Errc::DigestMismatch,
                fmt::format("{} has the digest {} now", files_.image_path, to_text(*found)));
  if (wrong_tree_block_)
    return fail(Errc::DigestMismatch, fmt::format("{}, block {}: not the hashes of its image",
                                                  files_.tree_path, *wrong_tree_block_));
  return true;
}

}  // namespace

Result<Entry> read_entry(const std::string& manifest_path, const std::string& signature_path,
                         std::span<const image::PublicKey> trusted) {
  return read_with(file::open_regular, manifest_path, signature_path, trusted);
}

Result<Entry> read_entry_of(const std::string& directory,
                            std::span<const image::PublicKey> trusted) {
  return read_with(open_of_entry, fmt::format("{}/{}", directory, kManifestFile),
                   fmt::format("{}/{}", directory, kSignatureFile), trusted);
}

Result<EntryFiles> open_entry_files(const std::string& directory, const image::Manifest& manifest) {
  EntryFiles files;
  files.image_path = fmt::format("{}/{}", directory, kImageFile);
  auto image = open_sized(files.image_path, manifest.size_bytes);
  if (!image) return tl::unexpected(image.error());
  files.tree_path = fmt::format("{}/{}", directory, kTreeFile);
  auto tree = open_sized(files.tree_path, image::TreeShape(manifest.size_bytes).tree_size_bytes());
  if (!tree) return tl::unexpected(tree.error());
  files.image = std::move(image->fd);
  files.tree = std::move(tree->fd);
  return files;
}

std::unique_ptr<ContentCheck> check_content(const image::Manifest& manifest, EntryFiles files) {
  return std::make_unique<FilesCheck>(manifest, std::move(files));
}

}  // namespace fwr::donor
