// SPDX-License-Identifier: GPL-3.0-or-later
// The changes that a state record may see, and what holds in each. PROTOCOL §7.4.
#include "flash/record/boot_record.hpp"

#include <algorithm>
#include <utility>

#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

/// The image that was active last may boot again: confirmed, or whole when it was booted.
bool may_boot_again(SlotState state) {
  return state == SlotState::Good || state == SlotState::Verified;
}

/// A time that a broken clock shows is none.
void trust_time(BootRecord& record, std::int64_t time) {
  if (time <= image::kTimeLimit_s) record.newest_time = std::max(record.newest_time, time);
}

void forget_failure(BootRecord& record, const Digest& digest) {
  std::erase_if(record.failed, [&](const FailedImage& image) { return image.digest == digest; });
}

void remember_failure(BootRecord& record, const SlotInfo& slot, const Failure& failure) {
  const auto manifest = image::parse_manifest(slot.manifest);
  if (!manifest) return;
  forget_failure(record, manifest->digest);
  if (record.failed.size() == kFailedImages) record.failed.erase(record.failed.begin());
  record.failed.push_back({manifest->digest, manifest->version,
                           std::clamp<std::int64_t>(failure.when, 0, image::kTimeLimit_s),
                           failure.reason});
}

/// The system runs from this image because someone decided so.
void settle_on(BootRecord& record, const SlotInfo& slot) {
  const auto manifest = image::parse_manifest(slot.manifest);
  if (!manifest) return;
  record.confirmed_version = manifest->version;
  trust_time(record, manifest->created);
  forget_failure(record, manifest->digest);
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

std::string_view to_text(FailureReason reason) {
  switch (reason) {
    case FailureReason::RolledBack: return "rolled-back";
    case FailureReason::TrialRanOut: return "trial-ran-out";
    case FailureReason::Unhealthy: return "unhealthy";
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
  if (record.newest_time < 0 || record.newest_time > image::kTimeLimit_s)
    return "the newest time is no time";
  if (!record.confirmed_version.empty() && !image::is_version(record.confirmed_version))
    return "the confirmed version is not a version";
  if (record.failed.size() > kFailedImages) return "too many images failed";
  for (const FailedImage& image : record.failed)
    if (!image::is_version(image.version) || image.when < 0 || image.when > image::kTimeLimit_s)
      return "an image that failed has no version or no time";
  return std::nullopt;
}

BootRecord begin_writing(BootRecord record, std::string manifest, std::string signature) {
  const SlotId target = other(record.active);
  if (const auto verified = image::parse_manifest(manifest)) trust_time(record, verified->created);
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
  trust_time(record, now);
  ++record.generation;
  return record;
}

Result<BootRecord> confirm(BootRecord record, std::uint32_t security_version, std::int64_t now) {
  SlotInfo& slot = record.slot(record.active);
  if (!record.trial || slot.state != SlotState::Trial)
    return fail(Errc::NothingOnTrial, "active slot " + std::string(to_text(record.active)) +
                                          " is in state " + std::string(to_text(slot.state)));
  slot.state = SlotState::Good;
  record.trial.reset();
  settle_on(record, slot);
  trust_time(record, now);
  record.security_floor = std::max(record.security_floor, security_version);
  ++record.generation;
  return record;
}

Result<BootRecord> roll_back(BootRecord record, Failure failure) {
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
  remember_failure(record, record.slot(from), failure);
  trust_time(record, failure.when);
  record.active = to;
  record.trial.reset();
  if (held == SlotState::Good) settle_on(record, record.slot(to));
  if (held == SlotState::Verified) {
    // Never confirmed: on trial again, without a limit because there is nothing left to go back to.
    record.slot(to).state = SlotState::Trial;
    record.trial = Trial{to, trial->began, 0};
  }
  ++record.generation;
  return record;
}

Result<BootRecord> adopt(BootRecord record, SlotId slot, SlotInfo holds,
                         std::uint32_t security_version, std::int64_t now) {
  if (record.trial) return fail(Errc::OnTrial, "slot " + std::string(to_text(record.active)));
  record.slot(slot) = std::move(holds);
  record.slot(slot).state = SlotState::Good;
  record.active = slot;
  settle_on(record, record.slot(slot));
  trust_time(record, now);
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
