// SPDX-License-Identifier: GPL-3.0-or-later
// Opening, reading and changing a catalogue in a directory, in this order.
#include "donor/catalogue_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "donor/incoming_file.hpp"
#include "file/file.hpp"
#include "file/file_error.hpp"
#include "image/image_file.hpp"

namespace fwr::donor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kOpenImages = 32;  // two descriptors each
constexpr mode_t kDirectoryMode = 0755;
/// Every file system of ext has such a directory at its top.
constexpr std::string_view kLostAndFound = "lost+found";

bool is_entry_name(const std::string& name) {
  const auto digest = parse_digest(name);
  return digest && to_text(*digest) == name;
}

}  // namespace

// --- opening -------------------------------------------------------------------------------------

Result<> DirectoryCatalogue::create(const std::string& directory) {
  if (::mkdir(directory.c_str(), kDirectoryMode) != 0)
    return errno == EEXIST ? Result<>() : file::failure(errno, directory);
  // The mode does not depend on the umask of the user that adds the first image, because the daemon
  // may be another user. A directory that was there before keeps its mode.
  const UniqueFd made = file::open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!made.is_open() || ::fchmod(made.get(), kDirectoryMode) != 0)
    return file::failure(errno, directory);
  // Its own name is flushed too, unless the directory around it may not be read.
  const UniqueFd around = file::open(directory + "/..", O_RDONLY | O_DIRECTORY);
  return around.is_open() ? file::flush(around.get(), directory) : Result<>();
}

Result<std::unique_ptr<DirectoryCatalogue>> DirectoryCatalogue::open(
    const std::string& directory, std::vector<image::PublicKey> trusted) {
  std::unique_ptr<DirectoryCatalogue> catalogue(
      new DirectoryCatalogue(directory, std::move(trusted)));
  if (auto done = catalogue->load(); !done) return tl::unexpected(done.error());
  return catalogue;
}

Result<> DirectoryCatalogue::load() {
  std::error_code error;
  fs::directory_iterator at = file::list_directory(directory_, error);
  std::vector<std::string> names;
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::string name = at->path().filename().string();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (error.value() == ENOENT)
    return fail(Errc::NotFound, fmt::format("there is no catalogue yet: {}", directory_),
                MissingCatalogue{});
  if (error) return file::failure(error.value(), directory_);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (entries_.size() == kCatalogueLimit) {
      problems_.push_back({Errc::LimitExceeded,
                           fmt::format("{} has more than {} images: {} and what follows are left "
                                       "out",
                                       directory_, kCatalogueLimit, name)});
      break;
    }
    if (!is_entry_name(name)) {
      if (name != kLostAndFound) foreign_.push_back(name);
      continue;
    }
    auto entry = check(name);
    if (entry)
      insert(std::move(*entry));
    else
      problems_.push_back(std::move(entry.error()));
  }
  return {};
}

/// Checks everything about an entry that can be known without reading its image.
Result<Entry> DirectoryCatalogue::check(const std::string& name) const {
  const std::string base = directory_ + "/" + name;
  const auto digest = parse_digest(name);
  if (!digest) return tl::unexpected(digest.error());
  auto entry = read_entry_of(base, trusted_);
  if (!entry) return entry;
  if (entry->manifest.digest != *digest)
    return fail(Errc::DigestMismatch, fmt::format("{}: its manifest is of image {}", base,
                                                  to_text(entry->manifest.digest)));
  const auto files = open_entry_files(base, entry->manifest);
  if (!files) return tl::unexpected(files.error());
  return entry;
}

// --- reading -------------------------------------------------------------------------------------

Result<> DirectoryCatalogue::read_image(const Digest& digest, std::uint64_t offset,
                                        std::span<std::byte> out) {
  const auto open = files(digest);
  if (!open) return tl::unexpected(open.error());
  return file::read_exactly((*open)->image.get(), offset, out, (*open)->image_path);
}

Result<> DirectoryCatalogue::read_tree(const Digest& digest, std::uint64_t offset,
                                       std::span<std::byte> out) {
  const auto open = files(digest);
  if (!open) return tl::unexpected(open.error());
  return file::read_exactly((*open)->tree.get(), offset, out, (*open)->tree_path);
}

/// Open descriptors, at most kOpenImages pairs: the least recently used pair is closed.
Result<EntryFiles*> DirectoryCatalogue::files(const Digest& digest) {
  const auto at = index(digest);
  if (!at) return tl::unexpected(at.error());
  Open& wanted = open_[*at];
  wanted.last_use = ++uses_;
  if (wanted.files.image.is_open()) return &wanted.files;
  if (open_images_ == kOpenImages) {
    const auto age = [](const Open& open) {
      return std::pair(!open.files.image.is_open(), open.last_use);  // closed ones last
    };
    const auto older = [&](const Open& a, const Open& b) { return age(a) < age(b); };
    *std::min_element(open_.begin(), open_.end(), older) = Open{};
    --open_images_;
  }
  auto opened = open_entry_files(directory_of(digest), entries_[*at].manifest);
  if (!opened) return tl::unexpected(opened.error());
  wanted.files = *std::move(opened);
  ++open_images_;
  return &wanted.files;
}

