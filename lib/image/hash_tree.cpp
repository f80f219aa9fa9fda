// SPDX-License-Identifier: GPL-3.0-or-later
// fs-verity Merkle trees: where a tree's blocks lie, and how it grows. PROTOCOL §7.1.
#include "image/hash_tree.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.hpp"
#include "image/manifest.hpp"

namespace fwr::image {

namespace {

constexpr std::size_t kDescriptor_bytes = 256;
constexpr std::size_t kRootOffset = 16;
constexpr std::uint8_t kFsVerityVersion = 1;
constexpr std::uint8_t kFsVeritySha256 = 1;
constexpr std::uint8_t kLog2Block = 12;
static_assert((std::size_t{1} << kLog2Block) == kBlock_bytes);

constexpr std::uint64_t divide_up(std::uint64_t n, std::uint64_t by) {
  return (n + by - 1) / by;
}

/// Looking an algorithm up costs as much as hashing 1 KiB with it, so each thread does it once.
class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm(
        EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free);
    check(context_ && algorithm &&
          EVP_DigestInit_ex2(context_.get(), algorithm.get(), nullptr) == 1);
  }

  Digest operator()(ByteView bytes) {
    Digest digest{};
    check(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1 &&
          EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1 &&
          EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()),
                             nullptr) == 1);
    return digest;
  }

 private:
  /// Without memory, or without SHA-256 in libcrypto, nothing can be verified: better to stop.
  static void check(bool done) {
    if (!done) std::abort();
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

Digest sha256(ByteView bytes) {
  thread_local Sha256 hash;
  return hash(bytes);
}

}  // namespace

Digest hash_block(ByteView block) {
  assert(block.size() <= kBlock_bytes);
  if (block.size() == kBlock_bytes) return sha256(block);
  std::array<std::byte, kBlock_bytes> padded{};
  std::copy(block.begin(), block.end(), padded.begin());
  return sha256(padded);
}

Digest descriptor_digest(std::uint64_t image_size_bytes, const Digest& root_hash) {
  ByteWriter descriptor(kDescriptor_bytes);
  descriptor.u8(kFsVerityVersion);
  descriptor.u8(kFsVeritySha256);
  descriptor.u8(kLog2Block);
  descriptor.u8(0);   // salt size
  descriptor.u32(0);  // reserved
  descriptor.le<8>(image_size_bytes);
  assert(descriptor.size() == kRootOffset);
  descriptor.bytes(root_hash);
  descriptor.zeros(kDescriptor_bytes - descriptor.size());
  return sha256(descriptor.view());
}

// --- TreeShape -----------------------------------------------------------------------------------

TreeShape::TreeShape(std::uint64_t image_size_bytes)
    : image_size_(image_size_bytes), image_blocks_(divide_up(image_size_bytes, kBlock_bytes)) {
  assert(image_size_bytes >= 1 && image_size_bytes <= kImageLimit_bytes);
  for (std::uint64_t below = image_blocks_; below > 1;) {
    below = divide_up(below, kHashesPerBlock);
    levels_.push_back({0, below});
    tree_blocks_ += below;
  }
  std::uint64_t first = 0;
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    level->first = first;
    first += level->blocks;
  }
}

std::size_t TreeShape::block_size(std::uint64_t image_block) const {
  assert(image_block < image_blocks_);
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(kBlock_bytes, image_size_ - image_block * kBlock_bytes));
}

std::optional<TreeShape::HashPlace> TreeShape::leaf(std::uint64_t image_block) const {
  assert(image_block < image_blocks_);
  if (levels_.empty()) return std::nullopt;
  return HashPlace{levels_.front().first + image_block / kHashesPerBlock,
                   static_cast<std::size_t>(image_block % kHashesPerBlock)};
}

std::optional<TreeShape::HashPlace> TreeShape::parent(std::uint64_t tree_block) const {
  assert(tree_block < tree_blocks_);
  if (tree_block == 0) return std::nullopt;
  // From the root down: a level begins where the one above it ends.
  auto level = levels_.rbegin();
  while (tree_block >= level->first + level->blocks) ++level;
  const Level& above = *(level - 1);
  const std::uint64_t position = tree_block - level->first;
  return HashPlace{above.first + position / kHashesPerBlock,
                   static_cast<std::size_t>(position % kHashesPerBlock)};
}

// --- TreeBuilder ---------------------------------------------------------------------------------

namespace {

tl::unexpected<Error> too_long(const TreeShape& shape) {
  return fail(Errc::DigestMismatch,
              fmt::format("the image is longer than its {} bytes", shape.image_size_bytes()));
}

}  // namespace

TreeBuilder::TreeBuilder(std::uint64_t image_size_bytes, Emit emit)
    : shape_(image_size_bytes), emit_(std::move(emit)) {
  // The hash of a level's first block begins the level above.
  for (auto place = shape_.leaf(0); place; place = shape_.parent(place->tree_block)) {
    Level& level = levels_.emplace_back();
    level.next = place->tree_block;
    level.block.reserve(kBlock_bytes);
  }
}

Result<> TreeBuilder::add(ByteView bytes) {
  if (added_ > shape_.image_size_bytes() || bytes.size() > shape_.image_size_bytes() - added_) {
    added_ = shape_.image_size_bytes() + 1;  // so that finish() fails as well
    return too_long(shape_);
  }
  added_ += bytes.size();
  while (!bytes.empty()) {
    ByteView block = bytes.first(std::min(bytes.size(), kBlock_bytes - partial_.size()));
    bytes = bytes.subspan(block.size());
    if (block.size() < kBlock_bytes) {
      partial_.insert(partial_.end(), block.begin(), block.end());
      if (partial_.size() < kBlock_bytes) break;
      block = partial_;
    }
    const Digest hash = hash_block(block);
    partial_.clear();
    if (auto done = add_hash(0, hash); !done) return done;
  }
  return {};
}

Result<Digest> TreeBuilder::finish() {
  if (added_ > shape_.image_size_bytes()) return too_long(shape_);
  if (added_ < shape_.image_size_bytes())
    return fail(Errc::DigestMismatch, fmt::format("the image ends after {} of {} bytes", added_,
                                                  shape_.image_size_bytes()));
  if (!partial_.empty()) {
    const Digest hash = hash_block(partial_);
    partial_.clear();
    if (auto done = add_hash(0, hash); !done) return tl::unexpected(done.error());
  }
  for (std::size_t level = 0; level < levels_.size(); ++level)
    if (!levels_[level].block.empty())
      if (auto done = flush_level(level); !done) return tl::unexpected(done.error());
  return descriptor_digest(shape_.image_size_bytes(), root_);
}

Result<> TreeBuilder::add_hash(std::size_t level, const Digest& hash) {
  if (level == levels_.size()) {
    root_ = hash;
    return {};
  }
  Bytes& block = levels_[level].block;
  block.insert(block.end(), hash.begin(), hash.end());
  return block.size() == kBlock_bytes ? flush_level(level) : Result<>{};
}

Result<> TreeBuilder::flush_level(std::size_t level) {
  Level& full = levels_[level];
  full.block.resize(kBlock_bytes);
  const Digest hash = hash_block(full.block);
  if (emit_)
    if (auto done = emit_(full.next, full.block); !done) return done;
  ++full.next;
  full.block.clear();
  return add_hash(level + 1, hash);
}

}  // namespace fwr::image
