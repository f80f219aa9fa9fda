// SPDX-License-Identifier: GPL-3.0-or-later
// Finds images that are valid and would still be refused by many recipients, so that the
// administrator of a catalogue learns of it before a fleet does. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "donor/catalogue.hpp"

namespace fwr::donor {

/// An image that expires within this time has a concern.
inline constexpr std::int64_t kExpiresSoon_s = 30LL * 86'400;
/// Clocks may differ by so much.
inline constexpr std::int64_t kClockDifference_s = 86'400;

struct Concern {
  std::string_view name;  ///< for programs: "expired"
  std::string text;       ///< for people, one sentence that names the image
};

/// When the catalogue is reviewed. An older image beside a newer one is a concern only when it is
/// added: later it is a stepping stone.
enum class Occasion : std::uint8_t { Added, Listed };

/// The concerns about an entry. `all`: every entry of the catalogue, with this one. `wall_clock`:
/// seconds since 1970; nullopt: not set.
[[nodiscard]] std::vector<Concern> review(const Entry& entry, std::span<const Entry> all,
                                          std::optional<std::int64_t> wall_clock,
                                          Occasion occasion);

/// "manufacturer=32473,product=7", or "any".
[[nodiscard]] std::string platform_text(const image::PlatformMatch& match);

}  // namespace fwr::donor
