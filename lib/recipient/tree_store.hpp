// SPDX-License-Identifier: GPL-3.0-or-later
// The hash tree of the image that is fetched: kept in scratch memory, verified from the digest
// downwards, with a small cache. PROTOCOL §7.1.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "flash/slots.hpp"
#include "image/hash_tree.hpp"
#include "recipient/block_store.hpp"

namespace fwr::recipient {

/// Leaf blocks of a full window (2,048 image blocks, 128 a tree block) and their parents.
inline constexpr std::size_t kTreeCache_blocks = 24;

class TreeStore final : public BlockStore {
 public:
  /// `slots` must outlive it.
  TreeStore(flash::Slots& slots, std::uint64_t image_size_bytes, const Digest& digest);

  [[nodiscard]] const image::TreeShape& shape() const { return shape_; }
  /// Whether it is the image block with this index. Only after the tree is complete. Failure: Slot,
  /// when the scratch memory lost what was written to it.
  [[nodiscard]] Fetched<bool> matches(std::uint64_t image_block, ByteView block);
  /// The same, for a caller that has the hash already.
  [[nodiscard]] Fetched<bool> matches_hash(std::uint64_t image_block, const Digest& hash);

  [[nodiscard]] std::uint64_t size_bytes() const override { return shape_.tree_size_bytes(); }
  [[nodiscard]] Fetched<std::size_t> examine(std::uint64_t first, std::uint64_t complete_before,
                                             std::span<bool> missing) override;
  [[nodiscard]] Fetched<> store(std::uint64_t first, ByteView blocks) override;

 private:
  using Block = std::array<std::byte, image::kBlock_bytes>;
  struct Cached {
    std::uint64_t tree_block = 0;
    std::uint64_t last_use = 0;  ///< 0: nothing here
    Block bytes{};
  };

  [[nodiscard]] bool is_root(const Digest& hash) const;
  /// Whether `block` is the tree block with this index, by its parent.
  [[nodiscard]] Fetched<bool> verify(std::uint64_t tree_block, ByteView block);
  /// Out of the cache, or out of scratch memory and verified.
  [[nodiscard]] Fetched<Digest> hash_at(const image::TreeShape::HashPlace& place);
  [[nodiscard]] Fetched<Cached*> load(std::uint64_t tree_block);
  [[nodiscard]] Cached* find(std::uint64_t tree_block);
  Cached& remember(std::uint64_t tree_block, ByteView block);

  flash::Slots& slots_;
  image::TreeShape shape_;
  Digest digest_;
  std::vector<Cached> cache_;  ///< at most kTreeCache_blocks
  std::size_t last_hit_ = 0;
  std::uint64_t uses_ = 0;
};

}  // namespace fwr::recipient
