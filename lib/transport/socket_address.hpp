// SPDX-License-Identifier: GPL-3.0-or-later
// Address to sockaddr and back.
#pragma once

#include <sys/socket.h>

#include "base/address.hpp"

namespace fwr::transport {

/// Family None for anything but IPv4 and IPv6.
[[nodiscard]] Address from_sockaddr(const sockaddr& address, socklen_t size);
/// The length that was filled; 0 for a family that is not IP.
[[nodiscard]] socklen_t to_sockaddr(const Address& address, sockaddr_storage& out);

}  // namespace fwr::transport
