// SPDX-License-Identifier: GPL-3.0-or-later
// Adding to and removing from a catalogue's directory: write, flush, rename, flush.
#include "donor/incoming_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "donor/entry_file.hpp"
#include "file/file_error.hpp"
#include "image/hash_tree.hpp"

namespace fwr::donor {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockFile = ".lock";
constexpr std::string_view kIncomingPrefix = ".incoming-";
constexpr std::string_view kOutgoingPrefix = ".outgoing-";
constexpr mode_t kDirectoryMode = 0755;
constexpr std::size_t kCopy_bytes = 1U << 20;
constexpr std::uint64_t kSmallFiles_bytes = 64U << 10;  // manifest, signature, directory

Result<> remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  while (error == std::errc::interrupted) fs::remove_all(path, error);
  if (error) return file::failure(error.value(), path);
  return {};
}

Result<> move(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0)
    return file::failure(errno, fmt::format("renaming {} to {}", from, to));
  return {};
}

/// Only with the lock: then whatever has such a name was left behind by an interrupted writer.
Result<> remove_leftovers(const std::string& directory) {
  std::error_code error;
  fs::directory_iterator at = file::list_directory(directory, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(kIncomingPrefix) && !name.starts_with(kOutgoingPrefix)) continue;
    if (auto done = remove_tree(at->path().string()); !done) return done;
  }
  if (error) return file::failure(error.value(), directory);
  return {};
}

Result<> check_space(const std::string& directory, std::uint64_t wanted_bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  // A file system without a size, as the initramfs, does not say what is free: writing decides.
  if (error || space.capacity == 0 || space.available >= wanted_bytes) return {};
  return fail(Errc::NoSpace, fmt::format("{}: {} bytes are needed, {} are free", directory,
                                         wanted_bytes, space.available));
}

}  // namespace

Result<file::LockFile> lock_catalogue(const std::string& directory) {
  auto lock = file::LockFile::take(directory + "/" + kLockFile, kWriterPatience);
  if (!lock) return lock;
  if (auto done = remove_leftovers(directory); !done) return tl::unexpected(done.error());
  return lock;
}

Result<Incoming> Incoming::make(const std::string& directory) {
  std::string path = fmt::format("{}/{}XXXXXX", directory, kIncomingPrefix);
  if (::mkdtemp(path.data()) == nullptr) return file::failure(errno, directory);
  Incoming incoming(std::move(path));
  if (::chmod(incoming.path_.c_str(), kDirectoryMode) != 0)
    return file::failure(errno, incoming.path_);
  return incoming;
}

Incoming::Incoming(Incoming&& other) noexcept : path_(std::exchange(other.path_, {})) {}

Incoming::~Incoming() {
  if (path_.empty()) return;
  // What cannot be removed now is a leftover for the next writer.
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Result<> Incoming::copy_image(const std::string& from, const image::Manifest& manifest) {
  const auto source = file::open_regular(from);
  if (!source) return tl::unexpected(source.error());
  if (source->size_bytes != manifest.size_bytes)
    return fail(Errc::DigestMismatch, fmt::format("{} has {} bytes, the manifest says {}", from,
                                                  source->size_bytes, manifest.size_bytes));
  const image::TreeShape shape(manifest.size_bytes);
  if (auto done =
          check_space(path_, manifest.size_bytes + shape.tree_size_bytes() + kSmallFiles_bytes);
      !done)
    return done;

  const std::string image_path = path(kImageFile), tree_path = path(kTreeFile);
  const auto image = file::create(image_path);
  if (!image) return tl::unexpected(image.error());
  const auto tree = file::create(tree_path);
  if (!tree) return tl::unexpected(tree.error());
  image::TreeBuilder builder(manifest.size_bytes, [&](std::uint64_t block, ByteView bytes) {
    return file::write_at(tree->get(), block * image::kBlock_bytes, bytes, tree_path);
  });
  Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kCopy_bytes, manifest.size_bytes)));
  for (std::uint64_t done_bytes = 0; done_bytes < manifest.size_bytes;) {
    const auto chunk = std::span(buffer).first(static_cast<std::size_t>(
        std::min<std::uint64_t>(buffer.size(), manifest.size_bytes - done_bytes)));
    if (auto done = file::read_exactly(source->fd.get(), done_bytes, chunk, from); !done)
      return done;
    if (auto done = builder.add(chunk); !done) return done;
    if (auto done = file::write_at(image->get(), done_bytes, chunk, image_path); !done) return done;
    done_bytes += chunk.size();
  }
  const auto digest = builder.finish();
  if (!digest) return tl::unexpected(digest.error());
  if (*digest != manifest.digest)
    return fail(Errc::DigestMismatch,
                fmt::format("{} has the digest {}, the manifest says {}", from, to_text(*digest),
                            to_text(manifest.digest)));
  if (auto done = file::flush(image->get(), image_path); !done) return done;
  return file::flush(tree->get(), tree_path);
}

Result<> Incoming::publish(const std::string& directory, const std::string& name) {
  if (auto done = file::sync_directory(path_); !done) return done;
  const std::string place = directory + "/" + name;
  std::error_code error;
  if (fs::exists(fs::symlink_status(place, error)))
    if (auto done = withdraw_directory(directory, name); !done) return done;
  if (auto done = move(path_, place); !done) return done;
  path_.clear();
  return file::sync_directory(directory);
}

Result<> withdraw_directory(const std::string& directory, const std::string& name) {
  const std::string away = fmt::format("{}/{}{}", directory, kOutgoingPrefix, name);
  if (auto done = move(directory + "/" + name, away); !done) return done;
  if (auto done = file::sync_directory(directory); !done) return done;
  return remove_tree(away);
}

}  // namespace fwr::donor
