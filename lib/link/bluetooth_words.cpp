// SPDX-License-Identifier: GPL-3.0-or-later
// The names of Bluetooth security.
#include "link/bluetooth_words.hpp"

#include <array>

namespace fwr::link {
namespace {

struct Name {
  BluetoothSecurity security;
  std::string_view text;
};
constexpr std::array kNames{Name{BluetoothSecurity::Low, "low"},
                            Name{BluetoothSecurity::Medium, "medium"},
                            Name{BluetoothSecurity::High, "high"}};

}  // namespace

std::string_view to_text(BluetoothSecurity security) {
  for (const Name& name : kNames)
    if (name.security == security) return name.text;
  return "unknown";
}

Result<BluetoothSecurity> parse_bluetooth_security(std::string_view text) {
  for (const Name& name : kNames)
    if (name.text == text) return name.security;
  return fail(Errc::BadUsage, "Bluetooth security is low, medium or high");
}

}  // namespace fwr::link