Result<std::unique_ptr<ContentCheck>> DirectoryCatalogue::begin_check(const Digest& digest) const {
  const auto at = index(digest);
  if (!at) return tl::unexpected(at.error());
  const image::Manifest& manifest = entries_[*at].manifest;
  // Opened anew, because the names may lead to other files than the open ones since.
  auto files = open_entry_files(directory_of(digest), manifest);
  if (!files) return tl::unexpected(files.error());
  return check_content(manifest, *std::move(files));
}

Result<> DirectoryCatalogue::verify(const Digest& digest) const {
  const auto check = begin_check(digest);
  if (!check) return tl::unexpected(check.error());
  for (;;) {
    const auto done = (*check)->step();
    if (!done) return tl::unexpected(done.error());
    if (*done) return {};
  }
}

// --- changing ------------------------------------------------------------------------------------

Result<Added> DirectoryCatalogue::add(const std::string& image_path,
                                      const std::string& manifest_path,
                                      const std::string& signature_path) {
  auto entry = read_entry(manifest_path, signature_path, trusted_);
  if (!entry) return tl::unexpected(entry.error());
  const Digest digest = entry->manifest.digest;
  const std::string name = to_text(digest);
  const auto lock = lock_catalogue(directory_);
  if (!lock) return tl::unexpected(lock.error());
  // Another writer may have added it since open(). A broken entry is replaced.
  if (const auto there = check(name)) {
    if (auto same = compare(*entry, *there, image_path); !same) return tl::unexpected(same.error());
    if (!index(digest)) insert(*there);
    return Added{digest, true};
  }
  if (entries_.size() >= kCatalogueLimit)
    return fail(Errc::LimitExceeded,
                fmt::format("{} has {} images already", directory_, kCatalogueLimit));
  auto incoming = Incoming::make(directory_);
  if (!incoming) return tl::unexpected(incoming.error());
  if (auto done = incoming->copy_image(image_path, entry->manifest); !done)
    return tl::unexpected(done.error());
  if (auto done = file::write_new(incoming->path(kManifestFile), as_bytes(entry->manifest_json));
      !done)
    return tl::unexpected(done.error());
  if (auto done = file::write_new(incoming->path(kSignatureFile), as_bytes(entry->signature));
      !done)
    return tl::unexpected(done.error());
  if (auto done = incoming->publish(directory_, name); !done) return tl::unexpected(done.error());
  if (!index(digest)) insert(std::move(*entry));
  return Added{digest};
}

/// Adding an entry that is there changes nothing, unless its manifest or its key differs: then it
/// is an error. Errors: AlreadyExists, and those of the image.
Result<> DirectoryCatalogue::compare(const Entry& entry, const Entry& there,
                                     const std::string& image_path) const {
  const auto differs = [&](std::string_view what) {
    return fail(Errc::AlreadyExists, fmt::format("image {} in {}, with {}",
                                                 to_text(there.manifest.digest), directory_, what));
  };
  if (entry.manifest_json != there.manifest_json) return differs("another manifest");
  if (image::signing_key(entry.signature) != image::signing_key(there.signature))
    return differs("the signature of another key");
  const auto found = image::digest_file(image_path);
  if (!found) return tl::unexpected(found.error());
  if (found->digest != entry.manifest.digest)
    return fail(Errc::DigestMismatch,
                fmt::format("{} has the digest {}, its manifest says {}", image_path,
                            to_text(found->digest), to_text(entry.manifest.digest)));
  return {};
}

Result<> DirectoryCatalogue::remove(const Digest& digest) {
  const auto lock = lock_catalogue(directory_);
  if (!lock) return tl::unexpected(lock.error());
  if (auto done = withdraw_directory(directory_, to_text(digest)); !done) return done;
  const auto at = index(digest);
  if (!at) return {};
  erase(*at);
  return {};
}

Result<> DirectoryCatalogue::set_aside(const Digest& digest, Error why) {
  const auto at = index(digest);
  if (!at) return tl::unexpected(at.error());
  erase(*at);
  problems_.push_back(std::move(why));
  return {};
}

// --- the entries ---------------------------------------------------------------------------------

std::string DirectoryCatalogue::directory_of(const Digest& digest) const {
  return fmt::format("{}/{}", directory_, to_text(digest));
}

std::size_t DirectoryCatalogue::place(const Digest& digest) const {
  const auto at = std::lower_bound(
      entries_.begin(), entries_.end(), digest,
      [](const Entry& entry, const Digest& wanted) { return entry.manifest.digest < wanted; });
  return static_cast<std::size_t>(at - entries_.begin());
}

Result<std::size_t> DirectoryCatalogue::index(const Digest& digest) const {
  const std::size_t at = place(digest);
  if (at == entries_.size() || entries_[at].manifest.digest != digest)
    return fail(Errc::NotFound, fmt::format("image {} in {}", to_text(digest), directory_));
  return at;
}

void DirectoryCatalogue::insert(Entry entry) {
  const auto at = static_cast<std::ptrdiff_t>(place(entry.manifest.digest));
  entries_.insert(entries_.begin() + at, std::move(entry));
  open_.insert(open_.begin() + at, Open{});
}

void DirectoryCatalogue::erase(std::size_t at) {
  const auto step = static_cast<std::ptrdiff_t>(at);
  if (open_[at].files.image.is_open()) --open_images_;
  entries_.erase(entries_.begin() + step);
  open_.erase(open_.begin() + step);
}

}  // namespace fwr::donor
