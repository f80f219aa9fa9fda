// SPDX-License-Identifier: GPL-3.0-or-later
// Words of Bluetooth, in any build.
#include "bluetooth/bluetooth_names.hpp"

namespace fwr::transport {

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
