// SPDX-License-Identifier: GPL-3.0-or-later
// Words of Bluetooth, in any build.
#include <array>

#include "bluetooth/bluetooth.hpp"

namespace fwr::transport {
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

std::string_view to_text(BluetoothNotice::Kind kind) {
  switch (kind) {
    case BluetoothNotice::Kind::Connected: return "connected";
    case BluetoothNotice::Kind::Lost: return "lost";
    case BluetoothNotice::Kind::Refused: return "refused";
    case BluetoothNotice::Kind::Registered: return "registered";
    case BluetoothNotice::Kind::Problem: return "problem";
  }
  return "unknown";
}

}  // namespace fwr::transport
