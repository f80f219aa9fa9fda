// SPDX-License-Identifier: GPL-3.0-or-later
// Where the blocks of a fetched object are judged and kept: the hash tree, or the image in its
// slot.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace fwr::recipient {

/// Why a fetch cannot go on, and which part failed.
struct Failure {
  enum class Kind : std::uint8_t {
    Content,  ///< a block does not match: another donor may have the right one
    Donor,    ///< the donor is gone or refuses
    Slot,     ///< our own memory fails: no donor can help
  };
  Kind kind = Kind::Donor;
  Error error;
};
template <class T = void>
using Fetched = tl::expected<T, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> fail(Failure::Kind kind, Errc code,
                                                  std::string detail) {
  return tl::unexpected<Failure>(Failure{kind, Error{code, std::move(detail)}});
}
[[nodiscard]] inline tl::unexpected<Failure> fail(Failure::Kind kind, Error error) {
  return tl::unexpected<Failure>(Failure{kind, std::move(error)});
}

class BlockStore {
 public:
  virtual ~BlockStore() = default;

  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
  /// Looks for blocks from `first` that are here already, and puts them in place. `missing` gets
  /// one answer for each block that was looked at; fewer than asked for, or none, when the answer
  /// needs blocks that are still to come. Every block before `complete_before` is in place.
  [[nodiscard]] virtual Fetched<std::size_t> examine(std::uint64_t first,
                                                     std::uint64_t complete_before,
                                                     std::span<bool> missing) = 0;
  /// Verifies and keeps whole blocks, the first of them `first`; the object's last block may be
  /// short.
  [[nodiscard]] virtual Fetched<> store(std::uint64_t first, ByteView blocks) = 0;
};

}  // namespace fwr::recipient
