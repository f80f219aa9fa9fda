// SPDX-License-Identifier: GPL-3.0-or-later
// What a slot really holds, compared with what the record says of it. PROTOCOL §7.4.
#pragma once

#include <cstdint>
#include <functional>

#include "base/types.hpp"
#include "flash/slots.hpp"

namespace fwr::flash {

/// Called between the steps of a long operation: true ends it with Interrupted. May be empty.
using Stop = std::function<bool()>;

/// The fs-verity digest of the first `size_bytes` of a slot. Errors: Interrupted, and those of
/// Slots::read().
[[nodiscard]] Result<Digest> digest_slot(Slots& slots, SlotId slot, std::uint64_t size_bytes,
                                         const Stop& stop = {});

/// Reads a whole slot and compares it with its manifest in the record. Errors: BadManifest,
/// DigestMismatch, Interrupted, and those of Slots::read().
[[nodiscard]] Result<> check_contents(Slots& slots, const BootRecord& record, SlotId slot,
                                      const Stop& stop = {});

/// The record after a roll-back, when the slot to go back to still holds its image and that is not
/// below the security floor: it was good when it was left, and may be what a recovery had to
/// replace. Errors: NoPreviousImage, Interrupted.
[[nodiscard]] Result<BootRecord> go_back(Slots& slots, const BootRecord& record,
                                         const Stop& stop = {}, Failure failure = {});

}  // namespace fwr::flash
