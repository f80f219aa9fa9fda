// SPDX-License-Identifier: GPL-3.0-or-later
// The text form of addresses, and the hash of paths.
#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "base/address.hpp"

namespace fwr {
namespace {

Address ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
             std::uint16_t port = kRmcpPort) {
  Address address;
  address.family = AddressFamily::Ipv4;
  address.port = port;
  address.bytes = {a, b, c, d};
  return address;
}

Address link_local(std::uint8_t last, std::uint32_t scope, std::uint16_t port = kRmcpPort) {
  Address address;
  address.family = AddressFamily::Ipv6;
  address.port = port;
  address.scope = scope;
  address.bytes = {0xfe, 0x80};
  address.bytes[15] = last;
  return address;
}

TEST(ParseAddress, TakesIpv4InTheClothesOfIpv6ForIpv4) {
  for (const char* text : {"[::ffff:192.0.2.1]:6230", "lan:[::FFFF:c000:201]:6230",
                           "[0:0:0:0:0:ffff:192.0.2.1%3]:6230"}) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ("lan:192.0.2.1:6230", to_text(*address)) << text;
    EXPECT_EQ(*address, parse_address("192.0.2.1:6230"));
  }
  // Others with an IPv4 address in them stay IPv6.
  for (const char* text : {"::192.0.2.1", "::ffff:0:192.0.2.1", "64:ff9b::192.0.2.1"})
    EXPECT_EQ(AddressFamily::Ipv6, parse_address(text).value().family) << text;
}

TEST(ParseAddress, TakesIpv4WithAndWithoutPrefixAndPort) {
  EXPECT_EQ(ipv4(10, 0, 0, 7), parse_address("lan:10.0.0.7"));
  EXPECT_EQ(ipv4(10, 0, 0, 7), parse_address("10.0.0.7"));
  EXPECT_EQ(ipv4(10, 0, 0, 7, 6230), parse_address("lan:10.0.0.7:6230"));
  EXPECT_EQ(ipv4(255, 255, 255, 255, 65535), parse_address("255.255.255.255:65535"));
}

TEST(ParseAddress, TakesIpv6WithAndWithoutBrackets) {
  EXPECT_EQ(link_local(1, 0), parse_address("fe80::1"));
  EXPECT_EQ(link_local(1, 0), parse_address("lan:[fe80::1]"));
  EXPECT_EQ(link_local(1, 3), parse_address("fe80::1%3"));
  EXPECT_EQ(link_local(1, 3, 6230), parse_address("lan:[fe80::1%3]:6230"));
  EXPECT_EQ(link_local(1, 3, 0), parse_address("[fe80::1%3]:0"));
}

TEST(ParseAddress, RejectsWhatIsNotANumericAddress) {
  const std::string nul_inside("10.0.0.7\0x", 10);
  for (const std::string& text :
       {std::string(), std::string("lan:"), std::string("donor.example"), std::string("10.0.0"),
        std::string("10.0.0.256"), std::string("10.0.0.7.1"), std::string("10.0.0.07 "),
        std::string(" 10.0.0.7"), std::string("LAN:10.0.0.7"), std::string("lan:lan:10.0.0.7"),
        std::string("fe80::1::2"), std::string("[10.0.0.7]"), std::string("icmb:1234"),
        std::string("10.0.0.7%2"), std::string(1000, '1'), nul_inside})
    EXPECT_EQ(Errc::BadUsage, parse_address(text).error().code) << text;
}

TEST(ParseAddress, RejectsAMalformedPort) {
  for (const char* text :
       {"10.0.0.7:", "10.0.0.7:65536", "10.0.0.7:-1", "10.0.0.7:+1", "10.0.0.7: 1", "10.0.0.7:1x",
        "10.0.0.7:0x1", "[::1]:", "[::1]:x", "[::1]6230", "[::1", "[::1]]:1"})
    EXPECT_EQ(Errc::BadUsage, parse_address(text).error().code) << text;
}

TEST(ParseAddress, RejectsAMalformedScope) {
  for (const char* text : {"fe80::1%", "fe80::1%0", "fe80::1%eth0", "fe80::1%4294967296",
                           "[fe80::1%-1]", "[fe80::1%1%2]", "fe80%1::1"})
    EXPECT_EQ(Errc::BadUsage, parse_address(text).error().code) << text;
}

Address on_cable(std::uint32_t scope = 0) {
  Address address;
  address.family = AddressFamily::Serial;
  address.scope = scope;
  return address;
}

TEST(ParseAddress, TakesThoseOfASerialCable) {
  EXPECT_EQ(on_cable(), parse_address("serial:"));
  EXPECT_EQ(on_cable(2), parse_address("serial:@2"));
  const auto named = parse_named_address("serial:/dev/ttyS0");
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(on_cable(), named->address);
  EXPECT_EQ("/dev/ttyS0", named->line);
  EXPECT_EQ("", parse_named_address("serial:@2")->line);
  for (const Address& address : {on_cable(), on_cable(1), on_cable(4294967295)})
    EXPECT_EQ(address, parse_address(to_text(address))) << to_text(address);
}

