// SPDX-License-Identifier: GPL-3.0-or-later
// The part of an object that is being fetched: which granules are needed, granted, received; the
// buffers in which blocks are assembled. Memory follows what is in flight. PROTOCOL §6.1, §8.1.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "image/hash_tree.hpp"
#include "recipient/block_store.hpp"
#include "wire/stream.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kBlocksInWindow = 2048;  // PROTOCOL §8.1, blocks in flight
inline constexpr std::size_t kGranulesPerBlock = image::kBlock_bytes / wire::oem::kGranule_bytes;

class BlockWindow {
 public:
  explicit BlockWindow(std::uint64_t object_bytes);

  [[nodiscard]] std::uint64_t object_bytes() const { return object_bytes_; }
  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }
  /// Every block before it is in place.
  [[nodiscard]] std::uint64_t base() const { return base_; }
  [[nodiscard]] bool complete() const { return base_ == blocks_; }
  /// The bytes of all whole blocks, wherever they are in the object.
  [[nodiscard]] std::uint64_t in_place_bytes() const { return in_place_bytes_; }

  /// The next block to examine, and how many fit into the window now.
  [[nodiscard]] std::uint64_t examined() const { return examined_; }
  [[nodiscard]] std::size_t room() const;
  void set_examined(bool missing);

  /// Granules that are needed, not here and not granted.
  [[nodiscard]] std::uint64_t wanted_granules() const { return wanted_; }
  /// Takes the next run of wanted granules, at most `most`, as granted. Runs begin and end so that
  /// segments fit into them evenly.
  [[nodiscard]] std::optional<wire::stream::Range> grant(std::uint32_t most,
                                                         std::uint16_t segment_granules);
  /// Takes a run of exactly this length, when the next wanted granules have one.
  [[nodiscard]] std::optional<wire::stream::Range> grant_whole(std::uint16_t granules);
  /// What of it has not arrived is wanted again.
  void release(const wire::stream::Range& range);
  /// Another donor goes on: parts of blocks are forgotten, whole ones stay.
  void forget_parts();

  /// Bytes of a segment. Whole blocks go to `store` straight from it; parts wait in a buffer for
  /// the rest of their block. How many bytes were new.
  [[nodiscard]] Fetched<std::size_t> absorb(std::uint32_t offset_granules, ByteView data,
                                            BlockStore& store);

  [[nodiscard]] std::size_t buffers_in_use() const { return buffers_.size() - free_.size(); }
  [[nodiscard]] std::size_t buffers_allocated() const { return buffers_.size(); }

 private:
  using Block = std::array<std::byte, image::kBlock_bytes>;
  using Mask = std::uint64_t;  ///< one bit a granule
  enum class Kind : std::uint8_t { Missing, InPlace };
  static constexpr std::int32_t kNoBuffer = -1;
  struct Entry {
    Mask received = 0;
    Mask granted = 0;
    std::int32_t buffer = kNoBuffer;
    Kind kind = Kind::Missing;
  };

  [[nodiscard]] Entry& entry(std::uint64_t block) {
    return ring_[static_cast<std::size_t>(block % ring_.size())];
  }
  [[nodiscard]] std::size_t block_bytes(std::uint64_t block) const;
  [[nodiscard]] std::size_t block_granules(std::uint64_t block) const;
  [[nodiscard]] Mask full(std::uint64_t block) const;
  /// The first wanted granule of the window at or after `from`, as an index in the object.
  [[nodiscard]] std::optional<std::uint64_t> first_wanted(std::uint64_t from_block);
  [[nodiscard]] std::uint32_t run_length(std::uint64_t granule, std::uint32_t most);
  void mark_granted(std::uint64_t granule, std::uint32_t count);
  [[nodiscard]] Fetched<std::size_t> absorb_part(std::uint64_t block, std::size_t first_byte,
                                                 ByteView data, BlockStore& store);
  [[nodiscard]] Fetched<> store_run(std::uint64_t first, ByteView run, BlockStore& store);
  void set_in_place(std::uint64_t block);
  void advance();
  [[nodiscard]] std::int32_t take_buffer();

  std::uint64_t object_bytes_, blocks_;
  std::vector<Entry> ring_;
  std::uint64_t base_ = 0, examined_ = 0;
  std::uint64_t search_from_ = 0;  ///< no block before it has wanted granules
  std::uint64_t wanted_ = 0;
  std::uint64_t in_place_bytes_ = 0;
  std::vector<std::unique_ptr<Block>> buffers_;  ///< at most kBlocksInWindow
  std::vector<std::int32_t> free_;
};

}  // namespace fwr::recipient
