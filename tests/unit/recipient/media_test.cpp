// SPDX-License-Identifier: GPL-3.0-or-later
// Recoveries over a slow shared bus, and over a bus and a LAN. PROTOCOL §8.6, §14.
#include <gtest/gtest.h>

#include "media_rig.hpp"

namespace fwr::test {
namespace {

using namespace std::chrono_literals;
using recipient::State;

constexpr double kLine_bytes_per_s = 1920;

/// Image bytes for each byte that the line could have carried meanwhile.
double efficiency(const MediaRig& rig, std::size_t image_bytes) {
  return static_cast<double>(image_bytes) /
         (rig.seconds(State::FetchingTree, State::Verifying) * kLine_bytes_per_s);
}
double of_everything(const MediaRig& rig, std::size_t image_bytes) {
  return static_cast<double>(image_bytes) /
         (rig.seconds(State::Discovering, State::Done) * kLine_bytes_per_s);
}

TEST(RecoveryOverABus, UsesTheLineOfACleanBus) {
  MediaRig rig(quiet_bus(2));
  const auto image = SignedImage::make(noise(1U << 20, 1), "2.0", 1);
  PlainDonor& donor = rig.add_bus_donor(1, {image});
  rig.ask_bus();
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  RecordProperty("efficiency", std::to_string(efficiency(rig, image.bytes.size())));
  std::printf(
      "clean: %.4f of the line while fetching, %.4f of the whole recovery, %zu messages to the "
      "donor\n",
      efficiency(rig, image.bytes.size()), of_everything(rig, image.bytes.size()),
      static_cast<std::size_t>(donor.server.counters().datagrams));
  EXPECT_GE(efficiency(rig, image.bytes.size()), 0.93);
  EXPECT_GE(of_everything(rig, image.bytes.size()), 0.90);
}

TEST(RecoveryOverABus, UsesSmallerSegmentsOnANoisyBus) {
  MediaRig rig(noisy_bus(2, 1e-5));
  const auto image = SignedImage::make(noise(1U << 20, 1), "2.0", 1);
  rig.add_bus_donor(1, {image});
  rig.ask_bus();
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  std::printf("1e-5: %.4f of the line while fetching, %.4f of the whole recovery\n",
              efficiency(rig, image.bytes.size()), of_everything(rig, image.bytes.size()));
  EXPECT_GE(efficiency(rig, image.bytes.size()), 0.85);
}

TEST(RecoveryOverABus, UsesSmallerSegmentsWhenEachHearsItsOwnNoise) {
  MediaRig rig(noisy_bus(2, 1e-5, link::BusNoise::Receiver));
  const auto image = SignedImage::make(noise(1U << 20, 1), "2.0", 1);
  rig.add_bus_donor(1, {image});
  rig.ask_bus();
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  std::printf("1e-5, each its own: %.4f of the line while fetching, %.4f of the whole recovery\n",
              efficiency(rig, image.bytes.size()), of_everything(rig, image.bytes.size()));
  // A Segment that only its talker heard damaged near its end is not sent again.
  EXPECT_GE(efficiency(rig, image.bytes.size()), 0.86);
  EXPECT_GE(of_everything(rig, image.bytes.size()), 0.845);
}

TEST(RecoveryOverABus, LetsThePolicyDecideBetweenDonorsAndBearsWithATalker) {
  MediaRig rig(quiet_bus(4));
  const auto image = SignedImage::make(noise(96U << 10, 1), "2.0", 1);
  donor::DonorConfig peer;
  peer.role = DonorRole::Peer;
  rig.add_bus_donor(1, {image}, peer);
  PlainDonor& console = rig.add_bus_donor(2, {image});
  rig.ask_bus();
  rig.start();
  std::mt19937_64 dice(5);
  while (!rig.recovery->finished() && rig.bus.now() - rig.began < 1h) {
    rig.bus.send(3, link::test::BusAddress{0x77}, link::test::segment(dice, 1000));
    rig.bus.run_for(4s);
  }
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_EQ(rig.offered.size(), 2U);
  ASSERT_EQ(rig.chosen.size(), 1U);
  EXPECT_EQ(rig.chosen[0].candidate.path.peer, bus_address(0x12));
  EXPECT_FALSE(rig.chosen[0].candidate.authenticated);
  EXPECT_TRUE(console.saw(donor::DonorEvent::Kind::Reported));
}

TEST(RecoveryOverABus, GoesOnWithAnotherDonorWhenOneDiesInItsBurst) {
  MediaRig rig(quiet_bus(3));
  const auto image = SignedImage::make(noise(128U << 10, 1), "2.0", 1);
  rig.add_bus_donor(1, {image});
  donor::DonorConfig peer;
  peer.role = DonorRole::Peer;
  rig.add_bus_donor(2, {image}, peer);
  rig.ask_bus();
  ASSERT_TRUE(rig.run_to_bytes(40U << 10));
  rig.bus.kill(1);
  const auto died = rig.bus.now();
  ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 2; }, 1h));
  EXPECT_LT(rig.bus.now() - died, 60s);
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  // What was in the slot came once.
  EXPECT_LT(rig.finished->progress.fetched_bytes, (128U << 10) + (24U << 10));
  EXPECT_EQ(rig.chosen[1].candidate.path.peer, bus_address(0x12));
}

