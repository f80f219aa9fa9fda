// SPDX-License-Identifier: GPL-3.0-or-later
// The image in the inactive slot: blocks that a slot has already are kept or copied, others are
// verified and written. Nothing is ever written to the active slot. PROTOCOL §7.4.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "flash/slots.hpp"
#include "recipient/block_store.hpp"
#include "recipient/tree_store.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kExamineChunk_blocks = 32;
/// After so many failed reads a slot is not asked any more: a dying device takes seconds for each.
inline constexpr unsigned kReadErrorLimit = 16;

class ImageStore final : public BlockStore {
 public:
  /// `slots` and `tree` must outlive it. `target` is written, the other slot only read.
  /// `before_write` is called before each write, and its error takes the place of the write.
  ImageStore(flash::Slots& slots, flash::SlotId target, TreeStore& tree,
             std::function<Result<>()> before_write = {});

  [[nodiscard]] std::uint64_t fetched_bytes() const { return fetched_; }
  [[nodiscard]] std::uint64_t reused_bytes() const { return reused_; }

  [[nodiscard]] std::uint64_t size_bytes() const override {
    return tree_.shape().image_size_bytes();
  }
  [[nodiscard]] Fetched<std::size_t> examine(std::uint64_t first, std::uint64_t complete_before,
                                             std::span<bool> missing) override;
  [[nodiscard]] Fetched<> store(std::uint64_t first, ByteView blocks) override;

 private:
  /// What one slot has at the place of the blocks that are examined.
  struct Source {
    flash::SlotId slot;
    std::uint64_t end = 0;  ///< bytes that can be read
    unsigned errors = 0;
    Bytes chunk;
    std::array<bool, kExamineChunk_blocks> readable{};
  };
  [[nodiscard]] ByteView block_of(const Source& source, std::uint64_t first, std::size_t i) const;
  void read(Source& source, std::uint64_t first, std::size_t blocks);
  /// Whether the examined block `first` + `i` of the source is what the image has there.
  [[nodiscard]] Fetched<bool> has(const Source& source, std::uint64_t first, std::size_t i);
  [[nodiscard]] Fetched<> copy_from_other(std::uint64_t first, std::span<bool> missing);
  [[nodiscard]] Fetched<> write(std::uint64_t offset, ByteView bytes);

  flash::Slots& slots_;
  TreeStore& tree_;
  std::function<Result<>()> before_write_;
  Source target_, other_;
  Digest hash_of_zeros_, hash_of_ones_;
  std::uint64_t fetched_ = 0, reused_ = 0;
};

}  // namespace fwr::recipient
