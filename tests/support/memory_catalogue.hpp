// SPDX-License-Identifier: GPL-3.0-or-later
// A donor's catalogue in memory, and the signed images that it serves.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "donor/donor.hpp"
#include "image/hash_tree.hpp"
#include "support/test_signer.hpp"

namespace fwr::test {

/// An image with its tree, manifest and signature.
struct SignedImage {
  Bytes bytes;
  Bytes tree;
  donor::Entry entry;

  static SignedImage make(Bytes content, const std::string& version, std::uint32_t security,
                          const TestSigner& signer = TestSigner(1),
                          std::uint32_t manufacturer = 0x1234) {
    SignedImage made;
    made.bytes = std::move(content);
    made.tree.resize(image::TreeShape(made.bytes.size()).tree_size_bytes());
    image::TreeBuilder builder(
        made.bytes.size(), [&](std::uint64_t block, ByteView hashes) -> Result<> {
          std::memcpy(made.tree.data() + block * image::kBlock_bytes, hashes.data(), hashes.size());
          return {};
        });
    (void)builder.add(made.bytes);
    image::Manifest& manifest = made.entry.manifest;
    manifest.name = "test firmware";
    manifest.component = "bmc";
    manifest.version = version;
    manifest.security_version = security;
    manifest.size_bytes = made.bytes.size();
    manifest.digest = builder.finish().value();
    manifest.platforms.emplace_back().manufacturer_id = manufacturer;
    manifest.created = 1700000000;
    made.sign(signer);
    return made;
  }
  void sign(const TestSigner& signer) {
    entry.manifest_json = image::to_json(entry.manifest);
    entry.signature = signer.sign(entry.manifest_json);
  }
};

/// Serves its images as they are: a donor trusts its catalogue.
class MemoryCatalogue : public donor::Catalogue {
 public:
  MemoryCatalogue() = default;
  explicit MemoryCatalogue(std::vector<SignedImage> images) {
    for (SignedImage& image : images) add(std::move(image));
  }
  const image::Manifest& add(SignedImage image) {
    entries_.push_back(image.entry);
    images_.push_back(std::move(image));
    return entries_.back().manifest;
  }
  [[nodiscard]] std::span<const donor::Entry> entries() const override { return entries_; }
  Result<> read_image(const Digest& digest, std::uint64_t offset,
                      std::span<std::byte> out) override {
    return read(digest, &SignedImage::bytes, offset, out);
  }
  Result<> read_tree(const Digest& digest, std::uint64_t offset,
                     std::span<std::byte> out) override {
    return read(digest, &SignedImage::tree, offset, out);
  }
  /// What is read. Its entries are copies of those that entries() gives.
  std::vector<SignedImage>& images() { return images_; }
  [[nodiscard]] const SignedImage& stored(std::size_t at) const { return images_.at(at); }
  donor::Entry& entry(std::size_t at) { return entries_.at(at); }

  bool readable = true;  ///< false: each read fails
  std::uint64_t reads = 0;

 private:
  Result<> read(const Digest& digest, Bytes SignedImage::*part, std::uint64_t offset,
                std::span<std::byte> out) {
    ++reads;
    if (!readable) return fail(Errc::IoFailed, "unreadable for this test");
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].manifest.digest != digest) continue;
      const Bytes& bytes = images_[i].*part;
      if (offset > bytes.size() || out.size() > bytes.size() - offset) {
        // A catalogue in files might not notice.
        (void)std::fputs("broken rule: a donor reads only what its images have\n", stderr);
        std::abort();
      }
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
      return {};
    }
    return fail(Errc::NotFound, "no such image");
  }
  std::vector<SignedImage> images_;
  std::vector<donor::Entry> entries_;
};

}  // namespace fwr::test
