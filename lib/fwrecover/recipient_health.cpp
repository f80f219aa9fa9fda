// SPDX-License-Identifier: GPL-3.0-or-later
// Determining the need: reads record and active slot, and lets the policy judge what was seen.
#include "fwrecover/recipient_impl.hpp"
#include "policy/health.hpp"
#include "transport/clock.hpp"
#include "transport/signals.hpp"

namespace fwrecover {
namespace {

using fwr::Digest;
using fwr::Result;
using fwr::flash::BootRecord;
using fwr::policy::Observed;
using fwr::policy::Seen;

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
    seen.manifest = Seen::bad(record.generation != 0
                                  ? "nothing was ever installed there by fwrecover"
                                  : "there is no state record: the system is new, or its state "
                                    "directory is lost or not mounted");
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

Assessment Recipient::Impl::assess(const fwr::settings::RecipientConfig& config,
                                   fwr::flash::Slots& slots, const Stop& stop,
                                   Observer& observer) const {
  Assessment found;
  const fwr::policy::Health health =
      fwr::policy::assess(observe(config, slots, stop, found.hidden));
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

Conclusion Recipient::Impl::check(Observer& observer) const {
  fwr::transport::Signals signals(caught());
  const auto config = configure();
  if (!config) return conclude(config.error());
  auto slots = fwr::flash::open_file_slots(config->slots, fwr::flash::Access::ReadOnly);
  if (!slots) return conclude(slots.error());
  const Assessment found = assess(
      *config, **slots, [&] { return signals.arrived(); }, observer);
  if (found.healthy) return conclude_ok(found.summary);
  if (found.hidden) return conclude(*found.hidden);
  Conclusion needed = conclude({fwr::Errc::ReplacementNeeded, found.summary});
  // Then a request would not help either, or is not the only way: say what does.
  if (const auto record = (*slots)->load_record(); !record)
    needed.advice = fwr::info(record.error().code).advice;
  else if (record->slot(record->active).manifest.empty())
    needed.advice =
        "Run \"fwrecover adopt\" with its manifest if it is good, or \"fwrecover request\".";
  return needed;
}

}  // namespace fwrecover
