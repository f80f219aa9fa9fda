// SPDX-License-Identifier: GPL-3.0-or-later
// Phrases that several reasons share.
#include "policy/words.hpp"

#include <fmt/format.h>

#include <chrono>

#include "image/manifest.hpp"

namespace fwr::policy {

std::string_view role_words(DonorRole role) {
  return role == DonorRole::Console ? "management console" : "peer server";
}

std::string media_words(std::uint8_t media) {
  std::string words;
  for (const Medium medium :
       {Medium::Wired, Medium::Wireless, Medium::Icmb, Medium::Bluetooth, Medium::Serial})
    if ((media & static_cast<std::uint8_t>(medium)) != 0)
      words.append(words.empty() ? "" : ", ").append(to_text(medium));
  return words.empty() ? "none" : words;
}

std::string date_words(std::int64_t time_s) {
  if (time_s < 0 || time_s > image::kTimeLimit_s) return fmt::format("{} s since 1970", time_s);
  const std::chrono::sys_seconds time{std::chrono::seconds(time_s)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace fwr::policy
