// SPDX-License-Identifier: GPL-3.0-or-later
// The life of a recipient: power, boots, trials, and when it recovers.
#include "recipient_host.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/soonest.hpp"
#include "flash/slot_contents.hpp"
#include "image/signature.hpp"

namespace fwr::sim {
namespace {

using flash::BootRecord;
using flash::SlotId;
using flash::SlotState;

constexpr unsigned kAttemptsAfterHealing = 6;
constexpr std::int64_t kWallBegin = 1800000000;

FlashPaths paths_of(std::size_t number) {
  const std::string root = disk_root(number);
  return {.slot_a = root + "/slot-a", .slot_b = root + "/slot-b", .state_directory = root + "/var"};
}

flash::SlotInfo info_of(const ReleaseSpec& spec, SlotState state) {
  const Release release = make_release(spec);
  return {.state = state,
          .manifest = release.entry.manifest_json,
          .signature = release.entry.signature};
}

}  // namespace

RecipientHost::RecipientHost(const Plan& plan, std::size_t number, Network& network,
                             Chronicle& chronicle, Steady steady)
    : plan_(plan),
      mine_(plan.recipients.at(number)),
      number_(number),
      network_(network),
      chronicle_(chronicle),
      steady_(std::move(steady)),
      dice_(Dice(plan.seed).fork(7000 + number)),
      disk_dice_(Dice(plan.seed).fork(8000 + number)),
      random_(Dice(plan.seed).fork(9000 + number)),
      disk_(disk_root(number)),
      mounted_(number, disk_),
      paths_(paths_of(number)),
      witness_(disk_, paths_, fmt::format("recipient {}", number), chronicle,
               Dice(plan.seed).fork(10000 + number)) {
  for (const std::size_t medium : mine_.media) network_.attach(medium, number_, false);
  install_factory();
  disk_.before = [this](const DiskCall& call) { return before_disk_call(call); };
  disk_.after = [this](const DiskCall& call) { after_disk_call(call); };
  wakes_ = mine_.boots_at;
}

void RecipientHost::install_factory() {
  const FactoryPlan& factory = mine_.factory;
  disk_.make_directory(paths_.state_directory);
  BootRecord record;
  record.generation = 7;
  record.active = factory.active_is_b ? SlotId::B : SlotId::A;
  record.security_floor = factory.floor;
  const auto install = [&](SlotId id, const std::optional<ReleaseSpec>& spec, SlotState state) {
    Bytes bytes = spec ? content(spec->content)->bytes : Bytes();
    if (spec && state == SlotState::Writing) bytes.resize(bytes.size() / 2);
    const bool whole_size = factory.block_devices || spec.has_value();
    if (whole_size) bytes.resize(std::max<std::size_t>(bytes.size(), factory.capacity_bytes));
    if (spec) record.slot(id) = info_of(*spec, state);
    if (factory.slots_missing && !spec && !factory.block_devices) return;
    disk_.install(paths_.slot(id), std::move(bytes), factory.block_devices);
  };
  const bool on_trial = factory.record == FactoryPlan::Record::Trial;
  install(record.active, factory.active, on_trial ? SlotState::Trial : SlotState::Good);
  SlotState other_state = SlotState::Empty;
  switch (factory.other) {
    case FactoryPlan::Other::Empty: break;
    case FactoryPlan::Other::GoodOlder: other_state = SlotState::Good; break;
    case FactoryPlan::Other::Writing: other_state = SlotState::Writing; break;
    case FactoryPlan::Other::Verified: other_state = SlotState::Verified; break;
    case FactoryPlan::Other::Bad: other_state = SlotState::Bad; break;
  }
  install(flash::other(record.active), factory.other_release, other_state);
  if (on_trial)
    record.trial = flash::Trial{.previous = flash::other(record.active),
                                .began = kWallBegin - 300,
                                .limit_s = mine_.trial_limit_s};
  if (factory.record != FactoryPlan::Record::None) {
    auto copy = flash::encode_copy(record);
    if (!copy) return violate("plan", "a factory record that cannot be: " + copy.error().message());
    copy->resize(flash::kRecordCopies * flash::kRecordCopy_bytes);
    disk_.install(paths_.state(), *std::move(copy));
  }
  for (std::uint64_t i = 0; i < factory.damaged_sectors; ++i)
    disk_.rot(paths_.slot(record.active), disk_dice_.below(1U << 20), disk_dice_);
}

// --- the flash, and what it does to us -----------------------------------------------------------

bool RecipientHost::strikes(FaultKind kind) {
  for (const Fault& fault : plan_.faults) {
    if (fault.kind != kind || fault.target != number_ || !fault.active(chronicle_.now())) continue;
    if (!disk_dice_.chance(fault.probability)) continue;
    chronicle_.injected(kind);
    return true;
  }
  return false;
}

int RecipientHost::before_disk_call(const DiskCall& call) {
  witness_.before(call);
  chronicle_.mix(Strand::Files, fmt::format("{} {} {} {} {}", number_, static_cast<int>(call.op),
                                            call.path, call.offset, call.size));
  // The lock has the number of the process, which is another one in each run.
  if (!call.path.ends_with("/lock")) chronicle_.mix(Strand::Files, call.bytes);
  if (call.op == DiskOp::Read) {
    const bool slot = call.path == paths_.slot_a || call.path == paths_.slot_b;
    return slot && strikes(FaultKind::FlashReadError) ? EIO : 0;
  }
  chronicle_.note("recipient {} disk op {} {} at {} size {}", number_, static_cast<int>(call.op),
                  call.path, call.offset, call.size);
  count_operation(true);
  if (disk_.is_off()) return EIO;
  if (strikes(FaultKind::FlashWriteError)) return EIO;
  const bool grows = call.op == DiskOp::Resize || call.op == DiskOp::Create;
  if (grows && strikes(FaultKind::FlashFull)) return ENOSPC;
  return 0;
}

void RecipientHost::after_disk_call(const DiskCall& call) {
  const bool slot = call.path == paths_.slot_a || call.path == paths_.slot_b;
  if (call.op == DiskOp::Flush && slot && strikes(FaultKind::FlashRot))
    disk_.rot(call.path, disk_dice_.below(1U << 20), disk_dice_);
  witness_.after(call);
  count_operation(false);
}

void RecipientHost::count_operation(bool before) {
  if (before) ++operations_;
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    const bool kill = fault.kind == FaultKind::KillAtOperation;
    if (!kill && fault.kind != FaultKind::PowerCutAtOperation) continue;
    if (!fault.enabled || fault.target != number_ || fault.count != operations_ ||
        before != fault.before_operation || disk_.is_off() || chronicle_.now() >= plan_.heals)
      continue;
    chronicle_.injected(fault.kind);
    off_for_ = fault.amount;
    if (!kill) return cut_power();
    chronicle_.note("recipient {} is killed", number_);
    killed_ = true;
    disk_.stop();
  }
}

