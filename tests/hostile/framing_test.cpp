// SPDX-License-Identifier: GPL-3.0-or-later
// Framing and its lies: what is short, long, of another version, class or kind gets no answer.
#include "hostile_fixture.hpp"

namespace fwr::hostile {
namespace {

using Framing = HostileTest;

constexpr std::size_t kRmcpClassAt = 3;
constexpr std::size_t kV15LengthAt = 13;  // RMCP 4, authentication type 1, sequence 4, session id 4
constexpr std::size_t kV20LengthAt = 14;  // RMCP 4, types 2, session id 4, sequence 4
constexpr std::size_t kAsfLengthAt = 11;

struct Message {
  const char* name;
  Bytes datagram;
  std::size_t length_at;
  std::size_t length_bytes;
};

wire::IpmiRequest authentication_capabilities() {
  return {kApp, 0x38, bytes({0x8e, 0x04})};
}

wire::oem::RequestFirmwareRq firmware_request() {
  wire::oem::RequestFirmwareRq rq;
  rq.platform.manufacturer_id = kIana;
  rq.platform.product_id = 7;
  return rq;
}

wire::OpenSessionRq open_session() {
  wire::OpenSessionRq message;
  message.console_session = random_id();
  message.privilege = Privilege::User;
  message.authentication = wire::AuthAlgorithm::HmacSha256;
  message.integrity = wire::IntegrityAlgorithm::HmacSha256_128;
  message.confidentiality = wire::ConfidentialityAlgorithm::AesCbc128;
  return message;
}

wire::Rakp1 rakp1() {
  wire::Rakp1 message;
  message.managed_session = random_id();
  message.role = 0x12;
  message.user = kAlice.name;
  return message;
}

wire::Rakp3 rakp3() {
  wire::Rakp3 message;
  message.managed_session = random_id();
  message.key_exchange_code.assign(32, std::byte{0x5a});
  return message;
}

/// Everything that is answered without a session.
std::vector<Message> answered_messages() {
  const auto capabilities =
      make_request(kIana, Command::GetRecoveryCapabilities, wire::oem::CapabilitiesRq{});
  const auto firmware = make_request(kIana, Command::RequestFirmware, firmware_request());
  const wire::IpmiRequest suites{kApp, 0x54, bytes({0x0e, 0x00, 0x80})};
  const wire::IpmiRequest guid{kApp, 0x37, {}};
  return {
      {"Presence Ping", encode(wire::PresencePing{1}), kAsfLengthAt, 1},
      {"authentication capabilities, v1.5", v15(authentication_capabilities()), kV15LengthAt, 1},
      {"authentication capabilities, v2.0", v20(authentication_capabilities()), kV20LengthAt, 2},
      {"cipher suites, v1.5", v15(suites), kV15LengthAt, 1},
      {"cipher suites, v2.0", v20(suites), kV20LengthAt, 2},
      {"system GUID, v1.5", v15(guid), kV15LengthAt, 1},
      {"system GUID, v2.0", v20(guid), kV20LengthAt, 2},
      {"recovery capabilities, v1.5", v15(capabilities), kV15LengthAt, 1},
      {"recovery capabilities, v2.0", v20(capabilities), kV20LengthAt, 2},
      {"Request Firmware, v1.5", v15(firmware), kV15LengthAt, 1},
      {"Request Firmware, v2.0", v20(firmware), kV20LengthAt, 2},
      {"Open Session", plain(PayloadType::OpenSessionRq, encode(open_session())), kV20LengthAt, 2},
      {"RAKP 1", plain(PayloadType::Rakp1, encode(rakp1())), kV20LengthAt, 2},
      {"RAKP 3", plain(PayloadType::Rakp3, encode(rakp3())), kV20LengthAt, 2},
  };
}

void put_length(Bytes& datagram, const Message& message, std::size_t value) {
  for (std::size_t i = 0; i < message.length_bytes; ++i)
    datagram[message.length_at + i] = static_cast<std::byte>(value >> (8 * i));
}

std::size_t length_of(const Message& message) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < message.length_bytes; ++i)
    value |= std::to_integer<std::size_t>(message.datagram[message.length_at + i]) << (8 * i);
  return value;
}

TEST_F(Framing, AnswersEachWholeMessageSoThatItsSilencesMeanSomething) {
  for (const Message& message : answered_messages())
    EXPECT_EQ(1U, answers_to({message.datagram}).size()) << message.name;
}

TEST_F(Framing, IsSilentForEveryPrefixOfEveryMessage) {
  for (const Message& message : answered_messages()) {
    SCOPED_TRACE(message.name);
    std::vector<Bytes> prefixes;
    for (std::size_t size = 0; size < message.datagram.size(); ++size)
      prefixes.emplace_back(message.datagram.begin(),
                            message.datagram.begin() + static_cast<std::ptrdiff_t>(size));
    expect_silence(prefixes);
  }
}

TEST_F(Framing, IsSilentWhenTheLengthFieldLies) {
  for (const Message& message : answered_messages()) {
    SCOPED_TRACE(message.name);
    const std::size_t right = length_of(message);
    std::vector<std::size_t> lies{0xff, 0x7f, 0x80, right + 1, right + 2, right + 16};
    for (std::size_t lie = 0; lie < right; lie += lie < 8 || lie + 8 > right ? 1 : 7)
      lies.push_back(lie);
    if (message.length_bytes == 2) {
      lies.insert(lies.end(), {0xffff, 0x8000, 0x0100, right + 0x100});
      if (right < 0x100) lies.push_back(right << 8);  // in the other byte order
    }
    std::vector<Bytes> liars;
    for (const std::size_t lie : lies) {
      if (lie == right) continue;
      liars.push_back(message.datagram);
      put_length(liars.back(), message, lie);
    }
    expect_silence(liars);
  }
}