TEST(ParseAddress, RejectsWhatIsNoSerialCable) {
  const std::string nul_inside("serial:/dev/tty\0S0", 18);
  for (const std::string& text :
       {std::string("serial:@"), std::string("serial:@0"), std::string("serial:@-1"),
        std::string("serial:@4294967296"), std::string("serial:@/dev/ttyS0"), std::string("serial"),
        "serial:" + std::string(4097, 'x'), nul_inside})
    EXPECT_EQ(Errc::BadUsage, parse_named_address(text).error().code) << text;
  // A device has no number yet.
  EXPECT_EQ(Errc::BadUsage, parse_address("serial:/dev/ttyS0").error().code);
}

Address on_bus(std::uint8_t high, std::uint8_t low, std::uint32_t scope = 0) {
  Address address;
  address.family = AddressFamily::Icmb;
  address.scope = scope;
  address.bytes = {high, low};
  return address;
}

TEST(ParseAddress, TakesThoseOfABus) {
  EXPECT_EQ(on_bus(0x00, 0x14), parse_address("icmb:0x0014"));
  EXPECT_EQ(on_bus(0x00, 0x14), parse_address("icmb:0x14"));
  EXPECT_EQ(on_bus(0xff, 0xff), parse_address("icmb:0xFFFF"));
  EXPECT_EQ(on_bus(0x12, 0x34, 2), parse_address("icmb:0x1234@2"));
  for (const char* text :
       {"icmb:", "icmb:14", "icmb:0x", "icmb:0x0", "icmb:0x00014", "icmb:0x14@", "icmb:0xfg",
        "icmb:0x14 ", "icmb:-0x14", "0x14", "icmb:0x14@0", "icmb:0x14@/dev/ttyS1", "icmb:0x0x14"})
    EXPECT_EQ(Errc::BadUsage, parse_address(text).error().code) << text;
}

Address on_radio(std::uint16_t channel = 0) {
  Address address;
  address.family = AddressFamily::Bluetooth;
  address.port = channel;
  address.bytes = {0x00, 0x11, 0x22, 0x33, 0x44, 0xff};
  return address;
}

TEST(ParseAddress, TakesThoseOfBluetooth) {
  EXPECT_EQ(on_radio(), parse_address("bt:00:11:22:33:44:ff"));
  EXPECT_EQ(on_radio(3), parse_address("bt:00:11:22:33:44:FF/3"));
  EXPECT_EQ(on_radio(30), parse_named_address("bt:00:11:22:33:44:ff/30")->address);
  for (const char* text :
       {"bt:", "bt:00:11:22:33:44", "bt:00:11:22:33:44:ff:66", "bt:00:11:22:33:44:f",
        "bt:00:11:22:33:44:fg", "bt:0:011:22:33:44:ff", "bt:00-11-22-33-44-ff",
        "bt:00:11:22:33:44:ff/", "bt:00:11:22:33:44:ff/0", "bt:00:11:22:33:44:ff/31",
        "bt:00:11:22:33:44:ff/65539", "bt:00:11:22:33:44:ff/3/3", "bt:00:11:22:33:44:ff ", "bt:/3",
        "bt:-1:11:22:33:44:ff", "00:11:22:33:44:ff"})
    EXPECT_EQ(Errc::BadUsage, parse_address(text).error().code) << text;
}

TEST(ParseNamedAddress, TakesTheNameOfALine) {
  const auto named = parse_named_address("icmb:0x0014@/dev/ttyS1");
  ASSERT_TRUE(named);
  EXPECT_EQ(on_bus(0x00, 0x14), named->address);
  EXPECT_EQ("/dev/ttyS1", named->line);
  EXPECT_EQ(on_bus(0x00, 0x14, 7), parse_named_address("icmb:0x14@7")->address);
  EXPECT_EQ(ipv4(10, 0, 0, 7), parse_named_address("10.0.0.7")->address);
  EXPECT_TRUE(parse_named_address("10.0.0.7")->line.empty());
  EXPECT_FALSE(parse_named_address("10.0.0.7@/dev/ttyS1"));
  EXPECT_FALSE(parse_named_address("icmb:0x14@" + std::string(5000, 'x')));
  EXPECT_FALSE(parse_named_address(std::string("icmb:0x14@a\0b", 13)));
}

TEST(ParseAddress, RepeatsWhatItWasGivenInItsMessage) {
  const std::string message = parse_address("lan:nonsense").error().message();
  EXPECT_NE(std::string::npos, message.find("\"lan:nonsense\"")) << message;
}

