// SPDX-License-Identifier: GPL-3.0-or-later
// The record, the active slot and the trial, in this order.
#include "fwrecover/recovery_need.hpp"

#include <fmt/format.h>

#include "flash/slot_contents.hpp"
#include "fwrecover/conclude.hpp"
#include "policy/words.hpp"

namespace fwrecover {
namespace {

using fwr::Errc;
using fwr::Result;

/// Discards events: `request --if-needed` assesses the system silently.
class Silent final : public Observer {
 public:
  void on_event(const Event&) override {}
};

Result<> know_what_ran(const RequestOptions& options, const fwr::settings::RecipientConfig& config,
                       fwr::flash::Slots& slots);
Result<bool> can_go_back(fwr::flash::Slots& slots, const Stop& stop);
Conclusion leave_trial(const Assessment& assessment, Observer& observer);
Conclusion leave_healthy_trial(fwr::flash::Slots& slots, Observer& observer);

}  // namespace

Result<std::optional<Conclusion>> settle(const RequestOptions& options,
                                         const fwr::settings::RecipientConfig& config,
                                         fwr::flash::Slots& slots, const Stop& stop,
                                         std::optional<Assessment>& assessed, Observer& observer) {
  if (auto known = know_what_ran(options, config, slots); !known)
    return tl::unexpected(known.error());
  Silent silent;
  assessed = assess(config, slots, stop, silent);
  if (assessed->hidden && assessed->hidden->code == Errc::Interrupted)
    return tl::unexpected(*assessed->hidden);
  if (options.if_needed && !options.if_newer && assessed->healthy)
    return conclude_ok("nothing to do: " + assessed->summary);
  if (options.during_trial) return std::nullopt;
  const auto way_back = can_go_back(slots, stop);
  if (!way_back) return tl::unexpected(way_back.error());
  if (!*way_back) return std::nullopt;
  if (options.if_needed && assessed->only_trial) return leave_trial(*assessed, observer);
  if (options.if_newer && assessed->only_trial) return leave_trial(*assessed, observer);
  if (options.if_newer && assessed->healthy) return leave_healthy_trial(slots, observer);
  return fwr::fail(Errc::OnTrial, "a recovery would overwrite the good image in the other slot");
}

Result<Assessment> look_at_installed(const fwr::settings::RecipientConfig& config,
                                     fwr::flash::Slots& slots, const Stop& stop,
                                     Observer& observer) {
  if (auto known = know_what_ran(RequestOptions{}, config, slots); !known)
    return tl::unexpected(known.error());
  Silent silent;
  Assessment assessed = assess(config, slots, stop, silent);
  if (assessed.hidden && assessed.hidden->code == Errc::Interrupted)
    return tl::unexpected(*assessed.hidden);
  const auto way_back = can_go_back(slots, stop);
  if (!way_back) return tl::unexpected(way_back.error());
  if (*way_back)
    observer.on_event(Event("problem").set(
        "text",
        "the active image is on trial: until \"fwrecover confirm\" or \"fwrecover rollback\" a "
        "request would refuse all of them"));
  return assessed;
}

namespace {

/// Without a record nothing says what was confirmed here, and slots.active says only where it is.
/// Errors: NoRecord, and those of Slots::blank().
Result<> know_what_ran(const RequestOptions& options, const fwr::settings::RecipientConfig& config,
                       fwr::flash::Slots& slots) {
  if (options.without_record || !config.slots.active_without_record) return {};
  const auto record = slots.load_record();
  if (!record) return tl::unexpected(record.error());
  if (record->generation != 0) return {};
  for (const fwr::flash::SlotId slot : {fwr::flash::SlotId::A, fwr::flash::SlotId::B}) {
    const auto blank = slots.blank(slot);
    // What cannot be read may have held anything.
    if (!blank || !*blank)
      return fwr::fail(Errc::NoRecord,
                       fmt::format("there is none in {}, and {} is not blank",
                                   config.slots.state_directory, slots.describe(slot)));
  }
  return {};
}

/// Whether a trial runs that can still end by going back: a recovery would take that from it.
/// Errors: Interrupted.
Result<bool> can_go_back(fwr::flash::Slots& slots, const Stop& stop) {
  const auto record = slots.load_record();
  if (!record || !record->trial) return false;
  const auto back = fwr::flash::go_back(slots, *record, stop);
  if (!back && back.error().code == Errc::Interrupted) return tl::unexpected(back.error());
  return back.has_value();
}

/// A whole image that was not confirmed needs a decision, not another image in the place of the one
/// to go back to. It is a "problem", so that cron mails it.
Conclusion leave_trial(const Assessment& assessment, Observer& observer) {
  observer.on_event(Event("problem").set(
      "text",
      assessment.summary + "; 'fwrecover confirm' keeps it, 'fwrecover rollback' goes back"));
  return conclude_ok("nothing requested: the other slot holds the image to go back to");
}

/// The decision is open, and there is time: cron shall not mail that each hour. A trial that does
/// not end by itself would keep all newer images away in silence.
Conclusion leave_healthy_trial(fwr::flash::Slots& slots, Observer& observer) {
  const auto record = slots.load_record();
  if (!record || !record->trial || record->trial->limit_s == 0) {
    observer.on_event(Event("problem").set(
        "text",
        "the image is on trial without a limit; 'fwrecover confirm' keeps it, 'fwrecover rollback' "
        "goes back"));
    return conclude_ok("nothing requested: the other slot holds the image to go back to");
  }
  return conclude_ok(fmt::format(
      "nothing requested: slot {} is on trial until {}; 'fwrecover confirm' keeps its image",
      to_text(record->active),
      fwr::policy::date_words(record->trial->began + record->trial->limit_s)));
}

}  // namespace
}  // namespace fwrecover
