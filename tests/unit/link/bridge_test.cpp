// SPDX-License-Identifier: GPL-3.0-or-later
// Bridge commands, and discovery with them. PROTOCOL §11.5.
#include <algorithm>

#include "link/icmb_discovery.hpp"
#include "support/bus_rig.hpp"
#include "wire/ipmi.hpp"

namespace fwr::link::test {
namespace {

using wire::CompletionCode;
using wire::icmb::BridgeCommand;
using wire::icmb::BridgeState;
using wire::plain::Message;

/// Asks node 1 from node 0.
std::optional<Message> ask(BusRig& rig, BridgeCommand command, Bytes data = {},
                           BusAddress to = BusAddress{0x11}) {
  static std::uint8_t tag = 0;
  ++tag;
  rig[0].received.clear();
  const Datagram message = make_bus_request(rig.path(0, to), tag, wire::icmb::kBridgeRq,
                                            static_cast<std::uint8_t>(command), data);
  EXPECT_TRUE(rig.send(0, to, message.bytes));
  if (!rig.run_until([&] { return !rig[0].received.empty(); }, seconds(3))) return std::nullopt;
  const auto response = wire::plain::decode_response(rig[0].received.front().bytes);
  EXPECT_TRUE(response);
  EXPECT_EQ(tag, response->tag);
  return *response;
}
CompletionCode code(const std::optional<Message>& response) {
  return response ? static_cast<CompletionCode>(response->data.at(0)) : CompletionCode::Unspecified;
}
template <class Body>
Body body(const std::optional<Message>& response) {
  EXPECT_EQ(CompletionCode::Ok, code(response));
  if (!response) return {};
  auto decoded = wire::decode<Body>(ByteView(response->data).subspan(1));
  EXPECT_TRUE(decoded);
  return decoded.value_or(Body{});
}

RigOptions two() {
  return {};
}

TEST(IcmbBridge, AnswersWhatAnybodyMayAsk) {
  BusRig rig(two());
  EXPECT_EQ(BridgeState::Enabled,
            body<wire::icmb::BridgeStateBody>(ask(rig, BridgeCommand::GetBridgeState)).state);
  EXPECT_EQ(BusAddress{0x11},
            body<wire::icmb::IcmbAddressBody>(ask(rig, BridgeCommand::GetIcmbAddress)).address);
  const auto capabilities =
      body<wire::icmb::BridgeCapabilitiesRs>(ask(rig, BridgeCommand::GetIcmbCapabilities));
  EXPECT_EQ(19200U, capabilities.baud);
  EXPECT_EQ(wire::icmb::kPayloadLimit_bytes, capabilities.payload_limit);
  const auto statistics =
      body<wire::icmb::BridgeStatistics>(ask(rig, BridgeCommand::GetBridgeStatistics));
  EXPECT_GE(statistics.received, 4U);
  EXPECT_GE(statistics.arbitration_wins, 4U);
  EXPECT_EQ(1U,
            body<wire::icmb::ChassisDeviceIdBody>(ask(rig, BridgeCommand::GetChassisDeviceId)).id);
  EXPECT_EQ(CompletionCode::InvalidCommand, code(ask(rig, BridgeCommand{0x04})));
}

TEST(IcmbBridge, ChangesNothingForStrangers) {
  BusRig rig(two());
  const Bytes disabled{std::byte{0}};
  EXPECT_EQ(CompletionCode::InsufficientPrivilege,
            code(ask(rig, BridgeCommand::SetBridgeState, disabled)));
  EXPECT_EQ(CompletionCode::InsufficientPrivilege,
            code(ask(rig, BridgeCommand::ClearBridgeStatistics)));
  EXPECT_EQ(BridgeState::Enabled, rig[1].port->state());
}

TEST(IcmbBridge, ObeysItsOperators) {
  BusRig rig(two());
  IcmbSettings settings = rig.settings_of(1);
  settings.operators = {rig.address(0)};
  rig.replace(1, settings);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(1) != BusAddress::Unassigned; }, seconds(5)));
  rig.run_for(seconds(1));

  EXPECT_EQ(CompletionCode::InvalidLength, code(ask(rig, BridgeCommand::SetBridgeState)));
  for (const int state : {2, 3, 4, 255})
    EXPECT_EQ(CompletionCode::InvalidField,
              code(ask(rig, BridgeCommand::SetBridgeState, Bytes{static_cast<std::byte>(state)})))
        << state;
  EXPECT_EQ(CompletionCode::InvalidLength, code(ask(rig, BridgeCommand::SetBridgeState, Bytes(2))));
  EXPECT_EQ(CompletionCode::Ok, code(ask(rig, BridgeCommand::SetBridgeState, Bytes{std::byte{0}})));
  EXPECT_EQ(BridgeState::Disabled,
            body<wire::icmb::BridgeStateBody>(ask(rig, BridgeCommand::GetBridgeState)).state);
  ASSERT_TRUE(rig.send(0, rig.address(1), request(1)));
  rig.run_for(seconds(1));
  EXPECT_TRUE(rig[1].received.empty()) << "it is disabled";
  EXPECT_EQ(CompletionCode::Ok, code(ask(rig, BridgeCommand::SetBridgeState, Bytes{std::byte{1}})));
  ASSERT_TRUE(rig.send(0, rig.address(1), request(2)));
  rig.run_for(seconds(1));
  EXPECT_EQ(1U, rig[1].received.size());

  const Bytes chassis = wire::encode(wire::icmb::ChassisDeviceIdBody{0x01020304});
  EXPECT_EQ(CompletionCode::Ok, code(ask(rig, BridgeCommand::SetChassisDeviceId, chassis)));
  EXPECT_EQ(0x01020304U,
            body<wire::icmb::ChassisDeviceIdBody>(ask(rig, BridgeCommand::GetChassisDeviceId)).id);
  EXPECT_EQ(CompletionCode::Ok, code(ask(rig, BridgeCommand::ClearBridgeStatistics)));
  EXPECT_LE(rig[1].port->statistics().received, 1U);

  EXPECT_EQ(CompletionCode::OutOfRange,
            code(ask(rig, BridgeCommand::SetIcmbAddress,
                     wire::encode(wire::icmb::IcmbAddressBody{BusAddress::Broadcast}))));
  EXPECT_EQ(CompletionCode::Ok,
            code(ask(rig, BridgeCommand::SetIcmbAddress,
                     wire::encode(wire::icmb::IcmbAddressBody{BusAddress{0x77}}))));
  EXPECT_TRUE(rig.run_until([&] { return rig.address(1) == BusAddress{0x77}; }, seconds(5)));
}

