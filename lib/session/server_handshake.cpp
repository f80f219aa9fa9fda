// SPDX-License-Identifier: GPL-3.0-or-later
// How a session comes up: Open Session, RAKP 1 and RAKP 3. IPMI v2.0 §13.15 to §13.23.
#include <algorithm>
#include <utility>

#include "session/server_impl.hpp"

namespace fwr::session {

namespace {

using wire::Privilege;
using wire::RakpStatus;

constexpr std::uint8_t kRoleMask = 0x0f;  // of RAKP 1's role byte; b4 is the kind of name lookup

/// RAKP 1 with a name that is too long decodes to an error; this much of it is wanted for the
/// answer.
bool has_long_name(ByteView payload) {
  constexpr std::size_t kNameLengthAt = 27;
  return payload.size() > kNameLengthAt &&
         static_cast<std::size_t>(payload[kNameLengthAt]) > wire::kMaxUserName_bytes;
}

Privilege ceiling_of(const wire::OpenSessionRq& request) {
  return request.privilege == Privilege::Highest ? Privilege::Administrator : request.privilege;
}

/// Whether this is the message that started the exchange; its tag may have changed.
bool is_repeat(const wire::Rakp1& message, const RakpExchange& exchange) {
  return exchange.console_random == message.console_random && exchange.role == message.role &&
         exchange.user == message.user;
}

}  // namespace

/// RAKP 1 or RAKP 3. Who names a session of its own address has had our answer there: the address
/// is no forged one, and a flood with forged ones must not take its turn (PROTOCOL §8.4).
bool Server::Impl::admit_step(const Path& path, ByteView payload, TimePoint now) {
  ByteReader head(payload);
  (void)head.take(4);  // tag, status or reserved
  if (find_for_peer(head.u32(), path) == nullptr) return admit(handshakes_, path, now);
  if (handshakes_.admit_proved(path.peer, now)) return true;
  ++counters.rate_limited;
  return false;
}

void Server::Impl::on_handshake(const Path& path, const wire::RmcpPlusPacket& packet,
                                TimePoint now) {
  switch (static_cast<wire::PayloadType>(packet.header.payload_type)) {
    case wire::PayloadType::OpenSessionRq:
      if (admit(handshakes_, path, now)) on_open_session(path, packet.payload, now);
      return;
    case wire::PayloadType::Rakp1:
      if (admit_step(path, packet.payload, now)) on_rakp1(path, packet.payload);
      return;
    case wire::PayloadType::Rakp3:
      if (admit_step(path, packet.payload, now)) on_rakp3(path, packet.payload, now);
      return;
    case wire::PayloadType::Ipmi:
    case wire::PayloadType::OemExplicit:
    case wire::PayloadType::OpenSessionRs:
    case wire::PayloadType::Rakp2:
    case wire::PayloadType::Rakp4: break;
  }
  drop();
}

void Server::Impl::send_handshake(const Path& path, wire::PayloadType type, ByteView payload) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  queue(path, wire::encode_plain(header, payload));
}

Session* Server::Impl::find_for_peer(std::uint32_t id, const Path& path) {
  Session* session = sessions.find(id);
  return session != nullptr && session->path.peer == path.peer ? session : nullptr;
}

// --- Open Session --------------------------------------------------------------------------------

void Server::Impl::on_open_session(const Path& path, ByteView payload, TimePoint now) {
  const auto request = wire::decode_open_session_rq(payload);
  if (!request) return drop();
  wire::OpenSessionRs refusal;
  refusal.tag = request->tag;
  refusal.console_session = request->console_session;

  CipherSuite suite = CipherSuite::Suite17;
  refusal.status = choose_suite(*request, suite);
  if (refusal.status == RakpStatus::Ok && request->console_session == 0)
    refusal.status = RakpStatus::IllegalParameter;
  if (refusal.status == RakpStatus::Ok && request->privilege > Privilege::Administrator)
    refusal.status = RakpStatus::InvalidRole;
  if (refusal.status == RakpStatus::Ok) {
    const Session* again = sessions.find_open(
        {path, request->console_session, request->tag, suite, ceiling_of(*request)});
    if (again != nullptr) return answer_open_session(*again);
    if (!make_half_open_room(path, now)) refusal.status = RakpStatus::InsufficientResources;
  }
  if (refusal.status != RakpStatus::Ok)
    return send_handshake(path, wire::PayloadType::OpenSessionRs, wire::encode(refusal));

  Session& session = sessions.add(random_);
  session.console_session = request->console_session;
  session.path = path;
  session.suite = suite;
  session.ceiling = ceiling_of(*request);
  session.open_tag = request->tag;
  session.opened = now;
  session.expires = now + config_.limits.setup;
  sessions.note_expiry(session.expires);
  answer_open_session(session);
}