TEST(RecoveryOverABus, EndsSoonWhenItsOnlyDonorDies) {
  for (const auto& [baud, limit] : {std::pair{19200U, 125s}, std::pair{57600U, 80s}}) {
    SCOPED_TRACE(baud);
    auto options = quiet_bus(2);
    options.bus.baud = baud;
    MediaRig rig(options);
    const auto image = SignedImage::make(noise(128U << 10, 1), "2.0", 1);
    rig.add_bus_donor(1, {image});
    rig.ask_bus();
    ASSERT_TRUE(rig.run_to_bytes(40U << 10));
    rig.bus.kill(1);
    const auto died = rig.bus.now();
    ASSERT_TRUE(rig.run());
    ASSERT_TRUE(rig.finished && rig.finished->error);
    EXPECT_EQ(rig.finished->error->exit_code(), ExitCode::AllDonorsFailed);
    EXPECT_LT(rig.bus.now() - died, limit);
  }
}

TEST(RecoveryOverABus, OutlastsACutOfTheBus) {
  MediaRig rig(quiet_bus(2));
  const auto image = SignedImage::make(noise(96U << 10, 1), "2.0", 1);
  rig.add_bus_donor(1, {image});
  rig.ask_bus();
  ASSERT_TRUE(rig.run_to_bytes(40U << 10));
  rig.bus.bus().set_connected(0, false);
  rig.bus.run_for(100s);
  rig.bus.bus().set_connected(0, true);
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
}

/// The same console on a LAN and on the bus.
struct TwoRoads {
  explicit TwoRoads(std::size_t image_bytes, double lan_bytes_per_s = 20'000)
      : image(make(image_bytes)) {
    DonorOptions options;
    options.link.bytes_per_s = lan_bytes_per_s;
    lan = &rig.add_lan_donor({image}, options);
    donor::DonorConfig config;
    config.guid.fill(std::byte{7});  // the same system
    bus = &rig.add_bus_donor(1, {image}, config);
    rig.ask_lan();
    rig.ask_bus();
  }
  static SignedImage make(std::size_t bytes) {
    return SignedImage::make(noise(bytes, 1), "2.0", 1);
  }
  MediaRig rig{quiet_bus(2)};
  SignedImage image;
  DonorHost* lan = nullptr;
  PlainDonor* bus = nullptr;
};

TEST(MediaTogether, GoOnOverTheBusWhenTheLanDies) {
  TwoRoads roads(256U << 10);
  MediaRig& rig = roads.rig;
  ASSERT_TRUE(rig.run_to_bytes(96U << 10));
  ASSERT_EQ(rig.chosen.size(), 1U);
  EXPECT_EQ(rig.chosen[0].candidate.medium, Medium::Wired);
  rig.lan_cut = true;
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_EQ(rig.chosen.size(), 2U);
  EXPECT_EQ(rig.chosen[1].candidate.medium, Medium::Icmb);
  EXPECT_EQ(rig.chosen[1].candidate.donor, rig.chosen[0].candidate.donor);
  EXPECT_LT(rig.finished->progress.fetched_bytes, (256U << 10) + (64U << 10));
}

TEST(MediaTogether, WaitForTheBusWhenWhoAnswersOnTheLanLies) {
  MediaRig rig(quiet_bus(2));
  const auto image = TwoRoads::make(32U << 10);
  auto forged = image;
  forged.sign(TestSigner(2));
  rig.add_lan_donor({forged});
  rig.add_bus_donor(1, {image});
  rig.ask_lan();
  rig.ask_bus();
  rig.bus.bus().set_connected(1, false);
  rig.start();
  rig.bus.run_for(5s);
  rig.bus.bus().set_connected(1, true);
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_EQ(rig.chosen.size(), 2U);
  EXPECT_EQ(rig.chosen[0].candidate.medium, Medium::Wired);
  EXPECT_EQ(rig.chosen[1].candidate.medium, Medium::Icmb);
}

TEST(MediaTogether, ReturnToTheLanWhenItIsBack) {
  TwoRoads roads(512U << 10);
  MediaRig& rig = roads.rig;
  ASSERT_TRUE(rig.run_to_bytes(64U << 10));
  rig.lan_cut = true;
  ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 2; }, 1h));
  rig.bus.run_for(30s);
  rig.lan_cut = false;
  const auto back = rig.bus.now();
  ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 3; }, 1h));
  EXPECT_LT(rig.bus.now() - back, 100s);
  EXPECT_EQ(rig.chosen[2].candidate.medium, Medium::Wired);
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_TRUE(roads.bus->saw(donor::DonorEvent::Kind::Released));
  EXPECT_LT(rig.finished->progress.fetched_bytes, (512U << 10) + (128U << 10));
}

