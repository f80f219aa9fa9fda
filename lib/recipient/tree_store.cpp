// SPDX-License-Identifier: GPL-3.0-or-later
// The hash tree in scratch memory. PROTOCOL §7.1.
#include "recipient/tree_store.hpp"

#include <algorithm>
#include <cstring>

namespace fwr::recipient {

TreeStore::TreeStore(flash::Slots& slots, std::uint64_t image_size_bytes, const Digest& digest)
    : slots_(slots), shape_(image_size_bytes), digest_(digest) {}

bool TreeStore::is_root(const Digest& hash) const {
  return image::descriptor_digest(shape_.image_size_bytes(), hash) == digest_;
}

TreeStore::Cached* TreeStore::find(std::uint64_t tree_block) {
  const auto is_it = [&](const Cached& cached) { return cached.tree_block == tree_block; };
  if (last_hit_ >= cache_.size() || !is_it(cache_[last_hit_])) {
    const auto found = std::find_if(cache_.begin(), cache_.end(), is_it);
    if (found == cache_.end()) return nullptr;
    last_hit_ = static_cast<std::size_t>(found - cache_.begin());
  }
  cache_[last_hit_].last_use = ++uses_;
  return &cache_[last_hit_];
}

TreeStore::Cached& TreeStore::remember(std::uint64_t tree_block, ByteView block) {
  Cached* place = find(tree_block);
  if (place == nullptr && cache_.size() < kTreeCache_blocks) {
    place = &cache_.emplace_back();
  } else if (place == nullptr) {
    place = &*std::min_element(cache_.begin(), cache_.end(), [](const Cached& a, const Cached& b) {
      return a.last_use < b.last_use;
    });
  }
  place->tree_block = tree_block;
  place->last_use = ++uses_;
  std::memcpy(place->bytes.data(), block.data(), image::kBlock_bytes);
  return *place;
}

Fetched<TreeStore::Cached*> TreeStore::load(std::uint64_t tree_block) {
  if (Cached* cached = find(tree_block)) return cached;
  Block block;
  if (auto read = slots_.read_tree(tree_block * image::kBlock_bytes, block); !read)
    return fail(Failure::Kind::Slot, read.error());
  // As deep as the tree has levels: 4 for the largest image.
  const auto right = verify(tree_block, block);
  if (!right) return tl::unexpected(right.error());
  if (!*right)
    return fail(Failure::Kind::Slot, Errc::IoFailed,
                "the stored hash tree changed after it was verified (tree block " +
                    std::to_string(tree_block) + ")");
  return &remember(tree_block, block);
}

Fetched<Digest> TreeStore::hash_at(const image::TreeShape::HashPlace& place) {
  const auto block = load(place.tree_block);
  if (!block) return tl::unexpected(block.error());
  Digest hash;
  std::memcpy(hash.data(), (*block)->bytes.data() + place.index * image::kHash_bytes, hash.size());
  return hash;
}

Fetched<bool> TreeStore::verify(std::uint64_t tree_block, ByteView block) {
  const Digest hash = image::hash_block(block);
  const auto place = shape_.parent(tree_block);
  if (!place) return is_root(hash);
  const auto expected = hash_at(*place);
  if (!expected) return tl::unexpected(expected.error());
  return *expected == hash;
}

Fetched<bool> TreeStore::matches_hash(std::uint64_t image_block, const Digest& hash) {
  const auto place = shape_.leaf(image_block);
  if (!place) return is_root(hash);
  const auto expected = hash_at(*place);
  if (!expected) return tl::unexpected(expected.error());
  return *expected == hash;
}

Fetched<bool> TreeStore::matches(std::uint64_t image_block, ByteView block) {
  return matches_hash(image_block, image::hash_block(block));
}

Fetched<std::size_t> TreeStore::examine(std::uint64_t first, std::uint64_t complete_before,
                                        std::span<bool> missing) {
  for (std::size_t i = 0; i < missing.size(); ++i) {
    const std::uint64_t tree_block = first + i;
    const auto place = shape_.parent(tree_block);
    if (place && place->tree_block >= complete_before) return i;
    missing[i] = true;
    Block block;
    // Nothing there yet, or another image's tree, or a failing device: then it is fetched.
    if (!slots_.read_tree(tree_block * image::kBlock_bytes, block)) continue;
    const auto right = verify(tree_block, block);
    if (!right) return tl::unexpected(right.error());
    missing[i] = !*right;
    if (*right) remember(tree_block, block);
  }
  return missing.size();
}

Fetched<> TreeStore::store(std::uint64_t first, ByteView blocks) {
  const std::size_t count = blocks.size() / image::kBlock_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const ByteView block = blocks.subspan(i * image::kBlock_bytes, image::kBlock_bytes);
    const auto right = verify(first + i, block);
    if (!right) return tl::unexpected(right.error());
    if (!*right)
      return fail(Failure::Kind::Content, Errc::BadBlock,
                  "hash tree block " + std::to_string(first + i));
  }
  if (auto written = slots_.write_tree(first * image::kBlock_bytes, blocks); !written)
    return fail(Failure::Kind::Slot, written.error());
  for (std::size_t i = 0; i < count; ++i)
    remember(first + i, blocks.subspan(i * image::kBlock_bytes, image::kBlock_bytes));
  return {};
}

}  // namespace fwr::recipient
