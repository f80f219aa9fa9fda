// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers and names of lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"

namespace fwr::settings {

/// Serial lines have numbers, which addresses carry, and names, which people know.
class LineNames {
 public:
  static constexpr std::size_t kLineLimit = 16;  ///< of all kinds together

  /// The number of a device, from 1; the same one each time.
  std::uint32_t add(const std::string& device);
  /// 0: there is no such line.
  [[nodiscard]] std::uint32_t number(std::string_view device) const;
  /// "icmb:0x0014@/dev/ttyS1": the text of an address with the name of its line.
  [[nodiscard]] std::string text(const Address& address) const;
  /// Words of a machine, in which the addresses have numbers: with names.
  [[nodiscard]] std::string named(const std::string& words) const;
  /// "/dev/ttyS1"; empty: there is no such line.
  [[nodiscard]] std::string device(std::uint32_t number) const;
  [[nodiscard]] std::size_t size() const { return devices_.size(); }

 private:
  std::vector<std::string> devices_;
};

}  // namespace fwr::settings
