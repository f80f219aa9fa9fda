// SPDX-License-Identifier: GPL-3.0-or-later
// Hash trees, compared with the stock fsverity program.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "image/hash_tree.hpp"
#include "image/manifest.hpp"
#include "support/stock_tool.hpp"

namespace fwr::image {
namespace {

/// Image bytes whose hashes fill one tree block.
constexpr std::size_t kUnderOneLeaf_bytes = kHashesPerBlock * kBlock_bytes;
constexpr std::uint64_t kSizes[] = {1,
                                    4095,
                                    4096,
                                    4097,
                                    kUnderOneLeaf_bytes,
                                    kUnderOneLeaf_bytes + 1,
                                    kUnderOneLeaf_bytes + kBlock_bytes,
                                    (3U << 20) + 5};

Bytes pseudo_random(std::uint64_t size) {
  std::mt19937_64 engine(size);
  Bytes bytes(static_cast<std::size_t>(size));
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(engine()); });
  return bytes;
}

struct Built {
  Digest digest{};
  Bytes tree;
};

/// Adds `step` bytes at a time.
Built build(ByteView image, std::size_t step) {
  Built built;
  built.tree.resize(static_cast<std::size_t>(TreeShape(image.size()).tree_size_bytes()));
  std::vector<bool> filled(built.tree.size() / kBlock_bytes);
  TreeBuilder builder(image.size(), [&](std::uint64_t index, ByteView block) -> Result<> {
    EXPECT_EQ(block.size(), kBlock_bytes);
    EXPECT_FALSE(filled.at(static_cast<std::size_t>(index))) << "block " << index << " comes twice";
    filled.at(static_cast<std::size_t>(index)) = true;
    std::copy(block.begin(), block.end(),
              built.tree.begin() + static_cast<std::ptrdiff_t>(index * kBlock_bytes));
    return {};
  });
  for (ByteView rest = image; !rest.empty(); rest = rest.subspan(std::min(step, rest.size())))
    EXPECT_TRUE(builder.add(rest.first(std::min(step, rest.size()))));
  const auto digest = builder.finish();
  EXPECT_TRUE(digest);
  EXPECT_TRUE(std::all_of(filled.begin(), filled.end(), [](bool f) { return f; }));
  if (digest) built.digest = *digest;
  return built;
}

Digest digest_only(ByteView image) {
  TreeBuilder builder(image.size(), {});
  EXPECT_TRUE(builder.add(image));
  return builder.finish().value_or(Digest{});
}

TEST(TreeBuilder, AgreesWithFsverity) {
  const test::Scratch scratch;
  for (const std::uint64_t size : kSizes) {
    SCOPED_TRACE(size);
    const Bytes image = pseudo_random(size);
    const std::string file = scratch.put("image", as_text(image));
    const auto fsverity =
        test::run(scratch, {"fsverity", "digest", "--hash-alg=sha256", "--block-size=4096",
                            "--compact", "--out-merkle-tree=" + scratch.path("tree"), file});
    if (!fsverity) GTEST_SKIP() << "there is no fsverity (Debian: fsverity)";
    ASSERT_EQ(fsverity->status, 0) << fsverity->output;
    const Built built = build(image, std::size_t{1} << 20);
    EXPECT_EQ(to_text(built.digest) + "\n", fsverity->output);
    EXPECT_TRUE(as_text(built.tree) == scratch.get("tree"));
  }
}

// Recorded from fsverity 1.5, for machines without it.
TEST(TreeBuilder, HasTheRecordedDigests) {
  EXPECT_EQ(to_text(digest_only(Bytes(1))),
            "b803429503d95915829b29fdbc8bbad142f3abfd11b1cadf5526582e685c0551");
  EXPECT_EQ(to_text(digest_only(Bytes(4096))),
            "babc284ee4ffe7f449377fbf6692715b43aec7bc39c094a95878904d34bac97e");
  EXPECT_EQ(to_text(digest_only(Bytes(kUnderOneLeaf_bytes + kBlock_bytes))),
            "2331d9bc1bfa1c8c1a2272b1bc04acca57ec879136c554d313b45b77b94f326e");
}

TEST(TreeBuilder, GivesTheSameForBytesInAnyPortions) {
  const Bytes image = pseudo_random(kUnderOneLeaf_bytes + 2 * kBlock_bytes + 17);
  const Built whole = build(image, image.size());
  for (const std::size_t step : {std::size_t{1}, std::size_t{777}, kBlock_bytes, kBlock_bytes + 1,
                                 3 * kBlock_bytes, 3 * kBlock_bytes - 1}) {
    const Built portions = build(image, step);
    EXPECT_EQ(portions.digest, whole.digest) << step;
    EXPECT_EQ(portions.tree, whole.tree) << step;
  }
  EXPECT_EQ(digest_only(image), whole.digest);
}

TEST(TreeBuilder, RefusesFewerBytesThanTheSize) {
  TreeBuilder builder(5000, {});
  EXPECT_TRUE(builder.add(Bytes(4999)));
  const auto digest = builder.finish();
  ASSERT_FALSE(digest);
  EXPECT_EQ(digest.error().code, Errc::DigestMismatch);
  EXPECT_EQ(digest.error().detail, "the image ends after 4999 of 5000 bytes");
}