TEST_F(Framing, IsSilentForTrailingBytes) {
  for (const Message& message : answered_messages()) {
    SCOPED_TRACE(message.name);
    // IPMI v2.0 §13.6: packets of v1.5 may have one legacy pad byte.
    const bool may_pad = message.length_at == kV15LengthAt;
    std::vector<Bytes> longer;
    for (const std::size_t extra : {1, 2, 3, 16, 500, 1400}) {
      if (may_pad && extra == 1) continue;
      longer.push_back(message.datagram);
      longer.back().resize(message.datagram.size() + extra);
    }
    expect_silence(longer);
  }
}

TEST_F(Framing, IsSilentForPayloadsCutWithinAnHonestFrame) {
  for (const PayloadType type : {PayloadType::OpenSessionRq, PayloadType::Rakp1}) {
    const Bytes whole = type == PayloadType::Rakp1 ? encode(rakp1()) : encode(open_session());
    std::vector<Bytes> cut;
    for (std::size_t size = 0; size < whole.size(); ++size)
      cut.push_back(plain(type, ByteView(whole).first(size)));
    for (const std::size_t extra : {1, 2, 8, 64}) {
      Bytes longer = whole;
      longer.resize(whole.size() + extra);
      cut.push_back(plain(type, longer));
    }
    expect_silence(cut);
  }
}

TEST_F(Framing, AnswersAShortRakp3WithAStatusAtMost) {
  const Bytes whole = encode(rakp3());
  std::vector<Bytes> cut;
  for (std::size_t size = 0; size < whole.size(); ++size)
    cut.push_back(plain(PayloadType::Rakp3, ByteView(whole).first(size)));
  for (const Bytes& answer : answers_to(cut))
    EXPECT_EQ(RakpStatus::InvalidSessionId, status_of(answer)) << to_hex(answer);
}

TEST_F(Framing, IsSilentForEveryOtherVersionOfRmcp) {
  std::vector<Bytes> others;
  for (unsigned version = 0; version < 256; ++version) {
    if (version == wire::kRmcpVersion) continue;
    others.push_back(v15(authentication_capabilities()));
    others.back()[0] = static_cast<std::byte>(version);
  }
  expect_silence(others);
}

TEST_F(Framing, IsSilentForEveryOtherClassAndForAcknowledges) {
  std::vector<Bytes> others;
  for (unsigned message_class = 0; message_class < 256; ++message_class) {
    if (message_class != wire::kRmcpClassIpmi) {
      others.push_back(v20(authentication_capabilities()));
      others.back()[kRmcpClassAt] = static_cast<std::byte>(message_class);
    }
    if (message_class != wire::kRmcpClassAsf) {
      others.push_back(encode(wire::PresencePing{1}));
      others.back()[kRmcpClassAt] = static_cast<std::byte>(message_class);
    }
  }
  // An RMCP acknowledge is the header alone.
  for (const int message_class : {0x86, 0x87}) others.push_back(bytes({6, 0, 7, message_class}));
  others.push_back(bytes({6, 0, 0xff, 7}));  // crashes a well known simulator of a BMC
  expect_silence(others);
}

TEST_F(Framing, IsSilentForIpmiWithAnRmcpSequenceNumber) {
  constexpr std::size_t kSequenceAt = 2;
  std::vector<Bytes> others;
  for (unsigned sequence = 0; sequence < 0xff; ++sequence) {
    others.push_back(v20(authentication_capabilities()));
    others.back()[kSequenceAt] = static_cast<std::byte>(sequence);
  }
  expect_silence(others);
}

TEST_F(Framing, AnswersNoPingThatWantsNoAnswerOrIsNoPing) {
  constexpr std::size_t kIanaAt = 4;
  constexpr std::size_t kTypeAt = 8;
  std::vector<Bytes> others{encode(wire::PresencePing{0xff}), encode(wire::PresencePong{})};
  for (unsigned type = 0; type < 256; ++type) {
    if (type == 0x80) continue;
    others.push_back(encode(wire::PresencePing{1}));
    others.back()[kTypeAt] = static_cast<std::byte>(type);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    others.push_back(encode(wire::PresencePing{1}));
    others.back()[kIanaAt + i] ^= std::byte{0x01};
  }
  expect_silence(others);
}

TEST_F(Framing, DoesNotAnswerAnswers) {
  // Else two donors, set on each other by one forged packet, would never stop.
  std::vector<Bytes> answers;
  for (const Message& message : answered_messages())
    for (Bytes& answer : answers_to({message.datagram})) answers.push_back(std::move(answer));
  EXPECT_GT(answers.size(), 10U);
  expect_silence(answers);
}

TEST_F(Framing, SurvivesEverySingleByteChangedInEveryMessage) {
  std::vector<Bytes> changed;
  for (const Message& message : answered_messages())
    for (std::size_t at = 0; at < message.datagram.size(); at += is_long_form() ? 1 : 5)
      for (const int mask : {0x01, 0x80, 0xff}) {
        changed.push_back(message.datagram);
        changed.back()[at] ^= static_cast<std::byte>(mask);
      }
  (void)answers_to(changed);  // Peer checks what comes back
}

}  // namespace
}  // namespace fwr::hostile
