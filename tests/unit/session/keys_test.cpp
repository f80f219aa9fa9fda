// SPDX-License-Identifier: GPL-3.0-or-later
// RAKP's codes and keys against libfreeipmi.
#include "session/keys.hpp"

#include <freeipmi/freeipmi.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "fixture.hpp"

namespace fwr::session {
namespace {

using testing::secret;

struct Case {
  CipherSuite suite;
  bool has_kg;
};
class RakpKeys : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(ipmi_rmcpplus_init(), 0); }
};
INSTANTIATE_TEST_SUITE_P(Suites, RakpKeys,
                         ::testing::Values(Case{CipherSuite::Suite17, false},
                                           Case{CipherSuite::Suite17, true},
                                           Case{CipherSuite::Suite3, false},
                                           Case{CipherSuite::Suite3, true}),
                         [](const auto& instance) {
                           return "Suite" + std::to_string(static_cast<int>(instance.param.suite)) +
                                  (instance.param.has_kg ? "WithKg" : "WithoutKg");
                         });

constexpr unsigned kKeyRoom = 64;  // bytes

RakpExchange some_exchange() {
  RakpExchange x;
  x.console_session = 0xa0a2a3a4;
  x.managed_session = 0x01020304;
  for (std::size_t i = 0; i < 16; ++i) {
    x.console_random[i] = static_cast<std::byte>(i * 3 + 1);
    x.managed_random[i] = static_cast<std::byte>(200 - i);
    x.guid[i] = static_cast<std::byte>(i * i);
  }
  x.role = 0x14;  // name-only lookup, administrator
  x.user = "alice";
  return x;
}

Bytes take(void* data, unsigned size) {
  const auto* first = static_cast<const std::byte*>(data);
  return {first, first + size};
}

TEST_P(RakpKeys, AreThoseOfLibfreeipmi) {
  const SuiteInfo& suite = info(GetParam().suite);
  const RakpExchange x = some_exchange();
  const std::string password = "correct horse";
  const std::string kg = "twenty bytes of K_g!";
  const std::string& key = GetParam().has_kg ? kg : password;

  // The function writes into our buffers and sets the sizes.
  Bytes buffer(3 * kKeyRoom);
  void* sik = buffer.data();
  void* k1 = buffer.data() + kKeyRoom;
  void* k2 = buffer.data() + 2 * kKeyRoom;
  unsigned sik_size = kKeyRoom;
  unsigned k1_size = kKeyRoom;
  unsigned k2_size = kKeyRoom;
  ASSERT_EQ(
      ipmi_calculate_rmcpplus_session_keys(
          static_cast<std::uint8_t>(suite.authentication),
          static_cast<std::uint8_t>(suite.integrity),
          static_cast<std::uint8_t>(suite.confidentiality), password.data(),
          static_cast<unsigned>(password.size()), GetParam().has_kg ? kg.data() : nullptr,
          GetParam().has_kg ? static_cast<unsigned>(kg.size()) : 0, x.console_random.data(), 16,
          x.managed_random.data(), 16, IPMI_NAME_ONLY_LOOKUP, 4, x.user.c_str(),
          static_cast<unsigned>(x.user.size()), &sik, &sik_size, &k1, &k1_size, &k2, &k2_size),
      0);

  const auto keys = session_keys(suite.hash, secret(key), x);
  ASSERT_TRUE(keys);
  EXPECT_EQ(to_hex(keys->sik.view()), to_hex(take(sik, sik_size)));
  EXPECT_EQ(to_hex(keys->k1.view()), to_hex(take(k1, k1_size)));
  ASSERT_GE(k2_size, 16U);
  EXPECT_EQ(to_hex(keys->k2.view().first(16)), to_hex(take(k2, 16)));
}

