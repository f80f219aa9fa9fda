// SPDX-License-Identifier: GPL-3.0-or-later
// [icmb], [serial] and [bluetooth], and the names of lines.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "settings/donor_config.hpp"
#include "settings/media_config.hpp"
#include "settings/recipient_config.hpp"

namespace fwr::settings {
namespace {

using wire::icmb::bus_address;
using wire::icmb::BusAddress;

Result<RecipientConfig> recipient(const std::vector<std::string>& overrides) {
  const auto settings = Settings::load(recipient_table(), "", false, overrides);
  if (!settings) return tl::unexpected(settings.error());
  return read_recipient(*settings);
}
Result<DonorConfig> donor(const std::vector<std::string>& overrides) {
  const auto settings = Settings::load(donor_table(), "", false, overrides);
  if (!settings) return tl::unexpected(settings.error());
  return read_donor(*settings);
}

TEST(MediaSettings, OpenNothingByThemselves) {
  const auto asks = recipient({});
  ASSERT_TRUE(asks) << asks.error().message();
  EXPECT_EQ(asks->media.names.size(), 0U);
  EXPECT_FALSE(asks->media.bluetooth.is_used());
  const auto serves = donor({});
  ASSERT_TRUE(serves) << serves.error().message();
  EXPECT_EQ(serves->media.names.size(), 0U);
  EXPECT_FALSE(serves->media.bluetooth.enabled);
}

TEST(MediaSettings, OfABusReachItsNode) {
  const auto config = recipient({"icmb.devices=['/dev/a']", "icmb.baud=57600", "icmb.rs485=true",
                                 "icmb.address=0x0021", "icmb.fixed=true", "icmb.slot=10ms",
                                 "icmb.burst=2048", "icmb.patience=5s", "icmb.echo_timeout=1s"});
  ASSERT_TRUE(config) << config.error().message();
  const IcmbConfig& icmb = config->media.icmb;
  EXPECT_EQ(icmb.baud, 57600U);
  EXPECT_TRUE(icmb.rs485);
  EXPECT_EQ(icmb.node.address, BusAddress{0x0021});
  EXPECT_TRUE(icmb.node.fixed);
  EXPECT_EQ(icmb.node.limits.baud, 57600U);
  EXPECT_EQ(icmb.node.limits.slot(), std::chrono::milliseconds(10));
  EXPECT_EQ(icmb.node.limits.burst_characters, 2048U);
  EXPECT_EQ(icmb.node.limits.patience, std::chrono::seconds(5));
  EXPECT_EQ(icmb.node.limits.echo_timeout, std::chrono::seconds(1));
  EXPECT_NE(icmb.node.guid, Guid{});
}

TEST(MediaSettings, OfATargetOpenItsLineToo) {
  const auto config = recipient({"icmb.devices=['/dev/a']", "serial.devices=['/dev/c']",
                                 "icmb.targets=['0x0014', 'icmb:0x0015@/dev/b']"});
  ASSERT_TRUE(config) << config.error().message();
  const LineNames& names = config->media.names;
  EXPECT_EQ(names.number("/dev/a"), 1U);
  EXPECT_EQ(names.number("/dev/c"), 2U);
  EXPECT_EQ(names.number("/dev/b"), 3U);
  ASSERT_EQ(config->media.icmb.targets.size(), 2U);
  EXPECT_EQ(bus_address(config->media.icmb.targets[0].address), BusAddress{0x14});
}

TEST(MediaSettings, OfThePolicyNameLines) {
  const auto config =
      recipient({"icmb.devices=['/dev/a', '/dev/b']", "policy.allow=['icmb:0x0014@/dev/b']",
                 "policy.deny=['icmb:0x0015']"});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->policy.allow, std::vector<std::string>{"icmb:0x0014@2"});
  EXPECT_EQ(config->policy.deny, std::vector<std::string>{"icmb:0x0015"});
}

TEST(MediaSettings, RefuseWhatNoLineIs) {
  const std::vector<std::vector<std::string>> bad = {
      {"icmb.baud=12345"},
      {"serial.baud=0"},
      {"icmb.devices=['ttyS1']"},
      {"icmb.devices=['/dev/a', '/dev/a']"},
      {"icmb.devices=['/dev/a']", "serial.devices=['/dev/a']"},
      {"icmb.address=0xffff"},
      {"icmb.address=0x0014@/dev/a"},
      {"icmb.fixed=true"},
      {"icmb.targets=['0x0014']"},
      {"icmb.targets=['icmb:0x0014@2']"},
      {"icmb.targets=['nonsense']"},
      {"icmb.allow=['0x0000']"},
      {"icmb.slot=0"},
      {"icmb.burst=255"},
      {"icmb.devices=['/dev/a']", "policy.deny=['icmb:0x0014@/dev/b']"},
      {"icmb.patience=51s"},
      {"bluetooth.targets=['bt:nonsense']"},
      {"bluetooth.security=none"},
  };
  for (const auto& overrides : bad) {
    const auto config = recipient(overrides);
    ASSERT_FALSE(config) << overrides.back();
    EXPECT_EQ(config.error().exit_code(), ExitCode::Usage) << overrides.back();
    EXPECT_NE(config.error().detail.find("command line"), std::string::npos)
        << config.error().detail;
  }
  for (const char* text : {"bluetooth.channel=31", "bluetooth.channel=0", "bluetooth.connections=8",
                           "icmb.operators=['x']", "icmb.allow=['x']"})
    EXPECT_FALSE(donor({text})) << text;
}

TEST(MediaSettings, OfADonorSayWhoMayTakeImagesOnWhichLine) {
  const auto config =
      donor({"icmb.devices=['/dev/a', '/dev/b']", "icmb.allow=['0x0021', 'icmb:0x0022@/dev/b']"});
  ASSERT_TRUE(config) << config.error().message();
  const auto& allow = config->media.icmb.allow;
  EXPECT_EQ(on_line(allow, "/dev/a"), std::vector{BusAddress{0x21}});
  EXPECT_EQ(on_line(allow, "/dev/b"), (std::vector{BusAddress{0x21}, BusAddress{0x22}}));
  EXPECT_EQ(config->media.icmb.node.guid, config->donor.guid);
}

TEST(MediaSettings, OfARecipientSayToWhomItListensOnWhichLine) {
  const auto allow = [](const char* list) {
    const auto config =
        recipient({"icmb.devices=['/dev/a', '/dev/b']", std::string("icmb.allow=") + list});
    EXPECT_TRUE(config) << config.error().message();
    return config ? config->media.icmb.allow : std::vector<NamedAddress>{};
  };
  EXPECT_FALSE(listened_to(allow("[]"), "/dev/a")) << "everybody";
  EXPECT_FALSE(listened_to(allow("['0xffff']"), "/dev/a")) << "everybody, in the donor's words";
  const auto only_b = allow("['icmb:0x0099@/dev/b']");
  EXPECT_EQ(listened_to(only_b, "/dev/b"), std::vector{BusAddress{0x99}});
  EXPECT_EQ(listened_to(only_b, "/dev/a"), std::vector<BusAddress>{}) << "nobody";
  const auto all_of_b = allow("['icmb:0xffff@/dev/b', '0x0021']");
  EXPECT_FALSE(listened_to(all_of_b, "/dev/b"));
  EXPECT_EQ(listened_to(all_of_b, "/dev/a"), std::vector{BusAddress{0x21}});
}

TEST(LineNames, StandInTextsInPlaceOfNumbers) {
  LineNames names;
  EXPECT_EQ(names.add("/dev/ttyS1"), 1U);
  EXPECT_EQ(names.add("/dev/ttyS0"), 2U);
  EXPECT_EQ(names.add("/dev/ttyS1"), 1U);
  EXPECT_EQ(names.text(wire::icmb::to_address(BusAddress{0x14}, 1)), "icmb:0x0014@/dev/ttyS1");
  Address cable;
  cable.family = AddressFamily::Serial;
  cable.scope = 2;
  EXPECT_EQ(names.text(cable), "serial:/dev/ttyS0");
  EXPECT_EQ(names.text(wire::icmb::to_address(BusAddress{0x14}, 9)), "icmb:0x0014@9");
  EXPECT_EQ(names.named("2 tried: icmb:0x0014@1: silent; serial:@2: gone; icmb:0x0015@9, a@1"),
            "2 tried: icmb:0x0014@/dev/ttyS1: silent; serial:/dev/ttyS0: gone; icmb:0x0015@9, a@1");
  const Address numbered = wire::icmb::to_address(BusAddress{0x14}, 2);
  EXPECT_EQ(names.named(to_text(numbered)), names.text(numbered));
  EXPECT_EQ(names.named(to_text(cable)), names.text(cable));
}

}  // namespace
}  // namespace fwr::settings
