// SPDX-License-Identifier: GPL-3.0-or-later
// Going back to a slot: only to one that still holds its image, and never below the floor.
#include <gtest/gtest.h>

#include "flash/slot_contents.hpp"
#include "image/hash_tree.hpp"
#include "image/manifest.hpp"
#include "memory_slots.hpp"

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

}  // namespace
}  // namespace fwr::flash
