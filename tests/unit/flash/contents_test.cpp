// SPDX-License-Identifier: GPL-3.0-or-later
// Going back to a slot: only to one that still holds its image, and never below the floor.
#include <gtest/gtest.h>

#include "flash/slot_contents.hpp"
#include "image/hash_tree.hpp"
#include "image/manifest.hpp"
#include "support/memory_slots.hpp"

namespace fwr::flash {
namespace {

class GoBack : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kOldSecurity = 3;

  GoBack() {
    slots.of(SlotId::B) = Bytes(5000, std::byte{7});
    image::Manifest manifest;
    manifest.name = "test firmware";
    manifest.component = "bmc";
    manifest.version = "1.0";
    manifest.security_version = kOldSecurity;
    manifest.size_bytes = slots.of(SlotId::B).size();
    image::TreeBuilder builder(manifest.size_bytes, image::TreeBuilder::Emit{});
    EXPECT_TRUE(builder.add(slots.of(SlotId::B)));
    manifest.digest = builder.finish().value();
    manifest.platforms.emplace_back();
    slots.record.active = SlotId::A;
    slots.record.slot(SlotId::A).state = SlotState::Good;
    slots.record.slot(SlotId::B) = {SlotState::Good, image::to_json(manifest), "unused"};
  }

  test::MemorySlots slots{1U << 20};
};

TEST_F(GoBack, MakesAWholeOlderImageActive) {
  slots.record.security_floor = kOldSecurity;
  const auto back = go_back(slots, slots.record);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(SlotId::B, back->active);
}

TEST_F(GoBack, RefusesAnImageBelowTheSecurityFloor) {
  slots.record.security_floor = kOldSecurity + 1;
  const auto back = go_back(slots, slots.record);
  ASSERT_FALSE(back);
  EXPECT_EQ(Errc::NoPreviousImage, back.error().code);
  EXPECT_NE(std::string::npos, back.error().detail.find("security version 3 is below the floor 4"))
      << back.error().detail;
}

TEST_F(GoBack, RefusesASlotThatDoesNotHoldItsImageAnyMore) {
  slots.of(SlotId::B)[4321] ^= std::byte{1};
  EXPECT_FALSE(go_back(slots, slots.record));
}

TEST_F(GoBack, RefusesASlotThatCannotBeRead) {
  slots.read_fault = [](SlotId, std::uint64_t, std::size_t) {
    return std::optional(Error{Errc::SlotUnreadable, "on purpose"});
  };
  EXPECT_FALSE(go_back(slots, slots.record));
}

// Whatever a slot that is not blank holds may be what the system runs from.
TEST(Blank, IsOnlyWhatIsErasedToItsLastByte) {
  constexpr std::size_t kSlot_bytes = (3U << 20) + 5;
  test::MemorySlots slots{kSlot_bytes};
  for (const std::byte erased : {std::byte{0x00}, std::byte{0xff}}) {
    slots.of(SlotId::B) = Bytes(kSlot_bytes, erased);
    EXPECT_TRUE(slots.blank(SlotId::B).value());
    for (const std::size_t at : {std::size_t{0}, std::size_t{1U << 20} - 1, std::size_t{1U << 20},
                                 std::size_t{2U << 20} + 7, kSlot_bytes - 1}) {
      slots.of(SlotId::B)[at] = std::byte{0x5a};
      EXPECT_FALSE(slots.blank(SlotId::B).value()) << "a byte at " << at;
      slots.of(SlotId::B)[at] = erased;
    }
  }
}

TEST(Blank, IsNoByteButZeroAndErasedAtAnyPlaceOfAWord) {
  constexpr std::size_t kSlot_bytes = 64;
  test::MemorySlots slots{kSlot_bytes};
  slots.of(SlotId::B) = Bytes(kSlot_bytes, std::byte{0x00});
  for (std::size_t at = 0; at < kSlot_bytes; at += 3) slots.of(SlotId::B)[at] = std::byte{0xff};
  EXPECT_TRUE(slots.blank(SlotId::B).value());
  for (std::size_t at = 0; at < kSlot_bytes; ++at) {
    const std::byte before = slots.of(SlotId::B)[at];
    for (unsigned value = 0x01; value < 0xff; ++value) {
      slots.of(SlotId::B)[at] = static_cast<std::byte>(value);
      EXPECT_FALSE(slots.blank(SlotId::B).value()) << value << " at " << at;
    }
    slots.of(SlotId::B)[at] = before;
  }
}

}  // namespace
}  // namespace fwr::flash
