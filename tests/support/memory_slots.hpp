// SPDX-License-Identifier: GPL-3.0-or-later
// Two slots in memory, with the faults that flash has.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "flash/slots.hpp"

namespace fwr::test {

class MemorySlots final : public flash::Slots {
 public:
  explicit MemorySlots(std::uint64_t capacity) : capacity_(capacity) {}

  Result<std::uint64_t> capacity(flash::SlotId) override { return capacity_; }
  Result<> read(flash::SlotId slot, std::uint64_t offset, std::span<std::byte> out) override {
    if (read_fault)
      if (auto error = read_fault(slot, offset, out.size())) return tl::unexpected(*error);
    copy_out(of(slot), offset, out);
    return {};
  }
  Result<> prepare(flash::SlotId slot, std::uint64_t size) override {
    calls.push_back("prepare " + std::string(flash::to_text(slot)));
    if (prepare_error) return tl::unexpected(*prepare_error);
    if (size > capacity_) return fail(Errc::ImageTooLarge, describe(slot));
    return {};
  }
  Result<> write(flash::SlotId slot, std::uint64_t offset, ByteView bytes) override {
    if (write_fault)
      if (auto error = write_fault(slot, offset)) return tl::unexpected(*error);
    if (slot == record.active) active_was_written = true;
    if (record.slot(slot).state != flash::SlotState::Writing) written_before_recorded = true;
    ++writes;
    copy_in(of(slot), offset, bytes);
    return {};
  }
  Result<> flush(flash::SlotId slot) override {
    calls.push_back("flush " + std::string(flash::to_text(slot)));
    if (on_flush) on_flush();
    return {};
  }
  [[nodiscard]] std::string describe(flash::SlotId slot) const override {
    return "slot " + std::string(flash::to_text(slot)) + " (memory)";
  }
  Result<flash::BootRecord> load_record() override {
    if (load_error) return tl::unexpected(*load_error);
    return record;
  }
  Result<> store_record(const flash::BootRecord& next) override {
    const flash::SlotId inactive = flash::other(record.active);
    calls.push_back("record " + std::string(flash::to_text(next.slot(inactive).state)));
    if (store_fault)
      if (auto error = store_fault(next)) return tl::unexpected(*error);
    record = next;
    return {};
  }
  Result<> read_tree(std::uint64_t offset, std::span<std::byte> out) override {
    if (tree_read_error) return tl::unexpected(*tree_read_error);
    copy_out(tree, offset, out);
    return {};
  }
  Result<> write_tree(std::uint64_t offset, ByteView bytes) override {
    if (tree_write_error) return tl::unexpected(*tree_write_error);
    copy_in(tree, offset, bytes);
    return {};
  }

  [[nodiscard]] Bytes& of(flash::SlotId slot) { return slots_.at(static_cast<std::size_t>(slot)); }
  [[nodiscard]] Bytes& inactive() { return of(flash::other(record.active)); }

  flash::BootRecord record;
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
  std::array<Bytes, 2> slots_;
};

}  // namespace fwr::test
