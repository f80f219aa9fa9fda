// SPDX-License-Identifier: GPL-3.0-or-later
// Words of Bluetooth that the configuration and the endpoints share. PROTOCOL §13.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"

namespace fwr::link {

inline constexpr std::uint8_t kRfcommChannel = 23;   ///< a donor's, unless configured otherwise
inline constexpr std::size_t kInquiredDevices = 32;  ///< most that one inquiry takes

/// BT_SECURITY of the sockets: what the link itself has to do before a byte goes over it.
enum class BluetoothSecurity : std::uint8_t {
  Low,     ///< nothing: the session authenticates and encrypts
  Medium,  ///< paired and encrypted
  High,    ///< paired by a person who compared numbers or typed a code, and encrypted
};
[[nodiscard]] std::string_view to_text(BluetoothSecurity security);
/// "low", "medium", "high". Error: BadUsage.
[[nodiscard]] Result<BluetoothSecurity> parse_bluetooth_security(std::string_view text);

}  // namespace fwr::link
