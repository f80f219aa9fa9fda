// SPDX-License-Identifier: GPL-3.0-or-later
// fwr_donor_query() against the real RMCP+ server on loopback, through libfreeipmi.
#include "oem/donor_query.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "config.h"
#include "donor_query_fixture.hpp"
#include "wire/oem.hpp"

namespace fwr::test {
namespace {

using wire::CompletionCode;
using wire::IpmiRequest;
using wire::IpmiResponse;
using wire::oem::Command;

constexpr std::uint32_t kIana = 32473;
constexpr std::uint32_t kOtherIana = 32474;
// Short, so that the tests of silence are; still hundreds of round trips of loopback.
constexpr unsigned kSessionTimeout_ms = 1500;
constexpr unsigned kRetransmission_ms = 300;

Secret secret(std::string_view text) {
  return Secret(as_bytes(text));
}

session::ServerConfig server_config() {
  session::ServerConfig config;
  config.accounts = {{"recipient", secret("a secret of 20 bytes"), wire::Privilege::User},
                     {"admin", secret("another secret"), wire::Privilege::Administrator}};
  config.allow_suite3 = true;
  config.identity.guid = {std::byte{0x11}, std::byte{0x22}};
  config.limits.replies_burst = 1000;
  config.limits.replies_per_source_per_s = 1000;
  return config;
}

wire::oem::CapabilitiesRs capabilities() {
  return {.role = DonorRole::Peer,
          .media = 0x03,
          .read_limit_bytes = 900,
          .segment_limit_granules = 512,
          .credit_limit_bytes = 4U << 20,
          .lease_limit = 16};
}

wire::oem::DonorStatusRs status() {
  return {.role = DonorRole::Peer,
          .load_percent = 25,
          .donor = {std::byte{0x11}, std::byte{0x22}},
          .images = 300,
          .leases = 4,
          .lease_limit = 16,
          .uptime_s = 0x01020304,
          .recovered = 70000,
          .failed = 2,
          .bytes_served = 0x0102030405060708,
          .name = "rack 7, unit 12"};
}

wire::oem::Offer offer_for(const Nonce& nonce) {
  wire::oem::Offer offer{.role = DonorRole::Peer,
                         .media = 0x03,
                         .load_percent = 25,
                         .nonce = nonce,
                         .security_version = 7,
                         .size_bytes = (1ULL << 32) - 1,
                         .hold_s = 60,
                         .image_version = "2.14.0-rc1",
                         .component = "bmc"};
  offer.donor[0] = std::byte{0x11};
  offer.digest.fill(std::byte{0xd1});
  offer.token.fill(std::byte{0x70});
  return offer;
}

/// What a donor in good order answers.
IpmiResponse good_answer(const IpmiRequest& request) {
  using namespace wire::oem;
  EXPECT_EQ(0x2e, request.net_fn);
  const auto body = strip_iana(kIana, request.data);
  if (!body) return {CompletionCode::InvalidCommand, response_data(kIana)};
  switch (static_cast<Command>(request.command)) {
    case Command::GetRecoveryCapabilities:
      return {CompletionCode::Ok, response_data(kIana, capabilities())};
    case Command::GetDonorStatus: return {CompletionCode::Ok, response_data(kIana, status())};
    case Command::RequestFirmware: {
      const auto message = wire::decode<RequestFirmwareRq>(*body);
      EXPECT_TRUE(message);
      if (!message || message->platform.component != "bmc" ||
          message->platform.manufacturer_id != 0xa2b3)
        return {CompletionCode::NoCompatibleImage, response_data(kIana)};
      EXPECT_EQ(0, message->flags);
      return {CompletionCode::Ok, response_data(kIana, offer_for(message->nonce))};
    }
    default: return {CompletionCode::InvalidCommand, response_data(kIana)};
  }
}

/// A good donor but for one command.
ScriptedDonor::Answer except(Command command, const IpmiResponse& instead) {
  return [command, instead](const IpmiRequest& request) {
    return request.command == static_cast<std::uint8_t>(command) ? instead : good_answer(request);
  };
}

struct Query {
  explicit Query(const char* host) {
    access.size = sizeof access;
    platform.size = sizeof platform;
    answer.size = sizeof answer;
    error.size = sizeof error;
    access.host = host;
    access.user_name = "recipient";
    access.password = "a secret of 20 bytes";
    access.privilege_level = 2;
    access.cipher_suite_id = 17;
    access.session_timeout = kSessionTimeout_ms;
    access.retransmission_timeout = kRetransmission_ms;
    access.iana = kIana;
    std::fill(std::begin(platform.nonce), std::end(platform.nonce), std::uint8_t{0x5a});
    platform.manufacturer_id = 0xa2b3;
    platform.product_id = 0x1234;
    platform.component = "bmc";
  }
  int run() {
    return fwr_donor_query(&access, with_platform ? &platform : nullptr, &answer, &error);
  }
  /// The error code, FWR_DONOR_OK when there was none.
  int code() {
    const int result = run();
    EXPECT_EQ(result == 0, error.code == FWR_DONOR_OK) << error.text;
    EXPECT_EQ(result == 0, error.text[0] == '\0') << error.text;
    return error.code;
  }

