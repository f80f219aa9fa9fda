// SPDX-License-Identifier: GPL-3.0-or-later
// Host ranges, addresses and interfaces.
#include "transport/hosts.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace fwr::transport {
namespace {

using Names = std::vector<std::string>;

TEST(HostRange, NamesEveryHostOfARange) {
  EXPECT_EQ(expand_range("bmc[1-3]").value(), (Names{"bmc1", "bmc2", "bmc3"}));
}

TEST(HostRange, KeepsTheWidthOfTheFirstNumberAndTheTail) {
  EXPECT_EQ(expand_range("r[08-10,3].lab:6230").value(),
            (Names{"r08.lab:6230", "r09.lab:6230", "r10.lab:6230", "r3.lab:6230"}));
}

TEST(HostRange, LeavesAPlainNameAndAnIpv6AddressAlone) {
  EXPECT_EQ(expand_range("10.0.0.7:623").value(), Names{"10.0.0.7:623"});
  EXPECT_EQ(expand_range("[fe80::1%eth0]:623").value(), Names{"[fe80::1%eth0]:623"});
}

TEST(HostRange, RefusesWhatIsNoRangeAndNamesIt) {
  for (const char* text : {"a[1-", "a[]", "a[3-1]", "a[x]", "a[1-2,]", "a[1-2][1-2]", "a[-1]"}) {
    const auto hosts = expand_range(text);
    ASSERT_FALSE(hosts) << text;
    EXPECT_EQ(hosts.error().code, Errc::BadConfiguration);
    EXPECT_NE(hosts.error().detail.find(text), std::string::npos) << hosts.error().detail;
  }
}

TEST(HostRange, MayBeOneOfAList) {
  EXPECT_EQ(expand_range("a,b,c[1-2,7],[fe80::1%eth0]:623,10.0.0.1").value(),
            (Names{"a", "b", "c1", "c2", "c7", "[fe80::1%eth0]:623", "10.0.0.1"}));
  for (const char* text : {"a,", ",a", "a,,b", ",", "a,b[", "a,b[2-1]", "a[1-2],b[x]", "a,b[1-2"}) {
    const auto hosts = expand_range(text);
    ASSERT_FALSE(hosts) << text;
    EXPECT_EQ(hosts.error().code, Errc::BadConfiguration);
  }
  EXPECT_EQ(expand_range("x,a[1-1023]").value().size(), kHostLimit);
  EXPECT_FALSE(expand_range("x,a[1-1024]"));
  EXPECT_FALSE(expand_range("a[1-1024],x"));
  EXPECT_FALSE(expand_range("a[1-600],b[1-600]"));
}

TEST(HostRange, IsBounded) {
  EXPECT_EQ(expand_range("a[1-1024]").value().size(), kHostLimit);
  EXPECT_FALSE(expand_range("a[1-1025]"));
  EXPECT_FALSE(expand_range("a[0-999999999]"));
  EXPECT_FALSE(expand_range("a[1-1000,2000-2100]"));
}

TEST(Resolve, ReadsNumericAddressesWithAndWithoutPort) {
  EXPECT_EQ(to_text(resolve("10.0.0.7", 623).value().at(0)), "lan:10.0.0.7");
  EXPECT_EQ(to_text(resolve("lan:10.0.0.7:6230", 623).value().at(0)), "lan:10.0.0.7:6230");
  EXPECT_EQ(to_text(resolve("[2001:db8::1]:6230", 623).value().at(0)), "lan:[2001:db8::1]:6230");
  EXPECT_EQ(to_text(resolve("2001:db8::1", 623).value().at(0)), "lan:[2001:db8::1]");
}

TEST(Resolve, TurnsTheNameOfAnInterfaceIntoItsIndex) {
  const auto addresses = resolve("[fe80::1%lo]", 623);
  ASSERT_TRUE(addresses) << addresses.error().message();
  EXPECT_EQ(addresses->at(0).scope, 1U);  // lo is the first interface of every namespace
}

TEST(Resolve, SaysWhatIsWrongWithTheText) {
  for (const char* text :
       {"", ":623", "host:", "host:0", "host:65536", "host:x", "[::1", "[::1]x"}) {
    const auto addresses = resolve(text, 623);
    ASSERT_FALSE(addresses) << text;
    EXPECT_EQ(addresses.error().code, Errc::BadConfiguration) << text;
  }
}

TEST(Resolve, SaysThatAHostDoesNotExist) {
  const auto addresses = resolve("no-such-host.invalid", 623);
  ASSERT_FALSE(addresses);
  // That needs a name server.
  EXPECT_TRUE(addresses.error().code == Errc::NotFound ||
              addresses.error().code == Errc::NameLookupFailed);
}

TEST(Interfaces, KnowLoopback) {
  const auto interfaces = list_interfaces();
  ASSERT_TRUE(interfaces) << interfaces.error().message();
  const auto lo = std::find_if(interfaces->begin(), interfaces->end(),
                               [](const Interface& i) { return i.name == "lo"; });
  ASSERT_NE(lo, interfaces->end());
  EXPECT_TRUE(lo->loopback);
  EXPECT_EQ(lo->medium, Medium::Wired);
}

TEST(Broadcast, LeavesLoopbackOut) {
  const auto paths = broadcast_paths({}, 623);
  ASSERT_TRUE(paths) << paths.error().message();
  for (const Path& path : *paths) EXPECT_NE(path.local.scope, 1U) << to_text(path.peer);
}

TEST(Broadcast, NamesAnInterfaceThatIsNotThere) {
  const Names names{"nosuch0"};
  const auto paths = broadcast_paths(names, 623);
  ASSERT_FALSE(paths);
  EXPECT_EQ(paths.error().code, Errc::NetworkDown);
  EXPECT_NE(paths.error().detail.find("nosuch0"), std::string::npos);
}

TEST(HostText, NamesTheInterfaceOfALinkLocalAddress) {
  EXPECT_EQ("lan:[fe80::1%lo]:6230", words_with_zones("lan:[fe80::1%1]:6230"));
  EXPECT_EQ("a [fe80::1%lo] b [fe80::2%lo] 50% 7% done",
            words_with_zones("a [fe80::1%1] b [fe80::2%1] 50% 7% done"));
  EXPECT_EQ("lan:[fe80::1%4000000]", words_with_zones("lan:[fe80::1%4000000]"));
  EXPECT_EQ("lan:[fe80::1%1]:6230", number_zone("lan:[fe80::1%lo]:6230"));
  EXPECT_EQ("lan:[fe80::1%absent0]", number_zone("lan:[fe80::1%absent0]"));
  EXPECT_EQ("lan:10.0.0.7", number_zone("lan:10.0.0.7"));
}

}  // namespace
}  // namespace fwr::transport
