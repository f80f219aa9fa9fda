// SPDX-License-Identifier: GPL-3.0-or-later
// The server's answers to commands, without a session and inside one. PROTOCOL §2.1, §2.2.
#include <utility>

#include "session/server_impl.hpp"
#include "session/standard_commands.hpp"
#include "wire/oem.hpp"
#include "wire/stream.hpp"

namespace fwr::session {

namespace {

bool is_for_us(const wire::LanMessage& message) {
  return !message.is_response() && message.responder_address == wire::kBmcAddress &&
         message.responder_lun == 0;
}

bool is_oem(const wire::LanMessage& message) {
  return message.net_fn == raw(wire::NetFn::OemGroupRq);
}

/// PROTOCOL §4, column "session".
bool is_sessionless_oem(const wire::LanMessage& message) {
  const wire::oem::CommandInfo* const command = wire::oem::find_command(message.command);
  return is_oem(message) && command != nullptr && !command->needs_session;
}

constexpr unsigned kPrivilegeMask = 0x0f;  // of its request

/// Set Session Privilege Level for more than the account may be.
bool is_beyond_limit(const wire::LanMessage& request, const wire::IpmiResponse& response) {
  return request.net_fn == raw(wire::NetFn::AppRq) &&
         request.command == kSetSessionPrivilegeLevel &&
         static_cast<std::uint8_t>(response.code) == kExceedsPrivilegeLimit;
}

}  // namespace

void Server::Impl::on_sessionless(const Path& path, ByteView bytes, Framing framing,
                                  TimePoint now) {
  auto request = wire::decode_lan_message(bytes);
  if (!request || !is_for_us(*request)) return drop();
  if (is_sessionless_command(request->net_fn, request->command)) {
    if (!admit(queries_, path, now)) return;
    const auto answer =
        answer_standard_command({.config = config_, .sessions = sessions}, *request);
    if (answer) reply_sessionless(path, *request, answer->response, framing);
    return;
  }
  if (!is_sessionless_oem(*request)) return drop();
  if (!admit(requests_, now)) return;
  const wire::IpmiRequest asked{request->net_fn, request->command, request->data};
  const auto response = ask_application(path, asked, now);
  if (!response || !fits_request(*response, asked)) return drop();
  reply_sessionless(path, *request, *response, framing);
}

std::optional<wire::IpmiResponse> Server::Impl::ask_application(const Path& path,
                                                                const wire::IpmiRequest& request,
                                                                TimePoint now) {
  Requester stranger;
  stranger.path = path;
  stranger.link = link_;
  return application_.handle_command(stranger, request, now);
}

void Server::Impl::reply_sessionless(const Path& path, const wire::LanMessage& request,
                                     const wire::IpmiResponse& response, Framing framing) {
  const Bytes message = wire::encode(wire::make_lan_response(request, response));
  switch (framing) {
    case Framing::V15: return queue(path, wire::encode(wire::SessionlessV15{message}));
    case Framing::V20: {
      wire::RmcpPlusHeader header;
      header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::Ipmi);
      return queue(path, wire::encode_plain(header, message));
    }
  }
}

void Server::Impl::on_session_packet(const Path& path, const wire::RmcpPlusPacket& packet,
                                     TimePoint now) {
  Session* session = sessions.find(packet.header.session_id);
  if (session == nullptr || session->state() != SessionState::Active ||
      session->path.peer != path.peer || !session->live().channel.open(packet, opened_))
    return drop();
  session->heard = now;
  session->expires = now + config_.limits.idle;
  session->path = path;
  session->live().requester.path = path;
  session->live().requester.link = link_;
  note_login(*session, now);

  switch (static_cast<wire::PayloadType>(packet.header.payload_type)) {
    case wire::PayloadType::Ipmi: return on_command(*session, opened_, now);
    case wire::PayloadType::OemExplicit:
      if (packet.header.oem_iana != iana_ ||
          packet.header.oem_payload != wire::stream::kPayloadId ||
          session->live().requester.privilege < wire::Privilege::User)
        return drop();
      return application_.handle_payload(session->live().requester, opened_, now);
    case wire::PayloadType::OpenSessionRq:
    case wire::PayloadType::OpenSessionRs:
    case wire::PayloadType::Rakp1:
    case wire::PayloadType::Rakp2:
    case wire::PayloadType::Rakp3:
    case wire::PayloadType::Rakp4: break;
  }
  drop();
}

/// Who sends something under the keys is logged in.
void Server::Impl::note_login(Session& session, TimePoint now) {
  Live& live = session.live();
  if (live.confirmed) return;
  live.confirmed = true;
  live.silence_told_at.reset();
  logins.opened(login_of(session), now);
}

LoginEvent Server::Impl::login_of(const Session& session) {
  LoginEvent event;
  event.path = session.path;
  event.user = session.live().requester.user;
  event.privilege = session.live().limit;
  event.suite = session.suite;
  return event;
}

void Server::Impl::on_command(Session& session, ByteView payload, TimePoint now) {
  const auto request = wire::decode_lan_message(payload);
  if (!request || request->is_response() || request->responder_address != wire::kBmcAddress)
    return drop();
  CommandAnswer answer;
  if (!is_for_us(*request)) {
    answer.response.code = wire::CompletionCode::InvalidCommand;
  } else if (auto standard = answer_standard_command(
                 {.config = config_, .sessions = sessions, .self = &session}, *request)) {
    answer = *std::move(standard);
  } else {
    answer.response = forward_command(session, *request, now);
  }
  if (is_beyond_limit(*request, answer.response)) {
    LoginEvent event = login_of(session);
    event.privilege =
        static_cast<wire::Privilege>(std::to_integer<unsigned>(request->data[0]) & kPrivilegeMask);
    event.why = LoginFailure::Privilege;
    logins.failed(std::move(event), now);
  }
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::Ipmi);
  auto datagram = session.live().channel.seal(
      header, wire::encode(wire::make_lan_response(*request, answer.response)));
  if (datagram)
    queue(session.path, *std::move(datagram));
  else
    drop();
  if (answer.close) close(*answer.close, now);
}

wire::IpmiResponse Server::Impl::forward_command(Session& session, const wire::LanMessage& request,
                                                 TimePoint now) {
  // What is not ours, for example ipmitool's PICMG probe, gets its error at once: it waits for it.
  if (!is_oem(request) && !config_.forward_all)
    return {.code = wire::CompletionCode::InvalidCommand, .data = {}};
  const Requester& requester = session.live().requester;
  if (requester.privilege < wire::Privilege::User)
    return {.code = wire::CompletionCode::InsufficientPrivilege, .data = {}};
  auto response =
      application_.handle_command(requester, {request.net_fn, request.command, request.data}, now);
  if (!response) return {.code = wire::CompletionCode::InvalidCommand, .data = {}};
  return *std::move(response);
}

}  // namespace fwr::session
