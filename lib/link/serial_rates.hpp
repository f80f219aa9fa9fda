// SPDX-License-Identifier: GPL-3.0-or-later
// The rates of serial lines.
#pragma once

#include <array>
#include <cstdint>

namespace fwr::link {

inline constexpr std::array<std::uint32_t, 11> kSerialRates{
    1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600};  // baud

}  // namespace fwr::link
