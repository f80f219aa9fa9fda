// SPDX-License-Identifier: GPL-3.0-or-later
// Watches a recipient's flash: what must hold at every operation, and what a boot would find if the
// power went right now. PROTOCOL §7.4.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "chronicle.hpp"
#include "disk.hpp"
#include "flash/record/boot_record.hpp"
#include "flash/slots_file.hpp"
#include "release.hpp"

namespace fwr::sim {

struct FlashPaths {
  std::string slot_a, slot_b, state_directory;
  [[nodiscard]] const std::string& slot(flash::SlotId id) const {
    return id == flash::SlotId::A ? slot_a : slot_b;
  }
  [[nodiscard]] std::string state() const { return state_directory + "/state"; }
};

class FlashWitness {
 public:
  FlashWitness(Disk& disk, FlashPaths paths, std::string name, Chronicle& chronicle, Dice dice);

  /// Before a process does anything with the flash: after a boot, a crash, or in the factory.
  void look();
  void before(const DiskCall& call);
  void after(const DiskCall& call);
  /// The record was stored, says the real code: from now on it must be there.
  void stored(const flash::BootRecord& record);
  /// The recovery says that it has succeeded.
  void recovered(const std::optional<image::Manifest>& manifest);

  [[nodiscard]] bool active_is_bootable() const { return bootable_; }

 private:
  [[nodiscard]] std::optional<flash::BootRecord> record_in(const Bytes* state) const;
  /// As a process reads it, and as a boot would find it.
  struct Records {
    std::optional<flash::BootRecord> now, kept;
  };
  [[nodiscard]] const Records& records();
  /// The manifest of a slot, when a trusted key signed it. Looked up once: signatures are slow.
  struct Known {
    std::optional<image::Manifest> manifest;
    bool is_trusted = false;
  };
  [[nodiscard]] const Known& know(const flash::SlotInfo& info) const;
  /// nullopt: a boot can use it; otherwise why not.
  [[nodiscard]] std::optional<std::string> unbootable(const flash::BootRecord& record,
                                                      const Bytes* slot) const;
  void check_record(const flash::BootRecord& record, const Bytes* active_slot,
                    std::string_view when) const;
  void check_bytes(const DiskCall& call, bool tree);
  void probe();
  void check_write(const std::optional<flash::BootRecord>& record, const DiskCall& call) const;
  void violate(const char* checker, const std::string& text) const {
    chronicle_.violate(checker, name_ + ": " + text);
  }

  Disk& disk_;
  FlashPaths paths_;
  std::string name_;
  Chronicle& chronicle_;
  Dice dice_;

  flash::SlotId active_ = flash::SlotId::A;  ///< when it was looked at last
  bool bootable_ = false;
  bool had_record_ = false;
  std::uint64_t promised_generation_ = 0;
  std::uint32_t promised_floor_ = 0;
  std::optional<std::uint64_t> cached_version_;
  Records cached_;
  mutable std::map<std::string, Known> known_;
};

/// The real store of the record; reports to the witness what was stored.
class WatchedRecord final : public flash::RecordStore {
 public:
  WatchedRecord(std::unique_ptr<flash::RecordStore> record, FlashWitness& witness)
      : record_(std::move(record)), witness_(witness) {}
  [[nodiscard]] Result<flash::BootRecord> load() const override { return record_->load(); }
  [[nodiscard]] Result<> store(const flash::BootRecord& record) override {
    auto stored = record_->store(record);
    if (stored) witness_.stored(record);
    return stored;
  }
  [[nodiscard]] Result<> try_store() const override { return record_->try_store(); }
  [[nodiscard]] std::string describe() const override { return record_->describe(); }

 private:
  std::unique_ptr<flash::RecordStore> record_;
  FlashWitness& witness_;
};

}  // namespace fwr::sim
