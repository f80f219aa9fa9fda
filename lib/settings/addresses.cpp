// SPDX-License-Identifier: GPL-3.0-or-later
// Sorts addresses by their medium.
#include "settings/addresses.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace fwr::settings {

std::vector<Override> sort_addresses(const std::vector<std::string>& addresses,
                                     std::span<const AddressList> lists) {
  std::vector<std::vector<std::string>> values(lists.size());
  for (const std::string& address : addresses) {
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < lists.size(); ++i)
      if (address.starts_with(lists[i].prefix)) chosen = i;
    const std::size_t skipped = lists[chosen].bare ? lists[chosen].prefix.size() : 0;
    values[chosen].push_back(address.substr(skipped));
  }
  std::vector<Override> overrides;
  for (std::size_t i = 0; i < lists.size(); ++i)
    if (!values[i].empty()) overrides.push_back({lists[i].setting, std::move(values[i])});
  return overrides;
}

std::vector<Override> sort_targets(const std::vector<std::string>& targets) {
  constexpr std::array kLists{AddressList{"lan.targets", ""}, AddressList{"icmb.targets", "icmb:"},
                              AddressList{"serial.devices", "serial:", true},
                              AddressList{"bluetooth.targets", "bt:"}};
  return sort_addresses(targets, kLists);
}

}  // namespace fwr::settings
