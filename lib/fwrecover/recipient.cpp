// SPDX-License-Identifier: GPL-3.0-or-later
// The recipient's facade: everything but the recovery itself and the health check.
#include "fwrecover/recipient.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "flash/record/history_file.hpp"
#include "fwrecover/advice.hpp"
#include "fwrecover/find_targets.hpp"
#include "fwrecover/recipient_impl.hpp"
#include "fwrecover/version.hpp"
#include "policy/words.hpp"
#include "transport/clock.hpp"
#include "transport/hosts.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Result;
using fwr::flash::Access;
using fwr::flash::BootRecord;
using fwr::flash::FailureReason;
using fwr::flash::SlotId;
using fwr::flash::SlotState;

using Change = std::function<Result<BootRecord>(fwr::flash::Slots&, BootRecord)>;

Result<BootRecord> change_record(const fwr::settings::RecipientConfig& config, SlotId& slot_before,
                                 const Change& change) {
  auto slots = fwr::flash::open_file_slots(config.slots, Access::ReadWrite);
  if (!slots) return tl::unexpected(slots.error());
  auto record = (*slots)->load_record();
  if (!record) return record;
  slot_before = record->active;
  auto changed = change(**slots, *std::move(record));
  if (!changed) return changed;
  if (auto stored = (*slots)->store_record(*changed); !stored)
    return tl::unexpected(stored.error());
  return changed;
}

/// What the record says; without one nothing is known, and a device that is not there holds
/// nothing.
std::string state_words(const BootRecord& record, SlotId id, fwr::flash::Slots& slots) {
  const auto capacity = slots.capacity(id);
  if (!capacity && capacity.error().code != Errc::NoPermission) return "missing";
  if (record.generation == 0) return "unknown";
  return std::string(to_text(record.slot(id).state));
}

Event describe_slot(const BootRecord& record, SlotId id, const std::string& place,
                    fwr::flash::Slots& slots, const std::vector<fwr::image::PublicKey>& keys) {
  const fwr::flash::SlotInfo& slot = record.slot(id);
  Event event("slot");
  event.set("slot", std::string(to_text(id)));
  event.set("place", place);
  event.set("active", record.active == id);
  event.set("state", state_words(record, id, slots));
  if (slot.manifest.empty()) return event;
  const auto manifest = trusted_manifest(slot, keys);
  event.set("trusted", manifest.has_value());
  if (manifest) set_manifest(event, *manifest);
  if (!manifest) event.set("problem", manifest.error().message());
  return event;
}

/// "test firmware 2.0", or nothing when the record does not say.
std::string image_words(const fwr::flash::SlotInfo& slot) {
  const auto manifest = fwr::image::parse_manifest(slot.manifest);
  return manifest ? manifest->name + " " + manifest->version : std::string();
}

/// The image that was left is the very one that runs now when it had been written a second time.
std::string back_words(const BootRecord& record, const fwr::flash::SlotInfo& left) {
  const auto manifest = fwr::image::parse_manifest(left.manifest);
  if (!manifest) return "rolled back";
  const bool refused = std::any_of(
      record.failed.begin(), record.failed.end(),
      [&](const fwr::flash::FailedImage& image) { return image.digest == manifest->digest; });
  return fmt::format("rolled back from {} {}{}", manifest->name, manifest->version,
                     refused ? ", which is not taken again" : "");
}

std::string trial_words(const BootRecord& record, std::int64_t now) {
  const std::int64_t ends = record.trial->began + record.trial->limit_s;
  if (record.trial->limit_s == 0) return "without a limit";
  constexpr std::int64_t kMinute_s = 60;
  if (now <= 0 || now < record.trial->began)
    return "until " + fwr::policy::date_words(ends) + ", as far as the clock says";
  const std::int64_t minutes = (std::max(ends, now) - std::min(ends, now)) / kMinute_s;
  return trial_expired(record, now)
             ? fmt::format("which ran out on {} ({} min ago)", fwr::policy::date_words(ends),
                           minutes)
             : fmt::format("until {} (in {} min)", fwr::policy::date_words(ends), minutes);
}

/// Whether what was judged is still what is on trial: it may have been confirmed, or replaced,
/// while nothing was locked.
bool same_trial(const BootRecord& now, const BootRecord& seen) {
  return now.trial && seen.trial && now.active == seen.active &&
         now.slot(now.active) == seen.slot(seen.active);
}

