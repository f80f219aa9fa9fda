// SPDX-License-Identifier: GPL-3.0-or-later
// Which names a donor looks up, and when.
#include "fwrecover/listen_addresses.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "fwrecover/find_targets.hpp"
#include "settings/donor_config.hpp"
#include "settings/recipient_config.hpp"

namespace {

std::atomic<int> looked_up{0};  // names below .invalid, which a name server would be asked for

}  // namespace

/// Stands before the C library's function.
extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** list) {
  if (std::strstr(host, ".invalid") != nullptr && (hints->ai_flags & AI_NUMERICHOST) == 0) {
    ++looked_up;
    return EAI_AGAIN;
  }
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto kNext = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return kNext(host, service, hints, list);
}

namespace fwrecover {
namespace {

using fwr::settings::Settings;

Settings load(std::span<const fwr::settings::Setting> table, std::vector<std::string> texts) {
  auto settings = Settings::load(table, "", false, texts);
  EXPECT_TRUE(settings) << settings.error().message();
  return *std::move(settings);
}

/// What a donor does with lan.listen at SIGHUP.
fwr::Result<> read_again(const std::string& listen) {
  const Settings settings = load(fwr::settings::donor_table(), {"lan.listen=" + listen});
  const auto config = fwr::settings::read_donor(settings);
  if (!config) return tl::unexpected(config.error());
  return check_listen(settings, config->listen);
}

TEST(ListenAddresses, AreReadAgainWithoutLookingUpAName) {
  looked_up = 0;
  EXPECT_TRUE(read_again("['slow.invalid:623', '127.0.0.1', '[::1]:6230']"));
  EXPECT_EQ(looked_up, 0) << "a serving donor would wait for a name server";
}

TEST(ListenAddresses, AreRefusedWhenReadAgainWithoutANameServer) {
  for (const char* listen : {"['127.0.0.999']", "['127.0.0.1', '0.0.0.0']", "['127.0.0.1:0']",
                             "['[fe80::1]:623']", "['slow.invalid:70000']", "['bt:hci0']"}) {
    const auto good = read_again(listen);
    ASSERT_FALSE(good) << listen;
    EXPECT_EQ(good.error().code, fwr::Errc::BadConfiguration) << listen;
    EXPECT_NE(good.error().detail.find("'lan.listen'"), std::string::npos) << good.error().detail;
  }
}

TEST(ListenAddresses, AreLookedUpBeforeADonorServes) {
  looked_up = 0;
  const Settings settings = load(fwr::settings::donor_table(), {});
  const auto addresses = resolve_listen(settings, {"127.0.0.1", "slow.invalid"});
  ASSERT_FALSE(addresses);
  EXPECT_EQ(looked_up, 1);
  const auto digits = resolve_listen(settings, {"127.0.0.1", "[::1]:6230"});
  ASSERT_TRUE(digits) << digits.error().message();
  EXPECT_EQ(digits->size(), 2U);
}

TEST(RecipientConfig, KeepsTheNamesOfHostsAndInterfaces) {
  looked_up = 0;
  const Settings settings =
      load(fwr::settings::recipient_table(),
           {"lan.targets=['slow.invalid']", "policy.allow=['lan:[fe80::1%no-such-one]:623']"});
  const auto config = fwr::settings::read_recipient(settings);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->lan.targets, std::vector<std::string>{"slow.invalid"});
  EXPECT_EQ(config->policy.allow, std::vector<std::string>{"lan:[fe80::1%no-such-one]:623"});
  EXPECT_EQ(looked_up, 0);
}

TEST(RecipientConfig, GetsTheNumbersOfInterfacesWhenARecoveryBegins) {
  fwr::policy::Policy policy;
  policy.allow = {"lan:[fe80::1%lo]:6230", "lan:10.0.0.7"};
  ASSERT_TRUE(number_zones(policy));
  EXPECT_EQ(policy.allow, (std::vector<std::string>{"lan:[fe80::1%1]:6230", "lan:10.0.0.7"}));
  policy.deny = {"lan:[fe80::1%no-such-one]"};
  const auto absent = number_zones(policy);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, fwr::Errc::BadConfiguration);
}

}  // namespace
}  // namespace fwrecover
