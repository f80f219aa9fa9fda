// SPDX-License-Identifier: GPL-3.0-or-later
// What a machine or a policy may ask of any link, whatever carries it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.hpp"

namespace fwr {

/// One of the links of a program: all sockets of the network, one line, one radio. Machines only
/// compare it; what the link is like is in its LinkProperties.
enum class LinkId : std::uint8_t {};
/// The network: all UDP sockets together.
inline constexpr LinkId kLanLink{0};

struct LinkProperties {
  Medium medium = Medium::Wired;
  std::size_t largest_message_bytes = 65507;  ///< size of one datagram
  std::size_t suggested_message_bytes = 0;    ///< that noise makes better now; 0: the largest
  std::uint64_t bits_per_s = 0;               ///< 0: not known, and fast
  bool sessions = true;        ///< RMCP+; without, messages are those of wire/plain.hpp
  bool authenticated = false;  ///< by the link itself
  bool encrypted = false;      ///< by the link itself
  bool shared = true;          ///< others hear what goes by
  bool half_duplex = false;    ///< one talks at a time
};

}  // namespace fwr