TEST(MediaTogether, ReturnToTheLanThatWasNotThereWhenItWasAsked) {
  TwoRoads roads(256U << 10);
  MediaRig& rig = roads.rig;
  rig.lan_cut = true;
  ASSERT_TRUE(rig.run_to_bytes(32U << 10));
  rig.lan_cut = false;
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_EQ(rig.chosen.size(), 2U);
  EXPECT_EQ(rig.chosen[0].candidate.medium, Medium::Icmb);
  EXPECT_EQ(rig.chosen[1].candidate.medium, Medium::Wired);
}

TEST(MediaTogether, StayWhereTheyAreWhenThePolicySaysSo) {
  TwoRoads roads(256U << 10);
  MediaRig& rig = roads.rig;
  rig.config.policy.return_to_better = false;
  rig.lan_cut = true;
  ASSERT_TRUE(rig.run_to_bytes(32U << 10));
  rig.lan_cut = false;
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_EQ(rig.chosen.size(), 1U);
}

TEST(MediaTogether, StayOnTheMediumThatThePolicyPrefers) {
  TwoRoads roads(160U << 10);
  MediaRig& rig = roads.rig;
  rig.config.policy.media_order = {Medium::Icmb, Medium::Wired};
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_EQ(rig.chosen.size(), 1U);
  EXPECT_EQ(rig.chosen[0].candidate.medium, Medium::Icmb);
}

TEST(MediaTogether, GoOnOverTheLanWhenTheBusIsCutAndReturnWhenItIsWholeAgain) {
  TwoRoads roads(1024U << 10, 6'000);
  MediaRig& rig = roads.rig;
  rig.config.policy.media_order = {Medium::Icmb, Medium::Wired};
  ASSERT_TRUE(rig.run_to_bytes(32U << 10));
  ASSERT_EQ(rig.chosen.size(), 1U);
  EXPECT_EQ(rig.chosen[0].candidate.medium, Medium::Icmb);
  rig.bus.bus().set_connected(0, false);
  const auto cut = rig.bus.now();
  ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 2; }, 1h));
  EXPECT_LT(rig.bus.now() - cut, 60s);
  EXPECT_EQ(rig.chosen[1].candidate.medium, Medium::Wired);
  rig.bus.run_for(10s);
  rig.bus.bus().set_connected(0, true);
  ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 3; }, 1h));
  EXPECT_EQ(rig.chosen[2].candidate.medium, Medium::Icmb);
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  for (const auto& dropped : rig.dropped)
    EXPECT_EQ(dropped.candidate.medium, Medium::Icmb) << dropped.error.message();
  EXPECT_EQ(rig.dropped.size(), 1U);
  EXPECT_LT(rig.finished->progress.fetched_bytes, (1024U << 10) + (128U << 10));
}

