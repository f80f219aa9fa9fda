// SPDX-License-Identifier: GPL-3.0-or-later
// What a machine or a policy may ask of any link, whatever carries it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/types.hpp"

namespace fwr::link {

struct LinkProperties {
  Medium medium = Medium::Wired;
  std::size_t largest_message_bytes = 0;  ///< of one datagram
  std::uint64_t bits_per_s = 0;           ///< 0: not known
  bool authenticated = false;
  bool encrypted = false;
  bool shared = true;        ///< others hear what goes by
  bool half_duplex = false;  ///< one talks at a time
};

}  // namespace fwr::link
