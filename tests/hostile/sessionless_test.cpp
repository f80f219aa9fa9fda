// SPDX-License-Identifier: GPL-3.0-or-later
// Without a session: IPMI v1.5 in all its forms, commands that need a session, and lies in those
// that need none. PROTOCOL §2.1.
#include <array>

#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

using Sessionless = HostileTest;

constexpr std::array<int, 3> kAnsweredApp{0x37, 0x38, 0x54};
constexpr std::size_t kAuthTypeAt = 4;
constexpr std::size_t kSequenceAt = 5;
constexpr std::size_t kSessionAt = 9;

bool is_answered_app(unsigned command) {
  return std::find(kAnsweredApp.begin(), kAnsweredApp.end(), static_cast<int>(command)) !=
         kAnsweredApp.end();
}

wire::IpmiRequest authentication_capabilities() {
  return {kApp, 0x38, bytes({0x8e, 0x04})};
}

/// An IPMI v1.5 packet with an authentication code, as a session of that version would send.
Bytes v15_authenticated(std::uint8_t type, std::uint32_t session,
                        const wire::IpmiRequest& request) {
  const Bytes message = wire::encode(wire::make_lan_request(request, 1));
  ByteWriter out;
  out.bytes(bytes({6, 0, 0xff, 7}));
  out.u8(type);
  out.u32(1);
  out.u32(session);
  out.zeros(16);
  out.u8(static_cast<std::uint8_t>(message.size()));
  out.bytes(message);
  return std::move(out).release();
}

TEST_F(Sessionless, IsSilentForEveryAuthenticationTypeOfIpmi15) {
  std::vector<Bytes> packets;
  for (unsigned type = 0; type < 256; ++type) {
    if ((type & 0x0fU) == wire::kAuthTypeNone || (type & 0x0fU) == wire::kAuthTypeRmcpPlus)
      continue;
    packets.push_back(v15(authentication_capabilities()));
    packets.back()[kAuthTypeAt] = static_cast<std::byte>(type);
    packets.push_back(
        v15_authenticated(static_cast<std::uint8_t>(type), 0, authentication_capabilities()));
  }
  expect_silence(packets);
}

TEST_F(Sessionless, KnowsNoSessionsOfIpmi15) {
  std::vector<Bytes> packets;
  for (const std::uint32_t session : {1U, honest().managed_session(), 0xffffffffU})
    for (const int type : {0, 1, 2, 4, 5})
      packets.push_back(
          v15_authenticated(static_cast<std::uint8_t>(type), session, {kApp, 0x01, {}}));
  for (const std::size_t at : {kSequenceAt, kSequenceAt + 3, kSessionAt, kSessionAt + 3}) {
    packets.push_back(v15(authentication_capabilities()));
    packets.back()[at] = std::byte{1};
  }
  expect_silence(packets);
}

TEST_F(Sessionless, RefusesSessionChallengesAndActivationOfIpmi15) {
  Bytes challenge = bytes({0x02});  // MD5
  challenge.resize(17);
  Bytes activate = bytes({0x02, 0x04});
  activate.resize(22);
  std::vector<Bytes> packets;
  for (const wire::IpmiRequest& request :
       {wire::IpmiRequest{kApp, 0x39, challenge}, wire::IpmiRequest{kApp, 0x3a, activate}}) {
    packets.push_back(v15(request));
    packets.push_back(v20(request));
    const auto inside = honest().command(request);
    ASSERT_TRUE(inside.has_value());
    EXPECT_EQ(wire::CompletionCode::InvalidCommand, inside->code);
  }
  expect_silence(packets);
}

TEST_F(Sessionless, AnswersOnlyTheListedCommandsOfApp) {
  std::vector<Bytes> packets;
  for (unsigned command = 0; command < 256; ++command) {
    if (is_answered_app(command)) continue;
    const wire::IpmiRequest request{kApp, static_cast<std::uint8_t>(command), bytes({0, 0, 0, 0})};
    packets.push_back(command % 2 == 0 ? v15(request) : v20(request));
  }
  expect_silence(packets);
}

TEST_F(Sessionless, AnswersOnlyTheListedOemCommands) {
  wire::IpmiRequest request = wire::oem::make_request(kIana, Command::GetDonorStatus);
  request.data.resize(160);
  std::vector<Bytes> packets;
  for (unsigned command = 0; command < 256; ++command) {
    if (command == 1 || command == 2) continue;
    request.command = static_cast<std::uint8_t>(command);
    packets.push_back(command % 2 == 0 ? v15(request) : v20(request));
  }
  expect_silence(packets);
}

