// SPDX-License-Identifier: GPL-3.0-or-later
// The changes that a state record may see, and what holds in each. PROTOCOL §7.4.
#include "flash/boot_record.hpp"

#include <algorithm>
#include <utility>

namespace fwr::flash {
namespace {

/// The image that was active last may boot again: confirmed, or whole when it was booted.
bool may_boot_again(SlotState state) {
  return state == SlotState::Good || state == SlotState::Verified;
}

}  // namespace

std::string_view to_text(SlotId slot) {
  return slot == SlotId::A ? "a" : "b";
}

std::string_view to_text(SlotState state) {
  switch (state) {
    case SlotState::Empty: return "empty";
    case SlotState::Writing: return "writing";
    case SlotState::Verified: return "verified";
    case SlotState::Trial: return "trial";
    case SlotState::Good: return "good";
    case SlotState::Bad: return "bad";
  }
  return "unknown";
}

std::optional<std::string> broken_rule(const BootRecord& record) {
  const SlotState active = record.slot(record.active).state;
  const SlotState inactive = record.slot(other(record.active)).state;
  if (active == SlotState::Writing || active == SlotState::Verified)
    return "the active slot is in state " + std::string(to_text(active));
  if (inactive == SlotState::Trial) return "the inactive slot is on trial";
  if (active == SlotState::Trial && !record.trial) return "a slot is on trial without its limits";
  if (record.trial && active != SlotState::Trial && active != SlotState::Bad)
    return "there is a trial, but the active slot is in state " + std::string(to_text(active));
  if (record.trial && record.trial->began < 0) return "the trial began before 1970";
  return std::nullopt;
}

BootRecord begin_writing(BootRecord record, std::string manifest, std::string signature) {
  const SlotId target = other(record.active);
  record.slot(target) = {SlotState::Writing, std::move(manifest), std::move(signature)};
  // What the trial could have gone back to is overwritten from now on.
  if (record.trial) record.trial->previous = record.active;
  ++record.generation;
  return record;
}

BootRecord mark_verified(BootRecord record) {
  SlotInfo& slot = record.slot(other(record.active));
  if (slot.state == SlotState::Writing) slot.state = SlotState::Verified;
  ++record.generation;
  return record;
}

BootRecord mark_bad(BootRecord record, SlotId slot) {
  record.slot(slot).state = SlotState::Bad;
  ++record.generation;
  return record;
}

Result<BootRecord> activate(BootRecord record, std::int64_t now, std::uint32_t trial_limit_s) {
  const SlotId from = record.active;
  const SlotId to = other(from);
  if (record.slot(to).state != SlotState::Verified)
    return fail(Errc::Internal, "slot " + std::string(to_text(to)) +
                                    " is to become active, but is " +
                                    std::string(to_text(record.slot(to).state)) + ", not verified");
  // An image that was booted but never confirmed is no good one; it is still whole.
  SlotInfo& old = record.slot(from);
  if (old.state == SlotState::Trial) old.state = SlotState::Verified;
  record.slot(to).state = SlotState::Trial;
  record.active = to;
  record.trial = Trial{from, std::max<std::int64_t>(now, 0), trial_limit_s};
  ++record.generation;
  return record;
}

Result<BootRecord> confirm(BootRecord record, std::uint32_t security_version) {
  SlotInfo& slot = record.slot(record.active);
  if (!record.trial || slot.state != SlotState::Trial)
    return fail(Errc::NothingOnTrial, "active slot " + std::string(to_text(record.active)) +
                                          " is in state " + std::string(to_text(slot.state)));
  slot.state = SlotState::Good;
  record.trial.reset();
  record.security_floor = std::max(record.security_floor, security_version);
  ++record.generation;
  return record;
}

Result<BootRecord> roll_back(BootRecord record) {
  const SlotId from = record.active;
  const SlotId to = other(from);
  const std::optional<Trial> trial = record.trial;
  const SlotState held = record.slot(to).state;
  const bool was_active = trial && trial->previous == to;
  if (held != SlotState::Good && !(was_active && may_boot_again(held)))
    return fail(Errc::NoPreviousImage, "slot " + std::string(to_text(to)) + " is in state " +
                                           std::string(to_text(held)) + "; slot " +
                                           std::string(to_text(from)) + " stays active");
  if (trial) record.slot(from).state = SlotState::Bad;
  record.active = to;
  record.trial.reset();
  if (held == SlotState::Verified) {
    // Never confirmed: on trial again, without a limit because there is nothing left to go back to.
    record.slot(to).state = SlotState::Trial;
    record.trial = Trial{to, trial->began, 0};
  }
  ++record.generation;
  return record;
}

Result<BootRecord> adopt(BootRecord record, SlotId slot, SlotInfo holds,
                         std::uint32_t security_version) {
  if (record.trial) return fail(Errc::OnTrial, "slot " + std::string(to_text(record.active)));
  record.slot(slot) = std::move(holds);
  record.slot(slot).state = SlotState::Good;
  record.active = slot;
  record.security_floor = std::max(record.security_floor, security_version);
  ++record.generation;
  return record;
}

bool trial_expired(const BootRecord& record, std::int64_t now) {
  if (!record.trial || record.trial->limit_s == 0 || now < record.trial->began) return false;
  // Unsigned, because the difference of two int64_t may not fit one.
  const std::uint64_t age =
      static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(record.trial->began);
  return age >= record.trial->limit_s;
}

}  // namespace fwr::flash
