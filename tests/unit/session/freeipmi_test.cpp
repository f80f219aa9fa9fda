// SPDX-License-Identifier: GPL-3.0-or-later
// RAKP codes, session keys and protected packets against libfreeipmi, which computes them itself.
#include <gtest/gtest.h>

#include "session/channel.hpp"
#include "session/keys.hpp"
#include "support/freeipmi_fixture.hpp"
#include "support/random.hpp"
#include "wire/oem.hpp"

namespace fwr::test {
namespace {

using session::RakpExchange;
using session::SessionKeys;
using session::SuiteInfo;

constexpr std::uint64_t kSeed = 20090715;
constexpr int kRounds = 50;

/// An exchange with random contents, a password and perhaps a K_g.
struct Login {
  explicit Login(SeededRandom& random) {
    exchange.console_session = static_cast<std::uint32_t>(random.engine()());
    exchange.managed_session = static_cast<std::uint32_t>(random.engine()());
    random.fill(exchange.console_random);
    random.fill(exchange.managed_random);
    random.fill(exchange.guid);
    privilege = static_cast<std::uint8_t>(2 + random.engine()() % 3);
    lookup = static_cast<std::uint8_t>(random.engine()() % 2);
    exchange.role = static_cast<std::uint8_t>(privilege | lookup << 4);
    exchange.user = std::string(random.engine()() % 17, 'u');
    Bytes bytes(1 + random.engine()() % session::kMaxPassword_bytes);
    random.fill(bytes);
    password = Secret(bytes);
    Bytes key(20);
    random.fill(key);
    if (random.engine()() % 2 == 0) kg = Secret(key);
  }
  [[nodiscard]] const char* user() const {
    return exchange.user.empty() ? nullptr : exchange.user.c_str();
  }

