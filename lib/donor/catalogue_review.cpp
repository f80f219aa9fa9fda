// SPDX-License-Identifier: GPL-3.0-or-later
// What many recipients would refuse. PROTOCOL §7.2, §7.3.
#include "donor/catalogue_review.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "image/signature.hpp"

namespace fwr::donor {
namespace {

using image::Manifest;
using image::PlatformMatch;

constexpr std::uint64_t kMuchLarger = 2;  // times the size of every other image

std::string date(std::int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(time)};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string days(std::int64_t seconds) {
  const std::int64_t whole = seconds / 86'400;
  return whole == 0 ? "less than a day" : fmt::format("{} day{}", whole, whole == 1 ? "" : "s");
}

/// Whether one system can match both.
bool overlap(const PlatformMatch& a, const PlatformMatch& b) {
  const auto differ = [](const auto& x, const auto& y) { return x && y && *x != *y; };
  if (differ(a.manufacturer_id, b.manufacturer_id) || differ(a.product_id, b.product_id) ||
      differ(a.device_id, b.device_id))
    return false;
  const auto all = PlatformMatch::RevisionRange{};
  const auto x = a.hardware_revision.value_or(all), y = b.hardware_revision.value_or(all);
  return x.lowest <= y.highest && y.lowest <= x.highest;
}

bool fits(const Manifest& manifest, const PlatformMatch& platform) {
  return std::any_of(manifest.platforms.begin(), manifest.platforms.end(),
                     [&](const PlatformMatch& other) { return overlap(other, platform); });
}

/// For some of the same systems.
bool are_rivals(const Manifest& a, const Manifest& b) {
  return a.digest != b.digest && a.component == b.component &&
         std::any_of(a.platforms.begin(), a.platforms.end(),
                     [&](const PlatformMatch& platform) { return fits(b, platform); });
}

bool is_older(const Manifest& a, const Manifest& b) {
  return image::compare_versions(a.version, b.version) < 0;
}

std::string title(const Manifest& manifest) {
  return fmt::format("{} {}", manifest.name, manifest.version);
}

class Review {
 public:
  Review(const Entry& entry, std::span<const Entry> all, std::optional<std::int64_t> wall_clock,
         Occasion occasion)
      : entry_(entry), image_(entry.manifest), wall_clock_(wall_clock), occasion_(occasion) {
    for (const Entry& other : all)
      if (are_rivals(image_, other.manifest)) rivals_.push_back(&other);
  }

  std::vector<Concern> run() {
    times();
    minimum();
    security();
    twins();
    signer();
    size();
    return std::move(concerns_);
  }

 private:
  void add(std::string_view name, const std::string& text) {
    concerns_.push_back({name, fmt::format("{} {}", title(image_), text)});
  }

  void times() {
    if (image_.expires && *image_.expires <= image_.created)
      add("expired", fmt::format("expires on {}, before it was made ({})", date(*image_.expires),
                                 date(image_.created)));
    else if (has_expired(image_, wall_clock_))
      add("expired", fmt::format("expired on {}: it is not offered, and no system whose clock is "
                                 "set takes it",
                                 date(*image_.expires)));
    else if (image_.expires && wall_clock_ &&
             *image_.expires - *wall_clock_<kExpiresSoon_s&& * image_.expires> * wall_clock_)
      add("expires-soon", fmt::format("expires on {}, in {}", date(*image_.expires),
                                      days(*image_.expires - *wall_clock_)));
    if (wall_clock_ && image_.created > *wall_clock_ + kClockDifference_s)
      add("made-in-the-future",
          fmt::format("was made on {}, says its manifest, and that is in the future: a system that "
                      "took it judges by that date whether others have expired",
                      date(image_.created)));
  }

  /// What a system of this platform below the minimum could take first.
  [[nodiscard]] bool has_stone(const PlatformMatch& platform) const {
    return std::any_of(rivals_.begin(), rivals_.end(), [&](const Entry* rival) {
      const Manifest& other = rival->manifest;
      const bool reaches = image::compare_versions(other.version, *image_.minimum_version) >= 0;
      // With the same way in, it is out of reach for the same systems.
      const bool lower =
          !other.minimum_version ||
          image::compare_versions(*other.minimum_version, *image_.minimum_version) < 0;
      return reaches && lower && fits(other, platform) &&
             other.security_version <= image_.security_version && !is_older(image_, other) &&
             !has_expired(other, wall_clock_);
    });
  }

