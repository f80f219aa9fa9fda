// SPDX-License-Identifier: GPL-3.0-or-later
// How the boot loader learns which slot to start. A kind of boot loader is a class derived from
// Bootloader and a row of the table in bootloader.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "flash/record/boot_record.hpp"

namespace fwr::flash {

/// The state record is the truth and a boot loader's own setting its projection: Slots stores the
/// record first and then calls select() or confirm(), every time, so that the next record mends
/// what a power cut left between the two.
class Bootloader {
 public:
  virtual ~Bootloader() = default;
  /// Starts `slot` at the next boot, and goes back after `tries` boots without confirm().
  [[nodiscard]] virtual Result<> select(SlotId slot, unsigned tries) = 0;
  /// Starts `slot` from now on.
  [[nodiscard]] virtual Result<> confirm(SlotId slot) = 0;
  /// The slot that the next boot starts; nullopt: the boot loader reads the state record.
  [[nodiscard]] virtual Result<std::optional<SlotId>> read() = 0;
};

/// Opens a boot loader by its name in the table. Errors: BadConfiguration.
///   none  reads the state record itself, so that there is nothing to set
[[nodiscard]] Result<std::unique_ptr<Bootloader>> open_bootloader(std::string_view kind);

}  // namespace fwr::flash