/// Characters of the answers of node 1 in a minute in which node 0 asks without a pause.
std::size_t answered_characters(BusRig& rig, BridgeCommand command, BusAddress to) {
  rig[0].received.clear();
  std::uint8_t tag = 0;
  for (int i = 0; i < 600; ++i) {
    const Datagram message = make_bus_request(rig.path(0, to), ++tag, wire::icmb::kBridgeRq,
                                              static_cast<std::uint8_t>(command), {});
    while (rig[0].port->waiting() < 4) (void)rig.send(0, to, message.bytes);
    rig.run_for(milliseconds(100));
  }
  std::size_t characters = 0;
  for (const Datagram& answer : rig[0].received)
    characters += answer.bytes.size() - 1 + wire::icmb::kFrameOverhead_bytes;
  return characters;
}

TEST(IcmbBridge, SaysLittleToStrangersAndAllToOperators) {
  constexpr std::size_t kSixteenthOfAMinute = 60 * 1920 / 16;
  const auto command = BridgeCommand::GetBridgeStatistics;
  {
    BusRig rig(two());
    const std::size_t said = answered_characters(rig, command, rig.address(1));
    EXPECT_LE(said, 512 + kSixteenthOfAMinute + 128);
    EXPECT_GE(said, kSixteenthOfAMinute);
    EXPECT_GT(rig[1].port->statistics().dropped, 0U);
    rig.run_for(seconds(5));
    EXPECT_EQ(BusAddress{0x11},
              body<wire::icmb::IcmbAddressBody>(ask(rig, BridgeCommand::GetIcmbAddress)).address)
        << "it answers again";
  }
  {
    BusRig rig(two());
    EXPECT_LE(answered_characters(rig, BridgeCommand::GetAddresses, BusAddress::Broadcast),
              (512 + kSixteenthOfAMinute) / 8 + 64);
  }
  BusRig rig(two());
  IcmbSettings settings = rig.settings_of(1);
  settings.operators = {rig.address(0)};
  rig.replace(1, settings);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(1) != BusAddress::Unassigned; }, seconds(5)));
  EXPECT_GT(answered_characters(rig, command, rig.address(1)), 4 * kSixteenthOfAMinute);
}

