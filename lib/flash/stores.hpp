// SPDX-License-Identifier: GPL-3.0-or-later
// What slots keep besides images: the state record, and the hash tree of the image that is written.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "flash/record/boot_record.hpp"

namespace fwr::flash {

/// Keeps the state record (PROTOCOL §7.4). StateFile, or memory in a test.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  /// A fresh record (generation 0, all empty) when there is none yet. Errors: CorruptState,
  /// NoPermission, StateFailed.
  [[nodiscard]] virtual Result<BootRecord> load() const = 0;
  /// The record counts once this returns. Errors: CorruptState, NoPermission, NoSpace, StateFailed;
  /// Internal when the record is not newer than the one that is kept.
  [[nodiscard]] virtual Result<> store(const BootRecord& record) = 0;
  /// Checks without changing anything that store() would be allowed. Errors: NoPermission,
  /// SlotWriteFailed.
  [[nodiscard]] virtual Result<> try_store() const = 0;
  /// The place of the record, for messages: "/var/lib/fwrecover".
  [[nodiscard]] virtual std::string describe() const = 0;
};

/// Keeps the hash tree of the inactive slot's image. The reader verifies it. TreeFile, or
/// memory in a test.
class Scratch {
 public:
  virtual ~Scratch() = default;
  /// Makes room for `size` bytes. Errors: NoSpace, NoPermission, StateFailed, SlotWriteFailed.
  [[nodiscard]] virtual Result<> reserve(std::uint64_t size) = 0;
  /// Fills `out`; bytes that were never written are zero. Errors: NoPermission, StateFailed.
  [[nodiscard]] virtual Result<> read(std::uint64_t offset, std::span<std::byte> out) = 0;
  /// Errors: LimitExceeded, NoSpace, NoPermission, StateFailed.
  [[nodiscard]] virtual Result<> write(std::uint64_t offset, ByteView bytes) = 0;
};

}  // namespace fwr::flash
