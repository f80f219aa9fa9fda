// SPDX-License-Identifier: GPL-3.0-or-later
// Whether an image fits a system, and what to say when it does not. PROTOCOL §7.3.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "image/manifest.hpp"

namespace fwr::image {

namespace {

/// Every descriptor of `wanted` that the system does not have.
std::vector<std::string> differences(const PlatformMatch& wanted, const Platform& system) {
  std::vector<std::string> found;
  if (wanted.manufacturer_id && *wanted.manufacturer_id != system.manufacturer_id)
    found.push_back(fmt::format("manufacturer id: image {}, system {}", *wanted.manufacturer_id,
                                system.manufacturer_id));
  if (wanted.product_id && *wanted.product_id != system.product_id)
    found.push_back(fmt::format("product id: image {:#06x}, system {:#06x}", *wanted.product_id,
                                system.product_id));
  if (wanted.device_id && *wanted.device_id != system.device_id)
    found.push_back(fmt::format("device id: image {:#04x}, system {:#04x}", *wanted.device_id,
                                system.device_id));
  if (const auto& range = wanted.hardware_revision;
      range &&
      (system.hardware_revision < range->lowest || system.hardware_revision > range->highest))
    found.push_back(fmt::format("hardware revision: image {} to {}, system {}", range->lowest,
                                range->highest, system.hardware_revision));
  return found;
}

}  // namespace

std::optional<std::string> incompatibility(const Manifest& manifest, const Platform& system) {
  if (manifest.component != system.component)
    return fmt::format("component: image \"{}\", system \"{}\"", manifest.component,
                       system.component);
  // Of several platforms, the one that comes nearest tells most.
  std::optional<std::vector<std::string>> nearest;
  for (const PlatformMatch& platform : manifest.platforms) {
    std::vector<std::string> found = differences(platform, system);
    if (found.empty()) return std::nullopt;
    if (!nearest || found.size() < nearest->size()) nearest = std::move(found);
  }
  if (!nearest) return "the image names no platform";
  const std::string words = fmt::format("{}", fmt::join(*nearest, "; "));
  if (manifest.platforms.size() == 1) return words;
  return fmt::format("none of the image's {} platforms matches, the nearest differs in {}",
                     manifest.platforms.size(), words);
}

}  // namespace fwr::image
