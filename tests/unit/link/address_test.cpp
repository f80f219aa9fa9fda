// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses: claimed, defended, lost and found again. PROTOCOL §11.3.
#include <set>

#include "support/bus_rig.hpp"

namespace fwr::link::test {
namespace {

using wire::icmb::BridgeState;

bool all_hold_different(BusRig& rig, std::size_t nodes) {
  std::set<BusAddress> seen;
  for (std::size_t i = 0; i < nodes; ++i)
    if (rig.address(i) == BusAddress::Unassigned || !seen.insert(rig.address(i)).second)
      return false;
  return true;
}

RigOptions unassigned(std::size_t nodes, std::uint64_t seed = 1) {
  RigOptions options;
  options.nodes = nodes;
  options.bus.seed = seed;
  options.wait_for_addresses = false;
  return options;
}

TEST(IcmbAddress, IsHeldAfterThreeClaims) {
  BusRig rig(unassigned(1));
  EXPECT_EQ(BridgeState::Assigning, rig[0].port->state());
  ASSERT_TRUE(rig.run_until([&] { return rig.address(0) != BusAddress::Unassigned; }, seconds(2)));
  EXPECT_EQ(BusAddress{0x10}, rig.address(0));
  EXPECT_GE(rig.now() - TimePoint{}, 3 * milliseconds(200));
  EXPECT_EQ(1U, rig[0].count(IcmbEvent::Kind::AddressHeld));
  EXPECT_EQ(3U, rig[0].port->statistics().sent);
}

TEST(IcmbAddress, ComesFromTheGuidWithoutAWish) {
  BusRig rig(unassigned(2));
  for (std::size_t i = 0; i < 2; ++i) {
    IcmbSettings settings = rig.settings_of(i);
    settings.address = BusAddress::Unassigned;
    rig.replace(i, settings);
  }
  ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, 2); }, seconds(5)));
  const BusAddress first = rig.address(0);
  IcmbSettings again = rig.settings_of(0);
  again.address = BusAddress::Unassigned;
  rig.replace(0, again);
  ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, 2); }, seconds(5)));
  EXPECT_EQ(first, rig.address(0));
}

TEST(IcmbAddress, OfTheLowerGuidStaysWhenAllWantTheSame) {
  for (const std::size_t nodes : {2U, 4U, 8U}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      BusRig rig(unassigned(nodes, seed));
      for (std::size_t i = 0; i < nodes; ++i) {
        IcmbSettings settings = rig.settings_of(i);
        settings.address = BusAddress{0x20};
        rig.replace(i, settings);
      }
      ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, nodes); }, seconds(30)))
          << nodes << " nodes, seed " << seed;
      EXPECT_EQ(BusAddress{0x20}, rig.address(0));
      for (std::size_t i = 1; i < nodes; ++i)
        EXPECT_GE(rig[i].count(IcmbEvent::Kind::AddressMoved), 1U) << i;
    }
  }
}

TEST(IcmbAddress, IsDefendedAgainstANewcomerWhateverItsGuid) {
  BusRig rig(unassigned(2));
  for (const std::size_t holder : {0U, 1U}) {
    const std::size_t newcomer = 1 - holder;
    IcmbSettings first = rig.settings_of(holder);
    IcmbSettings second = rig.settings_of(newcomer);
    first.address = second.address = BusAddress{0x30};
    rig.kill(newcomer);
    rig.replace(holder, first);
    (void)rig.run_until([&] { return rig.address(holder) == BusAddress{0x30}; }, seconds(5));
    rig.replace(newcomer, second);
    ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, 2); }, seconds(5)));
    EXPECT_EQ(BusAddress{0x30}, rig.address(holder));
  }
}