/// That the slot to go back to lost its image is worth remembering: the record called it good.
void note_damage(fwr::flash::Slots& slots, const BootRecord& record, const Stop& stop) {
  const SlotId to = other(record.active);
  const SlotState held = record.slot(to).state;
  if (held != SlotState::Good && held != SlotState::Verified) return;
  const auto whole = fwr::flash::check_contents(slots, record, to, stop);
  if (!whole && whole.error().code == Errc::DigestMismatch)
    (void)slots.store_record(mark_bad(record, to));
}

}  // namespace

Event activated(const BootRecord& record, const std::string& why) {
  const fwr::flash::SlotInfo& slot = record.slot(record.active);
  const std::string image = image_words(slot);
  Event event("activated");
  event.set("slot", std::string(to_text(record.active)));
  if (const auto manifest = fwr::image::parse_manifest(slot.manifest))
    event.set("version", manifest->version);
  event.set("text", fmt::format("slot {} is active now{}{}: {}", to_text(record.active),
                                image.empty() ? "" : ", with ", image, why));
  return event;
}

std::vector<int> ending_signals() {
  std::vector<int> numbers{SIGINT, SIGTERM};
  struct sigaction now {};
  if (::sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler != SIG_IGN)
    numbers.push_back(SIGHUP);
  return numbers;
}

Result<fwr::image::Manifest> trusted_manifest(const fwr::flash::SlotInfo& slot,
                                              const std::vector<fwr::image::PublicKey>& keys) {
  const auto proof =
      fwr::image::verify_signature(fwr::as_bytes(slot.manifest), slot.signature, keys);
  if (!proof) return tl::unexpected(proof.error());
  return fwr::image::parse_manifest(slot.manifest);
}

