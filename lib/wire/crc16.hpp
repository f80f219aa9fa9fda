// SPDX-License-Identifier: GPL-3.0-or-later
// The checksum of what goes over lines of characters: bus frames (PROTOCOL §11.1) and streams on a
// serial cable (§12.3).
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace fwr::wire {

/// CRC-16/X-25: polynomial 1021h reflected, all ones before, inverted after.
[[nodiscard]] std::uint16_t crc16(ByteView bytes);

}  // namespace fwr::wire
