// SPDX-License-Identifier: GPL-3.0-or-later
// Choosing an entry of a catalogue. PROTOCOL §5.2.
#include "donor/catalogue.hpp"

#include <algorithm>

namespace fwr::donor {
namespace {

/// Negative when `a` is the worse offer.
int compare(const image::Manifest& a, const image::Manifest& b) {
  if (a.security_version != b.security_version)
    return a.security_version < b.security_version ? -1 : 1;
  if (const int order = image::compare_versions(a.version, b.version); order != 0) return order;
  if (a.created != b.created) return a.created < b.created ? -1 : 1;
  // Two builds of one second: any, but always the same one.
  if (a.digest == b.digest) return 0;
  return a.digest < b.digest ? -1 : 1;
}

}  // namespace

const Entry* find(const Catalogue& catalogue, const Digest& digest) {
  const std::span<const Entry> entries = catalogue.entries();
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [&](const Entry& entry) { return entry.manifest.digest == digest; });
  return at == entries.end() ? nullptr : &*at;
}

bool has_expired(const image::Manifest& manifest, std::optional<std::int64_t> wall_clock) {
  return manifest.expires && wall_clock && *wall_clock > manifest.created &&
         *wall_clock >= *manifest.expires;
}

const Entry* next_for(const Catalogue& catalogue, const Wish& wish) {
  // Behind an image that is not here any more the order begins anew.
  const Entry* last = find(catalogue, wish.after);
  const Entry* best = nullptr;
  for (const Entry& entry : catalogue.entries()) {
    if (last != nullptr && compare(entry.manifest, last->manifest) >= 0) continue;
    if (image::incompatibility(entry.manifest, wish.platform) ||
        has_expired(entry.manifest, wish.wall_clock))
      continue;
    if (best == nullptr || compare(best->manifest, entry.manifest) < 0) best = &entry;
  }
  return best;
}

}  // namespace fwr::donor
