// SPDX-License-Identifier: GPL-3.0-or-later
// A catalogue in a directory.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include "donor/catalogue.hpp"
#include "donor/incoming_file.hpp"
#include "file/file.hpp"
#include "file/file_error.hpp"
#include "image/hash_tree.hpp"
#include "image/image_file.hpp"

namespace fwr::donor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kOpenImages = 32;  // two descriptors each
constexpr std::size_t kCheckStep_bytes = 256U << 10;
constexpr mode_t kDirectoryMode = 0755;

/// How a file is opened, by its path.
using Opener = std::function<Result<file::OpenFile>(const std::string& path)>;

/// Of an entry of the catalogue.
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

/// A manifest whose signature is right and trusted. Nothing of the image is looked at.
Result<Entry> read_entry(const Opener& open, const std::string& manifest_path,
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

/// Every file system of ext has such a directory at its top.
constexpr std::string_view kLostAndFound = "lost+found";

bool is_entry_name(const std::string& name) {
  const auto digest = parse_digest(name);
  return digest && to_text(*digest) == name;
}

Result<file::OpenFile> open_sized(const std::string& path, std::uint64_t size_bytes) {
  auto file = open_of_entry(path);
  if (file && file->size_bytes != size_bytes)
    return fail(Errc::IoFailed, fmt::format("{} has {} bytes, its manifest says {}", path,
                                            file->size_bytes, size_bytes));
  return file;
}

struct Files {
  UniqueFd image;
  UniqueFd tree;
  std::string image_path;
  std::string tree_path;
  std::uint64_t last_use = 0;
};

class DirectoryCheck final : public ContentCheck {
 public:
  explicit DirectoryCheck(const image::Manifest& manifest)
      : digest_(manifest.digest),
        size_bytes_(manifest.size_bytes),
        stored_(image::kBlock_bytes),
        buffer_(kCheckStep_bytes),
        builder_(manifest.size_bytes, [this](std::uint64_t block, ByteView bytes) {
          return compare_tree(block, bytes);
        }) {}

  /// Not the open ones of the catalogue: the names may lead to other files since.
  [[nodiscard]] Files& files() { return files_; }
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
  std::uint64_t read_bytes_ = 0;
  Files files_;
  std::optional<std::uint64_t> wrong_tree_block_;
  Bytes stored_;
  Bytes buffer_;
  image::TreeBuilder builder_;
};

Result<bool> DirectoryCheck::step() {
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

class DirectoryCatalogue::Impl {
 public:
  Impl(std::string directory, std::vector<image::PublicKey> trusted)
      : directory_(std::move(directory)), trusted_(std::move(trusted)) {}

  Result<> load();
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
  [[nodiscard]] const std::vector<Error>& problems() const { return problems_; }
  [[nodiscard]] const std::vector<std::string>& foreign() const { return foreign_; }
  Result<> read_image(const Digest& digest, std::uint64_t offset, std::span<std::byte> out);
  Result<> read_tree(const Digest& digest, std::uint64_t offset, std::span<std::byte> out);
  Result<Added> add(const std::string& image_path, const std::string& manifest_path,
                    const std::string& signature_path);
  Result<> remove(const Digest& digest);
  Result<> verify(const Digest& digest) const;
  Result<std::unique_ptr<ContentCheck>> begin_check(const Digest& digest) const;
  Result<> set_aside(const Digest& digest, Error why);

 private:
  [[nodiscard]] std::string path(const Digest& digest, const char* file) const {
    return fmt::format("{}/{}/{}", directory_, to_text(digest), file);
  }
  /// Where an entry is, or would be: they are in the order of their digests.
  [[nodiscard]] std::size_t place(const Digest& digest) const;
  [[nodiscard]] Result<std::size_t> index(const Digest& digest) const;
  Result<Entry> check(const std::string& name) const;
  Result<> compare(const Entry& entry, const Entry& there, const std::string& image_path) const;
  Result<> open_files(const Entry& entry, Files& files) const;
  Result<Files*> files(const Digest& digest);
  void insert(Entry entry);
  void erase(std::size_t at);

  std::string directory_;
  std::vector<image::PublicKey> trusted_;
  std::vector<Entry> entries_;
  std::vector<Files> files_;  // of the entry with the same index
  std::size_t open_images_ = 0;
  std::uint64_t uses_ = 0;
  std::vector<Error> problems_;
  std::vector<std::string> foreign_;
};

std::size_t DirectoryCatalogue::Impl::place(const Digest& digest) const {
  const auto at = std::lower_bound(
      entries_.begin(), entries_.end(), digest,
      [](const Entry& entry, const Digest& wanted) { return entry.manifest.digest < wanted; });
  return static_cast<std::size_t>(at - entries_.begin());
}

Result<std::size_t> DirectoryCatalogue::Impl::index(const Digest& digest) const {
  const std::size_t at = place(digest);
  if (at == entries_.size() || entries_[at].manifest.digest != digest)
    return fail(Errc::NotFound, fmt::format("image {} in {}", to_text(digest), directory_));
  return at;
}

void DirectoryCatalogue::Impl::insert(Entry entry) {
  const auto at = static_cast<std::ptrdiff_t>(place(entry.manifest.digest));
  entries_.insert(entries_.begin() + at, std::move(entry));
  files_.insert(files_.begin() + at, Files{});
}

Result<> DirectoryCatalogue::Impl::load() {
  std::error_code error;
  fs::directory_iterator at = file::list_directory(directory_, error);
  std::vector<std::string> names;
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::string name = at->path().filename().string();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (error.value() == ENOENT)
    return fail(Errc::NotFound, fmt::format("there is no catalogue yet: {}", directory_));
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

/// Everything about a directory that can be known without reading the image.
Result<Entry> DirectoryCatalogue::Impl::check(const std::string& name) const {
  const std::string base = directory_ + "/" + name;
  const auto digest = parse_digest(name);
  if (!digest) return tl::unexpected(digest.error());
  auto entry = read_entry(open_of_entry, path(*digest, kManifestFile),
                          path(*digest, kSignatureFile), trusted_);
  if (!entry) return entry;
  if (entry->manifest.digest != *digest)
    return fail(Errc::DigestMismatch, fmt::format("{}: its manifest is of image {}", base,
                                                  to_text(entry->manifest.digest)));
  Files files;
  if (auto done = open_files(*entry, files); !done) return tl::unexpected(done.error());
  return entry;
}

Result<> DirectoryCatalogue::Impl::open_files(const Entry& entry, Files& files) const {
  const image::Manifest& manifest = entry.manifest;
  files.image_path = path(manifest.digest, kImageFile);
  auto image = open_sized(files.image_path, manifest.size_bytes);
  if (!image) return tl::unexpected(image.error());
  files.tree_path = path(manifest.digest, kTreeFile);
  auto tree = open_sized(files.tree_path, image::TreeShape(manifest.size_bytes).tree_size_bytes());
  if (!tree) return tl::unexpected(tree.error());
  files.image = std::move(image->fd);
  files.tree = std::move(tree->fd);
  return {};
}

/// Open descriptors, at most kOpenImages pairs: the least recently used pair goes.
Result<Files*> DirectoryCatalogue::Impl::files(const Digest& digest) {
  const auto at = index(digest);
  if (!at) return tl::unexpected(at.error());
  Files& wanted = files_[*at];
  wanted.last_use = ++uses_;
  if (wanted.image.is_open()) return &wanted;
  if (open_images_ == kOpenImages) {
    // Closed ones last.
    const auto age = [](const Files& files) {
      return std::pair(!files.image.is_open(), files.last_use);
    };
    const auto older = [&](const Files& a, const Files& b) { return age(a) < age(b); };
    *std::min_element(files_.begin(), files_.end(), older) = Files{};
    --open_images_;
  }
  if (auto done = open_files(entries_[*at], wanted); !done) return tl::unexpected(done.error());
  ++open_images_;
  return &wanted;
}

Result<> DirectoryCatalogue::Impl::read_image(const Digest& digest, std::uint64_t offset,
                                              std::span<std::byte> out) {
  const auto open = files(digest);
  if (!open) return tl::unexpected(open.error());
  return file::read_exactly((*open)->image.get(), offset, out, (*open)->image_path);
}

Result<> DirectoryCatalogue::Impl::read_tree(const Digest& digest, std::uint64_t offset,
                                             std::span<std::byte> out) {
  const auto open = files(digest);
  if (!open) return tl::unexpected(open.error());
  return file::read_exactly((*open)->tree.get(), offset, out, (*open)->tree_path);
}

/// What is there already is added once more without a change; another manifest or another key is
/// one. Errors: AlreadyExists, and those of the image.
Result<> DirectoryCatalogue::Impl::compare(const Entry& entry, const Entry& there,
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

Result<Added> DirectoryCatalogue::Impl::add(const std::string& image_path,
                                            const std::string& manifest_path,
                                            const std::string& signature_path) {
  auto entry = read_entry(file::open_regular, manifest_path, signature_path, trusted_);
  if (!entry) return tl::unexpected(entry.error());
  const Digest digest = entry->manifest.digest;
  const std::string name = to_text(digest);
  const auto lock = lock_catalogue(directory_);
  if (!lock) return tl::unexpected(lock.error());
  // Another writer may have been here since open(); what is there but broken is replaced.
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

Result<> DirectoryCatalogue::Impl::remove(const Digest& digest) {
  const auto lock = lock_catalogue(directory_);
  if (!lock) return tl::unexpected(lock.error());
  if (auto done = withdraw_directory(directory_, to_text(digest)); !done) return done;
  const auto at = index(digest);
  if (!at) return {};
  erase(*at);
  return {};
}

void DirectoryCatalogue::Impl::erase(std::size_t at) {
  const auto step = static_cast<std::ptrdiff_t>(at);
  if (files_[at].image.is_open()) --open_images_;
  entries_.erase(entries_.begin() + step);
  files_.erase(files_.begin() + step);
}

Result<std::unique_ptr<ContentCheck>> DirectoryCatalogue::Impl::begin_check(
    const Digest& digest) const {
  const auto at = index(digest);
  if (!at) return tl::unexpected(at.error());
  auto check = std::make_unique<DirectoryCheck>(entries_[*at].manifest);
  if (auto done = open_files(entries_[*at], check->files()); !done)
    return tl::unexpected(done.error());
  return check;
}

Result<> DirectoryCatalogue::Impl::set_aside(const Digest& digest, Error why) {
  const auto at = index(digest);
  if (!at) return tl::unexpected(at.error());
  erase(*at);
  problems_.push_back(std::move(why));
  return {};
}

Result<> DirectoryCatalogue::Impl::verify(const Digest& digest) const {
  const auto check = begin_check(digest);
  if (!check) return tl::unexpected(check.error());
  for (;;) {
    const auto done = (*check)->step();
    if (!done) return tl::unexpected(done.error());
    if (*done) return {};
  }
}

// --- DirectoryCatalogue --------------------------------------------------------------------------

DirectoryCatalogue::DirectoryCatalogue() = default;
DirectoryCatalogue::~DirectoryCatalogue() = default;

Result<> DirectoryCatalogue::create(const std::string& directory) {
  if (::mkdir(directory.c_str(), kDirectoryMode) != 0)
    return errno == EEXIST ? Result<>() : file::failure(errno, directory);
  // Whatever the umask of who adds the first image: the daemon may be another user. What was there
  // before has the mode that somebody gave it.
  const UniqueFd made = file::open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!made.is_open() || ::fchmod(made.get(), kDirectoryMode) != 0)
    return file::failure(errno, directory);
  // Its own name is flushed as well as what will be in it; what may not be read cannot be.
  const UniqueFd around = file::open(directory + "/..", O_RDONLY | O_DIRECTORY);
  return around.is_open() ? file::flush(around.get(), directory) : Result<>();
}

Result<std::unique_ptr<DirectoryCatalogue>> DirectoryCatalogue::open(
    const std::string& directory, std::vector<image::PublicKey> trusted) {
  std::unique_ptr<DirectoryCatalogue> catalogue(new DirectoryCatalogue);
  catalogue->impl_ = std::make_unique<Impl>(directory, std::move(trusted));
  if (auto done = catalogue->impl_->load(); !done) return tl::unexpected(done.error());
  return catalogue;
}

std::span<const Entry> DirectoryCatalogue::entries() const {
  return impl_->entries();
}
const std::vector<Error>& DirectoryCatalogue::problems() const {
  return impl_->problems();
}
const std::vector<std::string>& DirectoryCatalogue::foreign() const {
  return impl_->foreign();
}
Result<> DirectoryCatalogue::read_image(const Digest& digest, std::uint64_t offset,
                                        std::span<std::byte> out) {
  return impl_->read_image(digest, offset, out);
}
Result<> DirectoryCatalogue::read_tree(const Digest& digest, std::uint64_t offset,
                                       std::span<std::byte> out) {
  return impl_->read_tree(digest, offset, out);
}
Result<Added> DirectoryCatalogue::add(const std::string& image_path,
                                      const std::string& manifest_path,
                                      const std::string& signature_path) {
  return impl_->add(image_path, manifest_path, signature_path);
}
Result<> DirectoryCatalogue::remove(const Digest& digest) {
  return impl_->remove(digest);
}
Result<> DirectoryCatalogue::verify(const Digest& digest) const {
  return impl_->verify(digest);
}
Result<std::unique_ptr<ContentCheck>> DirectoryCatalogue::begin_check(const Digest& digest) const {
  return impl_->begin_check(digest);
}
Result<> DirectoryCatalogue::set_aside(const Digest& digest, Error why) {
  return impl_->set_aside(digest, std::move(why));
}

}  // namespace fwr::donor
