// SPDX-License-Identifier: GPL-3.0-or-later
// Reads the record and the active slot, and lets the policy judge what was seen.
#include "fwrecover/assessment.hpp"

#include "flash/slot_contents.hpp"
#include "policy/health.hpp"
#include "transport/clock.hpp"

namespace fwrecover {
namespace {

using fwr::Result;
using fwr::flash::BootRecord;
using fwr::policy::Observed;
using fwr::policy::Seen;

Observed observe(const fwr::settings::RecipientConfig& config, fwr::flash::Slots& slots,
                 const Stop& stop, std::optional<fwr::Error>& hidden);

}  // namespace

Assessment assess(const fwr::settings::RecipientConfig& config, fwr::flash::Slots& slots,
                  const Stop& stop, Observer& observer) {
  Assessment found;
  const Observed seen = observe(config, slots, stop, found.hidden);
  const fwr::policy::Health health = fwr::policy::assess(seen);
  if (seen.signature.how == Seen::How::Good && seen.slot_digest == seen.parsed_manifest->digest)
    found.whole_image = seen.slot_digest;
  found.healthy = health.healthy();
  found.summary = health.summary();
  found.only_trial = !health.healthy();
  for (const fwr::policy::Finding& finding : health.findings) {
    Event event("finding");
    event.set("finding", std::string(to_text(finding.check)));
    event.set("ok", finding.ok);
    event.set("known", finding.known);
    event.set("text", finding.words);
    observer.on_event(event);
    if (finding.check != fwr::policy::HealthCheck::Trial && !finding.ok) found.only_trial = false;
  }
  observer.on_event(Event("health").set("healthy", health.healthy()));
  return found;
}

namespace {

/// An error that says nothing about the firmware itself.
template <class T>
std::optional<fwr::Error> hides(const Result<T>& result) {
  if (result) return std::nullopt;
  const fwr::Errc code = result.error().code;
  if (code == fwr::Errc::NoPermission || code == fwr::Errc::NewerState ||
      code == fwr::Errc::Interrupted)
    return result.error();
  return std::nullopt;
}

void see_slot(const BootRecord& record, const std::vector<fwr::image::PublicKey>& keys,
              fwr::flash::Slots& slots, const Stop& stop, Observed& seen,
              std::optional<fwr::Error>& hidden) {
  const fwr::flash::SlotInfo& info = record.slot(record.active);
  seen.active_slot = slots.describe(record.active);
  const auto manifest = fwr::image::parse_manifest(info.manifest);
  seen.manifest = Seen::of(manifest);
  if (info.manifest.empty())
    seen.manifest = record.generation != 0
                        ? Seen::bad("nothing was ever installed there by fwrecover")
                        : Seen{};
  if (!manifest) return;
  seen.parsed_manifest = *manifest;
  seen.signature =
      Seen::of(fwr::image::verify_signature(fwr::as_bytes(info.manifest), info.signature, keys));
  const auto digest = fwr::flash::digest_slot(slots, record.active, manifest->size_bytes, stop);
  seen.slot = Seen::of(digest);
  hidden = hides(digest);
  if (digest) seen.slot_digest = *digest;
}

Observed observe(const fwr::settings::RecipientConfig& config, fwr::flash::Slots& slots,
                 const Stop& stop, std::optional<fwr::Error>& hidden) {
  Observed seen;
  seen.minimum_security_version = config.policy.minimum_security_version;
  const auto record = slots.load_record();
  seen.record = Seen::of(record);
  hidden = hides(record);
  if (!record) return seen;
  seen.security_floor = record->security_floor;
  if (record->generation == 0)
    seen.record = Seen::bad(
        "there is no state record: the system is new, or its state directory is lost or not "
        "mounted");
  see_slot(*record, config.trusted_keys, slots, stop, seen, hidden);
  if (record->trial) {
    Observed::Trial trial;
    trial.expired = trial_expired(*record, fwr::transport::wall_clock().value_or(0));
    if (record->trial->limit_s != 0) trial.ends = record->trial->began + record->trial->limit_s;
    seen.trial = trial;
  }
  return seen;
}

}  // namespace
}  // namespace fwrecover