  RakpExchange exchange;
  std::uint8_t privilege = 0;
  std::uint8_t lookup = 0;
  Secret password;
  std::optional<Secret> kg;
};

std::uint8_t number_of(wire::AuthAlgorithm algorithm) {
  return static_cast<std::uint8_t>(algorithm);
}

/// Calls `check(suite, login)` for both suites and many logins.
template <class Check>
void for_each_login(Check check) {
  ASSERT_EQ(0, ipmi_rmcpplus_init());
  SeededRandom random(kSeed);
  for (const SuiteInfo& suite : session::kSuites)
    for (int round = 0; round < kRounds && !::testing::Test::HasFailure(); ++round) {
      const Login login(random);
      check(suite, login);
    }
}

TEST(FreeipmiRakpCodes, ItAcceptsOurCodeOfMessage2) {
  for_each_login([](const SuiteInfo& suite, const Login& login) {
    const RakpExchange& x = login.exchange;
    auto code = session::rakp2_code(suite.hash, login.password, x);
    ASSERT_TRUE(code);
    const FiidObject rakp2 = make_object(tmpl_rmcpplus_rakp_message_2);
    const auto accepts = [&] {
      EXPECT_LT(0, fiid_obj_set_data(rakp2.get(), "key_exchange_authentication_code", code->data(),
                                     size_of(*code)));
      return ipmi_rmcpplus_check_rakp_2_key_exchange_authentication_code(
          number_of(suite.authentication), login.password.view().data(),
          size_of(login.password.view()), x.console_session, x.managed_session,
          x.console_random.data(), size_of(x.console_random), x.managed_random.data(),
          size_of(x.managed_random), x.guid.data(), size_of(x.guid), login.lookup, login.privilege,
          login.user(), size_of(x.user), rakp2.get());
    };
    EXPECT_EQ(1, accepts());
    code->back() ^= std::byte{1};
    EXPECT_EQ(0, accepts());
  });
}

TEST(FreeipmiRakpCodes, ItsCodeOfMessage3IsOurs) {
  for_each_login([](const SuiteInfo& suite, const Login& login) {
    const RakpExchange& x = login.exchange;
    const Bytes theirs = assembled([&](std::byte* out, unsigned int size) {
      return ipmi_calculate_rakp_3_key_exchange_authentication_code(
          number_of(suite.authentication), login.password.view().data(),
          size_of(login.password.view()), x.managed_random.data(), size_of(x.managed_random),
          x.console_session, login.lookup, login.privilege, login.user(), size_of(x.user), out,
          size);
    });
    const auto ours = session::rakp3_code(suite.hash, login.password, x);
    ASSERT_TRUE(ours);
    EXPECT_EQ(to_hex(theirs), to_hex(*ours));
  });
}

/// The keys that libfreeipmi computes.
struct TheirKeys {
  TheirKeys(const SuiteInfo& suite, const Login& login)
      : sik_(kObject_bytes), k1_(kObject_bytes), k2_(kObject_bytes) {
    const RakpExchange& x = login.exchange;
    void* sik = sik_.data();
    void* k1 = k1_.data();
    void* k2 = k2_.data();
    unsigned int sik_length = size_of(sik_);
    unsigned int k1_length = size_of(k1_);
    unsigned int k2_length = size_of(k2_);
    EXPECT_EQ(0, ipmi_calculate_rmcpplus_session_keys(
                     number_of(suite.authentication), static_cast<std::uint8_t>(suite.integrity),
                     static_cast<std::uint8_t>(suite.confidentiality), login.password.view().data(),
                     size_of(login.password.view()), login.kg ? login.kg->view().data() : nullptr,
                     login.kg ? size_of(login.kg->view()) : 0, x.console_random.data(),
                     size_of(x.console_random), x.managed_random.data(), size_of(x.managed_random),
                     login.lookup, login.privilege, login.user(), size_of(x.user), &sik,
                     &sik_length, &k1, &k1_length, &k2, &k2_length));
    sik_.resize(sik_length);
    k1_.resize(k1_length);
    k2_.resize(k2_length);
  }
  Bytes sik_;
  Bytes k1_;
  Bytes k2_;
};

TEST(FreeipmiSessionKeys, AreOurs) {
  for_each_login([](const SuiteInfo& suite, const Login& login) {
    const TheirKeys theirs(suite, login);
    const auto ours =
        session::session_keys(suite.hash, login.kg.value_or(login.password), login.exchange);
    ASSERT_TRUE(ours);
    EXPECT_EQ(to_hex(theirs.sik_), to_hex(ours->sik.view()));
    EXPECT_EQ(to_hex(theirs.k1_), to_hex(ours->k1.view().first(theirs.k1_.size())));
    EXPECT_EQ(to_hex(theirs.k2_), to_hex(ours->k2.view().first(theirs.k2_.size())));
  });
}

TEST(FreeipmiRakpCodes, ItAcceptsOurCheckValueOfMessage4) {
  for_each_login([](const SuiteInfo& suite, const Login& login) {
    const RakpExchange& x = login.exchange;
    const auto keys =
        session::session_keys(suite.hash, login.kg.value_or(login.password), login.exchange);
    ASSERT_TRUE(keys);
    auto check = session::rakp4_check(suite, *keys, x);
    ASSERT_TRUE(check);
    const FiidObject rakp4 = make_object(tmpl_rmcpplus_rakp_message_4);
    const auto accepts = [&] {
      EXPECT_LT(0, fiid_obj_set_data(rakp4.get(), "integrity_check_value", check->data(),
                                     size_of(*check)));
      return ipmi_rmcpplus_check_rakp_4_integrity_check_value(
          number_of(suite.authentication), keys->sik.view().data(), size_of(keys->sik.view()),
          x.console_random.data(), size_of(x.console_random), x.managed_session, x.guid.data(),
          size_of(x.guid), rakp4.get());
    };
    EXPECT_EQ(1, accepts());
    check->front() ^= std::byte{1};
    EXPECT_EQ(0, accepts());
  });
}

/// A protected packet of libfreeipmi with a request of `body_bytes` in it.
struct ProtectedPacket {
  FiidObject rmcp = make_object(tmpl_rmcp_hdr);
  FiidObject session = make_object(tmpl_rmcpplus_session_hdr);
  FiidObject message_header = make_object(tmpl_lan_msg_hdr_rq);
  FiidObject trailer = make_object(tmpl_rmcpplus_session_trlr);