void remember(const fwr::settings::RecipientConfig& config, const Event& event,
              Observer& observer) {
  nlohmann::ordered_json line;
  line["time"] = fwr::transport::wall_clock().value_or(0);
  line["what"] = event.name();
  for (const auto& [key, value] : event.fields())
    std::visit([&, &k = key](const auto& held) { line[k] = held; }, value);
  const auto done = fwr::flash::append_history(
      config.slots.state_directory,
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  if (!done) observer.on_event(Event("problem").set("text", done.error().message()));
}

Result<fwr::settings::Settings> Recipient::Impl::load(
    const std::vector<fwr::settings::Override>& options) const {
  const bool named = !source_.config_path.empty();
  return fwr::settings::Settings::load(
      fwr::settings::recipient_table(),
      named ? source_.config_path : std::string(default_recipient_file()), named, source_.overrides,
      options);
}

Result<fwr::settings::RecipientConfig> Recipient::Impl::configure(Observer& observer) const {
  const auto settings = load();
  if (!settings) return tl::unexpected(settings.error());
  auto config = fwr::settings::read_recipient(*settings);
  tell_problems(*settings, observer);
  return config;
}

Conclusion Recipient::Impl::status(Observer& observer) const {
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  auto slots = fwr::flash::open_file_slots(config->slots, Access::ReadOnly);
  if (!slots) return conclude(slots.error());
  const auto record = (*slots)->load_record();
  if (!record) return conclude(record.error());
  for (const SlotId id : {SlotId::A, SlotId::B})
    observer.on_event(describe_slot(*record, id,
                                    id == SlotId::A ? config->slots.slot_a : config->slots.slot_b,
                                    **slots, config->trusted_keys));
  Event event("status");
  event.set("active", std::string(to_text(record->active)));
  event.set("recorded", record->generation != 0);
  event.set("on_trial", record->trial.has_value());
  event.set("security_floor", as_number(record->security_floor));
  if (record->trial) {
    const std::int64_t now = fwr::transport::wall_clock().value_or(0);
    event.set("trial_expired", trial_expired(*record, now));
    if (record->trial->limit_s != 0)
      event.set("trial_ends", record->trial->began + record->trial->limit_s);
  }
  const auto writer = fwr::flash::slots_writer(config->slots);
  if (writer) event.set("process", std::int64_t{*writer});
  observer.on_event(event);
  const std::string active(to_text(record->active));
  std::string words = fmt::format("slot {} is active", active);
  if (record->generation == 0)
    words = fmt::format("there is no state record yet: slot {} counts as active", active);
  else if (record->trial)
    words += fmt::format(", on trial {}: confirm it, or roll back",
                         trial_words(*record, fwr::transport::wall_clock().value_or(0)));
  if (writer) words += fmt::format("; process {} works on the slots", *writer);
  return conclude_ok(words);
}

Conclusion Recipient::Impl::history(Observer& observer) const {
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  const auto lines = fwr::flash::read_history(config->slots.state_directory);
  if (!lines) return conclude(lines.error());
  std::int64_t shown = 0;
  for (const std::string& line : *lines) {
    const auto entry = nlohmann::ordered_json::parse(line, nullptr, false);
    if (!entry.is_object()) continue;
    Event event("history");
    for (const auto& [key, value] : entry.items()) {
      if (value.is_boolean()) event.set(key, value.get<bool>());
      if (value.is_number_integer()) event.set(key, value.get<std::int64_t>());
      if (value.is_number_float()) event.set(key, value.get<double>());
      if (value.is_string()) event.set(key, value.get<std::string>());
    }
    observer.on_event(event);
    ++shown;
  }
  return conclude_ok(shown == 0 ? "no recovery yet"
                                : fmt::format("{} {}", shown, shown == 1 ? "entry" : "entries"));
}

Conclusion Recipient::Impl::confirm(const ConfirmOptions& options, const Stop& stop,
                                    Observer& observer) const {
  if (options.if_healthy) return confirm_if_healthy(stop, observer);
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  return confirm_trial(*config, std::nullopt, observer);
}

Conclusion Recipient::Impl::confirm_trial(const fwr::settings::RecipientConfig& config,
                                          const std::optional<BootRecord>& seen,
                                          Observer& observer) const {
  SlotId before = SlotId::A;
  const auto changed =
      change_record(config, before, [&](auto&, BootRecord record) -> Result<BootRecord> {
        if (!record.trial)
          return fwr::fail(Errc::NothingOnTrial,
                           fmt::format("slot {} is active", to_text(record.active)));
        if (seen && !same_trial(record, *seen))
          return fwr::fail(Errc::NothingOnTrial, "another image became active a moment ago");
        const auto manifest = trusted_manifest(record.slot(record.active), config.trusted_keys);
        if (!manifest) return tl::unexpected(manifest.error());
        return fwr::flash::confirm(std::move(record), manifest->security_version,
                                   fwr::transport::wall_clock().value_or(0));
      });
  if (!changed) return conclude(changed.error());
  const std::string slot(to_text(changed->active));
  Event event("confirmed");
  event.set("slot", slot);
  event.set("version", changed->confirmed_version);
  remember(config, event, observer);
  return conclude_ok(
      fmt::format("slot {} is confirmed: {}", slot, image_words(changed->slot(changed->active))));
}

Conclusion Recipient::Impl::rollback(bool if_expired, const Stop& stop, Observer& observer) const {
  return go_back(if_expired, if_expired ? FailureReason::TrialRanOut : FailureReason::RolledBack,
                 std::nullopt, stop, observer);
}

Conclusion Recipient::Impl::go_back(bool if_expired, FailureReason reason,
                                    const std::optional<BootRecord>& seen, const Stop& stop,
                                    Observer& observer) const {
  const auto config = configure(observer);
  if (!config) return conclude(config.error());
  const std::int64_t now = fwr::transport::wall_clock().value_or(0);
  if (if_expired) {
    auto slots = fwr::flash::open_file_slots(config->slots, Access::ReadOnly);
    if (!slots) return conclude(slots.error());
    const auto record = (*slots)->load_record();
    if (!record) return conclude(record.error());
    if (!trial_expired(*record, now)) return conclude_ok("no trial has run out: nothing to do");
  }
  SlotId before = SlotId::A;
  const auto changed = change_record(
      *config, before,
      [&](fwr::flash::Slots& slots, const BootRecord& record) -> Result<BootRecord> {
        // Once more, under the lock: it may have been confirmed in the meantime.
        if (if_expired && !trial_expired(record, now))
          return fwr::fail(Errc::NothingOnTrial, "the trial ended a moment ago");
        if (seen && !same_trial(record, *seen))
          return fwr::fail(Errc::NothingOnTrial, "the trial that was judged ended a moment ago");
        auto back = fwr::flash::go_back(slots, record, stop, {reason, now});
        if (!back && back.error().code == Errc::NoPreviousImage) note_damage(slots, record, stop);
        return back;
      });
  if (!changed) return conclude(changed.error());
  Event event("rollback");
  event.set("from", std::string(to_text(before)));
  event.set("to", std::string(to_text(changed->active)));
  if (const auto manifest = fwr::image::parse_manifest(changed->slot(changed->active).manifest))
    event.set("version", manifest->version);
  event.set("reason", std::string(to_text(reason)));
  remember(*config, event, observer);
  observer.on_event(event);
  observer.on_event(activated(*changed, back_words(*changed, changed->slot(before))));
  return conclude_ok(fmt::format("slot {} is active again: {}", to_text(changed->active),
                                 image_words(changed->slot(changed->active))));
}

Conclusion Recipient::Impl::config(Observer& observer) const {
  const auto settings = load();
  if (!settings) return conclude(settings.error());
  for (const auto& row : settings->effective())
    observer.on_event(
        Event("setting").set("name", row.name).set("value", row.value).set("source", row.source));
  auto config = fwr::settings::read_recipient(*settings);
  tell_problems(*settings, observer);
  if (!config) return conclude(config.error());
  if (const auto numbered = number_zones(config->policy); !numbered)
    return conclude(numbered.error());
  // Other commands than those that ask do without: a roll-back must not fail for a wrong target.
  for (const std::string& range : config->lan.targets) {
    const auto hosts = fwr::transport::expand_range(range);
    const auto good = hosts ? fwr::transport::check_host(hosts->front())
                            : Result<>(tl::unexpected(hosts.error()));
    if (!good) return conclude(settings->complain("lan.targets", good.error().detail).value());
  }
  return conclude_ok("the configuration is good");
}

Recipient::Recipient(RecipientSource source) : impl_(std::make_unique<Impl>(std::move(source))) {}
Recipient::~Recipient() = default;
void Recipient::stop() noexcept {
  impl_->stop();
}
Conclusion Recipient::check(Observer& observer) {
  return advise(
      impl_->interruptible([&](const Stop& stop) { return impl_->check(stop, observer); }),
      "fwrecover check");
}
Conclusion Recipient::request(const RequestOptions& options, Observer& observer) {
  return advise(impl_->interruptible(
                    [&](const Stop& stop) { return impl_->request(options, stop, observer); }),
                "fwrecover request");
}
Conclusion Recipient::offers(Observer& observer) {
  return offers({}, observer);
}

Conclusion Recipient::offers(const OffersOptions& options, Observer& observer) {
  return advise(impl_->interruptible(
                    [&](const Stop& stop) { return impl_->offers(options, stop, observer); }),
                "fwrecover offers");
}
Conclusion Recipient::status(Observer& observer) {
  return advise(impl_->status(observer), "fwrecover status");
}
Conclusion Recipient::history(Observer& observer) {
  return advise(impl_->history(observer), "fwrecover history");
}
Conclusion Recipient::confirm(Observer& observer) {
  return confirm({}, observer);
}
Conclusion Recipient::confirm(const ConfirmOptions& options, Observer& observer) {
  return advise(impl_->interruptible(
                    [&](const Stop& stop) { return impl_->confirm(options, stop, observer); }),
                "fwrecover confirm");
}
Conclusion Recipient::rollback(bool if_expired, Observer& observer) {
  return advise(impl_->interruptible(
                    [&](const Stop& stop) { return impl_->rollback(if_expired, stop, observer); }),
                "fwrecover rollback");
}
Conclusion Recipient::adopt(const AdoptOptions& options, Observer& observer) {
  return advise(
      impl_->interruptible([&](const Stop& stop) { return impl_->adopt(options, stop, observer); }),
      "fwrecover adopt");
}
Conclusion Recipient::verify(const std::string& manifest_path, const std::string& signature_path,
                             const std::string& image_path, Observer& observer) {
  return advise(impl_->interruptible([&](const Stop& stop) {
    return impl_->verify(manifest_path, signature_path, image_path, stop, observer);
  }),
                "fwrecover verify");
}
Conclusion Recipient::config(Observer& observer) {
  return advise(impl_->config(observer), "fwrecover config");
}

}  // namespace fwrecover
