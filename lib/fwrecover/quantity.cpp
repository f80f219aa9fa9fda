// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers and times as the programs read them.
#include "fwrecover/quantity.hpp"

#include "base/parse.hpp"

namespace fwrecover {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  return fwr::parse_number(text);
}
std::optional<double> parse_real(std::string_view text) {
  return fwr::parse_real(text);
}
std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  return fwr::parse_duration_ms(text);
}
std::optional<std::int64_t> parse_time_s(std::string_view text) {
  return fwr::parse_time_s(text);
}

}  // namespace fwrecover