RakpStatus Server::Impl::choose_suite(const wire::OpenSessionRq& request,
                                      CipherSuite& suite) const {
  // The refusal names the first algorithm that no suite of PROTOCOL §2.2 has. When each is in some
  // suite, it is their combination that is wrong, or not allowed here.
  bool authentication = false;
  bool integrity = false;
  bool confidentiality = false;
  for (const SuiteInfo& candidate : kSuites) {
    const bool allowed = candidate.suite != CipherSuite::Suite3 || config_.allow_suite3;
    const bool a =
        request.authentication.value_or(candidate.authentication) == candidate.authentication;
    const bool i = request.integrity.value_or(candidate.integrity) == candidate.integrity;
    const bool c =
        request.confidentiality.value_or(candidate.confidentiality) == candidate.confidentiality;
    if (allowed && a && i && c) {
      suite = candidate.suite;
      return RakpStatus::Ok;
    }
    authentication |= a;
    integrity |= i;
    confidentiality |= c;
  }
  if (!authentication) return RakpStatus::InvalidAuthenticationAlgorithm;
  if (!integrity) return RakpStatus::InvalidIntegrityAlgorithm;
  if (!confidentiality) return RakpStatus::InvalidConfidentialityAlgorithm;
  return RakpStatus::NoMatchingCipherSuite;
}

bool Server::Impl::make_half_open_room(const Path& path, TimePoint now) {
  const ServerLimits& limits = config_.limits;
  const bool source_is_full = sessions.half_open_of(path.peer) >= limits.half_open_per_source;
  if (!source_is_full && sessions.half_open() < limits.half_open_sessions) return true;
  // Who got this far may have forged its address and can fill either quota for free, also that of
  // somebody else. A session that has not even sent RAKP 1 makes room, so that a flood delays
  // newcomers but does not lock them out. Nor do some hosts that open many and prove nothing.
  const Session* oldest =
      source_is_full ? sessions.oldest_open_of(path.peer) : sessions.oldest_of_greediest(path.peer);
  if (oldest == nullptr && !source_is_full) oldest = sessions.oldest_open();
  if (oldest == nullptr) return false;
  close(oldest->id, now);
  return true;
}

void Server::Impl::answer_open_session(const Session& session) {
  const SuiteInfo& suite = info(session.suite);
  wire::OpenSessionRs response;
  response.tag = session.open_tag;
  response.privilege = session.ceiling;
  response.console_session = session.console_session;
  response.managed_session = session.id;
  response.authentication = suite.authentication;
  response.integrity = suite.integrity;
  response.confidentiality = suite.confidentiality;
  send_handshake(session.path, wire::PayloadType::OpenSessionRs, wire::encode(response));
}

// --- RAKP 1 --------------------------------------------------------------------------------------

void Server::Impl::on_rakp1(const Path& path, ByteView payload) {
  const auto message = wire::decode_rakp1(payload);
  if (!message && !has_long_name(payload)) return drop();
  ByteReader head(payload);
  wire::Rakp2 refusal;
  refusal.tag = head.u8();
  (void)head.take(3);
  Session* session = find_for_peer(head.u32(), path);
  if (session == nullptr || session->state() == SessionState::Active) {
    refusal.status = RakpStatus::InvalidSessionId;
  } else {
    refusal.console_session = session->console_session;
    if (!message) {
      refusal.status = RakpStatus::InvalidNameLength;
    } else if (session->state() == SessionState::Open ||
               !is_repeat(*message, session->challenge().exchange)) {
      // Another message than the first: one of the two was damaged, and the later one counts.
      refusal.status = challenge(*session, *message);
    }
  }
  if (refusal.status == RakpStatus::Ok) return answer_rakp1(*session, message->tag);
  if (refusal.status == RakpStatus::UnauthorizedName) ++counters.authentication_failures;
  send_handshake(path, wire::PayloadType::Rakp2, wire::encode(refusal));
}

RakpStatus Server::Impl::challenge(Session& session, const wire::Rakp1& message) {
  const auto role = static_cast<Privilege>(message.role & kRoleMask);
  if (role == Privilege::Highest || role > Privilege::Administrator) return RakpStatus::InvalidRole;
  const Account* account = find_account(message.user);
  if (account == nullptr) return RakpStatus::UnauthorizedName;
  if (role > session.ceiling || role > account->limit) return RakpStatus::UnauthorizedRole;

  Challenge challenge;
  RakpExchange& exchange = challenge.exchange;
  exchange.console_session = session.console_session;
  exchange.managed_session = session.id;
  exchange.console_random = message.console_random;
  random_.fill(exchange.managed_random);
  exchange.guid = config_.identity.guid;
  exchange.role = message.role;
  exchange.user = message.user;
  challenge.limit = role;
  challenge.user_id = static_cast<std::uint8_t>(
      std::min<std::ptrdiff_t>(account - config_.accounts.data() + 1, 0x3f));

  const Hash hash = info(session.suite).hash;
  auto rakp2 = rakp2_code(hash, account->password, exchange);
  auto rakp3 = rakp3_code(hash, account->password, exchange);
  if (!rakp2 || !rakp3) return RakpStatus::InsufficientResources;
  challenge.rakp2_code = *std::move(rakp2);
  challenge.expected_rakp3_code = *std::move(rakp3);
  session.data = std::move(challenge);
  sessions.enter(session, SessionEvent::Challenge);
  return RakpStatus::Ok;
}

