// SPDX-License-Identifier: GPL-3.0-or-later
// What people write for numbers, times and sizes.
#include "base/parse.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <span>
#include <system_error>
#include <utility>

namespace fwr {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array kDurationUnits_ms{Unit{"", 1000},       Unit{"ms", 1},
                                       Unit{"s", 1000},      Unit{"m", 60'000},
                                       Unit{"h", 3'600'000}, Unit{"d", 86'400'000}};
constexpr std::array kSizeUnits_bytes{Unit{"", 1}, Unit{"B", 1}, Unit{"KiB", 1 << 10},
                                      Unit{"MiB", 1 << 20}, Unit{"GiB", 1 << 30}};
constexpr std::size_t kFraction_digits = 9;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

template <class Number, class... How>
std::optional<Number> whole(std::string_view text, How... how) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, how...);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) -
                                  text.begin());
}

/// "1.5MiB" in the smallest unit, exactly, and up where that has no fractions.
std::optional<std::int64_t> with_unit(std::string_view text, std::span<const Unit> units) {
  const std::string_view digits = text.substr(0, count_digits(text));
  const auto number = whole<std::int64_t>(digits);
  if (!number) return std::nullopt;
  text.remove_prefix(digits.size());
  std::string_view fraction;
  if (text.starts_with('.')) {
    fraction = text.substr(1, count_digits(text.substr(1)));
    if (fraction.empty() || fraction.size() > kFraction_digits) return std::nullopt;
    text.remove_prefix(1 + fraction.size());
  }
  if (text.size() > 1 && text.starts_with(' ')) text.remove_prefix(1);
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& known) { return known.name == text; });
  if (unit == units.end()) return std::nullopt;
  std::int64_t product = 0;
  if (__builtin_mul_overflow(*number, unit->factor, &product)) return std::nullopt;
  if (fraction.empty()) return product;
  std::int64_t scale = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i) scale *= 10;
  // At most 10^9 parts of at most 2^30.
  const std::int64_t part =
      (whole<std::int64_t>(fraction).value_or(0) * unit->factor + scale - 1) / scale;
  if (__builtin_add_overflow(product, part, &product)) return std::nullopt;
  return product;
}

/// The number whose digits stand where `form` has zeros; every other character is itself.
std::optional<std::array<int, 6>> in_form(std::string_view text, std::string_view form) {
  if (text.size() != form.size()) return std::nullopt;
  std::array<int, 6> fields{};
  std::size_t field = 0;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '0') {
      if (!is_digit(text[i])) return std::nullopt;
      fields[field] = 10 * fields[field] + (text[i] - '0');
    } else {
      if (text[i] != form[i]) return std::nullopt;
      ++field;
    }
  }
  return fields;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.starts_with("0x")) return whole<std::uint64_t>(text.substr(2), 16);
  return whole<std::uint64_t>(text, 10);
}

std::optional<double> parse_real(std::string_view text) {
  // from_chars() would also take a sign and the words for what is no number.
  if (text.empty() || !(is_digit(text.front()) || text.front() == '.')) return std::nullopt;
  const auto value = whole<double>(text, std::chars_format::general);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  return with_unit(text, kDurationUnits_ms);
}

std::optional<std::int64_t> parse_time_s(std::string_view text) {
  // 20270630 is meant as a date, and would be a day in August of 1970.
  constexpr std::size_t kDateWithoutHyphens = 8;
  if (text.size() == kDateWithoutHyphens && whole<std::uint64_t>(text, 10)) return std::nullopt;
  if (const auto seconds = whole<std::uint64_t>(text, 10))
    return std::in_range<std::int64_t>(*seconds)
               ? std::optional(static_cast<std::int64_t>(*seconds))
               : std::nullopt;
  auto fields = in_form(text, "0000-00-00");
  if (!fields) fields = in_form(text, "0000-00-00T00:00:00Z");
  if (!fields) return std::nullopt;
  using namespace std::chrono;
  const auto& [y, mo, d, h, mi, s] = *fields;
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)},
                            day{static_cast<unsigned>(d)}};
  if (!date.ok() || h > 23 || mi > 59 || s > 59) return std::nullopt;
  const sys_seconds moment = sys_days{date} + hours{h} + minutes{mi} + seconds{s};
  return moment.time_since_epoch().count();
}

std::optional<std::int64_t> parse_size_bytes(std::string_view text) {
  return with_unit(text, kSizeUnits_bytes);
}

}  // namespace fwr