TEST(IcmbAddress, ConflictsOfJoinedBusesEndWithTheLowerGuid) {
  BusRig rig(unassigned(2));
  IcmbSettings same = rig.settings_of(1);
  same.address = BusAddress{0x10};
  // The other one grows up alone, as on a cable of its own.
  rig.bus().set_connected(0, false);
  rig.kill(0);
  rig.replace(1, same);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x10}; }, seconds(5)));
  rig.bus().set_connected(1, false);
  rig.bus().set_connected(0, true);
  rig.replace(0, rig.settings_of(0));
  ASSERT_TRUE(rig.run_until([&] { return rig.address(0) == BusAddress{0x10}; }, seconds(5)));
  rig.bus().set_connected(1, true);
  rig.run_for(seconds(1));
  ASSERT_TRUE(rig.send(0, BusAddress{0x99}, request(1)));
  EXPECT_TRUE(rig.run_until([&] { return all_hold_different(rig, 2); }, seconds(5)));
  EXPECT_EQ(BusAddress{0x10}, rig.address(0));
  EXPECT_GE(rig[1].port->statistics().conflicts, 1U);
}

TEST(IcmbAddress, ThatIsFixedIsRefusedAndTriedAgain) {
  BusRig rig(unassigned(2));
  IcmbSettings fixed = rig.settings_of(1);
  fixed.address = BusAddress{0x10};
  fixed.fixed = true;
  rig.kill(1);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(0) == BusAddress{0x10}; }, seconds(5)));
  rig.replace(1, fixed);
  ASSERT_TRUE(rig.run_until([&] { return rig[1].count(IcmbEvent::Kind::AddressRefused) == 1; },
                            seconds(5)));
  EXPECT_EQ(BridgeState::Error, rig[1].port->state());
  EXPECT_EQ(BusAddress::Unassigned, rig.address(1));
  rig.kill(0);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x10}; }, seconds(20)));
}

/// What anybody on the bus can send in the name of a node: that a lower GUID has its address.
void forge_defence(BusRig& rig, std::size_t from, BusAddress victim) {
  using namespace wire::icmb;
  static std::uint8_t sequence = 0;
  const Bytes payload = wire::encode(AddressMessage{AddressMessageKind::Defence, victim, Guid{}});
  Bytes characters =
      encode(Frame{BusAddress::Broadcast, victim, FrameType::Address, ++sequence, payload});
  characters.insert(characters.begin(), kFlag);
  rig.bus().write(from, characters, rig.now());
}

TEST(IcmbAddress, IsOutOfUseForAMomentAfterOneForgedDefence) {
  for (const bool fixed : {false, true}) {
    BusRig rig(unassigned(3));
    IcmbSettings settings = rig.settings_of(1);
    settings.fixed = fixed;
    rig.replace(1, settings);
    ASSERT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x11}; }, seconds(5)));
    rig.run_for(seconds(1));
    forge_defence(rig, 2, BusAddress{0x11});
    ASSERT_TRUE(rig.run_until([&] { return rig.address(1) != BusAddress{0x11}; }, seconds(1)));
    ASSERT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x11}; }, seconds(2)));
    EXPECT_EQ(0U, rig[1].count(IcmbEvent::Kind::AddressMoved));
    EXPECT_EQ(0U, rig[1].count(IcmbEvent::Kind::AddressRefused));
  }
}

TEST(IcmbAddress, ThatWasConfiguredIsTakenAgainAfterTwoForgedDefences) {
  for (const bool fixed : {false, true}) {
    BusRig rig(unassigned(3));
    IcmbSettings settings = rig.settings_of(1);
    settings.fixed = fixed;
    rig.replace(1, settings);
    ASSERT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x11}; }, seconds(5)));
    rig.run_for(seconds(1));
    forge_defence(rig, 2, BusAddress{0x11});
    ASSERT_TRUE(rig.run_until([&] { return rig.address(1) != BusAddress{0x11}; }, seconds(1)));
    rig.run_for(milliseconds(250));
    forge_defence(rig, 2, BusAddress{0x11});
    rig.run_for(seconds(2));
    EXPECT_EQ(fixed, rig.address(1) == BusAddress::Unassigned);
    EXPECT_NE(BusAddress{0x11}, rig.address(1));
    EXPECT_EQ(
        1U, rig[1].count(fixed ? IcmbEvent::Kind::AddressRefused : IcmbEvent::Kind::AddressMoved));
    ASSERT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x11}; }, seconds(15)));
  }
}

