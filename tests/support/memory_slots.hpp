// SPDX-License-Identifier: GPL-3.0-or-later
// The real slots over memory, with the faults that flash has.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flash/slots.hpp"

namespace fwr::test {

/// The real flash::Slots over memory. What a test looks at and the faults that it sets are members;
/// the parts below use them.
class MemorySlots final {
 public:
  explicit MemorySlots(std::uint64_t capacity) : capacity_(capacity), slots_(parts()) {
    record.generation = 1;  // the active slot is known: the other may be written although not blank
  }
  MemorySlots(const MemorySlots&) = delete;
  MemorySlots& operator=(const MemorySlots&) = delete;

  operator flash::Slots&() { return slots_; }  // NOLINT(google-explicit-constructor)
  [[nodiscard]] Result<bool> blank(flash::SlotId slot) { return slots_.blank(slot); }

  [[nodiscard]] Bytes& of(flash::SlotId slot) { return bytes_.at(static_cast<std::size_t>(slot)); }
  [[nodiscard]] Bytes& inactive() { return of(flash::other(record.active)); }

  flash::BootRecord record;
  flash::Traits traits;
  Bytes tree;
  std::vector<std::string> calls;
  std::uint64_t writes = 0;
  // What must never happen (PROTOCOL §7.4).
  bool active_was_written = false;
  bool written_before_recorded = false;
  // Faults.
  std::function<std::optional<Error>(flash::SlotId, std::uint64_t offset, std::size_t size)>
      read_fault;
  std::function<std::optional<Error>(flash::SlotId, std::uint64_t offset)> write_fault;
  std::function<std::optional<Error>(const flash::BootRecord&)> store_fault;
  std::function<void()> on_flush;
  std::optional<Error> prepare_error, load_error, tree_read_error, tree_write_error;

 private:
  class Target final : public flash::Target {
   public:
    Target(MemorySlots& memory, flash::SlotId slot) : memory_(memory), slot_(slot) {}
    [[nodiscard]] flash::Traits traits() const override { return memory_.traits; }
    [[nodiscard]] std::string describe() const override {
      return "slot " + std::string(flash::to_text(slot_)) + " (memory)";
    }
    Result<std::uint64_t> capacity() override { return memory_.capacity_; }
    Result<> read(std::uint64_t offset, std::span<std::byte> out) override {
      if (memory_.read_fault)
        if (auto error = memory_.read_fault(slot_, offset, out.size()))
          return tl::unexpected(*error);
      copy_out(memory_.of(slot_), offset, out);
      return {};
    }
    Result<> try_begin() override { return {}; }
    Result<> begin(std::uint64_t /*size*/) override {
      memory_.calls.push_back("prepare " + std::string(flash::to_text(slot_)));
      if (memory_.prepare_error) return tl::unexpected(*memory_.prepare_error);
      return {};
    }
    Result<> write(std::uint64_t offset, ByteView bytes) override {
      if (memory_.write_fault)
        if (auto error = memory_.write_fault(slot_, offset)) return tl::unexpected(*error);
      const flash::BootRecord& known = memory_.record;
      if (slot_ == known.active) memory_.active_was_written = true;
      if (known.slot(slot_).state != flash::SlotState::Writing)
        memory_.written_before_recorded = true;
      ++memory_.writes;
      copy_in(memory_.of(slot_), offset, bytes);
      return {};
    }
    Result<> finish() override {
      memory_.calls.push_back("flush " + std::string(flash::to_text(slot_)));
      if (memory_.on_flush) memory_.on_flush();
      return {};
    }
    [[nodiscard]] bool in_place() const override { return true; }
    void release() override {}

   private:
    MemorySlots& memory_;
    flash::SlotId slot_;
  };

  class Record final : public flash::RecordStore {
   public:
    explicit Record(MemorySlots& memory) : memory_(memory) {}
    [[nodiscard]] Result<flash::BootRecord> load() const override {
      if (memory_.load_error) return tl::unexpected(*memory_.load_error);
      return memory_.record;
    }
    Result<> store(const flash::BootRecord& next) override {
      const flash::SlotId inactive = flash::other(memory_.record.active);
      memory_.calls.push_back("record " + std::string(flash::to_text(next.slot(inactive).state)));
      if (memory_.store_fault)
        if (auto error = memory_.store_fault(next)) return tl::unexpected(*error);
      memory_.record = next;
      return {};
    }
    [[nodiscard]] Result<> try_store() const override { return {}; }
    [[nodiscard]] std::string describe() const override { return "memory"; }

   private:
    MemorySlots& memory_;
  };

  class Tree final : public flash::Scratch {
   public:
    explicit Tree(MemorySlots& memory) : memory_(memory) {}
    Result<> reserve(std::uint64_t /*size*/) override { return {}; }
    Result<> read(std::uint64_t offset, std::span<std::byte> out) override {
      if (memory_.tree_read_error) return tl::unexpected(*memory_.tree_read_error);
      copy_out(memory_.tree, offset, out);
      return {};
    }
    Result<> write(std::uint64_t offset, ByteView bytes) override {
      if (memory_.tree_write_error) return tl::unexpected(*memory_.tree_write_error);
      copy_in(memory_.tree, offset, bytes);
      return {};
    }

   private:
    MemorySlots& memory_;
  };

  flash::Slots::Parts parts() {
    flash::Slots::Parts parts;
    parts.record = std::make_unique<Record>(*this);
    parts.targets = {std::make_unique<Target>(*this, flash::SlotId::A),
                     std::make_unique<Target>(*this, flash::SlotId::B)};
    parts.scratch = std::make_unique<Tree>(*this);
    parts.bootloader = flash::open_bootloader("none").value();
    return parts;
  }

  static void copy_out(const Bytes& from, std::uint64_t offset, std::span<std::byte> out) {
    std::fill(out.begin(), out.end(), std::byte{0});
    if (offset >= from.size()) return;
    const auto count = std::min<std::uint64_t>(out.size(), from.size() - offset);
    std::memcpy(out.data(), from.data() + offset, count);
  }
  static void copy_in(Bytes& to, std::uint64_t offset, ByteView bytes) {
    if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
    std::memcpy(to.data() + offset, bytes.data(), bytes.size());
  }

  std::uint64_t capacity_;
  std::array<Bytes, 2> bytes_;
  flash::Slots slots_;
};

}  // namespace fwr::test
