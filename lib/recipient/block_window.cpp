// SPDX-License-Identifier: GPL-3.0-or-later
// The window of blocks that are being fetched. PROTOCOL §6.1.
#include "recipient/block_window.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace fwr::recipient {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

/// `count` bits from bit `first`.
constexpr std::uint64_t bits(std::size_t first, std::size_t count) {
  const std::uint64_t low = count >= 64 ? kAll : (std::uint64_t{1} << count) - 1;
  return first >= 64 ? 0 : low << first;
}

std::uint64_t count_bits(std::uint64_t mask) {
  return static_cast<std::uint64_t>(std::popcount(mask));
}

constexpr std::uint64_t kGranule = wire::oem::kGranule_bytes;
constexpr std::uint64_t kBlock = image::kBlock_bytes;

}  // namespace

BlockWindow::BlockWindow(std::uint64_t object_bytes)
    : object_bytes_(object_bytes),
      blocks_((object_bytes + kBlock - 1) / kBlock),
      ring_(static_cast<std::size_t>(std::clamp<std::uint64_t>(blocks_, 1, kBlocksInWindow))) {}

std::size_t BlockWindow::block_bytes(std::uint64_t block) const {
  return static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, object_bytes_ - block * kBlock));
}

std::size_t BlockWindow::block_granules(std::uint64_t block) const {
  return static_cast<std::size_t>((block_bytes(block) + kGranule - 1) / kGranule);
}

BlockWindow::Mask BlockWindow::full(std::uint64_t block) const {
  return bits(0, block_granules(block));
}

std::size_t BlockWindow::room() const {
  return static_cast<std::size_t>(std::min<std::uint64_t>(base_ + ring_.size(), blocks_) -
                                  examined_);
}

void BlockWindow::set_examined(bool missing) {
  assert(room() > 0);
  Entry& fresh = entry(examined_);
  assert(fresh.buffer == kNoBuffer);
  fresh = Entry{};
  if (missing) {
    wanted_ += block_granules(examined_);
    ++examined_;
  } else {
    fresh.kind = Kind::InPlace;
    in_place_bytes_ += block_bytes(examined_);
    ++examined_;
    advance();
  }
}

void BlockWindow::advance() {
  while (base_ < examined_ && entry(base_).kind == Kind::InPlace) ++base_;
  search_from_ = std::max(search_from_, base_);
}

std::optional<std::uint64_t> BlockWindow::first_wanted(std::uint64_t from_block) {
  for (std::uint64_t block = from_block; block < examined_; ++block) {
    const Entry& at = entry(block);
    if (at.kind == Kind::InPlace) continue;
    const Mask wanted = full(block) & ~at.received & ~at.granted;
    if (wanted != 0)
      return block * kGranulesPerBlock + static_cast<std::uint64_t>(std::countr_zero(wanted));
  }
  return std::nullopt;
}

std::uint32_t BlockWindow::run_length(std::uint64_t granule, std::uint32_t most) {
  std::uint32_t length = 0;
  while (length < most) {
    const std::uint64_t block = (granule + length) / kGranulesPerBlock;
    if (block >= examined_ || entry(block).kind == Kind::InPlace) break;
    const auto bit = static_cast<std::size_t>((granule + length) % kGranulesPerBlock);
    const Mask wanted = full(block) & ~entry(block).received & ~entry(block).granted;
    const auto run = static_cast<std::uint32_t>(std::countr_one(wanted >> bit));
    length += run;
    if (bit + run < kGranulesPerBlock) break;
  }
  return std::min(length, most);
}

void BlockWindow::mark_granted(std::uint64_t granule, std::uint32_t count) {
  wanted_ -= count;
  while (count > 0) {
    const auto bit = static_cast<std::size_t>(granule % kGranulesPerBlock);
    const auto here = std::min<std::uint32_t>(count, static_cast<std::uint32_t>(64 - bit));
    entry(granule / kGranulesPerBlock).granted |= bits(bit, here);
    granule += here;
    count -= here;
  }
}

std::optional<wire::stream::Range> BlockWindow::grant(std::uint32_t most,
                                                      std::uint16_t segment_granules) {
  const auto first = first_wanted(search_from_);
  if (!first) {
    search_from_ = examined_;
    return std::nullopt;
  }
  search_from_ = *first / kGranulesPerBlock;
  most = std::min<std::uint32_t>(most, 0xffff);
  const auto into_block = static_cast<std::uint32_t>(*first % kGranulesPerBlock);
  if (segment_granules >= kGranulesPerBlock && into_block != 0)
    most = std::min<std::uint32_t>(most, kGranulesPerBlock - into_block);
  else if (most > segment_granules)
    most -= most % segment_granules;
  const std::uint32_t length = run_length(*first, most);
  mark_granted(*first, length);
  return wire::stream::Range{.offset_granules = static_cast<std::uint32_t>(*first),
                             .length_granules = static_cast<std::uint16_t>(length)};
}

std::optional<wire::stream::Range> BlockWindow::grant_whole(std::uint16_t granules) {
  const auto first = first_wanted(search_from_);
  if (!first || run_length(*first, granules) < granules) return std::nullopt;
  mark_granted(*first, granules);
  return wire::stream::Range{.offset_granules = static_cast<std::uint32_t>(*first),
                             .length_granules = granules};
}