TEST(IcmbAddress, ThatWasConfiguredIsTakenWhenItsHolderIsGoneAndNotBefore) {
  BusRig rig(unassigned(2));
  IcmbSettings settings = rig.settings_of(1);
  settings.address = BusAddress{0x10};
  rig.kill(1);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(0) == BusAddress{0x10}; }, seconds(5)));
  rig.replace(1, settings);
  ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, 2); }, seconds(5)));
  const BusAddress meanwhile = rig.address(1);
  const auto sent = rig[1].port->statistics().sent;
  for (int s = 0; s < 300; ++s) {
    rig.run_for(seconds(1));
    ASSERT_EQ(BusAddress{0x10}, rig.address(0));
    ASSERT_EQ(meanwhile, rig.address(1)) << "it has one all the time";
  }
  EXPECT_LE(rig[1].port->statistics().sent - sent, 31U) << "one claim in ten seconds";
  rig.kill(0);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x10}; }, seconds(15)));
  EXPECT_EQ(2U, rig[1].count(IcmbEvent::Kind::AddressHeld));
}

TEST(IcmbAddress, IsNotAskedForWhileSomebodyTalksFromIt) {
  BusRig rig(unassigned(2));
  IcmbSettings settings = rig.settings_of(1);
  settings.address = BusAddress{0x10};
  rig.kill(1);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(0) == BusAddress{0x10}; }, seconds(5)));
  rig.replace(1, settings);
  ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, 2); }, seconds(5)));
  rig.run_for(seconds(1));
  const auto sent = rig[1].port->statistics().sent;
  for (int s = 0; s < 60; ++s) {
    (void)rig.send(0, BusAddress{0x99}, request(static_cast<std::uint8_t>(s)));
    rig.run_for(seconds(1));
  }
  EXPECT_EQ(sent, rig[1].port->statistics().sent);
}

TEST(IcmbAddress, OfTwoWithTheSameGuidDiffersInTheEnd) {
  BusRig rig(unassigned(2));
  IcmbSettings same = rig.settings_of(0);
  rig.replace(0, same);
  rig.replace(1, same);
  ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, 2); }, seconds(20)));
}

TEST(IcmbAddress, IsClaimedOnANoisyAndBusyLine) {
  RigOptions options;
  options.nodes = 4;
  options.bus.bit_error_rate = 1e-4;
  BusRig rig(options);
  std::mt19937_64 dice(1);
  IcmbSettings late = rig.settings_of(3);
  late.address = rig.address(0);
  rig.replace(3, late);
  ASSERT_TRUE(rig.run_until(
      [&] {
        while (rig[1].port->waiting() < 3) (void)rig.send(1, rig.address(2), segment(dice, 256));
        return all_hold_different(rig, 4);
      },
      seconds(120)));
}

TEST(IcmbAddress, HoldsBackMessagesUntilItIsThere) {
  BusRig rig(unassigned(2));
  (void)rig.run_until([&] { return rig.address(1) != BusAddress::Unassigned; });
  rig.replace(0, rig.settings_of(0));
  ASSERT_TRUE(rig.send(0, rig.address(1), request(1)));
  ASSERT_TRUE(rig.run_until([&] { return !rig[1].received.empty(); }, seconds(5)));
  EXPECT_EQ(wire::icmb::to_address(rig.address(0), 1), rig[1].received.front().path.peer);
}

/// A host that runs late hears the rest of a talk that it gave up when it thinks that the line is
/// idle: that is no other node with its address.
TEST(IcmbAddress, IsKeptByHostsThatRunLate) {
  std::size_t heard = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    RigOptions options;
    options.nodes = 4;
    options.bus.seed = seed;
    options.bus.baud = 115200;
    options.bus.fifo_characters = 64;
    options.latency = milliseconds(12);
    options.wait_for_addresses = false;
    BusRig rig(options);
    ASSERT_TRUE(rig.run_until([&] { return all_hold_different(rig, 4); }, seconds(60)));
    for (std::uint8_t round = 0; round < 200; ++round) {
      for (std::size_t i = 0; i < 4; ++i)
        (void)rig.send(i, rig.address((i + 1) % 4), request(round));
      rig.run_for(milliseconds(50));
    }
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(0U, rig[i].count(IcmbEvent::Kind::AddressMoved))
          << "seed " << seed << " node " << i;
      heard += rig[i].received.size();
    }
  }
  EXPECT_GT(heard, 0U);
}

}  // namespace
}  // namespace fwr::link::test
