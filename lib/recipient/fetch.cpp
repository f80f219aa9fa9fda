// SPDX-License-Identifier: GPL-3.0-or-later
// Examining the blocks of an object before they are asked for. PROTOCOL §6.1.
#include "recipient/fetch.hpp"

#include <algorithm>
#include <array>

namespace fwr::recipient {

void Fetch::begin_with_donor() {
  window_.forget_parts();
  waits_at_.reset();
}

bool Fetch::can_examine(std::size_t ahead_bytes) const {
  if (window_.room() == 0) return false;
  if (waits_at_ && *waits_at_ == window_.base()) return false;
  return window_.wanted_granules() * wire::oem::kGranule_bytes < ahead_bytes;
}

Fetched<> Fetch::examine(std::size_t ahead_bytes) {
  std::array<bool, 32> missing{};
  std::size_t left = kExamineStep_blocks;
  while (left > 0 && can_examine(ahead_bytes)) {
    const auto some = std::span(missing).first(std::min({missing.size(), left, window_.room()}));
    const std::uint64_t base = window_.base();
    const auto looked_at = store_.examine(window_.examined(), base, some);
    if (!looked_at) return tl::unexpected(looked_at.error());
    for (std::size_t i = 0; i < *looked_at; ++i) window_.set_examined(missing.at(i));
    if (*looked_at == 0) waits_at_ = base;
    left -= std::max<std::size_t>(*looked_at, 1);
  }
  return {};
}

}  // namespace fwr::recipient
