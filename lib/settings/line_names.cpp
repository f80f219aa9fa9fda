// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers and names of lines.
#include "settings/line_names.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace fwr::settings {
namespace {

constexpr std::size_t kLineDigits = 2;

/// If `words` ends with the part of an address that stands before its "@", such as "icmb:0x0014" or
/// "serial:": that part. Otherwise nothing.
std::string_view address_at_end(std::string_view words) {
  constexpr std::string_view kCable = "serial:";
  constexpr std::string_view kBus = "icmb:0x";
  constexpr std::size_t kAddressDigits = 4;
  if (words.ends_with(kCable)) return kCable;
  if (words.size() < kBus.size() + kAddressDigits) return {};
  words.remove_prefix(words.size() - kBus.size() - kAddressDigits);
  const bool is_hex = words.find_first_not_of("0123456789abcdef", kBus.size()) == words.npos;
  return words.starts_with(kBus) && is_hex ? words : std::string_view();
}

}  // namespace

std::uint32_t LineNames::add(const std::string& device) {
  if (const std::uint32_t known = number(device); known != 0) return known;
  devices_.push_back(device);
  return static_cast<std::uint32_t>(devices_.size());
}

std::uint32_t LineNames::number(std::string_view device) const {
  const auto found = std::find(devices_.begin(), devices_.end(), device);
  return found == devices_.end()
             ? 0
             : static_cast<std::uint32_t>(std::distance(devices_.begin(), found)) + 1;
}

std::string LineNames::device(std::uint32_t number) const {
  return number == 0 || number > devices_.size() ? std::string() : devices_[number - 1];
}

std::string LineNames::text(const Address& address) const {
  const std::string name = device(address.scope);
  if (name.empty()) return to_text(address);
  if (address.family == AddressFamily::Serial) return "serial:" + name;
  if (address.family != AddressFamily::Icmb) return to_text(address);
  Address nameless = address;
  nameless.scope = 0;
  return to_text(nameless) + "@" + name;
}

std::string LineNames::named(const std::string& words) const {
  std::string out;
  std::string_view rest = words;
  for (std::size_t at = rest.find('@'); at != rest.npos; at = rest.find('@')) {
    const std::string_view link = address_at_end(rest.substr(0, at));
    std::string_view digits = rest.substr(at + 1);
    digits = digits.substr(0, std::min(digits.find_first_not_of("0123456789"), digits.size()));
    std::uint32_t line = 0;
    if (!link.empty() && digits.size() <= kLineDigits)
      std::from_chars(digits.data(), digits.data() + digits.size(), line);
    const std::string name = device(line);
    out.append(rest.substr(0, at));
    if (name.empty() || !link.ends_with(':')) out += '@';
    out += name;
    rest.remove_prefix(at + 1 + (name.empty() ? 0 : digits.size()));
  }
  return out.append(rest);
}

}  // namespace fwr::settings
