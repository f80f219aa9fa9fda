// SPDX-License-Identifier: GPL-3.0-or-later
// What a plan with a bus has besides others.
#pragma once

#include "plan.hpp"

namespace fwr::sim {

struct BusStyle {
  enum class Kind : std::uint8_t {
    Alone,    ///< there is nothing but the bus
    Beside,   ///< other media die, for a while or for good
    Returns,  ///< the bus is slow, and the other medium is back while it carries an image
  };
  Kind kind = Kind::Alone;
  std::size_t first_content = 0, contents = 0;  ///< what images there are
};
[[nodiscard]] BusStyle draw_bus_style(Dice& dice);
/// Puts systems on a bus, with other media beside it or in place of them.
void put_on_bus(Plan& plan, const BusStyle& style, Dice& dice);
/// What happens to buses, and to media that buses have to stand in for.
void add_bus_trouble(Plan& plan, const BusStyle& style, Dice& dice, bool calm);

}  // namespace fwr::sim
