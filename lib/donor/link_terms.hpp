// SPDX-License-Identifier: GPL-3.0-or-later
// The donor's limits behind a link that is slow or takes only small messages. Pure.
// PROTOCOL §11.7.
#pragma once

#include <cstdint>

#include "base/link_properties.hpp"
#include "base/types.hpp"
#include "wire/oem.hpp"

namespace fwr::donor {

struct LinkTerms {
  std::uint16_t read_limit_bytes = wire::oem::kReadLimit_bytes;
  std::uint16_t manifest_limit_bytes = wire::oem::kReadLimit_bytes;
  std::uint16_t segment_limit_granules = 0;
  std::uint32_t credit_limit_bytes = 0;
  /// Time for data that is on its way: added to the silence that ends a lease.
  Duration slack{};
  /// A recipient that reads less than this for long may have to make room for another one.
  std::uint32_t least_rate_bytes_per_s = 512;
};

/// `usual`: the terms where no link narrows them.
[[nodiscard]] LinkTerms terms_of(const LinkProperties& link, LinkTerms usual);

}  // namespace fwr::donor
