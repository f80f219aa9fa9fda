// SPDX-License-Identifier: GPL-3.0-or-later
// Open Session and RAKP 1 to 4, in this order. IPMI v2.0 §13.15 to §13.23.
#include "session/client_handshake.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace fwr::session {

namespace {

using wire::RakpStatus;

constexpr std::uint8_t kNameOnlyLookup = 0x10;  // RAKP 1, role byte b4

Error refused(RakpStatus status) {
  const auto code = [status] {
    switch (status) {
      case RakpStatus::InsufficientResources: return Errc::SessionLimit;
      case RakpStatus::InvalidAuthenticationAlgorithm:
      case RakpStatus::InvalidIntegrityAlgorithm:
      case RakpStatus::InvalidConfidentialityAlgorithm:
      case RakpStatus::NoMatchingCipherSuite: return Errc::NoCommonCipherSuite;
      case RakpStatus::InvalidRole:
      case RakpStatus::UnauthorizedRole: return Errc::PrivilegeTooLow;
      case RakpStatus::InvalidNameLength:
      case RakpStatus::UnauthorizedName:
      case RakpStatus::InvalidIntegrityCheckValue: return Errc::AuthenticationFailed;
      case RakpStatus::Ok:
      case RakpStatus::InvalidSessionId:
      case RakpStatus::IllegalParameter: break;
    }
    return Errc::SessionLost;
  };
  return {code(), wire::describe(status)};
}

}  // namespace

ClientHandshake::ClientHandshake(Credentials credentials, const ClientTimers& timers,
                                 RandomSource& random)
    : credentials_(std::move(credentials)), random_(random), retry_(timers, random) {}

void ClientHandshake::enter(HandshakeEvent event) {
  const auto* row = std::find_if(
      kHandshakeTransitions.begin(), kHandshakeTransitions.end(),
      [&](const HandshakeTransition& t) { return t.from == state_ && t.event == event; });
  assert(row != kHandshakeTransitions.end());
  state_ = row->to;
}

Result<> ClientHandshake::check_credentials() const {
  if (credentials_.user.size() > wire::kMaxUserName_bytes)
    return fail(Errc::BadConfiguration, "a user name has at most 16 bytes");
  if (credentials_.password.view().size() > kMaxPassword_bytes)
    return fail(Errc::BadConfiguration, "a password has at most 20 bytes");
  if (credentials_.kg && credentials_.kg->view().size() > kMaxPassword_bytes)
    return fail(Errc::BadConfiguration, "K_g has at most 20 bytes");
  if (credentials_.privilege == wire::Privilege::Highest ||
      credentials_.privilege > wire::Privilege::Administrator)
    return fail(Errc::BadConfiguration,
                "a session is for callback, user, operator or administrator");
  return {};
}

ClientHandshake::Outcome ClientHandshake::start(TimePoint now) {
  if (auto good = check_credentials(); !good) return {.error = std::move(good).error()};
  enter(HandshakeEvent::Start);
  return open_session(now);
}

Bytes ClientHandshake::remember(wire::PayloadType type, const Bytes& payload) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  message_ = wire::encode_plain(header, payload);
  return message_;
}

ClientHandshake::Outcome ClientHandshake::ask(wire::PayloadType type, const Bytes& payload,
                                              TimePoint now) {
  refusals_ = 0;
  // A server that forgets sessions has too many clients: they leave it more time.
  retry_.start(now, restarts_ > 0 ? kCrowdedFactor : 1);
  return {.datagram = remember(type, payload)};
}

ClientHandshake::Outcome ClientHandshake::handle_timeout(TimePoint now) {
  if (!retry_.is_due(now)) return {};
  if (forgotten_) return open_again(now);
  if (retry_.is_exhausted())
    return {.error = Error{Errc::NoResponse, "no answer while opening a session"}};
  retry_.repeat(now);
  return {.datagram = message_};
}

/// Opens a forgotten session again, but not at once and not for ever: nothing authenticates the
/// messages of a server before RAKP 2.
ClientHandshake::Outcome ClientHandshake::open_again(TimePoint now) {
  forgotten_ = false;
  if (++restarts_ > kRestarts)
    return {.error = Error{Errc::SessionLimit, "it forgets sessions while they are opened"}};
  exchange_ = {};
  enter(HandshakeEvent::Forgotten);
  return open_session(now);
}

ClientHandshake::Outcome ClientHandshake::open_session(TimePoint now) {
  while (exchange_.console_session == 0) {
    std::array<std::byte, 4> id{};
    random_.fill(id);
    exchange_.console_session = ByteReader(id).u32();
  }
  const SuiteInfo& suite = info(credentials_.suite);
  wire::OpenSessionRq request;
  request.tag = ++tag_;
  request.privilege = credentials_.privilege;
  request.console_session = exchange_.console_session;
  request.authentication = suite.authentication;
  request.integrity = suite.integrity;
  request.confidentiality = suite.confidentiality;
  return ask(wire::PayloadType::OpenSessionRq, wire::encode(request), now);
}

ClientHandshake::Outcome ClientHandshake::handle_packet(const wire::RmcpPlusPacket& packet,
                                                        TimePoint now) {
  switch (static_cast<wire::PayloadType>(packet.header.payload_type)) {
    case wire::PayloadType::OpenSessionRs:
      if (state_ == HandshakeState::Opening) return on_open_session_response(packet.payload, now);
      break;
    case wire::PayloadType::Rakp2:
      if (state_ == HandshakeState::Challenging) return on_rakp2(packet.payload, now);
      break;
    case wire::PayloadType::Rakp4:
      if (state_ == HandshakeState::Proving) return on_rakp4(packet.payload);
      break;
    case wire::PayloadType::Ipmi:
    case wire::PayloadType::OemExplicit:
    case wire::PayloadType::OpenSessionRq:
    case wire::PayloadType::Rakp1:
    case wire::PayloadType::Rakp3: break;
  }
  return {};
}