  Bytes assemble(const SuiteInfo& suite, const Login& login, const TheirKeys& keys,
                 std::uint32_t session_id, std::uint32_t sequence, fiid_obj_t command) {
    EXPECT_EQ(0, fill_rmcp_hdr_ipmi(rmcp.get()));
    EXPECT_EQ(0, fill_rmcpplus_session_hdr(IPMI_PAYLOAD_TYPE_IPMI, IPMI_PAYLOAD_FLAG_AUTHENTICATED,
                                           IPMI_PAYLOAD_FLAG_ENCRYPTED, 0, 0, session_id, sequence,
                                           session.get()));
    EXPECT_EQ(0, fill_rmcpplus_session_trlr(trailer.get()));
    EXPECT_EQ(0, fill_lan_msg_hdr(IPMI_SLAVE_ADDRESS_BMC, IPMI_NET_FN_OEM_GROUP_RQ,
                                  IPMI_BMC_IPMB_LUN_BMC, 5, message_header.get()));
    return assembled([&](std::byte* out, unsigned int size) {
      return assemble_ipmi_rmcpplus_pkt(
          number_of(suite.authentication), static_cast<std::uint8_t>(suite.integrity),
          static_cast<std::uint8_t>(suite.confidentiality), keys.k1_.data(), size_of(keys.k1_),
          keys.k2_.data(), size_of(keys.k2_), login.password.view().data(),
          size_of(login.password.view()), rmcp.get(), session.get(), message_header.get(), command,
          trailer.get(), out, size, IPMI_INTERFACE_FLAGS_DEFAULT);
    });
  }
};

/// A command with `size` bytes of data, so that every length of padding is met.
fiid_template_t tmpl_any_request = {
    {8, "cmd", FIID_FIELD_REQUIRED | FIID_FIELD_LENGTH_FIXED},
    {8 * 64, "data", FIID_FIELD_OPTIONAL | FIID_FIELD_LENGTH_VARIABLE},
    {0, "", 0}};
fiid_template_t tmpl_any_response = {
    {8, "cmd", FIID_FIELD_REQUIRED | FIID_FIELD_LENGTH_FIXED | FIID_FIELD_MAKES_PACKET_SUFFICIENT},
    {8, "comp_code",
     FIID_FIELD_REQUIRED | FIID_FIELD_LENGTH_FIXED | FIID_FIELD_MAKES_PACKET_SUFFICIENT},
    {8 * 64, "data", FIID_FIELD_OPTIONAL | FIID_FIELD_LENGTH_VARIABLE},
    {0, "", 0}};

TEST(FreeipmiProtectedPacket, OpensInOurChannel) {
  SeededRandom random(kSeed);
  for_each_login([&](const SuiteInfo& suite, const Login& login) {
    const TheirKeys theirs(suite, login);
    const auto keys =
        session::session_keys(suite.hash, login.kg.value_or(login.password), login.exchange);
    ASSERT_TRUE(keys);
    auto channel =
        session::SecureChannel::create(suite.suite, *keys, login.exchange.console_session, random);
    ASSERT_TRUE(channel);
    for (std::uint32_t size = 1; size <= 33; ++size) {
      Bytes body(size);
      random.fill(body);
      const FiidObject command = make_object(tmpl_any_request);
      EXPECT_EQ(0, fiid_obj_set(command.get(), "cmd", 0x42));
      EXPECT_LT(0, fiid_obj_set_data(command.get(), "data", body.data(), size_of(body)));
      ProtectedPacket packet;
      Bytes datagram = packet.assemble(suite, login, theirs, login.exchange.managed_session, size,
                                       command.get());
      const auto decoded = wire::decode_rmcp(datagram);
      ASSERT_TRUE(decoded) << decoded.error().message();
      Bytes payload;
      ASSERT_TRUE(channel->open(std::get<wire::RmcpPlusPacket>(*decoded), payload));
      const auto message = wire::decode_lan_message(payload);
      ASSERT_TRUE(message) << message.error().message();
      EXPECT_EQ(0x42, message->command);
      EXPECT_EQ(5, message->sequence);
      EXPECT_EQ(to_hex(body), to_hex(message->data));
    }
  });
}

TEST(FreeipmiProtectedPacket, OfOursOpensInIt) {
  SeededRandom random(kSeed);
  for_each_login([&](const SuiteInfo& suite, const Login& login) {
    const TheirKeys theirs(suite, login);
    const auto keys =
        session::session_keys(suite.hash, login.kg.value_or(login.password), login.exchange);
    ASSERT_TRUE(keys);
    auto channel =
        session::SecureChannel::create(suite.suite, *keys, login.exchange.console_session, random);
    ASSERT_TRUE(channel);
    for (std::size_t size = 1; size <= 33; ++size) {
      Bytes body(size);
      random.fill(body);
      const wire::LanMessage request = wire::make_lan_request({0x2e, 0x42, {}}, 5);
      const auto datagram = channel->seal(
          {}, wire::encode(wire::make_lan_response(request, {wire::CompletionCode::Ok, body})));
      ASSERT_TRUE(datagram) << datagram.error().message();
      const FiidObject rmcp = make_object(tmpl_rmcp_hdr);
      const FiidObject session = make_object(tmpl_rmcpplus_session_hdr);
      const FiidObject payload = make_object(tmpl_rmcpplus_payload);
      const FiidObject header = make_object(tmpl_lan_msg_hdr_rs);
      const FiidObject command = make_object(tmpl_any_response);
      const FiidObject message_trailer = make_object(tmpl_lan_msg_trlr);
      const FiidObject trailer = make_object(tmpl_rmcpplus_session_trlr);
      ASSERT_EQ(1, unassemble_ipmi_rmcpplus_pkt(
                       number_of(suite.authentication), static_cast<std::uint8_t>(suite.integrity),
                       static_cast<std::uint8_t>(suite.confidentiality), theirs.k1_.data(),
                       size_of(theirs.k1_), theirs.k2_.data(), size_of(theirs.k2_),
                       datagram->data(), size_of(*datagram), rmcp.get(), session.get(),
                       payload.get(), header.get(), command.get(), message_trailer.get(),
                       trailer.get(), IPMI_INTERFACE_FLAGS_DEFAULT));
      EXPECT_EQ(
          1, ipmi_rmcpplus_check_packet_session_authentication_code(
                 static_cast<std::uint8_t>(suite.integrity), datagram->data(), size_of(*datagram),
                 theirs.k1_.data(), size_of(theirs.k1_), login.password.view().data(),
                 size_of(login.password.view()), trailer.get()));
      EXPECT_EQ(1, ipmi_rmcpplus_check_payload_pad(static_cast<std::uint8_t>(suite.confidentiality),
                                                   payload.get()));
      EXPECT_EQ(1, ipmi_rmcpplus_check_integrity_pad(trailer.get()));
      EXPECT_EQ(1, ipmi_rmcpplus_check_session_id(session.get(), login.exchange.console_session));
      EXPECT_EQ(size, number(session, "session_sequence_number"));
      EXPECT_EQ(1, ipmi_lan_check_rq_seq(header.get(), 5));
      EXPECT_EQ(1, ipmi_check_completion_code_success(command.get()));
      EXPECT_EQ(to_hex(body), to_hex(data(command, "data")));
    }
  });
}

}  // namespace
}  // namespace fwr::test