void RecipientHost::count_input() {
  ++inputs_;
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    if (fault.kind != FaultKind::PowerCutAtInput || fault.target != number_ || !fault.enabled ||
        fault.count != inputs_ || chronicle_.now() >= plan_.heals)
      continue;
    off_for_ = fault.amount;
    chronicle_.injected(fault.kind);
    cut_power();
  }
}

void RecipientHost::planned_events(TimePoint now) {
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    if (!fault.enabled || fault.target != number_ || fault.from > now) continue;
    if (fault.kind != FaultKind::PowerCutAtTime && fault.kind != FaultKind::ClockJump &&
        fault.kind != FaultKind::Kill && fault.kind != FaultKind::Abort)
      continue;
    if (std::count(done_faults_.begin(), done_faults_.end(), i) > 0) continue;
    done_faults_.push_back(i);
    if (phase_ == Phase::Off) continue;
    chronicle_.note("recipient {} {}", number_, to_text(fault.kind));
    if (fault.kind == FaultKind::ClockJump) {
      clock_jumps_ += fault.amount;
      chronicle_.injected(fault.kind);
    } else if (fault.kind == FaultKind::PowerCutAtTime) {
      off_for_ = fault.amount;
      chronicle_.injected(fault.kind);
      cut_power();
    } else if (recovery_ != nullptr) {
      chronicle_.injected(fault.kind);
      if (fault.kind == FaultKind::Kill)
        kill_process();
      else
        recovery_->abort(now);
    }
  }
}

void RecipientHost::cut_power() {
  if (disk_.is_off()) return;
  chronicle_.note("recipient {} loses its power", number_);
  ++cuts_;
  disk_.cut(disk_dice_);
}

/// The call during which the power went has returned: nothing of what it did counts.
void RecipientHost::fall_if_off() {
  if (!disk_.is_off() || phase_ == Phase::Off) return;
  if (std::exchange(killed_, false)) {
    disk_.power_on();
    return kill_process();
  }
  end_process();
  phase_ = Phase::Off;
  wakes_ = chronicle_.now() + off_for_;
}

void RecipientHost::end_process() {
  recovery_.reset();
  slots_.reset();
  for (const std::size_t medium : mine_.media) network_.close(medium, number_);
}

void RecipientHost::kill_process() {
  end_process();
  disk_.close_all();
  phase_ = Phase::Up;
  wakes_ = chronicle_.now() + dice_.time(std::chrono::milliseconds(10), std::chrono::seconds(3));
}

// --- boots ---------------------------------------------------------------------------------------

std::optional<std::int64_t> RecipientHost::wall_clock() const {
  if (!mine_.wall_clock) return std::nullopt;
  const auto passed = chronicle_.now() - kBegin + clock_jumps_;
  return *mine_.wall_clock + std::chrono::duration_cast<std::chrono::seconds>(passed).count();
}

