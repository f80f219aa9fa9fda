// SPDX-License-Identifier: GPL-3.0-or-later
// What must hold in the flash at every moment.
#include "flash_witness.hpp"

#include <algorithm>

#include "image/signature.hpp"

namespace fwr::sim {
namespace {

using flash::BootRecord;
using flash::SlotId;
using flash::SlotState;

constexpr double kProbeElsewhere = 0.02;  ///< of operations that do not touch the record

}  // namespace

FlashWitness::FlashWitness(Disk& disk, FlashPaths paths, std::string name, Chronicle& chronicle,
                           Dice dice)
    : disk_(disk),
      paths_(std::move(paths)),
      name_(std::move(name)),
      chronicle_(chronicle),
      dice_(dice) {}

std::optional<BootRecord> FlashWitness::record_in(const Bytes* state) const {
  if (state == nullptr || state->size() != flash::kRecordCopies * flash::kRecordCopy_bytes)
    return std::nullopt;
  const ByteView view(*state);
  auto chosen =
      flash::choose_copy(view.first(flash::kRecordCopy_bytes), view.last(flash::kRecordCopy_bytes));
  if (!chosen) return std::nullopt;
  return std::move(chosen->record);
}

const FlashWitness::Records& FlashWitness::records() {
  const std::uint64_t version = disk_.version(paths_.state());
  if (cached_version_ != version) {
    cached_.now = record_in(disk_.content(paths_.state()));
    cached_.kept =
        disk_.is_flushed(paths_.state()) ? cached_.now : record_in(disk_.kept(paths_.state()));
    cached_version_ = version;
  }
  return cached_;
}

const FlashWitness::Known& FlashWitness::know(const flash::SlotInfo& info) const {
  const auto [place, is_new] = known_.try_emplace(info.manifest + "\n" + info.signature);
  if (!is_new) return place->second;
  if (auto manifest = image::parse_manifest(info.manifest))
    place->second.manifest = *std::move(manifest);
  const std::array trusted{signer(kTrustedKey).public_key()};
  place->second.is_trusted =
      image::verify_signature(as_bytes(info.manifest), info.signature, trusted).has_value();
  return place->second;
}

std::optional<std::string> FlashWitness::unbootable(const BootRecord& record,
                                                    const Bytes* slot) const {
  const Known& known = know(record.slot(record.active));
  if (!known.manifest) return "no manifest";
  if (!known.is_trusted) return "no trusted signature";
  if (slot == nullptr) return "the slot is not there";
  if (digest_of(*slot, known.manifest->size_bytes) != known.manifest->digest)
    return "the contents are not those of the manifest";
  return std::nullopt;
}

/// `active_slot`: what the slot holds that this record makes active.
void FlashWitness::check_record(const BootRecord& record, const Bytes* active_slot,
                                std::string_view when) const {
  if (record.generation < promised_generation_)
    return violate("record-went-back",
                   fmt::format("{} the record has generation {}, {} was stored before", when,
                               record.generation, promised_generation_));
  if (record.security_floor < promised_floor_)
    return violate("record-went-back", fmt::format("{} the floor is {}, it was {}", when,
                                                   record.security_floor, promised_floor_));
  const SlotState state = record.slot(record.active).state;
  if (record.active == active_ && !bootable_) return;  // damaged, and may stay so
  if (state == SlotState::Writing || state == SlotState::Verified)
    return violate("boot-finds-image",
                   fmt::format("{} the active slot is {}", when, flash::to_text(state)));
  if (const auto why = unbootable(record, active_slot))
    return violate("boot-finds-image", fmt::format("{} slot {} would boot: {}", when,
                                                   flash::to_text(record.active), *why));
  if (record.active == active_) return;
  const auto manifest = image::parse_manifest(record.slot(record.active).manifest);
  if (manifest && manifest->security_version < record.security_floor)
    violate("security-floor", fmt::format("{} security version {} is active, the floor is {}", when,
                                          manifest->security_version, record.security_floor));
}

void FlashWitness::look() {
  const auto& record = records().kept;
  if (!record) {
    if (had_record_) violate("boot-finds-record", "at a boot no copy of the state record is good");
    active_ = SlotId::A;
    bootable_ = false;
    return;
  }
  if (had_record_) check_record(*record, disk_.content(paths_.slot(record->active)), "at a boot");
  had_record_ = true;
  active_ = record->active;
  bootable_ = !unbootable(*record, disk_.content(paths_.slot(active_)));
  promised_generation_ = record->generation;
  promised_floor_ = record->security_floor;
}

void FlashWitness::before(const DiskCall& call) {
  if (call.op != DiskOp::Write && call.op != DiskOp::Resize) return;
  const bool tree = call.path == paths_.state_directory + "/tree";
  if (call.op == DiskOp::Write) check_bytes(call, tree);
  if (call.path != paths_.slot_a && call.path != paths_.slot_b) return;
  check_write(records().now, call);
  check_write(records().kept, call);
}

/// PROTOCOL §7.1: nothing is written that was not verified.
void FlashWitness::check_bytes(const DiskCall& call, bool tree) {
  if (tree) {
    // No record says yet whose tree that is, while the slot keeps what it has.
    if (!is_part_of_a_tree(call.offset, call.bytes))
      violate("wrong-block-written", fmt::format("{} bytes at {} of {} are of no tree", call.size,
                                                 call.offset, call.path));
    return;
  }
  const auto& record = records().now;
  if (!record) return;
  const SlotId target = other(record->active);
  if (call.path != paths_.slot(target)) return;
  const auto& manifest = know(record->slot(target)).manifest;
  const Content* content = manifest ? find_content(manifest->digest) : nullptr;
  if (content == nullptr) return;
  const Bytes& whole = content->bytes;
  const bool same = call.offset + call.size <= whole.size() &&
                    std::equal(call.bytes.begin(), call.bytes.end(),
                               whole.begin() + static_cast<std::ptrdiff_t>(call.offset));
  if (!same)
    violate("wrong-block-written", fmt::format("{} bytes at {} of {} are not the signed image's",
                                               call.size, call.offset, call.path));
}

void FlashWitness::check_write(const std::optional<BootRecord>& record,
                               const DiskCall& call) const {
  const SlotId active = record ? record->active : SlotId::A;
  if (call.path == paths_.slot(active))
    return violate("active-slot-written", fmt::format("slot {} is active and is written at byte {}",
                                                      flash::to_text(active), call.offset));
  // PROTOCOL §7.4: the record says `writing` before the first byte changes.
  if (call.op != DiskOp::Write) return;
  const SlotState state = record ? record->slot(other(active)).state : SlotState::Empty;
  if (state != SlotState::Writing)
    violate("written-before-recorded",
            fmt::format("slot {} is written in state {}", flash::to_text(other(active)),
                        flash::to_text(state)));
}

void FlashWitness::after(const DiskCall& call) {
  if (call.path.starts_with(paths_.state()) || call.path == paths_.state_directory ||
      dice_.chance(kProbeElsewhere))
    probe();
}

void FlashWitness::stored(const BootRecord& record) {
  had_record_ = true;
  promised_generation_ = std::max(promised_generation_, record.generation);
  promised_floor_ = std::max(promised_floor_, record.security_floor);
  probe();
}

/// What a boot would find if the power went now.
void FlashWitness::probe() {
  const auto state = disk_.torn(paths_.state(), dice_);
  if (!state) {
    if (had_record_)
      violate("boot-finds-record", "a power cut now would leave no state record at all");
    return;
  }
  const auto record = record_in(&*state);
  if (!record)
    return violate("boot-finds-record", "a power cut now would leave no good copy of the record");
  const auto slot = disk_.torn(paths_.slot(record->active), dice_);
  if (record->active == active_ && bootable_) {
    // Nothing writes the active slot, so it is still bootable; reading all of it would be slow.
    if (!disk_.is_flushed(paths_.slot(active_)))
      violate("active-slot-written", "the active slot has sectors that are not flushed");
    const std::uint64_t generation = record->generation;
    if (generation < promised_generation_)
      violate("record-went-back",
              fmt::format("a power cut now would bring back generation {}, {} was stored",
                          generation, promised_generation_));
    return;
  }
  check_record(*record, slot ? &*slot : nullptr, "after a power cut now");
}

void FlashWitness::recovered(const std::optional<image::Manifest>& manifest) {
  const auto& record = records().now;
  if (!record || !manifest) return violate("done-means-done", "there is no record, or no manifest");
  const std::string& slot = paths_.slot(record->active);
  if (const auto why = unbootable(*record, disk_.content(slot)))
    return violate("done-means-done", *why);
  const auto signed_manifest = image::parse_manifest(record->slot(record->active).manifest);
  if (!signed_manifest || *signed_manifest != *manifest)
    return violate("done-means-done", "the record has another manifest");
  if (!disk_.is_flushed(slot) || !disk_.is_flushed(paths_.state()))
    return violate("done-means-done", "it is done, but not flushed");
  if (record->slot(record->active).state != SlotState::Trial || !record->trial)
    return violate("done-means-done", "the new image is not on trial");
  if (manifest->security_version < promised_floor_)
    return violate("security-floor",
                   fmt::format("security version {} became active, the floor is {}",
                               manifest->security_version, promised_floor_));
  if (!manifest->platforms.empty() && manifest->platforms.front().manufacturer_id != kManufacturer)
    violate("done-means-done", "an image for another platform became active");
}

}  // namespace fwr::sim
