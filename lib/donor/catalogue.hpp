// SPDX-License-Identifier: GPL-3.0-or-later
// A donor's catalogue: signed manifests with their images and trees. The interface; the directory
// is in catalogue_file.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/types.hpp"
#include "image/manifest.hpp"
#include "image/signature.hpp"

namespace fwr::donor {

inline constexpr std::size_t kCatalogueLimit = 256;  // PROTOCOL §8.2

struct Entry {
  image::Manifest manifest;
  std::string manifest_json;  ///< exactly the signed bytes
  std::string signature;      ///< minisign text
};

/// What the donor machine reads. Reads are complete when they return.
class Catalogue {
 public:
  virtual ~Catalogue() = default;
  [[nodiscard]] virtual std::span<const Entry> entries() const = 0;
  /// Errors: IoFailed, NotFound, NoPermission. `out` is filled wholly: the caller stays inside the
  /// size.
  [[nodiscard]] virtual Result<> read_image(const Digest& digest, std::uint64_t offset,
                                            std::span<std::byte> out) = 0;
  [[nodiscard]] virtual Result<> read_tree(const Digest& digest, std::uint64_t offset,
                                           std::span<std::byte> out) = 0;
};

[[nodiscard]] const Entry* find(const Catalogue& catalogue, const Digest& digest);
/// PROTOCOL §5.2, §7.2: by a clock that is set, and later than the manifest was made.
[[nodiscard]] bool has_expired(const image::Manifest& manifest,
                               std::optional<std::int64_t> wall_clock);

/// What a recipient asks for.
struct Wish {
  Platform platform;
  Digest after{};  ///< the image that it was offered last; zeros: it wants the best
  std::optional<std::int64_t> wall_clock =
      std::nullopt;  ///< of the donor: what expired is left out
};
/// PROTOCOL §5.2: highest security version, then version, then creation time. Null: nothing (more).
[[nodiscard]] const Entry* next_for(const Catalogue& catalogue, const Wish& wish);

/// An image that is read again and compared with its manifest, a part at a time.
class ContentCheck {
 public:
  virtual ~ContentCheck() = default;
  /// True: all of it was read, and it is what the manifest says. Errors: DigestMismatch, IoFailed.
  [[nodiscard]] virtual Result<bool> step() = 0;
};

struct Added {
  Digest digest{};
  bool was_there = false;  ///< the same, so that nothing changed
};

/// A directory with one sub-directory an image, named by its digest: manifest.json,
/// manifest.json.minisig, image, tree.
class DirectoryCatalogue final : public Catalogue {
 public:
  /// Reads and verifies every manifest; an entry that is broken or not signed by a trusted key is
  /// left out and named in problems().
  [[nodiscard]] static Result<std::unique_ptr<DirectoryCatalogue>> open(
      const std::string& directory, std::vector<image::PublicKey> trusted);
  /// An empty one. Not an error when there is one already.
  [[nodiscard]] static Result<> create(const std::string& directory);
  ~DirectoryCatalogue() override;

  [[nodiscard]] std::span<const Entry> entries() const override;
  [[nodiscard]] Result<> read_image(const Digest& digest, std::uint64_t offset,
                                    std::span<std::byte> out) override;
  [[nodiscard]] Result<> read_tree(const Digest& digest, std::uint64_t offset,
                                   std::span<std::byte> out) override;
  [[nodiscard]] const std::vector<Error>& problems() const;
  /// Names in the directory that are no images and never were, such as a README: left alone.
  [[nodiscard]] const std::vector<std::string>& foreign() const;

  /// Verifies signature and digest, builds the tree, copies the image in; atomic: a directory
  /// appears whole or not at all. Errors: AlreadyExists for the same image with another manifest
  /// or key.
  [[nodiscard]] Result<Added> add(const std::string& image_path, const std::string& manifest_path,
                                  const std::string& signature_path);
  [[nodiscard]] Result<> remove(const Digest& digest);
  /// Reads the image again and compares it and its tree with the manifest.
  [[nodiscard]] Result<> verify(const Digest& digest) const;
  /// The same in steps, for one who has other things to do. It does not outlive this.
  [[nodiscard]] Result<std::unique_ptr<ContentCheck>> begin_check(const Digest& digest) const;
  /// Not offered any more, until the next open(); the files stay. `why` joins problems().
  [[nodiscard]] Result<> set_aside(const Digest& digest, Error why);

 private:
  DirectoryCatalogue();
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::donor