TEST(MediaTogether, TellASlowLanWhenTheyLeaveIt) {
  for (const double lan_bytes_per_s : {6'000., 9'000., 15'000.}) {
    SCOPED_TRACE(lan_bytes_per_s);
    TwoRoads roads(768U << 10, lan_bytes_per_s);
    MediaRig& rig = roads.rig;
    rig.config.policy.media_order = {Medium::Icmb, Medium::Wired};
    ASSERT_TRUE(rig.run_to_bytes(32U << 10));
    rig.bus.bus().set_connected(0, false);
    ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 2; }, 1h));
    rig.bus.run_for(10s);
    rig.bus.bus().set_connected(0, true);
    ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 3; }, 1h));
    ASSERT_EQ(rig.chosen[2].candidate.medium, Medium::Icmb);
    // It was not lost, and there are 5 s of the image on the way to us.
    EXPECT_EQ(rig.dropped.size(), 1U);
    rig.bus.run_for(2s);
    EXPECT_TRUE(roads.lan->saw(donor::DonorEvent::Kind::Released));
    // The answer comes behind that: until then the last word would be repeated.
    rig.bus.run_for(1s);
    EXPECT_EQ(rig.recovery->held().farewells, 1U);
    rig.bus.run_for(5s);
    EXPECT_EQ(rig.recovery->held().farewells, 0U);
  }
}

TEST(MediaTogether, LoseLittleToALanThatAnswersAndDoesNotServe) {
  TwoRoads roads(512U << 10);
  MediaRig& rig = roads.rig;
  ASSERT_TRUE(rig.run_to_bytes(64U << 10));
  // Offers still come; leases are refused, each time for as long as 83h says.
  bool serves = false;
  roads.lan->meddle = [&](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
    if (serves || request.command != static_cast<std::uint8_t>(wire::oem::Command::AcceptOffer))
      return std::nullopt;
    return wire::IpmiResponse{.code = wire::CompletionCode::UnknownImage,
                              .data = {std::byte{0xd9}, std::byte{0x7e}, std::byte{0}}};
  };
  rig.lan_cut = true;
  ASSERT_TRUE(rig.bus.run_until([&] { return rig.chosen.size() == 2; }, 1h));
  rig.lan_cut = false;
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  // Refused once, and not asked for again.
  EXPECT_LE(rig.chosen.size(), 5U);
  EXPECT_EQ(rig.chosen.back().candidate.medium, Medium::Icmb);
}

TEST(MediaTogether, RefuseABusWhenDonorsMustProveWhoTheyAre) {
  TwoRoads roads(64U << 10);
  MediaRig& rig = roads.rig;
  rig.config.policy.authenticated = true;
  rig.lan_cut = true;
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.finished && rig.finished->error);
  EXPECT_EQ(rig.finished->error->code, Errc::NoOfferAcceptable);
  EXPECT_NE(rig.detail().find("nobody proves who it is"), std::string::npos) << rig.detail();
}

// --- links that are slower than they say ---------------------------------------------------------

/// RFCOMM, as lib/transport says it is.
LinkProperties radio() {
  LinkProperties link;
  link.medium = Medium::Bluetooth;
  link.suggested_message_bytes = 8192 + 17;
  link.bits_per_s = 720'000;
  link.shared = false;
  return link;
}

TEST(RecoveryOverARadio, KeepsItsShortLeaseWhenTheRadioIsSlowerThanItSays) {
  RecoveryRig rig;
  rig.config.links = {{AddressFamily::Ipv4, 0, radio()}};
  const auto image = SignedImage::make(noise(4096U << 10, 1), "2.0", 1);
  DonorOptions options;
  options.link.bytes_per_s = 12'000;
  options.link.delay = 20ms;
  options.lease = 5s;
  options.medium = Medium::Bluetooth;
  DonorHost& donor = rig.add_donor(image, options);
  ASSERT_TRUE(rig.run(10h));
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_TRUE(rig.dropped.empty());
  EXPECT_FALSE(donor.saw(donor::DonorEvent::Kind::Expired));
  // What comes late did not come twice.
  EXPECT_LT(donor.from_donor.sent_bytes(), image.bytes.size() * 21 / 20);
}

}  // namespace
}  // namespace fwr::test
