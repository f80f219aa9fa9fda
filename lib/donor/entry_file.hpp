// SPDX-License-Identifier: GPL-3.0-or-later
// One entry of a catalogue in a directory: its signed manifest, and its open image and tree.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/unique_fd.hpp"
#include "donor/catalogue.hpp"
#include "image/signature.hpp"

namespace fwr::donor {

// The files in the directory of an entry, which is named by the digest of the image.
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kSignatureFile = "manifest.json.minisig";
inline constexpr const char* kImageFile = "image";
inline constexpr const char* kTreeFile = "tree";

/// Reads a manifest and verifies its signature; the image is not looked at.
[[nodiscard]] Result<Entry> read_entry(const std::string& manifest_path,
                                       const std::string& signature_path,
                                       std::span<const image::PublicKey> trusted);
/// The same for an entry of a catalogue, whose files are opened more strictly (file::open_in()).
[[nodiscard]] Result<Entry> read_entry_of(const std::string& directory,
                                          std::span<const image::PublicKey> trusted);

struct EntryFiles {
  UniqueFd image;
  UniqueFd tree;
  std::string image_path;
  std::string tree_path;
};
/// Opens image and tree. Error: IoFailed when a size differs from the manifest's.
[[nodiscard]] Result<EntryFiles> open_entry_files(const std::string& directory,
                                                  const image::Manifest& manifest);

/// Compares the image and its tree with the manifest.
[[nodiscard]] std::unique_ptr<ContentCheck> check_content(const image::Manifest& manifest,
                                                          EntryFiles files);

}  // namespace fwr::donor
