// SPDX-License-Identifier: GPL-3.0-or-later
// The server: what comes in is sorted, what goes out is queued, what is old is closed.
#include "session/server.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/soonest.hpp"
#include "session/server_impl.hpp"
#include "wire/stream.hpp"

namespace fwr::session {

namespace {

SourceLimiter make_limiter(const ServerLimits& limits, unsigned per_s) {
  return SourceLimiter({.per_source_per_s = limits.replies_per_source_per_s,
                        .burst = limits.replies_burst,
                        .per_s = per_s,
                        .sources = limits.sources});
}

/// Each prefix may have what it is given in a second at once.
SourceLimiter make_prefix_limiter(const ServerLimits& limits) {
  return SourceLimiter({.per_source_per_s = limits.proved_of_prefix_per_s,
                        .burst = limits.proved_of_prefix_per_s,
                        .per_s = limits.small_replies_per_s,
                        .sources = limits.sources});
}

TokenBucket make_bucket(unsigned per_s) {
  return {per_s, per_s};
}

ServerConfig with_possible_limits(ServerConfig config) {
  config.limits.active_sessions = std::min(config.limits.active_sessions, SessionTable::kMaxActive);
  return config;
}

bool same_secret(const std::optional<Secret>& a, const std::optional<Secret>& b) {
  return a.has_value() == b.has_value() && (!a || equal_constant_time(a->view(), b->view()));
}

}  // namespace

Server::Impl::Impl(ServerConfig config, std::uint32_t iana, Application& application,
                   RandomSource& random)
    : config_(with_possible_limits(std::move(config))),
      iana_(iana),
      application_(application),
      random_(random),
      openings_(config_.limits.setup, random),
      pings_(make_limiter(config_.limits, config_.limits.replies_per_s)),
      queries_(pings_),
      requests_(make_bucket(config_.limits.small_replies_per_s)),
      opens_(requests_),
      refusals_(make_bucket(config_.limits.replies_per_s)),
      proved_(make_limiter(config_.limits, config_.limits.small_replies_per_s)),
      proved_prefixes_(make_prefix_limiter(config_.limits)) {}

void Server::Impl::handle_datagram(const Path& path, ByteView datagram, TimePoint now,
                                   LinkId link) {
  link_ = link;
  handle_timeout(now);  // what has expired takes nothing more, however late the driver is
  ++counters.datagrams;
  const auto message = wire::decode_rmcp(datagram);
  if (!message) return drop();
  if (const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message)) {
    if (packet->header.session_id != 0) return on_session_packet(path, *packet, now);
    if (packet->header.encrypted || packet->header.authenticated) return drop();
    if (packet->header.payload_type == static_cast<std::uint8_t>(wire::PayloadType::Ipmi))
      return on_sessionless(path, packet->payload, Framing::V20, now);
    return on_handshake(path, *packet, now);
  }
  if (const auto* v15 = std::get_if<wire::SessionlessV15>(&*message))
    return on_sessionless(path, v15->message, Framing::V15, now);
  const auto* ping = std::get_if<wire::PresencePing>(&*message);
  constexpr std::uint8_t kNoAnswerWanted = 0xff;  // ASF 2.0 §3.2.4.3
  if (ping == nullptr || ping->tag == kNoAnswerWanted) return drop();
  if (!admit(pings_, path, now)) return;
  wire::PresencePong pong;
  pong.tag = ping->tag;
  queue(path, wire::encode(pong));
}

void Server::Impl::handle_timeout(TimePoint now) {
  logins.handle_timeout(now);
  if (!sessions.deadline() || now < *sessions.deadline()) return;
  for (const std::uint32_t id : sessions.ids_where([](const Session&) { return true; }))
    tell_silent(*sessions.find(id), now);
  for (const std::uint32_t id :
       sessions.ids_where([now](const Session& session) { return session.expires <= now; }))
    close(id, now);
  sessions.refresh_deadline();
}

/// What ends without a proof, or was proved and is silent from then on.
void Server::Impl::tell_silent(Session& session, TimePoint now) {
  if (session.state() == SessionState::Rakp1 && session.expires <= now)
    return tell_failed(session, LoginFailure::NoProof, now);
  if (session.state() != SessionState::Active) return;
  std::optional<TimePoint>& due = session.live().silence_told_at;
  if (!due || now < *due) return;
  due.reset();
  tell_failed(session, LoginFailure::Kg, now);
}

