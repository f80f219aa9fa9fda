// SPDX-License-Identifier: GPL-3.0-or-later
// Traffic of the RMCP+ server, in the order in which a datagram passes it: sorting, messages
// without a session, packets of a session, what goes out, and the end of sessions. PROTOCOL §2.1,
// §2.2.
#include "session/server.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/soonest.hpp"
#include "session/standard_commands.hpp"
#include "wire/oem.hpp"
#include "wire/stream.hpp"

namespace fwr::session {

namespace {

ServerConfig with_possible_limits(ServerConfig config) {
  config.limits.active_sessions = std::min(config.limits.active_sessions, SessionTable::kMaxActive);
  return config;
}

bool same_secret(const std::optional<Secret>& a, const std::optional<Secret>& b) {
  return a.has_value() == b.has_value() && (!a || equal_constant_time(a->view(), b->view()));
}

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

constexpr unsigned kPrivilegeMask = 0x0f;  // in the request of Set Session Privilege Level

/// Set Session Privilege Level for more than the account may have.
bool is_beyond_limit(const wire::LanMessage& request, const wire::IpmiResponse& response) {
  return request.net_fn == raw(wire::NetFn::AppRq) &&
         request.command == kSetSessionPrivilegeLevel &&
         static_cast<std::uint8_t>(response.code) == kExceedsPrivilegeLimit;
}

wire::RmcpPlusHeader header_of(wire::PayloadType type) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  return header;
}

}  // namespace

Server::Server(ServerConfig config, std::uint32_t iana, Application& application,
               RandomSource& random)
    : config_(with_possible_limits(std::move(config))),
      iana_(iana),
      application_(application),
      sessions_(application),
      handshake_(config_, sessions_, logins_, counters_, random),
      pings_(config_.limits.of_sources(config_.limits.replies_per_s)),
      queries_(pings_),
      requests_(config_.limits.small_replies_per_s, config_.limits.small_replies_per_s) {}

void Server::handle_datagram(LinkId link, const Path& path, ByteView datagram, TimePoint now) {
  handle_timeout(now);  // what has expired takes nothing more, however late the driver is
  ++counters_.datagrams;
  const auto message = wire::decode_rmcp(datagram);
  if (!message) return drop();
  if (const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message)) {
    if (packet->header.session_id != 0) return on_session_packet(link, path, *packet, now);
    if (packet->header.encrypted || packet->header.authenticated) return drop();
    if (packet->header.payload_type == static_cast<std::uint8_t>(wire::PayloadType::Ipmi))
      return on_sessionless(link, path, packet->payload, Framing::V20, now);
    return on_handshake(link, path, *packet, now);
  }
  if (const auto* v15 = std::get_if<wire::SessionlessV15>(&*message))
    return on_sessionless(link, path, v15->message, Framing::V15, now);
  if (const auto* ping = std::get_if<wire::PresencePing>(&*message))
    return on_ping(link, path, *ping, now);
  drop();
}

// --- without a session ---------------------------------------------------------------------------

void Server::on_ping(LinkId link, const Path& path, const wire::PresencePing& ping, TimePoint now) {
  constexpr std::uint8_t kNoAnswerWanted = 0xff;  // ASF 2.0 §3.2.4.3
  if (ping.tag == kNoAnswerWanted) return drop();
  if (!admit(pings_.admit(path.peer, now))) return;
  wire::PresencePong pong;
  pong.tag = ping.tag;
  queue(link, path, wire::encode(pong));
}

