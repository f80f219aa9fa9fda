// SPDX-License-Identifier: GPL-3.0-or-later
// Waiting a little longer than others: what began together shall not come back together.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace fwr {

/// Between zero and `limit`, all alike.
[[nodiscard]] inline Duration random_part(Duration limit, RandomSource& random) {
  constexpr std::int64_t kSteps = 1 << 16;
  std::array<std::byte, 2> drawn{};
  random.fill(drawn);
  return limit / kSteps * ByteReader(drawn).u16();
}

}  // namespace fwr
