// SPDX-License-Identifier: GPL-3.0-or-later
// The window of blocks that are being fetched. PROTOCOL §6.1, §8.1.
#include <gtest/gtest.h>

#include <map>

#include "recipient/block_window.hpp"

namespace fwr::recipient {
namespace {

constexpr std::size_t kBlock = image::kBlock_bytes;

/// Takes every block, and remembers how they came.
class Notebook final : public BlockStore {
 public:
  [[nodiscard]] std::uint64_t size_bytes() const override { return 0; }
  Fetched<std::size_t> examine(std::uint64_t, std::uint64_t, std::span<bool> missing) override {
    return missing.size();
  }
  Fetched<> store(std::uint64_t first, ByteView blocks) override {
    if (bad_block && *bad_block == first)
      return fail(Failure::Kind::Content, Errc::BadBlock, "image block " + std::to_string(first));
    stored[first] = Bytes(blocks.begin(), blocks.end());
    return {};
  }
  std::map<std::uint64_t, Bytes> stored;
  std::optional<std::uint64_t> bad_block;
};

Bytes pattern(std::size_t size, std::size_t from = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(((from + i) / 64 * 7 + (from + i)) & 0xffU);
  return bytes;
}

BlockWindow examined(std::uint64_t bytes, std::uint64_t blocks) {
  BlockWindow window(bytes);
  for (std::uint64_t i = 0; i < blocks; ++i) window.set_examined(true);
  return window;
}

TEST(BlockWindow, AnEmptyObjectIsComplete) {
  EXPECT_TRUE(BlockWindow(0).complete());
  EXPECT_EQ(BlockWindow(0).room(), 0U);
}

TEST(BlockWindow, HasRoomFor2048Blocks) {
  EXPECT_EQ(BlockWindow(1U << 30).room(), 2048U);
  EXPECT_EQ(BlockWindow(5 * kBlock + 1).room(), 6U);
}

TEST(BlockWindow, BlocksThatAreInPlaceMoveItOn) {
  BlockWindow window(10 * kBlock);
  window.set_examined(false);
  window.set_examined(true);
  window.set_examined(false);
  EXPECT_EQ(window.base(), 1U);
  EXPECT_EQ(window.wanted_granules(), 64U);
}

TEST(BlockWindow, GrantsWholeSegmentsWhereItCan) {
  BlockWindow window = examined(10 * kBlock, 10);
  const auto range = window.grant(100, 21);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->offset_granules, 0U);
  EXPECT_EQ(range->length_granules, 84U);
  EXPECT_EQ(window.grant(100, 21)->offset_granules, 84U);
  EXPECT_EQ(window.wanted_granules(), 640U - 168U);
}

TEST(BlockWindow, GrantsNothingTwice) {
  BlockWindow window = examined(2 * kBlock, 2);
  EXPECT_EQ(window.grant(1000, 1000)->length_granules, 128U);
  EXPECT_FALSE(window.grant(1000, 1000));
}

TEST(BlockWindow, LargeSegmentsBeginAtBlocks) {
  BlockWindow window = examined(64 * kBlock, 64);
  (void)window.grant(17, 17);
  const auto edge = window.grant(1024, 512);
  EXPECT_EQ(edge->length_granules, 64U - 17U);
  const auto whole = window.grant(1024, 512);
  EXPECT_EQ(whole->offset_granules % 64, 0U);
  EXPECT_EQ(whole->length_granules, 1024U);
}

TEST(BlockWindow, GrantsTheLastPartOfAGranule) {
  BlockWindow window = examined(kBlock + 65, 2);
  EXPECT_EQ(window.wanted_granules(), 66U);
  EXPECT_EQ(window.grant(1000, 1000)->length_granules, 66U);
}

TEST(BlockWindow, WholeBlocksGoStraightThroughInOneRun) {
  BlockWindow window = examined(8 * kBlock, 8);
  (void)window.grant(512, 512);
  Notebook store;
  const Bytes data = pattern(8 * kBlock);
  EXPECT_EQ(window.absorb(0, data, store).value(), data.size());
  EXPECT_TRUE(window.complete());
  ASSERT_EQ(store.stored.size(), 1U);
  EXPECT_EQ(store.stored.at(0), data);
  EXPECT_EQ(window.buffers_allocated(), 0U);
}

TEST(BlockWindow, OnlyTheEdgesOfAnUnalignedSegmentAreCopied) {
  BlockWindow window = examined(8 * kBlock, 8);
  Notebook store;
  const Bytes all = pattern(8 * kBlock);
  const ByteView view(all);
  EXPECT_TRUE(window.absorb(32, view.subspan(32 * 64, 4 * kBlock), store));
  EXPECT_EQ(window.buffers_in_use(), 2U);
  ASSERT_EQ(store.stored.size(), 1U);
  EXPECT_EQ(store.stored.at(1).size(), 3 * kBlock);
  EXPECT_TRUE(window.absorb(0, view.first(32 * 64), store));
  EXPECT_EQ(window.base(), 4U);
}

TEST(BlockWindow, AssemblesBlocksFromSegmentsInAnyOrder) {
  const std::size_t size = 5 * kBlock + 1000;
  BlockWindow window = examined(size, 6);
  (void)window.grant(0xffff, 21);
  Notebook store;
  const Bytes all = pattern(size);
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < size; at += 21 * 64) starts.push_back(at);
  std::size_t fresh = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t at = starts[i * 7 % starts.size()];
    const auto part = ByteView(all).subspan(at, std::min<std::size_t>(21 * 64, size - at));
    fresh += window.absorb(static_cast<std::uint32_t>(at / 64), part, store).value();
    EXPECT_EQ(window.absorb(static_cast<std::uint32_t>(at / 64), part, store).value(), 0U);
  }
  EXPECT_TRUE(window.complete());
  EXPECT_EQ(window.buffers_in_use(), 0U);
  EXPECT_EQ(window.wanted_granules(), 0U);
  Bytes got(size);
  for (const auto& [first, bytes] : store.stored)
    std::copy(bytes.begin(), bytes.end(),
              got.begin() + static_cast<std::ptrdiff_t>(first * kBlock));
  EXPECT_EQ(got, all);
  EXPECT_GE(fresh, size);
}

