// SPDX-License-Identifier: GPL-3.0-or-later
// Random times: nodes that failed together do not come back together.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace fwr {

/// A time between zero and `limit`, evenly distributed.
[[nodiscard]] inline Duration random_part(Duration limit, RandomSource& random) {
  constexpr std::int64_t kSteps = 1 << 16;
  std::array<std::byte, 2> drawn{};
  random.fill(drawn);
  return limit / kSteps * ByteReader(drawn).u16();
}

}  // namespace fwr
