// SPDX-License-Identifier: GPL-3.0-or-later
// The standard commands that the server answers itself.
#include <gtest/gtest.h>

#include "fixture.hpp"

namespace fwr::session::testing {
namespace {

using wire::CompletionCode;

constexpr std::uint8_t kApp = 0x06;

wire::IpmiResponse ask_without_session(Network& network, std::uint8_t command, Bytes data) {
  network.inject(path_of(200), sessionless_request({kApp, command, std::move(data)}, 1));
  const auto stray = network.take_stray();
  EXPECT_EQ(stray.size(), 1U);
  const auto reply = parse_sessionless_reply(stray.empty() ? Bytes{} : stray.front());
  EXPECT_TRUE(reply);
  return reply ? reply->response : wire::IpmiResponse{};
}

TEST(GetDeviceId, SaysWhatTheDonorIs) {
  Network network;
  auto& node = network.connect(alice());
  const auto response = network.ask(node, kApp, 0x01);
  EXPECT_EQ(response.code, CompletionCode::Ok);
  EXPECT_EQ(response.data,
            bytes({0x20, 0x01, 0x02, 0x17, 0x02, 0x00, 0xb3, 0xa2, 0x00, 0x34, 0x12}));
  EXPECT_EQ(network.ask(node, kApp, 0x01, bytes({1})).code, CompletionCode::InvalidLength);
}

TEST(GetSelfTestResults, IsPassed) {
  Network network;
  auto& node = network.connect(alice());
  EXPECT_EQ(network.ask(node, kApp, 0x04).data, bytes({0x55, 0x00}));
}

TEST(GetSystemGuid, IsTheSameWithAndWithoutASession) {
  Network network;
  auto& node = network.connect(alice());
  const Guid guid = basic_config().identity.guid;
  EXPECT_EQ(network.ask(node, kApp, 0x37).data, Bytes(guid.begin(), guid.end()));
  EXPECT_EQ(ask_without_session(network, 0x37, {}).data, Bytes(guid.begin(), guid.end()));
}

TEST(GetChannelAuthenticationCapabilities, SayRmcpPlusOnly) {
  Network network;
  EXPECT_EQ(ask_without_session(network, 0x38, bytes({0x8e, 4})).data,
            bytes({1, 0x80, 0x04, 0x02, 0, 0, 0, 0}));
  EXPECT_EQ(ask_without_session(network, 0x38, bytes({0x0e, 4})).data,
            bytes({1, 0x00, 0x04, 0x00, 0, 0, 0, 0}));
  EXPECT_EQ(ask_without_session(network, 0x38, bytes({0x85, 4})).code,
            CompletionCode::InvalidField);
  EXPECT_EQ(ask_without_session(network, 0x38, bytes({0x8e, 0})).code,
            CompletionCode::InvalidField);
  EXPECT_EQ(ask_without_session(network, 0x38, bytes({0x8e})).code, CompletionCode::InvalidLength);
}

TEST(GetChannelAuthenticationCapabilities, TellsOfKgAndOfTheNullUser) {
  ServerConfig config = basic_config();
  config.kg = secret("k");
  config.accounts.push_back({"", secret("x"), wire::Privilege::User});
  Network network(config);
  EXPECT_EQ(ask_without_session(network, 0x38, bytes({0x8e, 4})).data,
            bytes({1, 0x80, 0x26, 0x02, 0, 0, 0, 0}));
}

TEST(GetChannelCipherSuites, ListsWhatIsConfigured) {
  Network network;
  EXPECT_EQ(ask_without_session(network, 0x54, bytes({0x0e, 0, 0x80})).data,
            bytes({1, 0xc0, 17, 0x03, 0x44, 0x81, 0xc0, 3, 0x01, 0x41, 0x81}));
  EXPECT_EQ(ask_without_session(network, 0x54, bytes({0x0e, 0, 0x81})).data, bytes({1}));
  EXPECT_EQ(ask_without_session(network, 0x54, bytes({0x0e, 0, 0xbf})).data, bytes({1}));
  EXPECT_EQ(ask_without_session(network, 0x54, bytes({0x0e, 0, 0x00})).data,
            bytes({1, 0x01, 0x03, 0x41, 0x44, 0x81}));
  ServerConfig config = basic_config();
  config.allow_suite3 = false;
  Network strict(config);
  EXPECT_EQ(ask_without_session(strict, 0x54, bytes({0x0e, 0, 0x80})).data,
            bytes({1, 0xc0, 17, 0x03, 0x44, 0x81}));
}

TEST(GetSessionInfo, TellsOfOneSelf) {
  Network network;
  auto& node = network.connect(alice());
  const auto response = network.ask(node, kApp, 0x3d, bytes({0}));
  EXPECT_EQ(response.data,
            bytes({1, 63, 1, 1, 2, 0x11, 10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x40, 0x9c}));
  EXPECT_EQ(network.ask(node, kApp, 0x3d, bytes({1})).data, response.data);
  EXPECT_EQ(network.ask(node, kApp, 0x3d, bytes({2})).data, bytes({0, 63, 1}));
  EXPECT_EQ(network.ask(node, kApp, 0x3d, bytes({0xfe, 1})).data, response.data);
  EXPECT_EQ(network.ask(node, kApp, 0x3d, bytes({0xff, 1})).code, CompletionCode::InvalidLength);
}

TEST(GetSessionInfo, TellsOfOthersOnlyToOperators) {
  Network network;
  auto& a = network.connect(alice());
  auto& r = network.connect(root(wire::Privilege::Operator), path_of(8));
  EXPECT_EQ(network.ask(a, kApp, 0x3d, bytes({2})).code, CompletionCode::InsufficientPrivilege);
  EXPECT_EQ(network.ask(r, kApp, 0x3d, bytes({1})).data.size(), 18U);
}

TEST(CloseSession, ClosesOnesOwnAndThoseOfOthersForAdministrators) {
  Network network;
  auto& a = network.connect(alice());
  auto& o = network.connect(root(wire::Privilege::Operator), path_of(8));
  auto& r = network.connect(root(), path_of(9));
  EXPECT_EQ(network.ask(a, kApp, 0x3c, bytes({1, 2, 3, 4})).code, CompletionCode{0x87});
  EXPECT_EQ(network.ask(a, kApp, 0x3c, bytes({0, 0, 0, 0, 9})).code, CompletionCode{0x88});
  EXPECT_EQ(network.ask(o, kApp, 0x3c, bytes({0, 0, 0, 0, 1})).code,
            CompletionCode::InsufficientPrivilege);
  EXPECT_EQ(network.server.active_sessions(), 3U);
  EXPECT_EQ(network.ask(r, kApp, 0x3c, bytes({0, 0, 0, 0, 1})).code, CompletionCode::Ok);
  EXPECT_EQ(network.server.active_sessions(), 2U);
  EXPECT_EQ(network.ask(r, kApp, 0x3c, bytes({0, 0, 0, 0, 3})).code, CompletionCode::Ok);
  EXPECT_EQ(network.server.active_sessions(), 1U);
  EXPECT_EQ(network.application.closed.size(), 2U);
}

TEST(GetChannelInfo, DescribesTheLanChannel) {
  Network network;
  auto& node = network.connect(alice());
  EXPECT_EQ(network.ask(node, kApp, 0x42, bytes({0x0e})).data,
            bytes({1, 4, 1, 0x81, 0xf2, 0x1b, 0, 0, 0}));
  EXPECT_EQ(network.ask(node, kApp, 0x42, bytes({3})).code, CompletionCode::InvalidField);
}

TEST(OtherCommands, GetAnErrorAtOnce) {
  Network network;
  auto& node = network.connect(alice());
  for (const auto& [net_fn, command] : {std::pair{0x2c, 0x00},
                                        {0x2c, 0x3e},
                                        {0x00, 0x01},
                                        {0x06, 0x59},
                                        {0x0a, 0x10},
                                        {0x30, 0x00}})
    EXPECT_EQ(network
                  .ask(node, static_cast<std::uint8_t>(net_fn), static_cast<std::uint8_t>(command),
                       bytes({0}))
                  .code,
              CompletionCode::InvalidCommand);
  EXPECT_TRUE(network.application.commands.empty());
}

TEST(OtherCommands, OfTheApplicationAreAnsweredEvenIfItIsSilent) {
  Network network;
  auto& node = network.connect(alice());
  network.application.silent = true;
  EXPECT_EQ(network.ask(node, 0x2e, 0x01, {}).code, CompletionCode::InvalidCommand);
}

TEST(Callback, MayDoNextToNothing) {
  Network network;
  Credentials credentials = alice();
  credentials.privilege = wire::Privilege::Callback;
  auto& node = network.connect(credentials);
  EXPECT_EQ(network.ask(node, kApp, 0x01).code, CompletionCode::InsufficientPrivilege);
  EXPECT_EQ(network.ask(node, 0x2e, 0x07).code, CompletionCode::InsufficientPrivilege);
  ASSERT_TRUE(node.client.send_payload(pattern(4)));
  network.run(10ms);
  EXPECT_TRUE(network.application.payloads.empty());
  EXPECT_TRUE(network.application.commands.empty());
  EXPECT_EQ(network.ask(node, kApp, 0x3d, bytes({0})).code, CompletionCode::Ok);
}

}  // namespace
}  // namespace fwr::session::testing