TEST(BlockWindow, ReleasedGranulesAreWantedAgainUnlessTheyArrived) {
  BlockWindow window = examined(2 * kBlock, 2);
  const auto range = window.grant(40, 40);
  Notebook store;
  (void)window.absorb(0, pattern(10 * 64), store);
  window.release(*range);
  EXPECT_EQ(window.wanted_granules(), 128U - 10U);
  EXPECT_EQ(window.grant(1000, 17)->offset_granules, 10U);
}

TEST(BlockWindow, ReleaseOfABlockInPlaceChangesNothing) {
  BlockWindow window = examined(2 * kBlock, 2);
  const auto range = window.grant(64, 64);
  Notebook store;
  (void)window.absorb(0, pattern(kBlock), store);
  window.release(*range);
  EXPECT_EQ(window.wanted_granules(), 64U);
}

TEST(BlockWindow, IgnoresWhatIsOutsideOfTheObjectOrNotExamined) {
  BlockWindow window = examined(10 * kBlock, 2);
  Notebook store;
  EXPECT_EQ(window.absorb(128, pattern(kBlock), store).value(), 0U);
  EXPECT_EQ(window.absorb(640, pattern(64), store).value(), 0U);
  EXPECT_EQ(window.absorb(0xffffffff, pattern(64), store).value(), 0U);
  EXPECT_EQ(window.absorb(639, pattern(128), store).value(), 0U);
  EXPECT_EQ(window.absorb(0, pattern(63), store).value(), 0U);
  EXPECT_TRUE(store.stored.empty());
}

TEST(BlockWindow, TellsWhichBlockWasBad) {
  BlockWindow window = examined(4 * kBlock, 4);
  Notebook store;
  store.bad_block = 2;
  const auto result = window.absorb(128, pattern(kBlock), store);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Failure::Kind::Content);
  EXPECT_EQ(result.error().error.detail, "image block 2");
}

TEST(BlockWindow, AnotherDonorKeepsWholeBlocksAndForgetsParts) {
  BlockWindow window = examined(4 * kBlock, 4);
  (void)window.grant(256, 256);
  Notebook store;
  (void)window.absorb(64, pattern(kBlock), store);
  (void)window.absorb(0, pattern(640), store);
  window.forget_parts();
  EXPECT_EQ(window.wanted_granules(), 3U * 64);
  EXPECT_EQ(window.buffers_in_use(), 0U);
  EXPECT_EQ(window.grant(1000, 17)->offset_granules, 0U);
}

TEST(BlockWindow, UsesAsManyBuffersAsBlocksAreInParts) {
  const std::uint64_t blocks = 3000;
  BlockWindow window(blocks * kBlock);
  Notebook store;
  const Bytes part = pattern(64);
  while (window.room() > 0) window.set_examined(true);
  for (std::uint32_t block = 0; block < blocks; ++block)
    (void)window.absorb(block * 64, part, store);
  EXPECT_EQ(window.buffers_allocated(), kBlocksInWindow);
  EXPECT_EQ(window.examined(), kBlocksInWindow);
  EXPECT_TRUE(store.stored.empty());
}

}  // namespace
}  // namespace fwr::recipient
