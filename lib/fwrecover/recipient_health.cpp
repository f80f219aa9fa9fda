// SPDX-License-Identifier: GPL-3.0-or-later
// Determining the need: reads record and active slot, and lets the policy judge what was seen.
#include <fmt/ranges.h>

#include <thread>

#include "fwrecover/recipient_impl.hpp"
#include "policy/health.hpp"
#include "transport/clock.hpp"
#include "transport/command.hpp"

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

Assessment Recipient::Impl::assess(const fwr::settings::RecipientConfig& config,
                                   fwr::flash::Slots& slots, const Stop& stop,
                                   Observer& observer) const {
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

/// A whole image that nobody decided on: another one in its place is no help.
Conclusion conclude_undecided(const std::string& summary) {
  Conclusion undecided = conclude({fwr::Errc::ReplacementNeeded, ""});
  undecided.message = summary;
  undecided.advice = "\"fwrecover confirm\" keeps it, \"fwrecover rollback\" goes back.";
  return undecided;
}

std::string command_line(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

/// What is wrong, by the commands of [health]; empty: nothing. Errors: Interrupted.
Result<std::string> try_commands(const fwr::settings::HealthConfig& health, const Stop& stop) {
  for (const auto& command : health.commands) {
    const auto ended = fwr::transport::run_command(command, health.timeout, stop);
    if (!ended) return tl::unexpected(ended.error());
    if (*ended) return fmt::format("\"{}\": {}", command_line(command), **ended);
  }
  return std::string();
}

/// Until the system has been up for so long. Errors: Interrupted.
Result<> wait_for_uptime(std::chrono::milliseconds after, const Stop& stop) {
  constexpr std::chrono::milliseconds kLook{100};
  while (fwr::transport::uptime() < after) {
    if (stop())
      return fwr::fail(fwr::Errc::Interrupted,
                       "while the system was not up for as long as health.after says");
    std::this_thread::sleep_for(kLook);
  }
  return {};
}

}  // namespace

Conclusion Recipient::Impl::confirm_if_healthy(const Stop& stop, Observer& observer) const {
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  const auto look = [&]() -> Result<BootRecord> {
    auto slots = fwr::flash::open_file_slots(config->slots, fwr::flash::Access::ReadOnly);
    if (!slots) return tl::unexpected(slots.error());
    return (*slots)->load_record();
  };
  auto record = look();
  if (!record) return conclude(record.error());
  if (!record->trial) return conclude_ok("no image is on trial: nothing to do");
  if (auto waited = wait_for_uptime(config->health.after, stop); !waited)
    return conclude(waited.error());
  record = look();
  if (!record) return conclude(record.error());
  auto slots = fwr::flash::open_file_slots(config->slots, fwr::flash::Access::ReadOnly);
  if (!slots) return conclude(slots.error());
  const Assessment found = assess(*config, **slots, stop, observer);
  slots->reset();
  if (found.hidden) return conclude(*found.hidden);
  std::string wrong = found.healthy ? std::string() : found.summary;
  if (wrong.empty()) {
    auto tried = try_commands(config->health, stop);
    if (!tried) return conclude(tried.error());
    wrong = *std::move(tried);
  }
  if (wrong.empty()) return confirm_trial(*config, *record, observer);
  Conclusion left = conclude_undecided("not confirmed: " + wrong);
  if (!config->health.rollback) return left;
  const Conclusion back =
      go_back(false, fwr::flash::FailureReason::Unhealthy, *record, stop, observer);
  if (!back.ok()) {
    observer.on_event(Event("problem").set("text", "no roll-back: " + back.message));
    return left;
  }
  left.message = "not healthy: " + wrong + "; " + back.message;
  left.advice = "The image is not taken again, unless \"fwrecover request --again\" insists.";
  return left;
}

Conclusion Recipient::Impl::check(const Stop& stop, Observer& observer) const {
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  auto slots = fwr::flash::open_file_slots(config->slots, fwr::flash::Access::ReadOnly);
  if (!slots) return conclude(slots.error());
  const Assessment found = assess(*config, **slots, stop, observer);
  if (found.healthy) return conclude_ok(found.summary);
  if (found.hidden) return conclude(*found.hidden);
  if (found.only_trial) return conclude_undecided(found.summary);
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