ClientHandshake::Outcome ClientHandshake::on_refusal(Error error) {
  // Nothing authenticates a refusal: the medium may have damaged the question or the answer. The
  // server answers a repeat, and only the last of several refusals is believed.
  if (++refusals_ >= kRefusals) return {.error = std::move(error)};
  return {.datagram = message_};
}

ClientHandshake::Outcome ClientHandshake::on_open_session_response(ByteView payload,
                                                                   TimePoint now) {
  const auto response = wire::decode_open_session_rs(payload);
  if (!response || response->tag != tag_ || response->console_session != exchange_.console_session)
    return {};
  if (response->status != RakpStatus::Ok) return on_refusal(refused(response->status));
  const SuiteInfo& suite = info(credentials_.suite);
  if (response->authentication != suite.authentication || response->integrity != suite.integrity ||
      response->confidentiality != suite.confidentiality)
    return on_refusal({Errc::NoCommonCipherSuite, "the server answers with other algorithms"});
  if (response->managed_session == 0) return {};

  exchange_.managed_session = response->managed_session;
  random_.fill(exchange_.console_random);
  exchange_.role =
      static_cast<std::uint8_t>(kNameOnlyLookup | static_cast<unsigned>(credentials_.privilege));
  exchange_.user = credentials_.user;
  wire::Rakp1 message;
  message.tag = ++tag_;
  message.managed_session = exchange_.managed_session;
  message.console_random = exchange_.console_random;
  message.role = exchange_.role;
  message.user = exchange_.user;
  enter(HandshakeEvent::Opened);
  return ask(wire::PayloadType::Rakp1, wire::encode(message), now);
}

ClientHandshake::Outcome ClientHandshake::on_rakp2(ByteView payload, TimePoint now) {
  const auto message = wire::decode_rakp2(payload);
  if (!message || message->tag != tag_) return {};
  // A server that has no such session does not know our id for it either.
  if (message->status == RakpStatus::InvalidSessionId && message->console_session == 0) {
    forgotten_ = true;
    return {};
  }
  if (message->console_session != exchange_.console_session) return {};
  if (message->status != RakpStatus::Ok) return on_refusal(refused(message->status));
  exchange_.managed_random = message->managed_random;
  exchange_.guid = message->guid;
  const Hash hash = info(credentials_.suite).hash;
  const auto expected = rakp2_code(hash, credentials_.password, exchange_);
  auto code = rakp3_code(hash, credentials_.password, exchange_);
  if (!expected || !code) return {.error = (!expected ? expected : code).error()};
  if (!equal_constant_time(*expected, message->key_exchange_code)) {
    Outcome refusal =
        on_refusal({Errc::AuthenticationFailed,
                    "the server has another password for this user, or no such user"});
    // Sent to the server, so that its half-open session does not wait for us.
    if (refusal.error)
      refusal.datagram =
          remember(wire::PayloadType::Rakp3, rakp3(RakpStatus::InvalidIntegrityCheckValue, {}));
    return refusal;
  }
  forgotten_ = false;
  enter(HandshakeEvent::Challenged);
  return ask(wire::PayloadType::Rakp3, rakp3(RakpStatus::Ok, *std::move(code)), now);
}

Bytes ClientHandshake::rakp3(RakpStatus status, Bytes code) {
  wire::Rakp3 message;
  message.tag = ++tag_;
  message.status = status;
  message.managed_session = exchange_.managed_session;
  message.key_exchange_code = std::move(code);
  return wire::encode(message);
}

ClientHandshake::Outcome ClientHandshake::on_rakp4(ByteView payload) {
  const auto message = wire::decode_rakp4(payload);
  if (!message || message->tag != tag_) return {};
  // Too many sessions were opened at one time, and ours had to make room.
  if (message->status == RakpStatus::InvalidSessionId && message->console_session == 0) {
    forgotten_ = true;
    return {};
  }
  if (message->console_session != exchange_.console_session) return {};
  if (message->status != RakpStatus::Ok) return on_refusal(refused(message->status));
  auto channel = make_channel(message->integrity_check_value);
  if (!channel) return on_refusal(std::move(channel).error());
  forgotten_ = false;
  retry_.stop();
  message_.clear();
  enter(HandshakeEvent::Proven);
  return {.channel = *std::move(channel)};
}

Result<SecureChannel> ClientHandshake::make_channel(ByteView integrity_check_value) const {
  const SuiteInfo& suite = info(credentials_.suite);
  const Secret& key = credentials_.kg ? *credentials_.kg : credentials_.password;
  const auto keys = session_keys(suite.hash, key, exchange_);
  if (!keys) return tl::unexpected(keys.error());
  const auto expected = rakp4_check(suite, *keys, exchange_);
  if (!expected) return tl::unexpected(expected.error());
  if (!equal_constant_time(*expected, integrity_check_value))
    return fail(Errc::AuthenticationFailed, "the server has another K_g");
  return SecureChannel::create(credentials_.suite, *keys, exchange_.managed_session, random_);
}

}  // namespace fwr::session
