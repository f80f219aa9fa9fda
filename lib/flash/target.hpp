// SPDX-License-Identifier: GPL-3.0-or-later
// One place for an image: a file, a device, a volume. Each kind is a file in targets/ and a row of
// the table in targets/kinds.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace fwr::flash {

/// What the configuration says of one slot.
struct Place {
  std::string description;  ///< "slot b (/path)"
  std::string path;
  std::uint64_t size_bytes = 0;  ///< of a kind that has no size of its own; 0: as large as it is
  std::string other_description;
  std::string other_path;  ///< the other slot, which must not share storage with this one
};

/// What a kind of target can do. Slots asks for random_write and readable_back.
struct Traits {
  bool random_write = true;     ///< write() takes any order, and bytes not written keep their value
  bool readable_back = true;    ///< read() returns what write() was given
  std::size_t erase_bytes = 0;  ///< unit that is erased as a whole; 0: bytes are overwritten
  std::size_t write_bytes = 1;  ///< smallest unit of write(), and its alignment
  bool bad_blocks = false;      ///< blocks may be skipped, so that offsets are logical
  friend bool operator==(const Traits&, const Traits&) = default;
};

/// Every call is complete when it returns. Offsets and sizes are in bytes. A target does not know
/// whether its slot is active: only Slots calls begin() and write().
class Target {
 public:
  virtual ~Target() = default;

  [[nodiscard]] virtual Traits traits() const = 0;
  /// "slot b (/var/lib/fwrecover/slot-b.img)", for messages.
  [[nodiscard]] virtual std::string describe() const = 0;
  /// Bytes that fit. Errors: SlotUnreadable, also when there is nothing; NoPermission.
  [[nodiscard]] virtual Result<std::uint64_t> capacity() = 0;
  /// Fills `out` from `offset`; bytes past the last one ever written are zero. Errors:
  /// SlotUnreadable; NoPermission, which says nothing about the slot.
  [[nodiscard]] virtual Result<> read(std::uint64_t offset, std::span<std::byte> out) = 0;
  /// True if nothing was ever written: every byte is 00h or FFh, or there is no slot yet. A system
  /// cannot run from such a slot. Reads all of it. Errors: those of capacity() and read().
  [[nodiscard]] virtual Result<bool> blank();

  /// Checks without changing anything that begin() would be allowed. Errors: those of begin().
  [[nodiscard]] virtual Result<> try_begin() = 0;
  /// Makes room for `size` bytes. With random_write all bytes keep their value, so that begin() can
  /// be called before anything is requested from a donor. Errors: NoSpace, NoPermission,
  /// SlotUnreadable, SlotWriteFailed, BadConfiguration.
  [[nodiscard]] virtual Result<> begin(std::uint64_t size) = 0;
  /// Within the size of the last begin(). Errors: NoSpace, NoPermission, SlotWriteFailed.
  [[nodiscard]] virtual Result<> write(std::uint64_t offset, ByteView bytes) = 0;
  /// When this returns, all bytes written are in non-volatile memory, and later reads come from
  /// there. Errors: as write().
  [[nodiscard]] virtual Result<> finish() = 0;
  /// True unless the name of the target leads to something else than what begin() opened: the
  /// system would start from there.
  [[nodiscard]] virtual bool in_place() const = 0;
  /// Ends what begin() began: others may claim the device.
  virtual void release() = 0;
};

}  // namespace fwr::flash
