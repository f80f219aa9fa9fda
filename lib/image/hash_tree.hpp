// SPDX-License-Identifier: GPL-3.0-or-later
// fs-verity Merkle trees: SHA-256, 4,096-byte blocks, no salt. PROTOCOL §7.1.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace fwr::image {

inline constexpr std::size_t kBlock_bytes = 4096;
inline constexpr std::size_t kHash_bytes = 32;
inline constexpr std::size_t kHashesPerBlock = kBlock_bytes / kHash_bytes;

/// SHA-256 of a block; a short one counts as padded with zeros.
[[nodiscard]] Digest hash_block(ByteView block);
/// The fs-verity digest: SHA-256 of the descriptor.
[[nodiscard]] Digest descriptor_digest(std::uint64_t image_size_bytes, const Digest& root_hash);

/// Where everything of a tree lies. Root level first, as it travels and is stored.
class TreeShape {
 public:
  explicit TreeShape(std::uint64_t image_size_bytes);  ///< 1..kImageLimit_bytes

  [[nodiscard]] std::uint64_t image_size_bytes() const { return image_size_; }
  [[nodiscard]] std::uint64_t image_blocks() const { return image_blocks_; }
  [[nodiscard]] std::uint64_t tree_blocks() const { return tree_blocks_; }
  [[nodiscard]] std::uint64_t tree_size_bytes() const { return tree_blocks_ * kBlock_bytes; }
  /// Bytes in this image block: kBlock_bytes, or fewer in the last.
  [[nodiscard]] std::size_t block_size(std::uint64_t image_block) const;

  struct HashPlace {
    std::uint64_t tree_block = 0;
    std::size_t index = 0;  ///< of the hash in that block
  };
  /// Where the hash of an image block is. nullopt: it is the root hash (one-block image).
  [[nodiscard]] std::optional<HashPlace> leaf(std::uint64_t image_block) const;
  /// Where the hash of a tree block is. nullopt: it is the root hash.
  [[nodiscard]] std::optional<HashPlace> parent(std::uint64_t tree_block) const;

 private:
  std::uint64_t image_size_, image_blocks_, tree_blocks_ = 0;
  struct Level {
    std::uint64_t first = 0, blocks = 0;
  };
  std::vector<Level> levels_;  ///< leaf level first
};

/// Builds the tree of an image that is read once, front to back. Memory: one block a level.
/// `emit(tree_block_index, block)` gets every finished tree block, in the order in which they fill.
class TreeBuilder {
 public:
  using Emit = std::function<Result<>(std::uint64_t tree_block, ByteView block)>;
  TreeBuilder(std::uint64_t image_size_bytes,
              Emit emit);  ///< an empty `emit` computes the digest only
  /// The next bytes of the image, any amount.
  [[nodiscard]] Result<> add(ByteView bytes);
  /// Errors: DigestMismatch when fewer or more bytes than the size were added.
  [[nodiscard]] Result<Digest> finish();

 private:
  [[nodiscard]] Result<> add_hash(std::size_t level, const Digest& hash);
  [[nodiscard]] Result<> flush_level(std::size_t level);
  TreeShape shape_;
  Emit emit_;
  std::uint64_t added_ = 0;
  Bytes partial_;
  struct Level {
    Bytes block;
    std::uint64_t next = 0;
  };
  std::vector<Level> levels_;
  Digest root_{};
};

}  // namespace fwr::image
