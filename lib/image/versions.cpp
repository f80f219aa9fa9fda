// SPDX-License-Identifier: GPL-3.0-or-later
// The order of versions: dpkg's rule for upstream versions. PROTOCOL §7.2.
#include <algorithm>

#include "image/manifest.hpp"

namespace fwr::image {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view take_digits(std::string_view& rest) {
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_digit);
  const auto count = static_cast<std::size_t>(end - rest.begin());
  const std::string_view run = rest.substr(0, count);
  rest.remove_prefix(count);
  return run;
}

/// Digits of any length by value, so that a date with a time in it does not overflow.
int compare_numbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

/// Where the next character of a run without digits sorts: '~' before the end, the end before
/// letters, letters before everything else. A digit ends the run.
int weight(std::string_view rest) {
  constexpr int kAfterLetters = 256;
  if (rest.empty() || is_digit(rest.front())) return 0;
  if (rest.front() == '~') return -1;
  const int value = static_cast<unsigned char>(rest.front());
  return is_letter(rest.front()) ? value : value + kAfterLetters;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    while ((!a.empty() && !is_digit(a.front())) || (!b.empty() && !is_digit(b.front()))) {
      const int difference = weight(a) - weight(b);
      if (difference != 0) return difference;
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
    const int difference = compare_numbers(take_digits(a), take_digits(b));
    if (difference != 0) return difference;
  }
  return 0;
}

}  // namespace fwr::image
