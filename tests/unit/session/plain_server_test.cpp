// SPDX-License-Identifier: GPL-3.0-or-later
// The server on links without sessions, and all servers of one application. PROTOCOL §11.6.
#include "session/plain_server.hpp"

#include <algorithm>

#include "base/slow_link.hpp"
#include "fixture.hpp"
#include "session/link_servers.hpp"
#include "wire/icmb.hpp"

namespace fwr::session::testing {
namespace {

using wire::CompletionCode;
using wire::icmb::BusAddress;
using wire::oem::Command;

constexpr LinkId kBus{3};
constexpr std::uint32_t kLine = 2;
constexpr std::uint8_t kGetSystemGuid = 0x37;

Path on_bus(std::uint16_t peer, BusAddress to = BusAddress{0x11}) {
  Path path;
  path.local = wire::icmb::to_address(to, kLine);
  path.peer = wire::icmb::to_address(BusAddress{peer}, kLine);
  path.medium = Medium::Icmb;
  return path;
}

LinkProperties bus_properties() {
  LinkProperties properties;
  properties.medium = Medium::Icmb;
  properties.largest_message_bytes = 2049;
  properties.bits_per_s = 19200;
  properties.sessions = false;
  properties.half_duplex = true;
  return properties;
}

PlainServerConfig bus_config() {
  PlainServerConfig config;
  config.link = kBus;
  config.properties = bus_properties();
  config.identity = basic_config().identity;
  // The number of the line does not count: a list is written before lines have numbers.
  config.allowed.peers.push_back(wire::icmb::to_address(BusAddress{0x20}, 0));
  return config;
}

wire::IpmiRequest app(std::uint8_t command) {
  return {wire::raw(wire::NetFn::AppRq), command, {}};
}
wire::IpmiRequest oem(Command command, std::size_t padding = 0) {
  auto request = wire::oem::make_request(kIana, command);
  request.data.resize(request.data.size() + padding);
  return request;
}

class PlainServers : public ::testing::Test {
 protected:
  explicit PlainServers(PlainServerConfig config = bus_config())
      : server(std::move(config), kIana, application) {}

  void ask(const Path& path, const wire::IpmiRequest& request, std::uint8_t tag = 1) {
    server.handle_datagram(path, wire::plain::encode_request(request, tag), now);
  }
  struct Answer {
    Path path;
    wire::plain::Message message;
    [[nodiscard]] CompletionCode code() const {
      return static_cast<CompletionCode>(message.data.front());
    }
  };
  std::optional<Answer> answer() {
    const auto datagram = server.poll_transmit(now);
    if (!datagram) return std::nullopt;
    auto message = wire::plain::decode_response(datagram->bytes);
    EXPECT_TRUE(message);
    if (!message) return std::nullopt;
    return Answer{datagram->path, *std::move(message)};
  }
  void expect_code(CompletionCode code) {
    const auto got = answer();
    ASSERT_TRUE(got);
    EXPECT_EQ(code, got->code()) << wire::describe(got->code());
  }
  void expect_silence() { EXPECT_FALSE(server.poll_transmit(now)); }
  std::uint32_t session_of(std::uint16_t peer) {
    application.requesters.clear();
    ask(on_bus(peer), oem(Command::GetDonorStatus));
    EXPECT_TRUE(answer());
    return application.requesters.empty() ? 0 : application.requesters.back().session;
  }

