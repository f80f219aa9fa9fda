// SPDX-License-Identifier: GPL-3.0-or-later
// Determining the need: one rule for each check. PROTOCOL §1, §7.4; fwrecover(8) check.
#include "policy/health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "policy/words.hpp"

namespace fwr::policy {

namespace {

struct Row {
  HealthCheck check;
  std::string_view name;
  Finding (*judge)(const Observed&);
};

Finding good(std::string words) {
  return {{}, true, true, std::move(words)};
}
Finding bad(std::string words) {
  return {{}, false, true, std::move(words)};
}
Finding unknown(std::string_view missing) {
  return {{}, false, false, fmt::format("not checked: {}", missing)};
}

Finding judge_seen(const Seen& seen, std::string_view good_words, std::string_view missing) {
  switch (seen.how) {
    case Seen::How::Good: return good(std::string(good_words));
    case Seen::How::Bad: return bad(seen.why);
    case Seen::How::NotLooked: return unknown(missing);
  }
  return unknown(missing);
}

Finding judge_record(const Observed& observed) {
  return judge_seen(observed.record,
                    fmt::format("the state record is readable, {} is active", observed.active_slot),
                    "the state record was not read");
}

Finding judge_manifest_seen(const Observed& observed) {
  if (observed.manifest.how == Seen::How::Good && observed.parsed_manifest)
    return good(fmt::format("{} should hold {} {}, \"{}\"", observed.active_slot,
                            observed.parsed_manifest->component, observed.parsed_manifest->version,
                            observed.parsed_manifest->name));
  return judge_seen(observed.manifest, "the manifest is valid", "there is no usable state record");
}

Finding judge_signature(const Observed& observed) {
  return judge_seen(observed.signature, "a trusted key signed the manifest",
                    "there is no valid manifest");
}

Finding judge_slot(const Observed& observed) {
  return judge_seen(observed.slot, observed.active_slot + " is readable",
                    "which bytes to read is not known");
}

Finding judge_digest(const Observed& observed) {
  if (!observed.parsed_manifest) return unknown("there is no manifest with a digest");
  if (!observed.slot_digest) return unknown("the slot was not read whole");
  const Digest& expected = observed.parsed_manifest->digest;
  if (*observed.slot_digest == expected)
    return good(fmt::format("{} has the digest of the manifest, {}", observed.active_slot,
                            to_text(expected)));
  return bad(fmt::format("{} has digest {}, the manifest says {}", observed.active_slot,
                         to_text(*observed.slot_digest), to_text(expected)));
}

Finding judge_security(const Observed& observed) {
  if (!observed.parsed_manifest) return unknown("there is no manifest with a security version");
  const std::uint32_t version = observed.parsed_manifest->security_version;
  if (version < observed.minimum_security_version)
    return bad(fmt::format("security version {} is below {}, the policy's minimum", version,
                           observed.minimum_security_version));
  if (version < observed.security_floor)
    return bad(
        fmt::format("security version {} is below the floor {}, the highest that was "
                    "confirmed on this system",
                    version, observed.security_floor));
  return good(fmt::format("security version {} is at or above {}", version,
                          std::max(observed.minimum_security_version, observed.security_floor)));
}

Finding judge_trial(const Observed& observed) {
  if (observed.record.how != Seen::How::Good) return unknown("there is no usable state record");
  if (!observed.trial) return good("no trial is running, the image is confirmed");
  const std::string limit = observed.trial->ends ? date_words(*observed.trial->ends) : "";
  if (observed.trial->expired)
    return bad("the image is on trial and was not confirmed in time" +
               (limit.empty() ? "" : ", by " + limit));
  return good("the image is on trial, " +
              (limit.empty() ? std::string("without a limit") : "to be confirmed by " + limit));
}

constexpr std::array<Row, kHealthChecks.size()> kRows{{
    {HealthCheck::StateRecord, "state-record", judge_record},
    {HealthCheck::Manifest, "manifest", judge_manifest_seen},
    {HealthCheck::Signature, "signature", judge_signature},
    {HealthCheck::ActiveSlot, "active-slot", judge_slot},
    {HealthCheck::Digest, "digest", judge_digest},
    {HealthCheck::SecurityVersion, "security-version", judge_security},
    {HealthCheck::Trial, "trial", judge_trial},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].check != kHealthChecks[i] || static_cast<std::size_t>(kRows[i].check) != i)
      return false;
  return true;
}
static_assert(in_order(), "the rows have the order of HealthCheck");

}  // namespace

std::string_view to_text(HealthCheck check) {
  const auto index = static_cast<std::size_t>(check);
  return index < kRows.size() ? kRows[index].name : "";
}

Health assess(const Observed& observed) {
  Health health;
  for (const Row& row : kRows) {
    Finding finding = row.judge(observed);
    finding.check = row.check;
    health.findings.push_back(std::move(finding));
  }
  return health;
}

bool Health::healthy() const {
  return findings.size() == kHealthChecks.size() &&
         std::all_of(findings.begin(), findings.end(), [](const Finding& f) { return f.ok; });
}

ExitCode Health::exit_code() const {
  return healthy() ? ExitCode::Ok : ExitCode::ReplacementNeeded;
}

std::string Health::summary() const {
  if (healthy()) return "the firmware is healthy";
  const auto known_bad = std::find_if(findings.begin(), findings.end(),
                                      [](const Finding& f) { return f.known && !f.ok; });
  if (known_bad != findings.end()) return known_bad->words;
  return "its health could not be checked";
}

}  // namespace fwr::policy