TEST(IcmbBridge, HandsUpOnlyWhatComesFromAllowedNodes) {
  RigOptions options;
  options.nodes = 3;
  BusRig rig(options);
  IcmbSettings settings = rig.settings_of(1);
  settings.allowed = std::vector{rig.address(2)};
  rig.replace(1, settings);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(1) != BusAddress::Unassigned; }, seconds(5)));
  ASSERT_TRUE(rig.send(0, rig.address(1), request(1)));
  ASSERT_TRUE(rig.send(2, rig.address(1), request(2)));
  rig.run_for(seconds(1));
  ASSERT_EQ(1U, rig[1].received.size());
  EXPECT_EQ(request(2), rig[1].received[0].bytes);
}

TEST(IcmbBridge, HandsUpNothingWhenTheListIsEmpty) {
  BusRig rig(two());
  IcmbSettings settings = rig.settings_of(1);
  settings.allowed.emplace();
  rig.replace(1, settings);
  ASSERT_TRUE(rig.run_until([&] { return rig.address(1) != BusAddress::Unassigned; }, seconds(5)));
  ASSERT_TRUE(rig.send(0, rig.address(1), request(1)));
  rig.run_for(seconds(1));
  EXPECT_TRUE(rig[1].received.empty());
}

/// Runs a discovery on node 0 and gives the addresses that it found.
std::vector<BusAddress> discover(BusRig& rig, std::size_t from = 0,
                                 Duration quiet = milliseconds(1000)) {
  IcmbDiscovery discovery(1, quiet, rig.now());
  rig[from].on_message = [&](const Datagram& m) { discovery.handle_message(m, rig.now()); };
  const TimePoint end = rig.now() + seconds(120);
  while (!discovery.finished() && rig.now() < end) {
    discovery.handle_timeout(rig.now());
    while (auto message = discovery.poll_transmit()) {
      (void)rig.send(from, wire::icmb::bus_address(message->path.peer), message->bytes);
    }
    rig.run_for(milliseconds(20));
  }
  rig[from].on_message = nullptr;
  EXPECT_TRUE(discovery.finished());
  std::vector<BusAddress> found;
  for (const auto& node : discovery.nodes()) found.push_back(node.address);
  std::sort(found.begin(), found.end());
  return found;
}

class Discovery : public testing::TestWithParam<std::size_t> {};

/// The answer of a node to GetAddresses.
Datagram address_answer(BusAddress who) {
  Datagram answer;
  answer.path.peer = wire::icmb::to_address(who, 1);
  Message message;
  message.net_fn_lun = static_cast<std::uint8_t>(wire::icmb::kBridgeRs << 2U);
  message.command = static_cast<std::uint8_t>(BridgeCommand::GetAddresses);
  const Bytes body = wire::encode(wire::icmb::GetAddressesRs{who, Guid{}});
  message.data.assign(1, std::byte{0});
  message.data.insert(message.data.end(), body.begin(), body.end());
  const Bytes payload = wire::encode(message);
  answer.bytes.assign(1, static_cast<std::byte>(wire::icmb::FrameType::Response));
  answer.bytes.insert(answer.bytes.end(), payload.begin(), payload.end());
  return answer;
}