bool RecipientHost::open_slots() {
  auto parts = flash::open_file_parts({.slot_a = paths_.slot_a,
                                       .slot_b = paths_.slot_b,
                                       .slot_size_bytes = mine_.factory.capacity_bytes,
                                       .state_directory = paths_.state_directory},
                                      flash::Access::ReadWrite);
  if (!parts) {
    chronicle_.note("recipient {} cannot open its slots: {}", number_, parts.error().message());
    return false;
  }
  parts->record = std::make_unique<WatchedRecord>(std::move(parts->record), witness_);
  slots_ = std::make_unique<flash::Slots>(*std::move(parts));
  return true;
}

void RecipientHost::boot() {
  disk_.power_on();
  chronicle_.note("recipient {} boots", number_);
  witness_.look();
  phase_ = Phase::Up;
  if (open_slots()) look_after_trial(*slots_);
  slots_.reset();
  if (disk_.is_off()) return fall_if_off();
  witness_.look();
  rest();
}

/// What `fwrecover rollback --if-expired` and `fwrecover confirm` do at a boot.
void RecipientHost::look_after_trial(flash::Slots& slots) {
  const auto record = slots.load_record();
  if (!record || !record->trial) return;
  std::optional<BootRecord> next;
  if (flash::trial_expired(*record, wall_clock().value_or(0))) {
    const auto back = flash::go_back(slots, *record, {},
                                     {flash::FailureReason::TrialRanOut, wall_clock().value_or(0)});
    if (!back) return;
    chronicle_.note("recipient {} rolls back", number_);
    next = *back;
  } else if (dice_.chance(mine_.confirms) && witness_.active_is_bootable()) {
    const auto manifest = image::parse_manifest(record->slot(record->active).manifest);
    if (!manifest) return;
    const auto confirmed =
        flash::confirm(*record, manifest->security_version, wall_clock().value_or(0));
    if (!confirmed) return;
    chronicle_.note("recipient {} confirms", number_);
    next = *confirmed;
  }
  if (next && !slots.store_record(*next))
    chronicle_.note("recipient {} could not store that", number_);
}

/// When nothing runs: when to look again what to do.
void RecipientHost::rest() {
  const TimePoint now = chronicle_.now();
  if (healed() || attempts_ < mine_.attempts)
    wakes_ = now + dice_.time(std::chrono::milliseconds(50), std::chrono::seconds(4));
  else
    wakes_ = plan_.heals;
}

void RecipientHost::decide() {
  if (!healed() && attempts_ < mine_.attempts) return start_recovery();
  if (!healed()) return rest();
  const bool enough = attempts_after_ >= (must_succeed_ ? kAttemptsAfterHealing : 1U);
  if (!succeeded_ && !enough) return start_recovery();
  if (must_succeed_ && !succeeded_)
    violate("liveness",
            fmt::format("{} recoveries failed with an honest donor in reach", attempts_after_));
  phase_ = Phase::Settled;
}

// --- what the world does with it -----------------------------------------------------------------

void RecipientHost::handle(const Delivery& delivery, TimePoint now) {
  planned_events(now);
  fall_if_off();
  if (recovery_ == nullptr) return;
  const bool by_port = delivery.datagram.path.peer.family == AddressFamily::Ipv4;
  if (by_port && delivery.datagram.path.local.port != port_) return;
  count_input();
  follow(delivery.datagram.path);
  if (!disk_.is_off())
    recovery_->handle_datagram(delivery.datagram.path, delivery.datagram.bytes, now);
  drive();
}

void RecipientHost::work(TimePoint now) {
  planned_events(now);
  fall_if_off();
  if (recovery_ != nullptr) {
    if (const auto at = recovery_->deadline(); at && *at <= now) {
      count_input();
      if (!disk_.is_off()) recovery_->handle_timeout(now);
    }
    return drive();
  }
  if (phase_ == Phase::Settled || now < wakes_) return;
  if (phase_ == Phase::Off) return boot();
  decide();
}

std::optional<TimePoint> RecipientHost::next(TimePoint now) const {
  Soonest soonest;
  for (const Fault& fault : plan_.faults)
    if (fault.enabled && fault.target == number_ && fault.from > now &&
        happens_to_recipient(fault.kind) && fault.from < plan_.heals)
      soonest.add(fault.from);
  if (recovery_ != nullptr)
    soonest.add(recovery_->deadline());
  else if (phase_ != Phase::Settled)
    soonest.add(wakes_);
  return soonest.time();
}

std::optional<Address> RecipientHost::listens_on(std::size_t medium) const {
  if (recovery_ == nullptr) return std::nullopt;
  return address_of(medium, number_, port_);
}

}  // namespace fwr::sim