  EchoApplication application;
  PlainServer server;
  TimePoint now{1000s};
};

TEST_F(PlainServers, AnswerEverybodyWhoTheyAre) {
  ask(on_bus(0x99), app(kGetSystemGuid), 42);
  const auto guid = answer();
  ASSERT_TRUE(guid);
  EXPECT_EQ(CompletionCode::Ok, guid->code());
  EXPECT_EQ(42, guid->message.tag);
  EXPECT_EQ(wire::raw(wire::NetFn::AppRq) | 1U, guid->message.net_fn());
  EXPECT_EQ(kGetSystemGuid, guid->message.command);
  EXPECT_EQ(on_bus(0x99), guid->path);
  ASSERT_EQ(17U, guid->message.data.size());
  EXPECT_TRUE(std::equal(guid->message.data.begin() + 1, guid->message.data.end(),
                         bus_config().identity.guid.begin()));
  ask(on_bus(0x99), app(0x01));
  expect_code(CompletionCode::Ok);
  ask(on_bus(0x99), app(0x04));
  expect_code(CompletionCode::Ok);
  EXPECT_TRUE(application.commands.empty());
}

TEST_F(PlainServers, RefuseWhatNobodyHasWithC1h) {
  for (const auto& request : {app(0x39), app(0x3b), wire::IpmiRequest{0x0a, 0x10, {}}}) {
    ask(on_bus(0x99), request);
    expect_code(CompletionCode::InvalidCommand);
  }
  // Of our network function, but no command of ours, whatever the IANA number.
  for (const std::uint32_t iana : {kIana, kIana + 1}) {
    auto unknown = wire::oem::make_request(iana, Command::GetDonorStatus);
    unknown.command = 0x7f;
    ask(on_bus(0x99), unknown);
    expect_code(CompletionCode::InvalidCommand);
  }
  // Another logical unit of the same controller.
  auto message = wire::plain::encode_request(app(kGetSystemGuid), 1);
  message[2] |= std::byte{1};
  server.handle_datagram(on_bus(0x99), message, now);
  expect_code(CompletionCode::InvalidCommand);
}

TEST_F(PlainServers, LetEverybodyFindADonor) {
  application.reply = wire::IpmiResponse{CompletionCode::Ok, pattern(146)};
  ask(on_bus(0x99), oem(Command::RequestFirmware, 150));
  expect_code(CompletionCode::Ok);
  ASSERT_EQ(1U, application.requesters.size());
  const Requester& from = application.requesters.front();
  EXPECT_FALSE(from.authenticated());
  EXPECT_EQ("", from.user);
  EXPECT_EQ(kBus, from.link);
  EXPECT_EQ(19200U, from.properties.bits_per_s);
}

TEST_F(PlainServers, SayNoMoreToStrangersThanTheyDid) {
  application.reply = wire::IpmiResponse{CompletionCode::Ok, pattern(40)};
  ask(on_bus(0x99), oem(Command::RequestFirmware, 20));
  expect_silence();
}

TEST_F(PlainServers, RefuseStrangersWhatCostsSomething) {
  for (const Command command :
       {Command::GetManifest, Command::AcceptOffer, Command::ReadImage, Command::ReadHashTree,
        Command::ReleaseOffer, Command::ReportResult, Command::GetDonorStatus}) {
    ask(on_bus(0x99), oem(command));
    const auto refusal = answer();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(CompletionCode::InsufficientPrivilege, refusal->code());
    EXPECT_EQ(wire::oem::response_data(kIana),
              Bytes(refusal->message.data.begin() + 1, refusal->message.data.end()));
  }
  server.handle_datagram(on_bus(0x99), wire::plain::encode_stream(pattern(20)), now);
  EXPECT_TRUE(application.commands.empty());
  EXPECT_TRUE(application.payloads.empty());
  EXPECT_EQ(7U, server.counters().refused);
  EXPECT_EQ(0U, server.active_peers());
  // Of another enterprise: no word.
  ask(on_bus(0x99), wire::oem::make_request(kIana + 1, Command::GetDonorStatus));
  expect_silence();
}

TEST_F(PlainServers, KnowAPeerByItsAddress) {
  ask(on_bus(0x20), oem(Command::GetDonorStatus));
  expect_code(CompletionCode::Ok);
  server.handle_datagram(on_bus(0x20), wire::plain::encode_stream(pattern(20)), now);
  ASSERT_EQ(2U, application.requesters.size());
  for (const Requester& from : application.requesters) {
    EXPECT_TRUE(from.authenticated());
    EXPECT_EQ("icmb:0x0020@2", from.user);
    EXPECT_EQ(kBus, from.link);
    EXPECT_EQ(wire::Privilege::User, from.privilege);
    EXPECT_NE(0U, from.session & kPlainSession) << "no session has such a number";
    EXPECT_EQ(application.requesters.front().session, from.session);
  }
  ASSERT_EQ(1U, application.payloads.size());
  EXPECT_EQ(pattern(20), application.payloads.front());
  EXPECT_EQ(1U, server.counters().sessions_opened);
}

TEST_F(PlainServers, ServeNobodyWithoutAList) {
  server.allow({}, now);
  ask(on_bus(0x20), oem(Command::GetDonorStatus));
  expect_code(CompletionCode::InsufficientPrivilege);
}

TEST_F(PlainServers, ServeEverybodyWhenToldSo) {
  server.allow({.everybody = true, .peers = {}}, now);
  EXPECT_NE(0U, session_of(0x77));
  EXPECT_NE(session_of(0x77), session_of(0x78));
}

TEST_F(PlainServers, AnswerOnlyOffersToWhatAllHeard) {
  const Path to_all = on_bus(0x20, BusAddress::Broadcast);
  for (const auto& request : {app(kGetSystemGuid), app(0x39), oem(Command::GetDonorStatus),
                              oem(Command::AcceptOffer), oem(Command::GetRecoveryCapabilities, 28)})
    ask(to_all, request);
  server.handle_datagram(to_all, wire::plain::encode_stream(pattern(20)), now);
  expect_silence();
  EXPECT_TRUE(application.commands.empty());
  application.reply = wire::IpmiResponse{CompletionCode::NoCompatibleImage, {}};
  ask(to_all, oem(Command::RequestFirmware, 150));
  expect_silence();
  application.reply = wire::IpmiResponse{CompletionCode::Ok, pattern(146)};
  ask(to_all, oem(Command::RequestFirmware, 150));
  const auto offer = answer();
  ASSERT_TRUE(offer);
  EXPECT_EQ(to_all, offer->path) << "so that the bus lets it wait for a turn of its own";
}

TEST_F(PlainServers, DropWhatIsNoRequest) {
  for (const Bytes& message :
       {Bytes{}, bytes({1}), bytes({9, 1, 2, 3}), bytes({2, 1, 0x1c, 0x37, 0}),
        bytes({1, 1, 0x1c, 0x37}) /* an odd network function */})
    server.handle_datagram(on_bus(0x20), message, now);
  expect_silence();
  EXPECT_EQ(5U, server.counters().dropped);
}

TEST_F(PlainServers, KeepOneAnswerToWhatIsAskedAgain) {
  for (int i = 0; i < 5; ++i) ask(on_bus(0x20), oem(Command::GetDonorStatus), 7);
  EXPECT_EQ(5U, application.commands.size()) << "each is obeyed: commands are idempotent";
  EXPECT_TRUE(answer());
  expect_silence();
}

TEST_F(PlainServers, ForgetTheOldestAnswersOfAPeerThatAsksAndAsks) {
  for (std::uint8_t tag = 0; tag < 100; ++tag) ask(on_bus(0x20), oem(Command::GetDonorStatus), tag);
  ask(on_bus(0x99), app(kGetSystemGuid), 200);
  std::vector<std::uint8_t> tags;
  while (const auto got = answer()) tags.push_back(got->message.tag);
  EXPECT_EQ((std::vector<std::uint8_t>{96, 97, 98, 99, 200}), tags);
}

/// Get System GUID in a frame: tag, netFn, command, completion code, GUID; and the frame.
constexpr std::size_t kGuidAnswer_characters = 20 + 9;
constexpr unsigned kSixteenth = 1920 / 16;  // characters in a second

TEST_F(PlainServers, GiveStrangersOnASlowLineASmallPartOfIt) {
  const auto answers_in_a_minute = [&](std::uint16_t strangers) {
    std::size_t answers = 0;
    for (int i = 0; i < 6000; ++i) {
      const auto who = static_cast<std::uint16_t>(0x90 + i % strangers);
      ask(on_bus(who), app(kGetSystemGuid), static_cast<std::uint8_t>(i));
      if (answer()) ++answers;
      now += 10ms;
    }
    return answers * kGuidAnswer_characters;
  };
  const std::size_t of_one = answers_in_a_minute(1);
  EXPECT_LE(of_one, 512 + 60 * kSixteenth / 2 + 64) << "half is for others";
  EXPECT_GE(of_one, 60 * kSixteenth / 2);
  now += 60s;
  const std::size_t of_all = answers_in_a_minute(10);
  EXPECT_LE(of_all, 1024 + 60 * kSixteenth + 64);
  EXPECT_GE(of_all, 60 * kSixteenth);
  ask(on_bus(0x20), app(kGetSystemGuid));
  expect_code(CompletionCode::Ok);
  application.reply = wire::IpmiResponse{CompletionCode::Ok, pattern(10)};
  ask(on_bus(0x99), oem(Command::GetRecoveryCapabilities, 20));
  expect_code(CompletionCode::Ok);
}

TEST_F(PlainServers, HoldBackNothingFromThoseWhoAreServed) {
  for (int i = 0; i < 1000; ++i) {
    ask(on_bus(0x20), app(kGetSystemGuid), static_cast<std::uint8_t>(i));
    expect_code(CompletionCode::Ok);
  }
  EXPECT_EQ(0U, server.counters().rate_limited);
  // Any node is served, so those are served that are known.
  server.allow({.everybody = true, .peers = {}}, now);
  (void)session_of(0x33);
  std::size_t known = 0;
  std::size_t unknown = 0;
  for (int i = 0; i < 1000; ++i) {
    ask(on_bus(0x33), app(kGetSystemGuid), static_cast<std::uint8_t>(i));
    if (answer()) ++known;
    ask(on_bus(0x34), app(kGetSystemGuid), static_cast<std::uint8_t>(i));
    if (answer()) ++unknown;
  }
  EXPECT_EQ(1000U, known);
  EXPECT_LT(unknown, 40U);
}

TEST_F(PlainServers, KeepFewAnswersForStrangersWaiting) {
  for (std::uint8_t i = 0; i < 20; ++i) {
    ask(on_bus(static_cast<std::uint16_t>(0x90 + i)), app(kGetSystemGuid), i);
    ask(on_bus(0x20), oem(Command::GetDonorStatus), i);
  }
  std::size_t strangers = 0;
  std::size_t served = 0;
  while (const auto got = answer()) ++(got->path.peer == on_bus(0x20).peer ? served : strangers);
  EXPECT_EQ(PlainLimits{}.stranger_replies, strangers);
  EXPECT_EQ(PlainLimits{}.replies_of_peer, served);
}

PlainServerConfig cable_config() {
  PlainServerConfig config = bus_config();
  config.properties.shared = false;
  return config;
}
class CablePlainServer : public PlainServers {
 protected:
  CablePlainServer() : PlainServers(cable_config()) {}
};

TEST_F(CablePlainServer, LimitsAnswersAsOnANetwork) {
  std::size_t answers = 0;
  for (int i = 0; i < 1000; ++i) {
    ask(on_bus(0x99), app(kGetSystemGuid), static_cast<std::uint8_t>(i));
    if (answer()) ++answers;
  }
  EXPECT_EQ(PlainLimits{}.replies_burst, answers);
  EXPECT_EQ(800U, server.counters().rate_limited);
}

TEST_F(PlainServers, SendStreamsBehindAnswersToWhomTheyAreFor) {
  const std::uint32_t session = session_of(0x20);
  application.outgoing.push_back({session + 1, pattern(5)});  // gone
  application.outgoing.push_back({session, pattern(300)});
  application.outgoing.push_back({session, pattern(5000)});  // larger than the link takes
  ask(on_bus(0x20), oem(Command::GetDonorStatus));
  EXPECT_TRUE(answer());
  const auto stream = server.poll_transmit(now);
  ASSERT_TRUE(stream);
  EXPECT_EQ(on_bus(0x20), stream->path);
  EXPECT_EQ(wire::plain::encode_stream(pattern(300)), stream->bytes);
  expect_silence();
}

TEST_F(PlainServers, NeverExceedTheLargestMessage) {
  application.reply = wire::IpmiResponse{CompletionCode::Ok, pattern(3000)};
  ask(on_bus(0x20), oem(Command::ReadImage));
  expect_code(CompletionCode::TooMuchData);
}

TEST_F(PlainServers, ForgetPeersThatAreSilent) {
  const std::uint32_t session = session_of(0x20);
  const Duration limit = 60s + slack_of(bus_properties());
  EXPECT_GT(limit, 68s) << "a slow line may keep a peer waiting";
  ASSERT_TRUE(server.deadline());
  EXPECT_EQ(now + limit, *server.deadline());
  now += limit - 1ms;
  server.handle_timeout(now);
  EXPECT_TRUE(application.closed.empty());
  now += 1ms;
  server.handle_timeout(now);
  EXPECT_EQ(std::vector{session}, application.closed);
  EXPECT_FALSE(server.deadline());
  EXPECT_NE(session, session_of(0x20)) << "who comes back begins anew";
}

TEST_F(PlainServers, CloseThoseWhoAreNoLongerInTheList) {
  server.allow({.everybody = true, .peers = {}}, now);
  const std::uint32_t first = session_of(0x20);
  session_of(0x21);
  server.allow({.everybody = false, .peers = {on_bus(0x21).peer}}, now);
  EXPECT_EQ(std::vector{first}, application.closed);
  server.close_all(now);
  EXPECT_EQ(2U, application.closed.size());
  EXPECT_EQ(0U, server.active_peers());
}

TEST_F(PlainServers, LoseQueuedAnswersWithTheLink) {
  ask(on_bus(0x20), oem(Command::GetDonorStatus));
  server.handle_link_down();
  expect_silence();
  EXPECT_EQ(1U, server.active_peers()) << "it may come back";
}

class FullPlainServer : public PlainServers {
 protected:
  static PlainServerConfig small() {
    PlainServerConfig config = bus_config();
    config.allowed.everybody = true;
    config.limits.peers = 2;
    return config;
  }
  FullPlainServer() : PlainServers(small()) {}
};

TEST_F(FullPlainServer, TakesANewPeerOnlyInThePlaceOfASilentOne) {
  const std::uint32_t first = session_of(1);
  now += 10s;
  session_of(2);
  ask(on_bus(3), oem(Command::GetDonorStatus));
  expect_silence();
  EXPECT_TRUE(application.closed.empty());
  now += 29s;  // the first has been silent for 39 s, the second for 29 s
  EXPECT_NE(0U, session_of(3));
  EXPECT_EQ(std::vector{first}, application.closed);
}

/// Gives each link its own payload.
class TwoLinks : public EchoApplication {
 public:
  std::optional<Outgoing> next_payload(LinkId link, TimePoint) override {
    asked.push_back(link);
    return std::nullopt;
  }
  std::vector<LinkId> asked;
};

TEST(LinkServers, AskTheApplicationForTheLinkThatHasRoom) {
  TwoLinks application;
  SeededRandom random(1);
  const ServedLink bus{kBus, bus_properties(), bus_config().allowed};
  LinkServers servers(basic_config(), kIana, application, random, {bus});
  const TimePoint now{1000s};
  servers.handle_datagram(kBus, on_bus(0x20),
                          wire::plain::encode_request(oem(Command::GetDonorStatus), 1), now);
  servers.handle_datagram(kLanLink, path_of(7), sessionless_request(app(kGetSystemGuid), 1), now);
  // Each answer waits for its own link.
  const auto lan = servers.poll_transmit(kLanLink, now);
  ASSERT_TRUE(lan);
  EXPECT_EQ(path_of(7), lan->path);
  EXPECT_FALSE(servers.poll_transmit(kLanLink, now));
  const auto plain = servers.poll_transmit(kBus, now);
  ASSERT_TRUE(plain);
  EXPECT_EQ(on_bus(0x20), plain->path);
  EXPECT_FALSE(servers.poll_transmit(kBus, now));
  EXPECT_EQ((std::vector{kLanLink, kBus}), application.asked);
  EXPECT_EQ(2U, servers.counters().datagrams);
  EXPECT_EQ(1U, servers.counters().sessions_opened);
  servers.close_all(now);
  EXPECT_EQ(1U, application.closed.size());
}

TEST(LinkServers, KeepAnswersOfLinksWithSessionsApartToo) {
  EchoApplication application;
  SeededRandom random(1);
  LinkServers servers(basic_config(), kIana, application, random, {});
  const TimePoint now{1000s};
  constexpr LinkId kRadio{4};
  servers.handle_datagram(kRadio, path_of(8), sessionless_request(app(kGetSystemGuid), 1), now);
  EXPECT_FALSE(servers.poll_transmit(kLanLink, now));
  EXPECT_TRUE(servers.poll_transmit(kRadio, now));
}

}  // namespace
}  // namespace fwr::session::testing