  FwrDonorAccess access{};
  FwrDonorPlatform platform{};
  bool with_platform = true;
  FwrDonorAnswer answer{};
  FwrDonorError error{};
};

TEST(DonorQuery, BringsCapabilitiesStatusAndOffer) {
  const LoopbackDonor donor(server_config(), kIana, good_answer);
  ASSERT_TRUE(donor.bound());
  for (const std::uint8_t suite : {std::uint8_t{17}, std::uint8_t{3}}) {
    Query query(donor.host());
    query.access.cipher_suite_id = suite;
    ASSERT_EQ(FWR_DONOR_OK, query.code()) << query.error.text;
    const FwrDonorCapabilities& c = query.answer.capabilities;
    EXPECT_EQ(1, c.version);
    EXPECT_EQ(1, c.oldest_version);
    EXPECT_EQ(1, c.role);
    EXPECT_EQ(3, c.media);
    EXPECT_EQ(900, c.read_limit);
    EXPECT_EQ(512, c.segment_limit);
    EXPECT_EQ(4U << 20, c.credit_limit);
    EXPECT_EQ(16, c.lease_limit);
    const FwrDonorStatus& s = query.answer.status;
    EXPECT_EQ(1, s.role);
    EXPECT_EQ(25, s.load);
    EXPECT_EQ(0x22, s.guid[1]);
    EXPECT_EQ(300, s.images);
    EXPECT_EQ(4, s.leases);
    EXPECT_EQ(16, s.lease_limit);
    EXPECT_EQ(0x01020304U, s.uptime);
    EXPECT_EQ(70000U, s.recovered);
    EXPECT_EQ(2U, s.failed);
    EXPECT_EQ(0x0102030405060708U, s.bytes_served);
    EXPECT_STREQ("rack 7, unit 12", s.name);
    EXPECT_EQ(0, query.answer.offer_code);
    const FwrDonorOffer& o = query.answer.offer;
    EXPECT_EQ(1, o.version);
    EXPECT_EQ(1, o.role);
    EXPECT_EQ(3, o.media);
    EXPECT_EQ(25, o.load);
    EXPECT_EQ(0x11, o.guid[0]);
    EXPECT_EQ(0xd1, o.digest[31]);
    EXPECT_EQ(7U, o.security_version);
    EXPECT_EQ((1ULL << 32) - 1, o.size);
    EXPECT_EQ(60, o.hold);
    EXPECT_EQ(0x70, o.token[15]);
    EXPECT_STREQ("2.14.0-rc1", o.image_version);
    EXPECT_STREQ("bmc", o.component);
  }
}

TEST(DonorQuery, WorksOverIpv6) {
  const LoopbackDonor donor(server_config(), kIana, good_answer, AF_INET6);
  if (!donor.bound()) GTEST_SKIP() << "no IPv6 loopback here";
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_OK, query.code()) << query.error.text;
}

TEST(DonorQuery, AsksForNoOfferWithoutAPlatform) {
  const LoopbackDonor donor(server_config(), kIana,
                            except(Command::RequestFirmware, {CompletionCode::Unspecified, {}}));
  Query query(donor.host());
  query.with_platform = false;
  EXPECT_EQ(FWR_DONOR_OK, query.code()) << query.error.text;
  EXPECT_STREQ("", query.answer.offer.component);
}

TEST(DonorQuery, TakesNoCompatibleImageForAnAnswer) {
  const LoopbackDonor donor(server_config(), kIana, good_answer);
  Query query(donor.host());
  query.platform.component = "bios";
  EXPECT_EQ(FWR_DONOR_OK, query.code()) << query.error.text;
  EXPECT_EQ(0x80, query.answer.offer_code);
}

TEST(DonorQuery, SaysThatTheCredentialsAreWrong) {
  const LoopbackDonor donor(server_config(), kIana, good_answer);
  for (const std::uint8_t suite : {std::uint8_t{17}, std::uint8_t{3}}) {
    Query wrong_password(donor.host());
    wrong_password.access.cipher_suite_id = suite;
    wrong_password.access.password = "guessed";
    EXPECT_EQ(FWR_DONOR_AUTHENTICATION, wrong_password.code()) << wrong_password.error.text;
    Query wrong_user(donor.host());
    wrong_user.access.cipher_suite_id = suite;
    wrong_user.access.user_name = "nobody";
    EXPECT_EQ(FWR_DONOR_AUTHENTICATION, wrong_user.code()) << wrong_user.error.text;
  }
}

TEST(DonorQuery, NeedsTheKeyOfADonorThatHasOne) {
  session::ServerConfig config = server_config();
  config.kg = secret("K_g of twenty bytes!");
  const LoopbackDonor donor(config, kIana, good_answer);
  Query with(donor.host());
  with.access.k_g = reinterpret_cast<const unsigned char*>("K_g of twenty bytes!");
  with.access.k_g_length = 20;
  EXPECT_EQ(FWR_DONOR_OK, with.code()) << with.error.text;
  Query without(donor.host());
  EXPECT_EQ(FWR_DONOR_AUTHENTICATION, without.code()) << without.error.text;
  Query wrong(donor.host());
  wrong.access.k_g = reinterpret_cast<const unsigned char*>("K_g");
  wrong.access.k_g_length = 3;
  EXPECT_EQ(FWR_DONOR_AUTHENTICATION, wrong.code()) << wrong.error.text;
}

TEST(DonorQuery, SaysThatTheDonorDoesNotAllowTheSuite) {
  session::ServerConfig config = server_config();
  config.allow_suite3 = false;
  const LoopbackDonor donor(config, kIana, good_answer);
  Query query(donor.host());
  query.access.cipher_suite_id = 3;
  EXPECT_EQ(FWR_DONOR_NO_CIPHER_SUITE, query.code()) << query.error.text;
}

TEST(DonorQuery, SaysThatTheUserMayNotHaveThePrivilege) {
  const LoopbackDonor donor(server_config(), kIana, good_answer);
  Query user(donor.host());
  user.access.privilege_level = 4;
  EXPECT_EQ(FWR_DONOR_PRIVILEGE, user.code()) << user.error.text;
  Query admin(donor.host());
  admin.access.privilege_level = 4;
  admin.access.user_name = "admin";
  admin.access.password = "another secret";
  EXPECT_EQ(FWR_DONOR_OK, admin.code()) << admin.error.text;
}

TEST(DonorQuery, NamesTheCommandAndTheCompletionCodeThatRefusedIt) {
  const LoopbackDonor donor(server_config(), kIana,
                            except(Command::GetDonorStatus, {CompletionCode::ImageUnreadable,
                                                             wire::oem::response_data(kIana)}));
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_REJECTED, query.code());
  EXPECT_EQ(0x86, query.error.completion_code);
  EXPECT_STREQ("Get Donor Status: refused by the donor: image unreadable (86h)", query.error.text);
}

