// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers and names of lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"

namespace fwr::settings {

/// A serial line has a number, which addresses carry, and the name of its device, which texts show.
class LineNames {
 public:
  static constexpr std::size_t kLineLimit = 16;  ///< of all kinds together

  /// Adds a device, unless it has a number already. Numbers start at 1.
  std::uint32_t add(const std::string& device);
  /// The number of a device; 0: there is no such line.
  [[nodiscard]] std::uint32_t number(std::string_view device) const;
  /// "icmb:0x0014@/dev/ttyS1": the text of an address with the name of its line.
  [[nodiscard]] std::string text(const Address& address) const;
  /// Replaces the numbers of lines in a text by their names.
  [[nodiscard]] std::string named(const std::string& words) const;
  /// The device with this number: "/dev/ttyS1". Empty: there is no such line.
  [[nodiscard]] std::string device(std::uint32_t number) const;
  [[nodiscard]] std::size_t size() const { return devices_.size(); }

 private:
  std::vector<std::string> devices_;
};

}  // namespace fwr::settings
