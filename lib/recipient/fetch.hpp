// SPDX-License-Identifier: GPL-3.0-or-later
// One object on its way: a hash tree or an image, the blocks of it that are here already, and the
// blocks that a donor was asked for. A fetch outlives the donors that serve it. PROTOCOL §6.1.
//
// A block is assembled from the segments of one donor only: begin_with_donor() drops the parts that
// the donor before it sent. A block that does not match is therefore the fault of the donor that
// serves the fetch now, and no list says which donor sent which granule.
#pragma once

#include <cstdint>
#include <optional>

#include "recipient/block_store.hpp"
#include "recipient/block_window.hpp"
#include "wire/stream.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kExamineStep_blocks = 256;  ///< in one call of examine()

class Fetch {
 public:
  /// `store` must outlive it.
  Fetch(wire::stream::Object object, BlockStore& store)
      : object_(object), window_(store.size_bytes()), store_(store) {}

  [[nodiscard]] wire::stream::Object object() const { return object_; }
  [[nodiscard]] BlockWindow& window() { return window_; }
  [[nodiscard]] const BlockWindow& window() const { return window_; }
  [[nodiscard]] bool complete() const { return window_.complete(); }

  /// Another donor serves the object from now on. Whole blocks stay, parts of blocks do not.
  void begin_with_donor();

  /// Whether examine() has work: there is room in the window, and less than `ahead_bytes` are known
  /// to be missing.
  [[nodiscard]] bool can_examine(std::size_t ahead_bytes) const;
  /// Looks for some of the next blocks in the store, and notes which of them are missing.
  [[nodiscard]] Fetched<> examine(std::size_t ahead_bytes);

  /// Takes the bytes of a segment; whole blocks go to the store. How many bytes were new.
  [[nodiscard]] Fetched<std::size_t> absorb(std::uint32_t offset_granules, ByteView data) {
    return window_.absorb(offset_granules, data, store_);
  }

 private:
  wire::stream::Object object_;
  BlockWindow window_;
  BlockStore& store_;
  /// The base of the window when the store could not answer: the next blocks have to arrive first.
  std::optional<std::uint64_t> waits_at_;
};

}  // namespace fwr::recipient
