// SPDX-License-Identifier: GPL-3.0-or-later
// Phrases that several reasons share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/types.hpp"

namespace fwr::policy {

[[nodiscard]] std::string_view role_words(DonorRole role);  ///< "management console"
/// The media of a set of bits: "wired, wireless"; "none".
[[nodiscard]] std::string media_words(std::uint8_t media);
/// "2026-03-01 12:00:00 UTC" of seconds since 1970, which must be 0..image::kTimeLimit_s; other
/// values, which only a broken clock gives, as a number.
[[nodiscard]] std::string date_words(std::int64_t time_s);

}  // namespace fwr::policy