std::optional<Datagram> Server::Impl::poll_transmit(TimePoint now, LinkId link) {
  if (const auto replies = replies_.find(link);
      replies != replies_.end() && !replies->second.empty()) {
    Datagram reply = std::move(replies->second.front());
    replies->second.pop_front();
    return reply;
  }
  for (unsigned passed = 0; passed < kStalePayloads; ++passed) {
    const auto outgoing = application_.next_payload(now, link);
    if (!outgoing) return std::nullopt;
    Session* session = sessions.find(outgoing->session);
    if (session == nullptr || session->state() != SessionState::Active) continue;
    wire::RmcpPlusHeader header;
    header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::OemExplicit);
    header.oem_iana = iana_;
    header.oem_payload = wire::stream::kPayloadId;
    // Who is served may be silent for longer before others of its user may take its place. That
    // does not keep the session: the peer may have gone, and what it was granted may last for days.
    session->heard = now;
    auto datagram = session->live().channel.seal(header, outgoing->payload);
    if (datagram) return Datagram{session->path, *std::move(datagram)};
  }
  return std::nullopt;
}

void Server::Impl::close_all(TimePoint now) {
  for (const std::uint32_t id : sessions.ids_where([](const Session&) { return true; }))
    close(id, now);
  sessions.refresh_deadline();
}

void Server::Impl::reconfigure(ServerConfig config, TimePoint now) {
  const ServerConfig next = with_possible_limits(std::move(config));
  for (const std::uint32_t id :
       sessions.ids_where([&](const Session& session) { return !outlives(session, next); }))
    close(id, now);
  config_ = next;
  openings_.set_life(config_.limits.setup);
  sessions.refresh_deadline();
}

bool Server::Impl::outlives(const Session& session, const ServerConfig& next) const {
  if (session.suite == CipherSuite::Suite3 && !next.allow_suite3) return false;
  if (session.state() == SessionState::Open) return true;
  if (!same_secret(config_.kg, next.kg)) return false;
  const std::string& user = session.state() == SessionState::Active
                                ? session.live().requester.user
                                : std::get<Challenge>(session.data).exchange.user;
  const Account* before = find_account(user);
  const auto after = std::find_if(next.accounts.begin(), next.accounts.end(),
                                  [&](const Account& account) { return account.name == user; });
  return before != nullptr && after != next.accounts.end() && before->limit == after->limit &&
         equal_constant_time(before->password.view(), after->password.view());
}

const Account* Server::Impl::find_account(const std::string& name) const {
  const auto found = std::find_if(config_.accounts.begin(), config_.accounts.end(),
                                  [&](const Account& account) { return account.name == name; });
  return found == config_.accounts.end() ? nullptr : &*found;
}

void Server::Impl::close(std::uint32_t id, TimePoint now) {
  Session* session = sessions.find(id);
  if (session == nullptr) return;
  const bool was_active = session->state() == SessionState::Active;
  sessions.enter(*session, SessionEvent::End);
  sessions.erase(id);
  if (was_active) application_.session_closed(id, now);
}

void Server::Impl::queue(const Path& path, Bytes datagram) {
  std::deque<Datagram>& replies = replies_[link_];
  if (replies.size() >= config_.limits.reply_queue) return drop();
  replies.push_back({path, std::move(datagram)});
}

bool Server::Impl::admit(SourceLimiter& limiter, const Path& path, TimePoint now) {
  if (limiter.admit(path.peer, now)) return true;
  ++counters.rate_limited;
  return false;
}

bool Server::Impl::admit(TokenBucket& bucket, TimePoint now) {
  if (bucket.has_token(now)) {
    bucket.take(now);
    return true;
  }
  ++counters.rate_limited;
  return false;
}

bool Server::Impl::admit_proved(const Path& path, TimePoint now) {
  Address host = path.peer;
  host.port = 0;
  if (proved_.admit(host, now) && proved_prefixes_.admit(source_prefix(host), now)) return true;
  ++counters.rate_limited;
  return false;
}

Server::Server(ServerConfig config, std::uint32_t iana, Application& application,
               RandomSource& random)
    : impl_(std::make_unique<Impl>(std::move(config), iana, application, random)) {}
Server::~Server() = default;

void Server::handle_datagram(const Path& path, ByteView datagram, TimePoint now, LinkId link) {
  impl_->handle_datagram(path, datagram, now, link);
}
void Server::handle_timeout(TimePoint now) {
  impl_->handle_timeout(now);
}
std::optional<Datagram> Server::poll_transmit(TimePoint now, LinkId link) {
  return impl_->poll_transmit(now, link);
}
std::optional<TimePoint> Server::deadline() const {
  Soonest soonest;
  soonest.add(impl_->sessions.deadline());
  soonest.add(impl_->logins.deadline());
  return soonest.time();
}
std::optional<LoginEvent> Server::poll_login() {
  return impl_->logins.poll();
}
void Server::count_logins() {
  impl_->logins.end_window();
}
void Server::close_all(TimePoint now) {
  impl_->close_all(now);
}
void Server::reconfigure(ServerConfig config, TimePoint now) {
  impl_->reconfigure(std::move(config), now);
}
const Counters& Server::counters() const {
  return impl_->counters;
}
std::size_t Server::active_sessions() const {
  return impl_->sessions.active();
}
std::size_t Server::half_open_sessions() const {
  return impl_->sessions.half_open();
}

}  // namespace fwr::session