TEST(AddressText, IsParsedBackToTheSameAddress) {
  for (const Address& address :
       {ipv4(10, 0, 0, 7), ipv4(127, 0, 0, 1, 0), ipv4(0, 0, 0, 0, 65535), link_local(1, 0),
        link_local(9, 4294967295), link_local(9, 2, 6230), on_bus(0, 0x14), on_bus(0xfe, 0xff, 3),
        on_radio(), on_radio(1), on_radio(30)})
    EXPECT_EQ(address, parse_address(to_text(address))) << to_text(address);
}

TEST(AddressText, LeavesThePortOfIpmiOut) {
  EXPECT_EQ("lan:10.0.0.7", to_text(ipv4(10, 0, 0, 7)));
  EXPECT_EQ("lan:10.0.0.7:6230", to_text(ipv4(10, 0, 0, 7, 6230)));
  EXPECT_EQ("lan:[fe80::1%3]", to_text(link_local(1, 3)));
  EXPECT_EQ("lan:[fe80::1]:624", to_text(link_local(1, 0, 624)));
}

TEST(AddressText, ExistsForEveryFamily) {
  Address address;
  EXPECT_EQ("any", to_text(address));
  address.scope = 2;
  EXPECT_EQ("any%2", to_text(address));
  address.bytes = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc};
  address.family = AddressFamily::Icmb;
  EXPECT_EQ("icmb:0x1234@2", to_text(address));
  address.family = AddressFamily::Bluetooth;
  address.port = 2;
  EXPECT_EQ("bt:12:34:56:78:9a:bc/2", to_text(address));
  address.family = AddressFamily::Serial;
  EXPECT_EQ("serial:@2", to_text(address));
  address.scope = 0;
  EXPECT_EQ("serial:", to_text(address));
}

Address source_of(std::string_view text) {
  return source_prefix(parse_address(text).value());
}

TEST(SourcePrefix, IsAnIpv4AddressWithoutItsPort) {
  EXPECT_EQ(source_of("10.0.0.7"), source_of("10.0.0.7:4711"));
  EXPECT_NE(source_of("10.0.0.7"), source_of("10.0.0.8"));
}

TEST(SourcePrefix, IsTheFirstHalfOfAnIpv6Address) {
  EXPECT_EQ(source_of("[2001:db8:1:2::1]:5"), source_of("[2001:db8:1:2:ffff:ffff:ffff:ffff]"));
  EXPECT_EQ(source_of("[fd00:1:2:3::1]"), source_of("[fd00:1:2:3:8000::2]"));
  EXPECT_NE(source_of("[2001:db8:1:2::1]"), source_of("[2001:db8:1:3::1]"));
  EXPECT_NE(source_of("[fd00:1:2:3::1]"), source_of("[fd00:1:2:4::1]"));
  EXPECT_EQ(source_of("[2001:db8::1%2]"), source_of("[2001:db8::1%3]"));
}

TEST(SourcePrefix, OfALinkLocalAddressIsItsInterface) {
  EXPECT_EQ(source_of("[fe80::1%2]"), source_of("[fe80::ffff:2%2]:9"));
  EXPECT_NE(source_of("[fe80::1%2]"), source_of("[fe80::1%3]"));
}

TEST(SourcePrefix, OfAnIpv4AddressThatIsWrittenAsIpv6IsTheIpv4Address) {
  EXPECT_EQ(source_of("10.0.0.7"), source_of("[::ffff:10.0.0.7]:9"));
  EXPECT_NE(source_of("[::ffff:10.0.0.7]"), source_of("[::ffff:10.0.0.8]"));
  EXPECT_NE(source_of("[::1]"), source_of("[::ffff:0.0.0.1]"));
}

TEST(SourcePrefix, KeepsAddressesOfOtherMediaWhole) {
  EXPECT_EQ(source_of("bt:00:11:22:33:44:55/3"), source_of("bt:00:11:22:33:44:55"));
  EXPECT_NE(source_of("bt:00:11:22:33:44:55"), source_of("bt:00:11:22:33:44:56"));
  EXPECT_NE(source_of("icmb:0x0014@1"), source_of("icmb:0x0014@2"));
  EXPECT_NE(source_of("serial:@1"), source_of("serial:@2"));
}

TEST(PathHash, TellsPathsApartByEveryField) {
  const Path path{ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2), Medium::Wired};
  Path swapped{path.peer, path.local, path.medium};
  Path other_port = path, other_scope = path, other_byte = path, other_medium = path;
  other_port.peer.port = 624;
  other_scope.local.scope = 1;
  other_byte.peer.bytes[15] = 1;
  other_medium.medium = Medium::Wireless;
  std::unordered_set<std::size_t> hashes;
  for (const Path& one : {path, swapped, other_port, other_scope, other_byte, other_medium})
    hashes.insert(PathHash{}(one));
  EXPECT_EQ(6U, hashes.size());
  EXPECT_EQ(PathHash{}(path), PathHash{}(Path(path)));
}

}  // namespace
}  // namespace fwr
