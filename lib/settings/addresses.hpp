// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses that a caller names, as overrides of the settings of their media.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "settings/setting.hpp"

namespace fwr::settings {

/// A setting that is a list of addresses of one medium.
struct AddressList {
  std::string_view setting;
  std::string_view prefix;  ///< of its addresses; the first list takes what no other does
  bool bare = false;        ///< whether the setting has them without the prefix
};

/// One override for each list that gets any of the addresses.
[[nodiscard]] std::vector<Override> sort_addresses(const std::vector<std::string>& addresses,
                                                   std::span<const AddressList> lists);

/// The same for the donors that a recipient asks, over every medium.
[[nodiscard]] std::vector<Override> sort_targets(const std::vector<std::string>& targets);

}  // namespace fwr::settings
