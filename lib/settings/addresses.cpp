// SPDX-License-Identifier: GPL-3.0-or-later
// Sorts addresses by their medium.
#include "settings/addresses.hpp"

#include <cstddef>

namespace fwr::settings {

std::vector<std::string> sort_addresses(const std::vector<std::string>& addresses,
                                        const std::vector<AddressList>& lists) {
  std::vector<std::string> values(lists.size());
  for (const std::string& address : addresses) {
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < lists.size(); ++i)
      if (address.starts_with(lists[i].prefix)) chosen = i;
    const std::size_t skipped = lists[chosen].bare ? lists[chosen].prefix.size() : 0;
    values[chosen] += (values[chosen].empty() ? "'" : ",'") + address.substr(skipped) + "'";
  }
  std::vector<std::string> overrides;
  for (std::size_t i = 0; i < lists.size(); ++i)
    if (!values[i].empty()) overrides.push_back(lists[i].setting + "=[" + values[i] + "]");
  return overrides;
}

std::vector<std::string> sort_targets(const std::vector<std::string>& targets) {
  return sort_addresses(targets, {{"lan.targets", "", false},
                                  {"icmb.targets", "icmb:", false},
                                  {"serial.devices", "serial:", true},
                                  {"bluetooth.targets", "bt:", false}});
}

}  // namespace fwr::settings
