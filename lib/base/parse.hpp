// SPDX-License-Identifier: GPL-3.0-or-later
// What people write for numbers, times and sizes: one reading for all programs and files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fwr {

/// An unsigned number: decimal digits, or 0x and hexadecimal digits. Zeros in front change nothing:
/// "010" is ten. Nothing else may be there: no sign, no blank, no fraction, no other base. Nothing
/// when the text is empty or the number too large.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

/// A number of at least 0 such as "0.5" or "1e-5". Never NaN, never infinite.
[[nodiscard]] std::optional<double> parse_real(std::string_view text);

/// A time in milliseconds: "500ms", "10m", "1.5h", "2d", with at most one blank in front of the
/// unit. A number alone is seconds. A part of a millisecond is rounded up: what is short does not
/// become nothing.
[[nodiscard]] std::optional<std::int64_t> parse_duration_ms(std::string_view text);

/// A moment in seconds since 1970-01-01 UTC: "2027-06-30" (its first second),
/// "2027-06-30T12:00:00Z" (RFC 3339 in UTC), or the seconds themselves. No other zone: a release
/// has one time everywhere.
[[nodiscard]] std::optional<std::int64_t> parse_time_s(std::string_view text);

/// A size in bytes: "4096", "64KiB", "1.5MiB", "1GiB", in units of 1,024. What has other units (kB,
/// MB, K, M) is refused, since people mean different things by them.
[[nodiscard]] std::optional<std::int64_t> parse_size_bytes(std::string_view text);

}  // namespace fwr