void Server::on_sessionless(LinkId link, const Path& path, ByteView bytes, Framing framing,
                            TimePoint now) {
  auto request = wire::decode_lan_message(bytes);
  if (!request || !is_for_us(*request)) return drop();
  if (is_sessionless_command(request->net_fn, request->command)) {
    if (!admit(queries_.admit(path.peer, now))) return;
    const auto answer =
        answer_standard_command({.config = config_, .sessions = sessions_}, *request);
    if (answer) reply_sessionless(link, path, *request, answer->response, framing);
    return;
  }
  if (!is_sessionless_oem(*request)) return drop();
  if (!admit(requests_.admit(now))) return;
  Requester stranger;
  stranger.path = path;
  stranger.link = link;
  const wire::IpmiRequest asked{request->net_fn, request->command, request->data};
  const auto response = application_.handle_command(stranger, asked, now);
  if (!response || !fits_request(*response, asked)) return drop();
  reply_sessionless(link, path, *request, *response, framing);
}

void Server::reply_sessionless(LinkId link, const Path& path, const wire::LanMessage& request,
                               const wire::IpmiResponse& response, Framing framing) {
  const Bytes message = wire::encode(wire::make_lan_response(request, response));
  switch (framing) {
    case Framing::V15: return queue(link, path, wire::encode(wire::SessionlessV15{message}));
    case Framing::V20:
      return queue(link, path, wire::encode_plain(header_of(wire::PayloadType::Ipmi), message));
  }
}

void Server::on_handshake(LinkId link, const Path& path, const wire::RmcpPlusPacket& packet,
                          TimePoint now) {
  if (const auto reply = handshake_.handle_packet(link, path, packet, now))
    queue(link, reply->path, wire::encode_plain(header_of(reply->type), reply->payload));
}

// --- inside a session ----------------------------------------------------------------------------