void BlockWindow::release(const wire::stream::Range& range) {
  std::uint64_t granule = range.offset_granules;
  std::uint32_t count = range.length_granules;
  while (count > 0) {
    const std::uint64_t block = granule / kGranulesPerBlock;
    const auto bit = static_cast<std::size_t>(granule % kGranulesPerBlock);
    const auto here = std::min<std::uint32_t>(count, static_cast<std::uint32_t>(64 - bit));
    if (block >= base_ && block < examined_ && entry(block).kind == Kind::Missing) {
      Entry& at = entry(block);
      const Mask again = at.granted & bits(bit, here) & ~at.received;
      at.granted &= ~bits(bit, here);
      wanted_ += count_bits(again);
      if (again != 0) search_from_ = std::min(search_from_, block);
    }
    granule += here;
    count -= here;
  }
}

void BlockWindow::forget_parts() {
  wanted_ = 0;
  for (std::uint64_t block = base_; block < examined_; ++block) {
    Entry& at = entry(block);
    if (at.kind == Kind::InPlace) continue;
    if (at.buffer != kNoBuffer) free_.push_back(at.buffer);
    at = Entry{};
    wanted_ += block_granules(block);
  }
  search_from_ = base_;
}

std::int32_t BlockWindow::take_buffer() {
  if (free_.empty()) {
    // One for each block of the window at most: every buffer in use belongs to a block in it.
    assert(buffers_.size() < kBlocksInWindow);
    buffers_.push_back(std::make_unique<Block>());
    return static_cast<std::int32_t>(buffers_.size() - 1);
  }
  const std::int32_t buffer = free_.back();
  free_.pop_back();
  return buffer;
}

void BlockWindow::set_in_place(std::uint64_t block) {
  Entry& at = entry(block);
  wanted_ -= count_bits(full(block) & ~at.received & ~at.granted);
  if (at.buffer != kNoBuffer) free_.push_back(at.buffer);
  at = Entry{.kind = Kind::InPlace};
  in_place_bytes_ += block_bytes(block);
}

Fetched<> BlockWindow::store_run(std::uint64_t first, ByteView run, BlockStore& store) {
  if (run.empty()) return {};
  if (auto stored = store.store(first, run); !stored) return stored;
  const std::uint64_t count = (run.size() + kBlock - 1) / kBlock;
  for (std::uint64_t block = first; block < first + count; ++block) set_in_place(block);
  advance();
  return {};
}

Fetched<std::size_t> BlockWindow::absorb_part(std::uint64_t block, std::size_t first_byte,
                                              ByteView data, BlockStore& store) {
  Entry& at = entry(block);
  const auto granules = static_cast<std::size_t>((data.size() + kGranule - 1) / kGranule);
  const Mask fresh = bits(first_byte / kGranule, granules) & ~at.received;
  if (fresh == 0) return 0;
  if (at.buffer == kNoBuffer) at.buffer = take_buffer();
  Block& buffer = *buffers_[static_cast<std::size_t>(at.buffer)];
  std::memcpy(buffer.data() + first_byte, data.data(), data.size());
  wanted_ -= count_bits(fresh & ~at.granted);
  at.received |= fresh;
  if (at.received == full(block)) {
    if (auto stored = store_run(block, ByteView(buffer).first(block_bytes(block)), store); !stored)
      return tl::unexpected(stored.error());
  }
  return static_cast<std::size_t>(count_bits(fresh)) * kGranule;
}

Fetched<std::size_t> BlockWindow::absorb(std::uint32_t offset_granules, ByteView data,
                                         BlockStore& store) {
  std::uint64_t at_byte = offset_granules * kGranule;
  if (at_byte >= object_bytes_ || data.size() > object_bytes_ - at_byte) return 0;
  // Only the end of the object has a part of a granule.
  if (data.size() % kGranule != 0 && at_byte + data.size() != object_bytes_) return 0;

  std::size_t new_bytes = 0;
  std::uint64_t run_first = 0;
  ByteView run;  // whole blocks, one behind the other in the segment
  while (!data.empty()) {
    const std::uint64_t block = at_byte / kBlock;
    const auto into = static_cast<std::size_t>(at_byte % kBlock);
    const ByteView here = data.first(std::min(data.size(), block_bytes(block) - into));
    data = data.subspan(here.size());
    at_byte += here.size();

    const bool expected = block >= base_ && block < examined_ && entry(block).kind == Kind::Missing;
    if (expected && here.size() == block_bytes(block) && entry(block).received == 0) {
      if (run.empty()) {
        run_first = block;
        run = here;
      } else {
        run = ByteView(run.data(), run.size() + here.size());
      }
      continue;
    }
    new_bytes += run.size();
    if (auto stored = store_run(run_first, std::exchange(run, {}), store); !stored)
      return tl::unexpected(stored.error());
    if (!expected) continue;
    auto part = absorb_part(block, into, here, store);
    if (!part) return part;
    new_bytes += *part;
  }
  new_bytes += run.size();
  if (auto stored = store_run(run_first, run, store); !stored)
    return tl::unexpected(stored.error());
  return new_bytes;
}

}  // namespace fwr::recipient