TEST(TreeBuilder, RefusesMoreBytesThanTheSizeAndStaysRefused) {
  TreeBuilder builder(5000, {});
  EXPECT_TRUE(builder.add(Bytes(4999)));
  const auto added = builder.add(Bytes(2));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::DigestMismatch);
  EXPECT_FALSE(builder.add(Bytes(1)));
  EXPECT_FALSE(builder.finish());
}

TEST(TreeBuilder, StopsWhenTheTreeCannotBeKept) {
  const auto full = [](std::uint64_t, ByteView) -> Result<> { return fail(Errc::NoSpace, "disk"); };
  TreeBuilder early(kUnderOneLeaf_bytes + kBlock_bytes, full);
  const auto added = early.add(Bytes(kUnderOneLeaf_bytes));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::NoSpace);
  TreeBuilder late(4097, full);
  EXPECT_TRUE(late.add(Bytes(4097)));
  const auto finished = late.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Errc::NoSpace);
}

/// Climbs from an image block to the root as a recipient does; false: a hash does not match.
bool climbs(const TreeShape& shape, ByteView image, ByteView tree, std::uint64_t block,
            const Digest& digest) {
  const auto matches = [&](const TreeShape::HashPlace& place, const Digest& hash) {
    const ByteView stored = tree.subspan(
        static_cast<std::size_t>(place.tree_block) * kBlock_bytes + place.index * kHash_bytes,
        kHash_bytes);
    return std::equal(stored.begin(), stored.end(), hash.begin());
  };
  Digest hash = hash_block(
      image.subspan(static_cast<std::size_t>(block) * kBlock_bytes, shape.block_size(block)));
  for (auto place = shape.leaf(block); place; place = shape.parent(place->tree_block)) {
    if (!matches(*place, hash)) return false;
    hash = hash_block(
        tree.subspan(static_cast<std::size_t>(place->tree_block) * kBlock_bytes, kBlock_bytes));
  }
  return descriptor_digest(shape.image_size_bytes(), hash) == digest;
}

TEST(TreeShape, LeadsFromEachBlockToTheDigest) {
  for (const std::uint64_t size : kSizes) {
    SCOPED_TRACE(size);
    const Bytes image = pseudo_random(size);
    const Built built = build(image, image.size());
    const TreeShape shape(size);
    for (std::uint64_t block = 0; block < shape.image_blocks(); ++block)
      ASSERT_TRUE(climbs(shape, image, built.tree, block, built.digest)) << block;
  }
}

TEST(TreeShape, ShowsADamagedBitInBlockAndTree) {
  Bytes image = pseudo_random(kUnderOneLeaf_bytes + kBlock_bytes + 9);
  Built built = build(image, image.size());
  const TreeShape shape(image.size());
  image[kUnderOneLeaf_bytes + 4095] ^= std::byte{1};
  EXPECT_FALSE(climbs(shape, image, built.tree, 128, built.digest));
  EXPECT_TRUE(climbs(shape, image, built.tree, 129, built.digest));
  built.tree[0] ^= std::byte{1};  // root level: the hash of the first leaf block
  EXPECT_FALSE(climbs(shape, image, built.tree, 0, built.digest));
  EXPECT_FALSE(climbs(shape, image, built.tree, 129, built.digest));
}

TEST(TreeShape, HasNoTreeForOneBlock) {
  for (const std::uint64_t size : {1U, 4096U}) {
    const TreeShape shape(size);
    EXPECT_EQ(shape.image_blocks(), 1U);
    EXPECT_EQ(shape.tree_blocks(), 0U);
    EXPECT_EQ(shape.block_size(0), size);
    EXPECT_FALSE(shape.leaf(0));
  }
}

TEST(TreeShape, HoldsTheLargestImage) {
  const TreeShape shape(kImageLimit_bytes);
  EXPECT_EQ(shape.image_blocks(), 1U << 20);
  EXPECT_EQ(shape.tree_blocks(), 8192U + 64 + 1);
  const auto leaf = shape.leaf(shape.image_blocks() - 1);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->tree_block, shape.tree_blocks() - 1);
  EXPECT_EQ(leaf->index, 127U);
  const auto middle = shape.parent(leaf->tree_block);
  ASSERT_TRUE(middle);
  EXPECT_EQ(middle->tree_block, 64U);
  EXPECT_EQ(middle->index, 127U);
  const auto root = shape.parent(middle->tree_block);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->tree_block, 0U);
  EXPECT_EQ(root->index, 63U);
  EXPECT_FALSE(shape.parent(0));
}

TEST(HashBlock, PadsAShortBlockWithZeros) {
  Bytes block = pseudo_random(100);
  const Digest shorter = hash_block(block);
  block.resize(kBlock_bytes);
  EXPECT_EQ(hash_block(block), shorter);
  EXPECT_NE(hash_block(ByteView(block).first(99)), shorter);
}

}  // namespace
}  // namespace fwr::image
