// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers and times as the programs read them, for programs that have options of the same kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "fwrecover/export.hpp"

namespace fwrecover {

/// Decimal, or hexadecimal after 0x; zeros in front change nothing. Nothing for any other text.
FWR_API std::optional<std::uint64_t> parse_number(std::string_view text);
/// A finite number of at least 0, such as "0.5" or "1e-5".
FWR_API std::optional<double> parse_real(std::string_view text);
/// "500ms", "10m", "1.5h", "2d" in milliseconds; a number alone is seconds.
FWR_API std::optional<std::int64_t> parse_duration_ms(std::string_view text);
/// "2027-06-30", "2027-06-30T12:00:00Z" or seconds since 1970-01-01 UTC, in such seconds.
FWR_API std::optional<std::int64_t> parse_time_s(std::string_view text);

}  // namespace fwrecover