void Server::Impl::answer_rakp1(Session& session, std::uint8_t tag) {
  const Challenge& challenge = session.challenge();
  wire::Rakp2 answer;
  answer.tag = tag;
  answer.console_session = session.console_session;
  answer.managed_random = challenge.exchange.managed_random;
  answer.guid = challenge.exchange.guid;
  answer.key_exchange_code = challenge.rakp2_code;
  send_handshake(session.path, wire::PayloadType::Rakp2, wire::encode(answer));
}

// --- RAKP 3 --------------------------------------------------------------------------------------

void Server::Impl::on_rakp3(const Path& path, ByteView payload, TimePoint now) {
  const auto message = wire::decode_rakp3(payload);
  if (!message) return drop();
  wire::Rakp4 refusal;
  refusal.tag = message->tag;
  Session* session = find_for_peer(message->managed_session, path);
  if (session == nullptr || session->state() == SessionState::Open) {
    refusal.status = RakpStatus::InvalidSessionId;
  } else if (session->state() == SessionState::Active) {
    // A repeat gets the answer of the first time, and anything else changes nothing.
    if (message->status != RakpStatus::Ok ||
        !equal_constant_time(session->live().rakp3_code, message->key_exchange_code))
      return drop();
  } else {
    refusal.console_session = session->console_session;
    if (message->status != RakpStatus::Ok) {
      // The console gives up, for example because RAKP 2 showed it that its password is wrong.
      ++counters.authentication_failures;
      return close(session->id, now);
    }
    refusal.status = activate(*session, *message, now);
  }
  if (refusal.status == RakpStatus::Ok) return answer_rakp3(*session, message->tag);
  send_handshake(path, wire::PayloadType::Rakp4, wire::encode(refusal));
}

RakpStatus Server::Impl::activate(Session& session, const wire::Rakp3& message, TimePoint now) {
  Challenge& challenge = session.challenge();
  if (!equal_constant_time(challenge.expected_rakp3_code, message.key_exchange_code)) {
    ++counters.authentication_failures;
    return RakpStatus::InvalidIntegrityCheckValue;
  }
  const Account* account = find_account(challenge.exchange.user);
  if (account == nullptr) return RakpStatus::UnauthorizedName;

  const SuiteInfo& suite = info(session.suite);
  const Secret& key = config_.kg ? *config_.kg : account->password;
  const auto keys = session_keys(suite.hash, key, challenge.exchange);
  if (!keys) return RakpStatus::InsufficientResources;
  auto check = rakp4_check(suite, *keys, challenge.exchange);
  auto channel = SecureChannel::create(session.suite, *keys, session.console_session, random_);
  if (!check || !channel || !make_active_room(account->name, session.path, now))
    return RakpStatus::InsufficientResources;

  Live live{.channel = *std::move(channel),
            .requester = {.path = session.path,
                          .session = session.id,
                          .user = challenge.exchange.user,
                          .privilege = std::min(Privilege::User, challenge.limit),
                          .link = link_,
                          .properties = {}},
            .limit = challenge.limit,
            .user_id = challenge.user_id,
            .handle = sessions.free_handle(),
            .rakp3_code = message.key_exchange_code,
            .rakp4_check = *std::move(check)};
  session.data = std::move(live);
  session.heard = now;
  session.expires = now + config_.limits.idle;
  sessions.enter(session, SessionEvent::Proof);
  sessions.note_expiry(session.expires);
  ++counters.sessions_opened;
  return RakpStatus::Ok;
}

bool Server::Impl::make_active_room(const std::string& user, const Path& path, TimePoint now) {
  const std::size_t limit = config_.limits.active_sessions;
  const std::size_t reserved = sessions.has_active(user) ? limit / kReservedShare : 0;
  if (sessions.active() < limit - reserved &&
      sessions.active_of(path.peer) < std::max(limit / 2, kLeastOfSource))
    return true;
  // A client that was killed and started again must not wait until its old sessions expire.
  const Session* silent = sessions.longest_silent(user, path.peer);
  if (silent == nullptr || now < silent->heard + kYieldAfter) return false;
  close(silent->id, now);
  return true;
}

void Server::Impl::answer_rakp3(const Session& session, std::uint8_t tag) {
  wire::Rakp4 answer;
  answer.tag = tag;
  answer.console_session = session.console_session;
  answer.integrity_check_value = session.live().rakp4_check;
  send_handshake(session.path, wire::PayloadType::Rakp4, wire::encode(answer));
}

}  // namespace fwr::session