TEST(DonorQuery, PassesOnACompletionCodeThatHasNoName) {
  const LoopbackDonor donor(server_config(), kIana,
                            except(Command::GetDonorStatus, {static_cast<CompletionCode>(0x9f),
                                                             wire::oem::response_data(kIana)}));
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_REJECTED, query.code());
  EXPECT_STREQ("Get Donor Status: refused by the donor with completion code 9Fh", query.error.text);
}

TEST(DonorQuery, SaysThatAManagementControllerIsNoDonor) {
  const LoopbackDonor bmc(server_config(), kIana, [](const IpmiRequest&) {
    return IpmiResponse{CompletionCode::InvalidCommand, {}};
  });
  Query query(bmc.host());
  EXPECT_EQ(FWR_DONOR_REJECTED, query.code());
  EXPECT_EQ(0xc1, query.error.completion_code);
  EXPECT_NE(nullptr, std::strstr(query.error.text, "no donor")) << query.error.text;
}

TEST(DonorQuery, RefusesAnAnswerOfAnotherDeployment) {
  const LoopbackDonor donor(
      server_config(), kIana,
      except(Command::GetDonorStatus,
             {CompletionCode::Ok, wire::oem::response_data(kOtherIana, status())}));
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_MALFORMED, query.code()) << query.error.text;
}