TEST_F(Sessionless, AnswersNoOtherNetworkFunctionAndNoResponses) {
  std::vector<Bytes> packets;
  for (unsigned net_fn = 0; net_fn < 64; ++net_fn) {
    if (net_fn == kApp) continue;
    for (const int command : {0x01, 0x02, 0x37, 0x38, 0x54}) {
      if (net_fn == raw(wire::NetFn::OemGroupRq) && command <= 2) continue;
      Bytes data = bytes({0x8e, 0x04});
      packets.push_back(v20({static_cast<std::uint8_t>(net_fn), static_cast<std::uint8_t>(command),
                             std::move(data)}));
    }
  }
  expect_silence(packets);
}

TEST_F(Sessionless, IsSilentForOtherAddressesAndUnits) {
  std::vector<Bytes> packets;
  for (unsigned address = 0; address < 256; ++address) {
    wire::LanMessage message = wire::make_lan_request(authentication_capabilities(), 1);
    message.responder_address = static_cast<std::uint8_t>(address);
    if (address == wire::kBmcAddress) message.responder_lun = 1;
    packets.push_back(encode(wire::SessionlessV15{encode(message)}));
  }
  expect_silence(packets);
}

TEST_F(Sessionless, IsSilentForWrongChecksums) {
  std::vector<Bytes> packets;
  const Bytes good = v15(authentication_capabilities());
  for (std::size_t at = 14; at < good.size(); ++at)
    for (unsigned bit = 0; bit < 8; ++bit) {
      packets.push_back(good);
      packets.back()[at] ^= static_cast<std::byte>(1U << bit);
    }
  expect_silence(packets);
}

TEST_F(Sessionless, IsSilentForAnotherIanaNumber) {
  std::vector<Bytes> packets;
  for (const std::uint32_t iana : {0U, kIana - 1, kIana + 1, 0xffffffU, 0xd97e00U}) {
    const auto request =
        make_request(iana, Command::RequestFirmware, wire::oem::RequestFirmwareRq{});
    packets.push_back(v15(request));
    packets.push_back(v20(request));
  }
  expect_silence(packets);
}

TEST_F(Sessionless, DropsRequestsThatAreShorterThanTheirReply) {
  wire::oem::RequestFirmwareRq rq;
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  const auto firmware = make_request(kIana, Command::RequestFirmware, rq);
  const auto capabilities =
      make_request(kIana, Command::GetRecoveryCapabilities, wire::oem::CapabilitiesRq{});
  std::vector<Bytes> packets;
  for (const wire::IpmiRequest& whole : {firmware, capabilities})
    for (std::size_t size = 0; size < whole.data.size(); ++size) {
      wire::IpmiRequest cut = whole;
      cut.data.resize(size);
      packets.push_back(size % 2 == 0 ? v15(cut) : v20(cut));
    }
  (void)answers_to(packets);  // Peer holds what comes against the size of its request
  wire::IpmiRequest shorter = firmware;
  shorter.data.resize(140);
  expect_silence({v15(shorter), v20(shorter)});
}

TEST_F(Sessionless, TellsABroadcastNoErrors) {
  wire::oem::RequestFirmwareRq rq;
  rq.flags = wire::oem::RequestFirmwareRq::kBroadcast;
  rq.platform.component = "unknown";
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  auto request = make_request(kIana, Command::RequestFirmware, rq);
  rq.version = 0;
  const auto old = make_request(kIana, Command::RequestFirmware, rq);
  expect_silence({v15(request), v20(request), v15(old), v20(old)});
}

TEST_F(Sessionless, SaysNothingNewAboutUnknownChannelsAndPrivileges) {
  std::vector<Bytes> packets;
  for (unsigned channel = 0; channel < 256; ++channel)
    packets.push_back(
        v15({kApp, 0x38, bytes({static_cast<int>(channel), static_cast<int>(channel)})}));
  for (unsigned index = 0; index < 256; ++index)
    packets.push_back(v20({kApp, 0x54, bytes({0x0e, 0x00, static_cast<int>(index)})}));
  for (const Bytes& answer : answers_to(packets)) EXPECT_LT(answer.size(), 64U);
}

}  // namespace
}  // namespace fwr::hostile
