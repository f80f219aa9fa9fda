// SPDX-License-Identifier: GPL-3.0-or-later
// Standard IPMI commands, one function each, and the table that names them.
#include "session/standard_commands.hpp"

#include <algorithm>
#include <array>

namespace fwr::session {

namespace {

using wire::CompletionCode;
using wire::Privilege;

constexpr std::uint8_t kGetDeviceId = 0x01;
constexpr std::uint8_t kGetSelfTestResults = 0x04;
constexpr std::uint8_t kGetSystemGuid = 0x37;
constexpr std::uint8_t kGetChannelInfo = 0x42;
constexpr std::uint8_t kLanChannel = 1;
constexpr std::uint8_t kThisChannel = 0x0e;  // IPMI v2.0 §6.3: the one the request came through
constexpr std::uint8_t kMediumLan = 0x04;    // IPMI v2.0 table 6-3, 802.3 LAN
constexpr std::uint8_t kProtocolIpmb = 0x01;
constexpr std::uint8_t kMultiSession = 0x80;
constexpr std::uint32_t kIpmiForum = 7154;
constexpr std::size_t kSixBits = 0x3f;

CommandAnswer code(CompletionCode value) {
  return {.response = {.code = value, .data = {}}, .close = {}};
}
CommandAnswer code(std::uint8_t value) {
  return code(static_cast<CompletionCode>(value));
}
CommandAnswer data(ByteWriter writer) {
  return {.response = {.code = CompletionCode::Ok, .data = std::move(writer).release()},
          .close = {}};
}
CommandAnswer text(ByteView bytes) {
  ByteWriter out;
  out.bytes(bytes);
  return data(std::move(out));
}

bool is_our_channel(std::uint8_t channel) {
  return channel == kThisChannel || channel == kLanChannel;
}

std::uint8_t six_bits(std::size_t value) {
  return static_cast<std::uint8_t>(std::min(value, kSixBits));
}

// IPMI v2.0 §20.1
CommandAnswer device_id(const DeviceIdentity& identity, ByteReader request) {
  if (request.remaining() != 0) return code(CompletionCode::InvalidLength);
  const unsigned minor = std::min<unsigned>(identity.firmware_minor, 99);
  ByteWriter out;
  out.u8(identity.device_id);
  out.u8(identity.device_revision & 0x0f);
  out.u8(identity.firmware_major & 0x7f);
  out.u8(static_cast<std::uint8_t>(minor / 10 << 4 | minor % 10));  // BCD
  out.u8(0x02);                                                     // IPMI v2.0, BCD, swapped
  out.u8(0x00);                                                     // no additional device support
  out.le<3>(identity.manufacturer_id);
  out.u16(identity.product_id);
  return data(std::move(out));
}

// IPMI v2.0 §20.4
CommandAnswer self_test_results(const DeviceIdentity&, ByteReader request) {
  if (request.remaining() != 0) return code(CompletionCode::InvalidLength);
  ByteWriter out;
  out.u8(0x55);  // no error
  out.u8(0x00);
  return data(std::move(out));
}

// IPMI v2.0 §22.14
CommandAnswer system_guid(const DeviceIdentity& identity, ByteReader request) {
  if (request.remaining() != 0) return code(CompletionCode::InvalidLength);
  return text(identity.guid);
}

/// A command that only the identity answers, as a row wants it.
template <CommandAnswer (*Answer)(const DeviceIdentity&, ByteReader)>
CommandAnswer of_identity(const CommandScene& scene, ByteReader request) {
  return Answer(scene.config.identity, request);
}

// IPMI v2.0 §22.13
CommandAnswer get_channel_authentication_capabilities(const CommandScene& scene,
                                                      ByteReader request) {
  const std::uint8_t channel = request.u8();
  const auto privilege = static_cast<Privilege>(request.u8() & 0x0fU);
  if (!request.finish("")) return code(CompletionCode::InvalidLength);
  if (!is_our_channel(channel & 0x0f) || privilege == Privilege::Highest ||
      privilege > Privilege::Oem)
    return code(CompletionCode::InvalidField);
  const bool extended = (channel & 0x80) != 0;
  const bool has_null_user =
      std::any_of(scene.config.accounts.begin(), scene.config.accounts.end(),
                  [](const Account& account) { return account.name.empty(); });
  const bool has_named_user =
      std::any_of(scene.config.accounts.begin(), scene.config.accounts.end(),
                  [](const Account& account) { return !account.name.empty(); });
  ByteWriter out;
  out.u8(kLanChannel);
  out.u8(extended ? 0x80 : 0x00);  // no authentication type of IPMI v1.5
  out.u8(static_cast<std::uint8_t>((scene.config.kg ? 0x20U : 0U) | (has_named_user ? 0x04U : 0U) |
                                   (has_null_user ? 0x02U : 0U)));
  out.u8(extended ? 0x02 : 0x00);  // IPMI v2.0 sessions only
  out.le<3>(0);                    // no OEM authentication
  out.u8(0);
  return data(std::move(out));
}

/// C0h, suite, authentication | 40h integrity | 80h confidentiality (IPMI v2.0 table 22-18).
void put_suite_record(ByteWriter& out, const SuiteInfo& suite) {
  out.u8(0xc0);
  out.u8(static_cast<std::uint8_t>(suite.suite));
  out.u8(static_cast<std::uint8_t>(suite.authentication));
  out.u8(static_cast<std::uint8_t>(0x40U | static_cast<unsigned>(suite.integrity)));
  out.u8(static_cast<std::uint8_t>(0x80U | static_cast<unsigned>(suite.confidentiality)));
}

/// The algorithms without the suites, each once.
Bytes algorithm_list(ByteView records) {
  Bytes list;
  for (std::size_t at = 0; at < records.size(); at += 5)
    for (const std::byte algorithm : records.subspan(at + 2, 3))
      if (std::find(list.begin(), list.end(), algorithm) == list.end()) list.push_back(algorithm);
  std::sort(list.begin(), list.end());
  return list;
}

// IPMI v2.0 §22.15
CommandAnswer get_channel_cipher_suites(const CommandScene& scene, ByteReader request) {
  constexpr std::size_t kPage_bytes = 16;
  const std::uint8_t channel = request.u8() & 0x0fU;
  const std::uint8_t payload_type = request.u8() & 0x3fU;
  const std::uint8_t index = request.u8();
  if (!request.finish("")) return code(CompletionCode::InvalidLength);
  if (!is_our_channel(channel)) return code(CompletionCode::InvalidField);
  if (payload_type != static_cast<std::uint8_t>(wire::PayloadType::Ipmi) &&
      payload_type != static_cast<std::uint8_t>(wire::PayloadType::OemExplicit))
    return code(CompletionCode::InvalidField);
  ByteWriter records;
  for (const SuiteInfo& suite : kSuites)
    if (suite.suite != CipherSuite::Suite3 || scene.config.allow_suite3)
      put_suite_record(records, suite);
  const bool by_suite = (index & 0x80) != 0;
  const Bytes list = by_suite ? std::move(records).release() : algorithm_list(records.view());
  const std::size_t first = std::min<std::size_t>((index & kSixBits) * kPage_bytes, list.size());
  ByteWriter out;
  out.u8(kLanChannel);
  out.bytes(ByteView(list).subspan(first, std::min(kPage_bytes, list.size() - first)));
  return data(std::move(out));
}

// IPMI v2.0 §22.18
CommandAnswer set_session_privilege_level(const CommandScene& scene, ByteReader request) {
  constexpr std::uint8_t kNotAvailable = 0x80;
  const auto level = static_cast<Privilege>(request.u8() & 0x0fU);
  if (!request.finish("")) return code(CompletionCode::InvalidLength);
  Live& live = scene.self->live();
  switch (level) {
    case Privilege::Highest: break;  // "no change", asks for the present level
    case Privilege::User:
    case Privilege::Operator:
    case Privilege::Administrator:
      if (level > live.limit) return code(kExceedsPrivilegeLimit);
      live.requester.privilege = level;
      break;
    case Privilege::Oem: return code(kNotAvailable);
    case Privilege::Callback: return code(CompletionCode::InvalidField);
  }
  if (level > Privilege::Oem) return code(CompletionCode::InvalidField);
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(live.requester.privilege));
  return data(std::move(out));
}

/// Other people's sessions are shown to and closed by operators and administrators.
bool may_see(const CommandScene& scene, const Session& other) {
  return scene.self == &other || scene.self->live().requester.privilege >= Privilege::Operator;
}

void put_session_info(ByteWriter& out, const Session& session) {
  constexpr std::uint8_t kProtocolRmcpPlus = 1;
  const Live& live = session.live();
  const Address& peer = session.path.peer;
  out.u8(live.user_id);
  out.u8(static_cast<std::uint8_t>(live.requester.privilege));
  out.u8(kProtocolRmcpPlus << 4 | kLanChannel);
  // The command knows IPv4 only.
  if (peer.family == AddressFamily::Ipv4)
    out.bytes(std::as_bytes(std::span(peer.bytes).first<4>()));
  else
    out.zeros(4);
  out.zeros(6);  // MAC address
  out.u16(peer.port);
}

// IPMI v2.0 §22.20
CommandAnswer get_session_info(const CommandScene& scene, ByteReader request) {
  constexpr std::uint8_t kByHandle = 0xfe;
  constexpr std::uint8_t kById = 0xff;
  const std::uint8_t index = request.u8();
  const Session* found = nullptr;
  if (index == 0)
    found = scene.self;
  else if (index == kByHandle)
    found = scene.sessions.find_handle(request.u8());
  else if (index == kById)
    found = scene.sessions.find(request.u32());
  else
    found = scene.sessions.find_nth_active(index);
  if (!request.finish("")) return code(CompletionCode::InvalidLength);
  if (found != nullptr && found->state() != SessionState::Active) found = nullptr;
  if (found != nullptr && !may_see(scene, *found))
    return code(CompletionCode::InsufficientPrivilege);
  ByteWriter out;
  out.u8(found == nullptr ? 0 : found->live().handle);
  out.u8(six_bits(scene.config.limits.active_sessions));
  out.u8(six_bits(scene.sessions.active()));
  if (found != nullptr) put_session_info(out, *found);
  return data(std::move(out));
}

// IPMI v2.0 §22.19
CommandAnswer close_session(const CommandScene& scene, ByteReader request) {
  constexpr std::uint8_t kInvalidSessionId = 0x87;
  constexpr std::uint8_t kInvalidSessionHandle = 0x88;
  const std::uint32_t id = request.u32();
  const bool by_handle = id == 0 && request.remaining() == 1;
  const Session* found =
      by_handle ? scene.sessions.find_handle(request.u8()) : scene.sessions.find(id);
  if (!request.finish("")) return code(CompletionCode::InvalidLength);
  if (found == nullptr || found->state() != SessionState::Active)
    return code(by_handle ? kInvalidSessionHandle : kInvalidSessionId);
  if (found != scene.self && scene.self->live().requester.privilege < Privilege::Administrator)
    return code(CompletionCode::InsufficientPrivilege);
  return {.response = {}, .close = found->id};
}

// IPMI v2.0 §22.24
CommandAnswer get_channel_info(const CommandScene& scene, ByteReader request) {
  const std::uint8_t channel = request.u8() & 0x0fU;
  if (!request.finish("")) return code(CompletionCode::InvalidLength);
  if (!is_our_channel(channel)) return code(CompletionCode::InvalidField);
  ByteWriter out;
  out.u8(kLanChannel);
  out.u8(kMediumLan);
  out.u8(kProtocolIpmb);
  out.u8(kMultiSession | six_bits(scene.sessions.active()));
  out.le<3>(kIpmiForum);
  out.u16(0);
  return data(std::move(out));
}

struct Row {
  std::uint8_t command;  ///< of network function App
  bool sessionless;      ///< answered without a session too
  Privilege privilege;   ///< least level in a session (IPMI v2.0 appendix G)
  CommandAnswer (*answer)(const CommandScene& scene, ByteReader request);
};
constexpr std::array kRows{
    Row{kGetDeviceId, false, Privilege::User, of_identity<device_id>},
    Row{kGetSelfTestResults, false, Privilege::User, of_identity<self_test_results>},
    Row{kGetSystemGuid, true, Privilege::Callback, of_identity<system_guid>},
    Row{0x38, true, Privilege::Callback, get_channel_authentication_capabilities},
    Row{kSetSessionPrivilegeLevel, false, Privilege::User, set_session_privilege_level},
    Row{0x3c, false, Privilege::Callback, close_session},
    Row{0x3d, false, Privilege::Callback, get_session_info},
    Row{kGetChannelInfo, false, Privilege::User, get_channel_info},
    Row{0x54, true, Privilege::Callback, get_channel_cipher_suites},
};

const Row* find_row(std::uint8_t net_fn, std::uint8_t command) {
  if (net_fn != raw(wire::NetFn::AppRq)) return nullptr;
  const auto* row = std::find_if(kRows.begin(), kRows.end(),
                                 [command](const Row& r) { return r.command == command; });
  return row == kRows.end() ? nullptr : row;
}

bool is_of_other_channel(const CommandScene& scene, const wire::LanMessage& request) {
  return scene.config.forward_all && request.command == kGetChannelInfo &&
         request.data.size() == 1 &&
         !is_our_channel(static_cast<std::uint8_t>(request.data.front()) & 0x0fU);
}

}  // namespace

