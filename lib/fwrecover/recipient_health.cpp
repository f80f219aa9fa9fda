// SPDX-License-Identifier: GPL-3.0-or-later
// check, and confirm --if-healthy: what the assessment of the active slot leads to.
#include <fmt/ranges.h>

#include <thread>

#include "fwrecover/advice.hpp"
#include "fwrecover/recipient_impl.hpp"
#include "transport/clock.hpp"
#include "transport/command.hpp"

namespace fwrecover {
namespace {

using fwr::Result;
using fwr::flash::BootRecord;

/// A whole image without a decision: another one in its place is no help.
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
    needed.advice = general_advice(record.error().code);
  else if (record->slot(record->active).manifest.empty())
    needed.advice =
        "Run \"fwrecover adopt\" with its manifest if it is good, or \"fwrecover request\".";
  return needed;
}

}  // namespace fwrecover
