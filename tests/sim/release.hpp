// SPDX-License-Identifier: GPL-3.0-or-later
// Firmware for the simulator: contents that are made once, and releases of them with a manifest and
// a signature.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "donor/catalogue.hpp"
#include "support/test_signer.hpp"

namespace fwr::sim {

struct Content {
  Bytes bytes;
  Bytes tree;
  Digest digest{};
};
/// The same number gives the same bytes. Neighbours of a family share most of their blocks.
inline constexpr std::size_t kContents = 48;
[[nodiscard]] std::shared_ptr<const Content> content(std::size_t number);
/// The content with this digest, when it was made; null for others.
[[nodiscard]] const Content* find_content(const Digest& digest);
/// Whether the hash tree of any content that was made has these bytes at this place.
[[nodiscard]] bool is_part_of_a_tree(std::uint64_t offset, ByteView bytes);
/// Contents from here on are large, for the few seeds that take their time.
inline constexpr std::size_t kFirstLarge = 44;

inline constexpr std::uint32_t kManufacturer = 0x1234;
inline constexpr std::uint8_t kTrustedKey = 1;
inline constexpr std::uint8_t kAttackersKey = 66;
[[nodiscard]] const test::TestSigner& signer(std::uint8_t key);

struct ReleaseSpec {
  std::size_t content = 0;
  std::string version = "1.0";
  std::uint32_t security = 1;
  std::uint32_t manufacturer = kManufacturer;
  std::int64_t expires = 0;  ///< 0: never
  std::uint8_t key = kTrustedKey;
  std::string minimum = {};  ///< lowest version from which it may be installed; empty: any
  friend bool operator==(const ReleaseSpec&, const ReleaseSpec&) = default;
};

struct Release {
  ReleaseSpec spec;
  std::shared_ptr<const Content> content;
  donor::Entry entry;
};
[[nodiscard]] Release make_release(const ReleaseSpec& spec);

/// The fs-verity digest of the first `size` bytes.
[[nodiscard]] Digest digest_of(ByteView bytes, std::uint64_t size);

}  // namespace fwr::sim