std::optional<wire::IpmiResponse> answer_identity_command(const DeviceIdentity& identity,
                                                          const wire::IpmiRequest& request) {
  if (request.net_fn != raw(wire::NetFn::AppRq)) return std::nullopt;
  const ByteReader data(request.data);
  switch (request.command) {
    case kGetDeviceId: return device_id(identity, data).response;
    case kGetSelfTestResults: return self_test_results(identity, data).response;
    case kGetSystemGuid: return system_guid(identity, data).response;
    default: return std::nullopt;
  }
}

bool is_sessionless_command(std::uint8_t net_fn, std::uint8_t command) {
  const Row* row = find_row(net_fn, command);
  return row != nullptr && row->sessionless;
}

std::optional<CommandAnswer> answer_standard_command(const CommandScene& scene,
                                                     const wire::LanMessage& request) {
  const Row* row = find_row(request.net_fn, request.command);
  if (row == nullptr) return std::nullopt;
  if (scene.self == nullptr) {
    if (!row->sessionless) return std::nullopt;
  } else if (scene.self->live().requester.privilege < row->privilege) {
    return code(CompletionCode::InsufficientPrivilege);
  }
  if (is_of_other_channel(scene, request)) return std::nullopt;
  return row->answer(scene, ByteReader(request.data));
}

}  // namespace fwr::session