TEST_P(RakpKeys, Rakp3CodeIsThatOfLibfreeipmi) {
  const SuiteInfo& suite = info(GetParam().suite);
  const RakpExchange x = some_exchange();
  const std::string password = "correct horse";
  Bytes expected(64);
  const int size = ipmi_calculate_rakp_3_key_exchange_authentication_code(
      static_cast<std::uint8_t>(suite.authentication), password.data(),
      static_cast<unsigned>(password.size()), x.managed_random.data(), 16, x.console_session,
      IPMI_NAME_ONLY_LOOKUP, 4, x.user.c_str(), static_cast<unsigned>(x.user.size()),
      expected.data(), static_cast<unsigned>(expected.size()));
  ASSERT_GT(size, 0);
  expected.resize(static_cast<std::size_t>(size));
  const auto code = rakp3_code(suite.hash, secret(password), x);
  ASSERT_TRUE(code);
  EXPECT_EQ(to_hex(*code), to_hex(expected));
}

TEST_P(RakpKeys, LibfreeipmiAcceptsRakp2AndRakp4Codes) {
  const SuiteInfo& suite = info(GetParam().suite);
  const RakpExchange x = some_exchange();
  const std::string password = "correct horse";
  const auto rakp2 = rakp2_code(suite.hash, secret(password), x);
  ASSERT_TRUE(rakp2);
  fiid_obj_t message2 = fiid_obj_create(tmpl_rmcpplus_rakp_message_2);
  ASSERT_NE(message2, nullptr);
  EXPECT_GE(fiid_obj_set_data(message2, "key_exchange_authentication_code", rakp2->data(),
                              static_cast<unsigned>(rakp2->size())),
            0);
  EXPECT_EQ(
      ipmi_rmcpplus_check_rakp_2_key_exchange_authentication_code(
          static_cast<std::uint8_t>(suite.authentication), password.data(),
          static_cast<unsigned>(password.size()), x.console_session, x.managed_session,
          x.console_random.data(), 16, x.managed_random.data(), 16, x.guid.data(), 16,
          IPMI_NAME_ONLY_LOOKUP, 4, x.user.c_str(), static_cast<unsigned>(x.user.size()), message2),
      1);
  fiid_obj_destroy(message2);

  const auto keys = session_keys(suite.hash, secret(password), x);
  ASSERT_TRUE(keys);
  const auto rakp4 = rakp4_check(suite, *keys, x);
  ASSERT_TRUE(rakp4);
  fiid_obj_t message4 = fiid_obj_create(tmpl_rmcpplus_rakp_message_4);
  ASSERT_NE(message4, nullptr);
  EXPECT_GE(fiid_obj_set_data(message4, "integrity_check_value", rakp4->data(),
                              static_cast<unsigned>(rakp4->size())),
            0);
  const ByteView sik = keys->sik.view();
  EXPECT_EQ(ipmi_rmcpplus_check_rakp_4_integrity_check_value(
                static_cast<std::uint8_t>(suite.authentication), sik.data(),
                static_cast<unsigned>(sik.size()), x.console_random.data(), 16, x.managed_session,
                x.guid.data(), 16, message4),
            1);
  fiid_obj_destroy(message4);
}

TEST_P(RakpKeys, DependOnEveryPartOfTheExchange) {
  const Hash hash = info(GetParam().suite).hash;
  const RakpExchange x = some_exchange();
  const Secret key = secret("correct horse");
  const auto keys = session_keys(hash, key, x);
  const auto code2 = rakp2_code(hash, key, x);
  ASSERT_TRUE(keys && code2);
  std::vector<RakpExchange> others(4, x);
  others[0].console_random[15] ^= std::byte{1};
  others[1].managed_random[0] ^= std::byte{1};
  others[2].role = 0x04;
  others[3].user = "alicf";
  for (const RakpExchange& other : others)
    EXPECT_FALSE(equal_constant_time(session_keys(hash, key, other)->sik.view(), keys->sik.view()));
  others.push_back(x);
  others.back().guid[7] ^= std::byte{1};
  others.push_back(x);
  others.back().console_session ^= 0x80000000U;
  others.push_back(x);
  others.back().managed_session ^= 1U;
  for (const RakpExchange& other : others)
    EXPECT_NE(to_hex(*rakp2_code(hash, key, other)), to_hex(*code2));
}

}  // namespace
}  // namespace fwr::session
