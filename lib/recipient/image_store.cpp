// SPDX-License-Identifier: GPL-3.0-or-later
// Blocks of the image: found in a slot, or verified and written. PROTOCOL §7.4.
#include "recipient/image_store.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fwr::recipient {
namespace {

constexpr std::uint64_t kBlock = image::kBlock_bytes;

Digest hash_of_filled(std::byte value) {
  std::array<std::byte, image::kBlock_bytes> block{};
  block.fill(value);
  return image::hash_block(block);
}

/// Whether every byte equals the first one.
bool uniform(ByteView bytes) {
  return bytes.size() < 2 || std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

ImageStore::ImageStore(flash::Slots& slots, flash::SlotId target, TreeStore& tree,
                       std::function<Result<>()> before_write)
    : slots_(slots),
      tree_(tree),
      before_write_(std::move(before_write)),
      target_{.slot = target, .chunk = {}},
      other_{.slot = flash::other(target), .chunk = {}},
      hash_of_zeros_(hash_of_filled(std::byte{0x00})),
      hash_of_ones_(hash_of_filled(std::byte{0xff})) {
  for (Source* source : {&target_, &other_}) {
    source->end = slots_.capacity(source->slot).value_or(0);
    source->chunk.resize(kExamineChunk_blocks * kBlock);
  }
}

ByteView ImageStore::block_of(const Source& source, std::uint64_t first, std::size_t i) const {
  const std::uint64_t at = (first + i) * kBlock;
  const auto length = static_cast<std::size_t>(std::min(kBlock, size_bytes() - at));
  return ByteView(source.chunk).subspan(static_cast<std::size_t>(i * kBlock), length);
}

void ImageStore::read(Source& source, std::uint64_t first, std::size_t blocks) {
  source.readable.fill(false);
  if (source.errors >= kReadErrorLimit) return;
  const std::uint64_t from = first * kBlock;
  const std::uint64_t to = std::min((first + blocks) * kBlock, size_bytes());
  // A block of which the slot has only a part is not there.
  const std::uint64_t end = to <= source.end ? to : source.end - source.end % kBlock;
  if (from >= end) return;
  const auto chunk = std::span(source.chunk).first(static_cast<std::size_t>(end - from));
  const auto count = static_cast<std::size_t>((chunk.size() + kBlock - 1) / kBlock);
  if (slots_.read(source.slot, from, chunk)) {
    std::fill_n(source.readable.begin(), count, true);
    return;
  }
  // One bad place does not condemn its neighbours.
  for (std::size_t i = 0; i < count && source.errors < kReadErrorLimit; ++i) {
    const auto begin = static_cast<std::size_t>(i * kBlock);
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, chunk.size() - begin));
    const auto block = chunk.subspan(begin, length);
    source.readable[i] = slots_.read(source.slot, from + i * kBlock, block).has_value();
    if (!source.readable[i]) ++source.errors;
  }
}

Fetched<bool> ImageStore::has(const Source& source, std::uint64_t first, std::size_t i) {
  if (!source.readable[i]) return false;
  const ByteView bytes = block_of(source, first, i);
  // Erased memory is common, and comparing is many times faster than hashing.
  if (bytes.size() == kBlock && uniform(bytes)) {
    if (bytes.front() == std::byte{0x00}) return tree_.matches_hash(first + i, hash_of_zeros_);
    if (bytes.front() == std::byte{0xff}) return tree_.matches_hash(first + i, hash_of_ones_);
  }
  return tree_.matches(first + i, bytes);
}

Fetched<std::size_t> ImageStore::examine(std::uint64_t first, std::uint64_t /*complete_before*/,
                                         std::span<bool> missing) {
  missing = missing.first(std::min(missing.size(), kExamineChunk_blocks));
  read(target_, first, missing.size());
  bool all_here = true;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    const auto found = has(target_, first, i);
    if (!found) return tl::unexpected(found.error());
    missing[i] = !*found;
    all_here = all_here && *found;
    if (*found) reused_ += block_of(target_, first, i).size();
  }
  if (!all_here) {
    if (auto copied = copy_from_other(first, missing); !copied)
      return tl::unexpected(copied.error());
  }
  return missing.size();
}

Fetched<> ImageStore::copy_from_other(std::uint64_t first, std::span<bool> missing) {
  read(other_, first, missing.size());
  std::size_t run = 0;  // blocks to copy that end before `i`
  for (std::size_t i = 0; i <= missing.size(); ++i) {
    bool copy = false;
    if (i < missing.size() && missing[i] && other_.readable[i]) {
      const ByteView here = block_of(other_, first, i);
      // The same wrong bytes in both slots are hashed once.
      const bool same =
          target_.readable[i] &&
          std::memcmp(here.data(), block_of(target_, first, i).data(), here.size()) == 0;
      if (!same) {
        const auto found = has(other_, first, i);
        if (!found) return tl::unexpected(found.error());
        copy = *found;
      }
    }
    if (copy) {
      ++run;
      continue;
    }
    if (run == 0) continue;
    const std::uint64_t at = (first + i - run) * kBlock;
    const std::uint64_t end = std::min((first + i) * kBlock, size_bytes());
    const ByteView bytes(other_.chunk.data() + (i - run) * kBlock,
                         static_cast<std::size_t>(end - at));
    if (auto written = write(at, bytes); !written) return written;
    reused_ += bytes.size();
    std::fill_n(missing.begin() + static_cast<std::ptrdiff_t>(i - run), run, false);
    run = 0;
  }
  return {};
}

Fetched<> ImageStore::write(std::uint64_t offset, ByteView bytes) {
  Result<> done;
  if (before_write_) done = before_write_();
  if (done) done = slots_.write(target_.slot, offset, bytes);
  if (!done) return fail(Failure::Kind::Slot, done.error());
  return {};
}

Fetched<> ImageStore::store(std::uint64_t first, ByteView blocks) {
  for (std::size_t at = 0; at < blocks.size(); at += kBlock) {
    const std::uint64_t block = first + at / kBlock;
    const auto found =
        tree_.matches(block, blocks.subspan(at, std::min<std::size_t>(kBlock, blocks.size() - at)));
    if (!found) return tl::unexpected(found.error());
    if (!*found)
      return fail(Failure::Kind::Content, Errc::BadBlock, "image block " + std::to_string(block));
  }
  if (auto written = write(first * kBlock, blocks); !written) return written;
  fetched_ += blocks.size();
  return {};
}

}  // namespace fwr::recipient
