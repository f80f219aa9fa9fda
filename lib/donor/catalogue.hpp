// SPDX-License-Identifier: GPL-3.0-or-later
// A donor's catalogue as the donor sees it: signed manifests with their images and trees, and the
// choice among them. catalogue_file.hpp has the catalogue in a directory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/error.hpp"
#include "base/types.hpp"
#include "image/manifest.hpp"

namespace fwr::donor {

inline constexpr std::size_t kCatalogueLimit = 256;  // PROTOCOL §8.2

struct Entry {
  image::Manifest manifest;
  std::string manifest_json;  ///< exactly the signed bytes
  std::string signature;      ///< minisign text
};

/// The images that a donor serves. A read is complete when it returns.
class Catalogue {
 public:
  virtual ~Catalogue() = default;
  [[nodiscard]] virtual std::span<const Entry> entries() const = 0;
  /// Fills all of `out`: the caller stays inside the size of the object. Errors: IoFailed,
  /// NotFound, NoPermission.
  [[nodiscard]] virtual Result<> read_image(const Digest& digest, std::uint64_t offset,
                                            std::span<std::byte> out) = 0;
  [[nodiscard]] virtual Result<> read_tree(const Digest& digest, std::uint64_t offset,
                                           std::span<std::byte> out) = 0;
};

[[nodiscard]] const Entry* find(const Catalogue& catalogue, const Digest& digest);
/// PROTOCOL §5.2, §7.2: true by a clock that is set, and set later than the manifest was made.
[[nodiscard]] bool has_expired(const image::Manifest& manifest,
                               std::optional<std::int64_t> wall_clock);

/// The request of a recipient.
struct Wish {
  Platform platform;
  Digest after{};  ///< the image that it was offered last; zeros: the best one
  std::optional<std::int64_t> wall_clock =
      std::nullopt;  ///< the donor's clock: expired images are left out
};
/// The best image after `after` for the platform: highest security version, then version, then
/// creation time (PROTOCOL §5.2). Null when there is none.
[[nodiscard]] const Entry* next_for(const Catalogue& catalogue, const Wish& wish);

/// Reads an image again and compares it with its manifest, a part at a time.
class ContentCheck {
 public:
  virtual ~ContentCheck() = default;
  /// True when the whole image was read and agrees with its manifest. Errors: DigestMismatch,
  /// IoFailed.
  [[nodiscard]] virtual Result<bool> step() = 0;
};

}  // namespace fwr::donor