void Server::on_session_packet(LinkId link, const Path& path, const wire::RmcpPlusPacket& packet,
                               TimePoint now) {
  Session* session = sessions_.find(packet.header.session_id);
  if (session == nullptr || session->state() != SessionState::Active ||
      session->path.peer != path.peer || !session->live().channel.open(packet, opened_))
    return drop();
  session->heard = now;
  session->expires = now + config_.limits.idle;
  session->path = path;
  session->live().requester.path = path;
  session->live().requester.link = link;
  note_login(*session, now);

  switch (static_cast<wire::PayloadType>(packet.header.payload_type)) {
    case wire::PayloadType::Ipmi: return on_command(link, *session, opened_, now);
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

/// The first valid packet under the session's keys completes the login.
void Server::note_login(Session& session, TimePoint now) {
  Live& live = session.live();
  if (live.confirmed) return;
  live.confirmed = true;
  live.silence_told_at.reset();
  logins_.opened(login_of(session), now);
}

void Server::on_command(LinkId link, Session& session, ByteView payload, TimePoint now) {
  const auto request = wire::decode_lan_message(payload);
  if (!request || request->is_response() || request->responder_address != wire::kBmcAddress)
    return drop();
  CommandAnswer answer;
  if (!is_for_us(*request)) {
    answer.response.code = wire::CompletionCode::InvalidCommand;
  } else if (auto standard = answer_standard_command(
                 {.config = config_, .sessions = sessions_, .self = &session}, *request)) {
    answer = *std::move(standard);
  } else {
    answer.response = forward_command(session, *request, now);
  }
  if (is_beyond_limit(*request, answer.response)) {
    LoginEvent event = login_of(session);
    event.privilege =
        static_cast<wire::Privilege>(std::to_integer<unsigned>(request->data[0]) & kPrivilegeMask);
    event.why = LoginFailure::Privilege;
    logins_.failed(std::move(event), now);
  }
  auto datagram =
      session.live().channel.seal(header_of(wire::PayloadType::Ipmi),
                                  wire::encode(wire::make_lan_response(*request, answer.response)));
  if (datagram)
    queue(link, session.path, *std::move(datagram));
  else
    drop();
  if (answer.close) sessions_.close(*answer.close, now);
}

wire::IpmiResponse Server::forward_command(Session& session, const wire::LanMessage& request,
                                           TimePoint now) {
  // A foreign command, for example ipmitool's PICMG probe, gets its error at once: the client waits
  // for it.
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

// --- out -----------------------------------------------------------------------------------------

void Server::queue(LinkId link, const Path& path, Bytes datagram) {
  std::deque<Datagram>& replies = replies_[link];
  if (replies.size() >= config_.limits.reply_queue) return drop();
  replies.push_back({path, std::move(datagram)});
}

bool Server::admit(bool admitted) {
  if (!admitted) ++counters_.rate_limited;
  return admitted;
}

std::optional<Datagram> Server::poll_transmit(LinkId link, TimePoint now) {
  if (const auto replies = replies_.find(link);
      replies != replies_.end() && !replies->second.empty()) {
    Datagram reply = std::move(replies->second.front());
    replies->second.pop_front();
    return reply;
  }
  for (unsigned passed = 0; passed < kStalePayloads; ++passed) {
    const auto outgoing = application_.next_payload(link, now);
    if (!outgoing) return std::nullopt;
    Session* session = sessions_.find(outgoing->session);
    if (session == nullptr || session->state() != SessionState::Active) continue;
    wire::RmcpPlusHeader header = header_of(wire::PayloadType::OemExplicit);
    header.oem_iana = iana_;
    header.oem_payload = wire::stream::kPayloadId;
    // A session that is being served may be silent for longer before it yields to another one of
    // its user. That does not prolong it: the peer may be gone, and its grants may last for days.
    session->heard = now;
    auto datagram = session->live().channel.seal(header, outgoing->payload);
    if (datagram) return Datagram{session->path, *std::move(datagram)};
  }
  return std::nullopt;
}

// --- time and configuration ----------------------------------------------------------------------

std::optional<TimePoint> Server::deadline() const {
  Soonest soonest;
  soonest.add(sessions_.deadline());
  soonest.add(logins_.deadline());
  return soonest.time();
}

void Server::handle_timeout(TimePoint now) {
  logins_.handle_timeout(now);
  if (!sessions_.deadline() || now < *sessions_.deadline()) return;
  for (const std::uint32_t id : sessions_.ids_where([](const Session&) { return true; }))
    note_silent(*sessions_.find(id), now);
  for (const std::uint32_t id :
       sessions_.ids_where([now](const Session& session) { return session.expires <= now; }))
    sessions_.close(id, now);
  sessions_.refresh_deadline();
}

/// Logs a half-open session that ends without a proof, and one that was proved and then stayed
/// silent.
void Server::note_silent(Session& session, TimePoint now) {
  if (session.state() == SessionState::Rakp1 && session.expires <= now)
    return log_failure(logins_, session, LoginFailure::NoProof, now);
  if (session.state() != SessionState::Active) return;
  std::optional<TimePoint>& due = session.live().silence_told_at;
  if (!due || now < *due) return;
  due.reset();
  log_failure(logins_, session, LoginFailure::Kg, now);
}

void Server::close_all(TimePoint now) {
  for (const std::uint32_t id : sessions_.ids_where([](const Session&) { return true; }))
    sessions_.close(id, now);
  sessions_.refresh_deadline();
}

void Server::reconfigure(ServerConfig config, TimePoint now) {
  const ServerConfig next = with_possible_limits(std::move(config));
  for (const std::uint32_t id :
       sessions_.ids_where([&](const Session& session) { return !outlives(session, next); }))
    sessions_.close(id, now);
  config_ = next;
  handshake_.reconfigure();
  sessions_.refresh_deadline();
}

bool Server::outlives(const Session& session, const ServerConfig& next) const {
  if (session.suite == CipherSuite::Suite3 && !next.allow_suite3) return false;
  if (session.state() == SessionState::Open) return true;
  if (!same_secret(config_.kg, next.kg)) return false;
  const std::string& user = session.state() == SessionState::Active
                                ? session.live().requester.user
                                : std::get<Challenge>(session.data).exchange.user;
  const Account* before = config_.find_account(user);
  const Account* after = next.find_account(user);
  return before != nullptr && after != nullptr && before->limit == after->limit &&
         equal_constant_time(before->password.view(), after->password.view());
}

}  // namespace fwr::session
