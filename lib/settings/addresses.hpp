// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses that a caller names, as overrides of the settings of their media.
#pragma once

#include <string>
#include <vector>

namespace fwr::settings {

/// A setting that is a list of addresses of one medium.
struct AddressList {
  std::string setting;
  std::string prefix;  ///< of its addresses; the first list takes what no other does
  bool bare = false;   ///< whether the setting has them without the prefix
};

/// "section.key=[...]" for each list that gets any of the addresses.
[[nodiscard]] std::vector<std::string> sort_addresses(const std::vector<std::string>& addresses,
                                                      const std::vector<AddressList>& lists);

/// The same for those that are asked, over every medium.
[[nodiscard]] std::vector<std::string> sort_targets(const std::vector<std::string>& targets);

}  // namespace fwr::settings