  void minimum() {
    if (!image_.minimum_version) return;
    const std::string& lowest = *image_.minimum_version;
    if (image::compare_versions(image_.version, lowest) < 0) {
      add("minimum-above-itself",
          fmt::format("can be installed over version {} and later ones only, to which it is a "
                      "downgrade",
                      lowest));
      return;
    }
    for (const PlatformMatch& platform : image_.platforms) {
      if (has_stone(platform)) continue;
      add("no-stepping-stone",
          fmt::format("can be installed over version {} and later ones only, and no image here "
                      "brings an older system there (platform {}): add a version in between",
                      lowest, platform_text(platform)));
      return;
    }
  }

  void security() {
    const Entry* strictest = nullptr;
    for (const Entry* rival : rivals_)
      if (rival->manifest.security_version > image_.security_version &&
          (strictest == nullptr ||
           strictest->manifest.security_version < rival->manifest.security_version))
        strictest = rival;
    if (strictest == nullptr) return;
    const Manifest& other = strictest->manifest;
    const bool inverted = !is_older(image_, other);
    if (!inverted && occasion_ != Occasion::Added) return;
    add("security-version-lower",
        fmt::format("has security version {}, and {} beside it has {}{}: systems that confirmed "
                    "that one refuse it",
                    image_.security_version, title(other), other.security_version,
                    inverted ? " although its version is no higher" : ""));
  }

  void twins() {
    for (const Entry* rival : rivals_) {
      const Manifest& other = rival->manifest;
      if (image::compare_versions(image_.version, other.version) != 0) continue;
      add("same-version",
          fmt::format("is here twice with other content ({} and {}): one that is installed is not "
                      "newer than the other, so that \"request --if-newer\" takes neither",
                      to_text(image_.digest).substr(0, 16), to_text(other.digest).substr(0, 16)));
      return;
    }
  }

  void signer() {
    if (rivals_.empty()) return;
    const auto own = image::signing_key(entry_.signature);
    if (!own) return;
    std::optional<image::KeyId> others;
    for (const Entry* rival : rivals_) {
      const auto key = image::signing_key(rival->signature);
      if (!key || *key == *own) return;
      if (!others) others = *key;
    }
    add("other-key",
        fmt::format(
            "is signed with key {}, and what else is here for its systems with others, such "
            "as {}: systems without that key refuse it",
            image::to_text(*own), image::to_text(*others)));
  }

  void size() {
    const auto largest =
        std::max_element(rivals_.begin(), rivals_.end(), [](const Entry* a, const Entry* b) {
          return a->manifest.size_bytes < b->manifest.size_bytes;
        });
    if (largest == rivals_.end() ||
        image_.size_bytes < kMuchLarger * (*largest)->manifest.size_bytes)
      return;
    add("much-larger",
        fmt::format("has {} bytes, and no other image for its systems has more than {}: look "
                    "whether their slots hold it",
                    image_.size_bytes, (*largest)->manifest.size_bytes));
  }

  const Entry& entry_;
  const Manifest& image_;
  std::vector<const Entry*> rivals_;
  std::optional<std::int64_t> wall_clock_;
  Occasion occasion_;
  std::vector<Concern> concerns_;
};

}  // namespace

std::vector<Concern> review(const Entry& entry, std::span<const Entry> all,
                            std::optional<std::int64_t> wall_clock, Occasion occasion) {
  return Review(entry, all, wall_clock, occasion).run();
}

std::string platform_text(const PlatformMatch& match) {
  std::string text;
  const auto add = [&](std::string_view key, const auto& value) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
  };
  if (match.manufacturer_id) add("manufacturer", *match.manufacturer_id);
  if (match.product_id) add("product", *match.product_id);
  if (match.device_id) add("device", *match.device_id);
  if (match.hardware_revision)
    add("revision",
        fmt::format("{}-{}", match.hardware_revision->lowest, match.hardware_revision->highest));
  return text.empty() ? "any" : text;
}

}  // namespace fwr::donor
