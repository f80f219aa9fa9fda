// SPDX-License-Identifier: GPL-3.0-or-later
// A catalogue in a directory: opened and verified once, then read, and changed by one writer at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "donor/catalogue.hpp"
#include "donor/entry_file.hpp"
#include "image/signature.hpp"

namespace fwr::donor {

struct Added {
  Digest digest{};
  bool was_there = false;  ///< the same entry was there; nothing changed
};

/// A directory with one sub-directory an image, named by its digest: manifest.json,
/// manifest.json.minisig, image, tree.
class DirectoryCatalogue final : public Catalogue {
 public:
  /// Reads and verifies every manifest; an entry that is broken or not signed by a trusted key is
  /// left out and named in problems().
  [[nodiscard]] static Result<std::unique_ptr<DirectoryCatalogue>> open(
      const std::string& directory, std::vector<image::PublicKey> trusted);
  /// Makes an empty catalogue. Not an error when there is one already.
  [[nodiscard]] static Result<> create(const std::string& directory);

  [[nodiscard]] std::span<const Entry> entries() const override { return entries_; }
  [[nodiscard]] Result<> read_image(const Digest& digest, std::uint64_t offset,
                                    std::span<std::byte> out) override;
  [[nodiscard]] Result<> read_tree(const Digest& digest, std::uint64_t offset,
                                   std::span<std::byte> out) override;
  [[nodiscard]] const std::vector<Error>& problems() const { return problems_; }
  /// Names in the directory that are not those of images, such as a README; they are left alone.
  [[nodiscard]] const std::vector<std::string>& foreign() const { return foreign_; }

  /// Verifies signature and digest, builds the tree, copies the image in; atomic: a directory
  /// appears whole or not at all. Errors: AlreadyExists for the same image with another manifest
  /// or key.
  [[nodiscard]] Result<Added> add(const std::string& image_path, const std::string& manifest_path,
                                  const std::string& signature_path);
  [[nodiscard]] Result<> remove(const Digest& digest);
  /// Reads the image again and compares it and its tree with the manifest.
  [[nodiscard]] Result<> verify(const Digest& digest) const;
  /// The same in steps, for a caller that has other work between them.
  [[nodiscard]] Result<std::unique_ptr<ContentCheck>> begin_check(const Digest& digest) const;
  /// Stops offering an image until the next open(); its files stay. `why` is added to problems().
  [[nodiscard]] Result<> set_aside(const Digest& digest, Error why);

 private:
  /// Descriptors that are open, of the entry with the same index.
  struct Open {
    EntryFiles files;
    std::uint64_t last_use = 0;
  };

  DirectoryCatalogue(std::string directory, std::vector<image::PublicKey> trusted)
      : directory_(std::move(directory)), trusted_(std::move(trusted)) {}
  [[nodiscard]] Result<> load();
  [[nodiscard]] std::string directory_of(const Digest& digest) const;
  /// The index of an entry, or where it would be: entries are in the order of their digests.
  [[nodiscard]] std::size_t place(const Digest& digest) const;
  [[nodiscard]] Result<std::size_t> index(const Digest& digest) const;
  [[nodiscard]] Result<Entry> check(const std::string& name) const;
  [[nodiscard]] Result<> compare(const Entry& entry, const Entry& there,
                                 const std::string& image_path) const;
  [[nodiscard]] Result<EntryFiles*> files(const Digest& digest);
  void insert(Entry entry);
  void erase(std::size_t at);

  std::string directory_;
  std::vector<image::PublicKey> trusted_;
  std::vector<Entry> entries_;
  std::vector<Open> open_;
  std::size_t open_images_ = 0;
  std::uint64_t uses_ = 0;
  std::vector<Error> problems_;
  std::vector<std::string> foreign_;
};

}  // namespace fwr::donor
