// SPDX-License-Identifier: GPL-3.0-or-later
// The kinds of targets: a new kind is a file beside this one and a row of the table in kinds.cpp.
#pragma once

#include <memory>

#include "flash/target.hpp"

namespace fwr::flash {

/// A target of the first kind in the table that fits the path and what is there now.
[[nodiscard]] std::unique_ptr<Target> open_target(Place place);

}  // namespace fwr::flash
