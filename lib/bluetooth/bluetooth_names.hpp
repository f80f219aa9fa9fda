// SPDX-License-Identifier: GPL-3.0-or-later
// Settings and notices of Bluetooth links: the words that sockets, endpoints and the face share.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "link/bluetooth_words.hpp"

namespace fwr::transport {

using link::BluetoothSecurity;

/// What happened on a link; for events and the log.
struct BluetoothNotice {
  enum class Kind : std::uint8_t {
    Connected,
    Lost,        ///< a connection ended; `text` says why
    Refused,     ///< a connection could not be made, or was one too many
    Registered,  ///< the SDP record is there again, that was lost
    Problem,     ///< something is not as it should be, and the rest works
  };
  Kind kind = Kind::Problem;
  Address peer;  ///< family None: none in particular
  std::string text;
  std::optional<bool> encrypted;  ///< Connected: whether the link is, as the kernel says
};
[[nodiscard]] std::string_view to_text(BluetoothNotice::Kind kind);
using BluetoothObserver = std::function<void(const BluetoothNotice& notice)>;  ///< may be empty

struct BluetoothSettings {
  std::string adapter;  ///< "hci0", or its address; empty: any that is there
  BluetoothSecurity security = BluetoothSecurity::Low;
};

}  // namespace fwr::transport
