// SPDX-License-Identifier: GPL-3.0-or-later
// What the state record says of a system, as the policy judges by it. PROTOCOL §7.4.
#include "recipient/situation.hpp"

#include "image/manifest.hpp"

namespace fwr::recipient {

std::string_view failure_words(flash::FailureReason reason) {
  switch (reason) {
    case flash::FailureReason::RolledBack: return "was rolled back";
    case flash::FailureReason::TrialRanOut:
      return "was rolled back because nobody confirmed it in time";
    case flash::FailureReason::Unhealthy: return "was rolled back because it was not healthy";
  }
  return "failed";
}

policy::Situation situation_of(const flash::BootRecord& record) {
  policy::Situation situation;
  situation.security_floor = record.security_floor;
  situation.newest_time = record.newest_time;
  if (!record.confirmed_version.empty()) situation.confirmed_version = record.confirmed_version;
  if (const auto active = image::parse_manifest(record.slot(record.active).manifest)) {
    situation.installed_version = active->version;
    situation.installed_security = active->security_version;
  }
  for (const flash::FailedImage& image : record.failed)
    situation.failed.push_back(
        {image.digest, image.when, std::string(failure_words(image.reason))});
  return situation;
}

}  // namespace fwr::recipient
