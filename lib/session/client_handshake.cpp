// SPDX-License-Identifier: GPL-3.0-or-later
// How the client opens a session: Open Session, RAKP 1 to 4, privilege. IPMI v2.0 §13.15 to §13.23.
#include <utility>

#include "session/client_impl.hpp"

namespace fwr::session {

namespace {

using wire::RakpStatus;

constexpr std::uint8_t kSetSessionPrivilegeLevel = 0x3b;  // IPMI v2.0 §22.18
constexpr std::uint8_t kNameOnlyLookup = 0x10;            // RAKP 1, role byte b4

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

Result<> Client::Impl::check_credentials() const {
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

void Client::Impl::start(TimePoint now) {
  if (state_ != ClientState::Idle) return;
  if (auto good = check_credentials(); !good) return go_down(std::move(good).error());
  enter(ClientStep::Start);
  send_open_session(now);
}

void Client::Impl::send_handshake(wire::PayloadType type, const Bytes& payload) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  handshake_message_ = wire::encode_plain(header, payload);
  transmit_.push_back({handshake_message_, false});
}

/// Not at once, and not for ever: nothing authenticates what a server says before RAKP 2.
void Client::Impl::open_again(TimePoint now) {
  forgotten_ = false;
  if (++restarts_ > kRestarts) {
    transmit_.clear();
    return go_down({Errc::SessionLimit, "it forgets sessions while they are opened"});
  }
  exchange_ = {};
  enter(ClientStep::Forgotten);
  send_open_session(now);
}

void Client::Impl::send_open_session(TimePoint now) {
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
  send_handshake(wire::PayloadType::OpenSessionRq, wire::encode(request));
  arm(now);
}

void Client::Impl::on_handshake(const wire::RmcpPlusPacket& packet, TimePoint now) {
  switch (static_cast<wire::PayloadType>(packet.header.payload_type)) {
    case wire::PayloadType::OpenSessionRs:
      if (state_ == ClientState::Opening) on_open_session_response(packet.payload, now);
      return;
    case wire::PayloadType::Rakp2:
      if (state_ == ClientState::Challenging) on_rakp2(packet.payload, now);
      return;
    case wire::PayloadType::Rakp4:
      if (state_ == ClientState::Proving) on_rakp4(packet.payload, now);
      return;
    case wire::PayloadType::Ipmi:
    case wire::PayloadType::OemExplicit:
    case wire::PayloadType::OpenSessionRq:
    case wire::PayloadType::Rakp1:
    case wire::PayloadType::Rakp3: return;
  }
}

void Client::Impl::on_refusal(Error error) {
  // Nothing authenticates a refusal: the medium may have damaged the question or the answer. The
  // server answers a repeat, and only the last of several refusals is believed.
  if (++refusals_ >= kRefusals) return go_down(std::move(error));
  transmit_.push_back({handshake_message_, false});
}

void Client::Impl::on_open_session_response(ByteView payload, TimePoint now) {
  const auto response = wire::decode_open_session_rs(payload);
  if (!response || response->tag != tag_ || response->console_session != exchange_.console_session)
    return;
  if (response->status != RakpStatus::Ok) return on_refusal(refused(response->status));
  const SuiteInfo& suite = info(credentials_.suite);
  if (response->authentication != suite.authentication || response->integrity != suite.integrity ||
      response->confidentiality != suite.confidentiality)
    return on_refusal({Errc::NoCommonCipherSuite, "the server answers with other algorithms"});
  if (response->managed_session == 0) return;

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
  enter(ClientStep::Opened);
  send_handshake(wire::PayloadType::Rakp1, wire::encode(message));
  arm(now);
}

void Client::Impl::on_rakp2(ByteView payload, TimePoint now) {
  auto message = wire::decode_rakp2(payload);
  if (!message || message->tag != tag_) return;
  // A server that has no such session does not know our id for it either.
  if (message->status == RakpStatus::InvalidSessionId && message->console_session == 0) {
    forgotten_ = true;
    return;
  }
  if (message->console_session != exchange_.console_session) return;
  if (message->status != RakpStatus::Ok) return on_refusal(refused(message->status));
  exchange_.managed_random = message->managed_random;
  exchange_.guid = message->guid;
  const Hash hash = info(credentials_.suite).hash;
  const auto expected = rakp2_code(hash, credentials_.password, exchange_);
  auto code = rakp3_code(hash, credentials_.password, exchange_);
  if (!expected || !code) return go_down((!expected ? expected : code).error());
  if (!equal_constant_time(*expected, message->key_exchange_code)) {
    on_refusal({Errc::AuthenticationFailed,
                "the server has another password for this user, or no such user"});
    // Said to the server, so that its half-open session does not wait for us.
    if (state_ == ClientState::Down) send_rakp3(RakpStatus::InvalidIntegrityCheckValue, {});
    return;
  }
  forgotten_ = false;
  enter(ClientStep::Challenged);
  send_rakp3(RakpStatus::Ok, *std::move(code));
  arm(now);
}

void Client::Impl::send_rakp3(RakpStatus status, Bytes code) {
  wire::Rakp3 message;
  message.tag = ++tag_;
  message.status = status;
  message.managed_session = exchange_.managed_session;
  message.key_exchange_code = std::move(code);
  send_handshake(wire::PayloadType::Rakp3, wire::encode(message));
}

void Client::Impl::on_rakp4(ByteView payload, TimePoint now) {
  const auto message = wire::decode_rakp4(payload);
  if (!message || message->tag != tag_) return;
  // Too many began at one time, and ours had to make room.
  if (message->status == RakpStatus::InvalidSessionId && message->console_session == 0) {
    forgotten_ = true;
    return;
  }
  if (message->console_session != exchange_.console_session) return;
  if (message->status != RakpStatus::Ok) return on_refusal(refused(message->status));
  if (auto made = make_channel(message->integrity_check_value); !made)
    return on_refusal(std::move(made).error());
  forgotten_ = false;
  retry_due_.reset();
  handshake_message_.clear();
  enter(ClientStep::Proven);
  raise_privilege(now);
}

Result<> Client::Impl::make_channel(ByteView integrity_check_value) {
  const SuiteInfo& suite = info(credentials_.suite);
  const Secret& key = credentials_.kg ? *credentials_.kg : credentials_.password;
  const auto keys = session_keys(suite.hash, key, exchange_);
  if (!keys) return tl::unexpected(keys.error());
  const auto expected = rakp4_check(suite, *keys, exchange_);
  if (!expected) return tl::unexpected(expected.error());
  if (!equal_constant_time(*expected, integrity_check_value))
    return fail(Errc::AuthenticationFailed, "the server has another K_g");
  auto channel =
      SecureChannel::create(credentials_.suite, *keys, exchange_.managed_session, random_);
  if (!channel) return tl::unexpected(std::move(channel).error());
  channel_ = *std::move(channel);
  return {};
}

void Client::Impl::raise_privilege(TimePoint now) {
  if (credentials_.privilege <= wire::Privilege::User) return session_is_up(now);
  ByteWriter level(1);
  level.u8(static_cast<std::uint8_t>(credentials_.privilege));
  send_command(0, {raw(wire::NetFn::AppRq), kSetSessionPrivilegeLevel, std::move(level).release()},
               now);
}

}  // namespace fwr::session
