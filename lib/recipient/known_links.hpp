// SPDX-License-Identifier: GPL-3.0-or-later
// Which link leads to an address, as far as a recovery must know it.
#pragma once

#include <cstdint>
#include <span>

#include "base/address.hpp"
#include "base/link_properties.hpp"

namespace fwr::recipient {

struct KnownLink {
  AddressFamily family = AddressFamily::None;
  std::uint32_t scope = 0;  ///< the number of one line; 0: each of the family
  LinkProperties properties;

  [[nodiscard]] bool leads_to(const Address& peer) const {
    return family == peer.family && (scope == 0 || scope == peer.scope);
  }
};

/// The first that leads there; else a LAN, which says nothing of itself.
[[nodiscard]] inline LinkProperties properties_of(std::span<const KnownLink> links,
                                                  const Address& peer) {
  for (const KnownLink& link : links)
    if (link.leads_to(peer)) return link.properties;
  return {};
}

}  // namespace fwr::recipient
