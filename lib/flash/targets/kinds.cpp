// SPDX-License-Identifier: GPL-3.0-or-later
// The table of kinds of targets.
#include "flash/targets/kinds.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "flash/targets/block_target.hpp"
#include "flash/targets/file_target.hpp"

namespace fwr::flash {
namespace {

struct Kind {
  std::string_view name;
  bool (*fits)(const std::string& path);
  std::unique_ptr<Target> (*open)(Place place);
};

template <class T>
std::unique_ptr<Target> open(Place place) {
  return std::make_unique<T>(std::move(place));
}

/// In the order in which they are asked; the last one takes every path.
constexpr std::array kKinds{
    Kind{"block", BlockTarget::fits, open<BlockTarget>},
    Kind{"file", [](const std::string&) { return true; }, open<FileTarget>},
};

}  // namespace

std::unique_ptr<Target> open_target(Place place) {
  const auto fitting = std::find_if(kKinds.begin(), kKinds.end(),
                                    [&](const Kind& kind) { return kind.fits(place.path); });
  return fitting->open(std::move(place));
}

}  // namespace fwr::flash
