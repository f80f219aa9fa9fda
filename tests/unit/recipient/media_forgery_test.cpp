// SPDX-License-Identifier: GPL-3.0-or-later
// Recoveries on a bus on which a stranger talks, in his own name and in those of others.
#include <gtest/gtest.h>

#include "media_rig.hpp"

namespace fwr::test {
namespace {

using namespace std::chrono_literals;
using link::test::BusAddress;
namespace icmb = wire::icmb;

void write_frame(MediaRig& rig, std::size_t node, const icmb::Frame& frame) {
  Bytes characters = icmb::encode(frame);
  characters.insert(characters.begin(), icmb::kFlag);
  rig.bus.bus().write(node, characters, rig.bus.now());
}

void forge_defence(MediaRig& rig, std::size_t node, BusAddress victim, std::uint8_t sequence) {
  const Bytes payload =
      wire::encode(icmb::AddressMessage{icmb::AddressMessageKind::Defence, victim, Guid{}});
  write_frame(rig, node,
              {BusAddress::Broadcast, victim, icmb::FrameType::Address, sequence, payload});
}

/// The donor serves 0x10 only, and another node claims that address once or several times.
void recover_while_defences_are_forged(unsigned forged, bool fixed) {
  MediaRig rig(quiet_bus(3));
  if (fixed) {
    auto settings = rig.bus.settings_of(0);
    settings.fixed = true;
    rig.bus.replace(0, settings);
    ASSERT_TRUE(rig.bus.run_until([&] { return rig.bus.address(0) == BusAddress{0x10}; }, 5s));
  }
  const auto image = SignedImage::make(noise(96U << 10, 1), "2.0", 1);
  rig.add_bus_donor(1, {image});
  session::AllowedPeers list;
  list.peers = {bus_address(0x10)};
  rig.bus_donors[1]->server.allow(list, rig.bus.now());
  rig.ask_bus();
  ASSERT_TRUE(rig.run_to_bytes(20U << 10));
  ASSERT_TRUE(rig.bus.run_until([&] { return !rig.bus.bus().next(); }, 1h));
  for (unsigned i = 0; i < forged; ++i) {
    forge_defence(rig, 2, BusAddress{0x10}, static_cast<std::uint8_t>(i));
    rig.bus.run_for(300ms);
  }
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_LT(rig.bus.now() - rig.began, 5min);
  EXPECT_EQ(BusAddress{0x10}, rig.bus.address(0));
}

TEST(ForgedDefences, DoNotEndARecovery) {
  recover_while_defences_are_forged(1, false);
}

TEST(ForgedDefences, DoNotEndARecoveryFromAFixedAddress) {
  recover_while_defences_are_forged(1, true);
}

TEST(ForgedDefences, OfWhichTwoCostAnAddressDoNotEndARecoveryEither) {
  recover_while_defences_are_forged(2, true);
  recover_while_defences_are_forged(2, false);
}

/// How long a recovery takes while node 2 asks the donor this all the time; 0: it does not ask.
double seconds_while_asked(std::uint8_t net_fn, std::uint8_t command, bool to_all = false) {
  MediaRig rig(quiet_bus(3));
  const auto image = SignedImage::make(noise(48U << 10, 1), "2.0", 1);
  rig.add_bus_donor(1, {image});
  rig.ask_bus();
  rig.start();
  std::uint8_t tag = 0;
  while (!rig.recovery->finished() && rig.bus.now() - rig.began < 1h) {
    const BusAddress to = to_all ? BusAddress::Broadcast : BusAddress{0x11};
    while (command != 0 && rig.bus[2].port->waiting() < 60)
      rig.bus.send(2, to, wire::plain::encode_request({net_fn, command, {}}, ++tag));
    rig.bus.run_for(500ms);
  }
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  return std::chrono::duration<double>(rig.bus.now() - rig.began).count();
}

TEST(StrangersOnABus, CannotMakeADonorTalkAllTheTime) {
  const double alone = seconds_while_asked(0, 0);
  EXPECT_LT(seconds_while_asked(6, 0x37), 4 * alone) << "Get System GUID";
  EXPECT_LT(seconds_while_asked(icmb::kBridgeRq, 0x05), 4 * alone) << "Get Bridge Statistics";
  EXPECT_LT(seconds_while_asked(icmb::kBridgeRq, 0x11, true), 4 * alone) << "GetAddresses";
}

/// How long it takes until a donor that serves only another node is left, and all others with it.
TEST(RefusalsOnABus, AreBelievedWhenTheyAreSaidOftenEnoughWhichIsSoon) {
  MediaRig rig(quiet_bus(2));
  const auto image = SignedImage::make(noise(48U << 10, 1), "2.0", 1);
  rig.add_bus_donor(1, {image});
  session::AllowedPeers list;
  list.peers = {bus_address(0x99)};
  rig.bus_donors[1]->server.allow(list, rig.bus.now());
  rig.ask_bus();
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.finished && rig.finished->error);
  EXPECT_EQ(Errc::AllDonorsFailed, rig.finished->error->code);
  EXPECT_EQ(3U, rig.dropped.size());
  const auto seconds = std::chrono::duration<double>(rig.bus.now() - rig.began).count();
  EXPECT_LT(seconds, 22) << "13 s of them for offers";
}

}  // namespace
}  // namespace fwr::test
