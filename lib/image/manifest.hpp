// SPDX-License-Identifier: GPL-3.0-or-later
// The manifest of an image: canonical JSON in, a type that cannot be wrong out. PROTOCOL §7.2,
// §7.3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::image {

inline constexpr std::size_t kManifestLimit_bytes = 16384;
inline constexpr std::size_t kPlatformLimit = 64;
inline constexpr std::size_t kBaseLimit = 16;
inline constexpr std::uint64_t kImageLimit_bytes = 0x100000000ULL;
inline constexpr std::int64_t kTimeLimit_s = 253402300799;  ///< the end of the year 9999 UTC

/// 1..15 characters of a-z 0-9 . _ - (PROTOCOL §7.2).
[[nodiscard]] bool is_component(std::string_view text);
/// 1..31 characters of A-Z a-z 0-9 . _ + ~ - (PROTOCOL §7.2).
[[nodiscard]] bool is_version(std::string_view text);

/// Descriptors that a recipient must match; an absent one matches anything.
struct PlatformMatch {
  std::optional<std::uint32_t> manufacturer_id;
  std::optional<std::uint16_t> product_id;
  std::optional<std::uint8_t> device_id;
  struct RevisionRange {
    std::uint8_t lowest = 0, highest = 255;
    friend bool operator==(const RevisionRange&, const RevisionRange&) = default;
  };
  std::optional<RevisionRange> hardware_revision;
  friend bool operator==(const PlatformMatch&, const PlatformMatch&) = default;
};

struct Manifest {
  std::string name;
  std::string component;
  std::string version;
  std::uint32_t security_version = 0;
  std::uint64_t size_bytes = 0;
  Digest digest{};
  std::vector<PlatformMatch> platforms;
  std::optional<std::string> minimum_version;
  std::int64_t created = 0;  ///< seconds since 1970-01-01 UTC
  std::optional<std::int64_t> expires;
  std::vector<Digest> bases;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// Errors: BadManifest, naming the key and the rule that it breaks.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view json);
/// Canonical form, without unknown keys. parse_manifest(to_json(m)) == m for every valid m.
[[nodiscard]] std::string to_json(const Manifest& manifest);

/// Empty when it fits; otherwise what does not fit, naming both sides ("product id: image 0x1234,
/// system 0x4321").
[[nodiscard]] std::optional<std::string> incompatibility(const Manifest& manifest,
                                                         const Platform& system);

/// dpkg's order of upstream versions: negative, zero, positive.
[[nodiscard]] int compare_versions(std::string_view a, std::string_view b);

}  // namespace fwr::image
