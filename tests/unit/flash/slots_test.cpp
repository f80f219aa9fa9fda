// SPDX-License-Identifier: GPL-3.0-or-later
// The guard over any kind of target, and the table of boot loaders.
#include <gtest/gtest.h>

#include "flash/bootloader.hpp"
#include "flash/slots.hpp"
#include "support/memory_slots.hpp"

namespace fwr::flash {
namespace {

constexpr std::uint64_t kSlot_bytes = 1U << 16;

TEST(Guard, LetsNoTargetBeWrittenThatIsActive) {
  test::MemorySlots memory(kSlot_bytes);
  Slots& slots = memory;
  for (const SlotId active : {SlotId::A, SlotId::B}) {
    memory.record.active = active;
    ASSERT_TRUE(slots.load_record());
    EXPECT_EQ(Errc::Internal, slots.try_out(active).error().code);
    EXPECT_EQ(Errc::Internal, slots.prepare(active, 1).error().code);
    EXPECT_EQ(Errc::Internal, slots.write(active, 0, Bytes(1)).error().code);
    EXPECT_TRUE(slots.try_out(other(active)));
  }
  EXPECT_EQ(0U, memory.writes);
  EXPECT_TRUE(memory.calls.empty());
}

TEST(Guard, WritesNothingThatWasNotPrepared) {
  test::MemorySlots memory(kSlot_bytes);
  Slots& slots = memory;
  EXPECT_FALSE(slots.write(SlotId::B, 0, Bytes(1)));
  ASSERT_TRUE(slots.prepare(SlotId::B, 100));
  EXPECT_TRUE(slots.write(SlotId::B, 0, Bytes(100)));
  memory.prepare_error = Error{Errc::NoSpace, "on purpose"};
  ASSERT_FALSE(slots.prepare(SlotId::B, 200));
  EXPECT_FALSE(slots.write(SlotId::B, 0, Bytes(1))) << "the target may not be open any more";
}

// Blocks come in any order, and the image is read back before it becomes active.
TEST(Guard, RefusesATargetThatIsWrittenInOnePass) {
  for (const Traits traits : {Traits{.random_write = false}, Traits{.readable_back = false}}) {
    test::MemorySlots memory(kSlot_bytes);
    Slots& slots = memory;
    memory.traits = traits;
    EXPECT_EQ(Errc::Internal, slots.prepare(SlotId::B, 100).error().code);
    EXPECT_TRUE(memory.calls.empty());
  }
}

TEST(Bootloader, NoneReadsTheRecordItself) {
  const auto none = open_bootloader("none");
  ASSERT_TRUE(none);
  EXPECT_TRUE((*none)->select(SlotId::B, 1));
  EXPECT_TRUE((*none)->confirm(SlotId::B));
  EXPECT_EQ(std::nullopt, (*none)->read().value());
}

TEST(Bootloader, OfAnUnknownKindIsAFaultOfTheConfiguration) {
  EXPECT_EQ(Errc::BadConfiguration, open_bootloader("toaster").error().code);
}

}  // namespace
}  // namespace fwr::flash