/// How long it takes while a node answers every 400 ms from the address that `who` gives.
template <class Who>
Duration discovery_while_answered(Who who) {
  TimePoint now{};
  IcmbDiscovery discovery(1, milliseconds(500), now);
  while (!discovery.finished() && now.time_since_epoch() < std::chrono::hours(1)) {
    now += milliseconds(400);
    discovery.handle_timeout(now);
    while (discovery.poll_transmit()) {
    }
    discovery.handle_message(address_answer(who()), now);
  }
  return now.time_since_epoch();
}

TEST(IcmbDiscovery, EndsThoughOneNodeAnswersAgainAndAgain) {
  EXPECT_LT(discovery_while_answered([] { return BusAddress{0x11}; }), seconds(60));
}

TEST(IcmbDiscovery, EndsThoughThereAreMoreAndMoreNodes) {
  std::uint16_t next = 0;
  EXPECT_LT(discovery_while_answered([&] { return BusAddress{++next}; }),
            (IcmbDiscovery::kLimit_quiets + 2) * milliseconds(500));
}

TEST_P(Discovery, FindsEveryNode) {
  RigOptions options;
  options.nodes = GetParam();
  BusRig rig(options);
  std::vector<BusAddress> expected;
  for (std::size_t i = 1; i < options.nodes; ++i) expected.push_back(rig.address(i));
  EXPECT_EQ(expected, discover(rig));
  EXPECT_EQ(expected, discover(rig)) << "and again";
}
INSTANTIATE_TEST_SUITE_P(Nodes, Discovery, testing::Values(1, 2, 4, 8, 16));

TEST(IcmbDiscovery, FindsEveryNodeOnABadAndBusyLine) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    RigOptions options;
    options.nodes = 6;
    options.bus.seed = seed;
    options.bus.bit_error_rate = 1e-4;
    options.bus.noise = BusNoise::Receiver;
    BusRig rig(options);
    std::mt19937_64 dice(1);
    for (int i = 0; i < 50; ++i) (void)rig.send(5, rig.address(4), segment(dice, 300));
    EXPECT_EQ(5U, discover(rig, 0, milliseconds(3500)).size()) << seed;
  }
}

TEST(IcmbRequests, ToAllSaySoAndAreAnsweredByTurns) {
  RigOptions options;
  options.nodes = 6;
  BusRig rig(options);
  const wire::IpmiRequest question{wire::raw(wire::NetFn::OemGroupRq), 2, {}};
  ASSERT_TRUE(rig.send(0, BusAddress::Broadcast, wire::plain::encode_request(question, 9)));
  rig.run_for(seconds(1));
  for (std::size_t i = 1; i < options.nodes; ++i) {
    ASSERT_EQ(1U, rig[i].received.size());
    const Datagram heard = rig[i].received.front();
    EXPECT_TRUE(wire::plain::is_to_all(heard.path));
    const auto request = wire::plain::decode_request(heard.bytes);
    ASSERT_TRUE(request);
    const wire::IpmiResponse offer{CompletionCode::Ok, Bytes(146)};
    EXPECT_TRUE(
        rig[i].port->send({heard.path, wire::plain::encode_response(*request, offer)}, rig.now()));
  }
  rig.run_until([&] { return rig[0].received.size() == options.nodes - 1; }, seconds(10));
  EXPECT_EQ(options.nodes - 1, rig[0].received.size());
  for (const Datagram& answer : rig[0].received) EXPECT_FALSE(wire::plain::is_to_all(answer.path));
}

TEST(IcmbEvents, AreHeardByAll) {
  RigOptions options;
  options.nodes = 3;
  BusRig rig(options);
  EXPECT_GE(rig[0].count(IcmbEvent::Kind::PeerOnline), 1U);
  rig[2].port->announce(wire::icmb::BusEvent::Attention, rig.now());
  rig.run_for(seconds(1));
  ASSERT_EQ(1U, rig[0].count(IcmbEvent::Kind::PeerAttention));
  EXPECT_EQ(rig.address(2), rig[0].events.back().address);
  EXPECT_EQ(BusRig::guid_of(2), rig[0].events.back().guid);
}

}  // namespace
}  // namespace fwr::link::test