TEST(DonorQuery, RefusesAnAnswerThatIsTooShort) {
  Bytes data = wire::oem::response_data(kIana, status());
  data.pop_back();
  const LoopbackDonor donor(server_config(), kIana,
                            except(Command::GetDonorStatus, {CompletionCode::Ok, data}));
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_MALFORMED, query.code()) << query.error.text;
}

TEST(DonorQuery, IgnoresWhatALaterVersionAdds) {
  Bytes data = wire::oem::response_data(kIana, status());
  data.insert(data.end(), 40, std::byte{0xee});
  const LoopbackDonor donor(server_config(), kIana,
                            except(Command::GetDonorStatus, {CompletionCode::Ok, data}));
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_OK, query.code()) << query.error.text;
  EXPECT_STREQ("rack 7, unit 12", query.answer.status.name);
}

TEST(DonorQuery, RefusesAnOfferForAnotherRequest) {
  Nonce other{};
  const LoopbackDonor donor(
      server_config(), kIana,
      except(Command::RequestFirmware,
             {CompletionCode::Ok, wire::oem::response_data(kIana, offer_for(other))}));
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_MALFORMED, query.code()) << query.error.text;
}

TEST(DonorQuery, LetsNoControlCharacterThrough) {
  wire::oem::DonorStatusRs shouting = status();
  shouting.name = "rack\x1b[2J\xff";
  const LoopbackDonor donor(
      server_config(), kIana,
      except(Command::GetDonorStatus,
             {CompletionCode::Ok, wire::oem::response_data(kIana, shouting)}));
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_OK, query.code()) << query.error.text;
  EXPECT_STREQ("rack?[2J?", query.answer.status.name);
}

TEST(DonorQuery, GivesUpWhenNothingAnswers) {
  LoopbackDonor donor(server_config(), kIana, good_answer);
  donor.fall_silent();
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_NO_RESPONSE, query.code()) << query.error.text;
}

TEST(DonorQuery, SaysThatADonorStoppedAnswering) {
  LoopbackDonor* itself = nullptr;
  LoopbackDonor donor(server_config(), kIana, [&](const IpmiRequest& request) {
    if (request.command == static_cast<std::uint8_t>(Command::GetDonorStatus))
      itself->fall_silent();
    return good_answer(request);
  });
  itself = &donor;
  Query query(donor.host());
  EXPECT_EQ(FWR_DONOR_SESSION_LOST, query.code()) << query.error.text;
}

TEST(DonorQuery, SaysThatANameHasNoAddress) {
  Query name("no-such-host.invalid");
  EXPECT_EQ(FWR_DONOR_BAD_HOST, name.code()) << name.error.text;
  Query port("127.0.0.1:99999");
  EXPECT_EQ(FWR_DONOR_BAD_HOST, port.code()) << port.error.text;
}

TEST(DonorQuery, RefusesArgumentsBeforeItSendsAnything) {
  const auto refuses = [](auto change) {
    Query query("127.0.0.1");
    change(query);
    EXPECT_EQ(FWR_DONOR_BAD_ARGUMENT, query.code()) << query.error.text;
  };
  refuses([](Query& q) { q.access.host = nullptr; });
  refuses([](Query& q) { q.access.host = ""; });
  refuses([](Query& q) { q.access.user_name = "seventeen letters"; });
  refuses([](Query& q) { q.access.password = "a password of 21 byte"; });
  refuses([](Query& q) {
    q.access.k_g = q.platform.nonce;
    q.access.k_g_length = 21;
  });
  refuses([](Query& q) { q.access.cipher_suite_id = 0; });
  refuses([](Query& q) { q.access.privilege_level = 1; });
  refuses([](Query& q) { q.access.privilege_level = 5; });
  refuses([](Query& q) { q.access.retransmission_timeout = q.access.session_timeout; });
  refuses([](Query& q) {
    q.access.session_timeout = 1000;
    q.access.retransmission_timeout = 0;
  });
  refuses([](Query& q) { q.access.iana = 1U << 24; });
  refuses([](Query& q) { q.platform.component = ""; });
  refuses([](Query& q) { q.platform.component = "sixteen--letters"; });
  refuses([](Query& q) { q.platform.manufacturer_id = 1U << 24; });
  refuses([](Query& q) { q.access.size = 0; });
  refuses([](Query& q) { q.answer.size = sizeof q.answer - 1; });
  refuses([](Query& q) { q.platform.size = 0; });
  EXPECT_EQ(-1, fwr_donor_query(nullptr, nullptr, nullptr, nullptr));
}

TEST(DonorQuery, TakesZerosForDefaults) {
  const LoopbackDonor donor(server_config(), FWR_IANA_PEN, good_answer);
  ASSERT_TRUE(donor.bound());
  Query query(donor.host());
  query.access.privilege_level = 0;
  query.access.session_timeout = 0;
  query.access.retransmission_timeout = 0;
  query.access.iana = 0;
  EXPECT_EQ(FWR_DONOR_OK, query.code()) << query.error.text;
}

TEST(DonorQuery, FillsNoMoreThanTheCallerHas) {
  const LoopbackDonor donor(server_config(), kIana, good_answer);
  ASSERT_TRUE(donor.bound());
  struct Later {  // what a later version of the header may have
    FwrDonorAnswer answer;
    std::array<unsigned char, 64> more;
  } later{};
  later.more.fill(0xff);
  later.answer.size = sizeof later.answer + 32;
  Query query(donor.host());
  EXPECT_EQ(0, fwr_donor_query(&query.access, nullptr, &later.answer, nullptr));
  EXPECT_EQ(sizeof later.answer + 32, later.answer.size);
  EXPECT_NE('\0', later.answer.status.name[0]);
  for (std::size_t i = 0; i < later.more.size(); ++i)
    EXPECT_EQ(i < 32 ? 0 : 0xff, later.more[i]) << i;
  query.error.size = 0;
  std::memset(query.error.text, 'x', sizeof query.error.text);
  EXPECT_EQ(-1, query.run());
  EXPECT_EQ('x', query.error.text[0]) << "what has no size is not touched";
}

}  // namespace
}  // namespace fwr::test
