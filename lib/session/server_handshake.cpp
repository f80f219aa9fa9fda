// SPDX-License-Identifier: GPL-3.0-or-later
// How a session comes up: Open Session, RAKP 1 and RAKP 3. IPMI v2.0 §13.15 to §13.23.
#include <algorithm>
#include <array>
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

void Server::Impl::on_handshake(const Path& path, const wire::RmcpPlusPacket& packet,
                                TimePoint now) {
  switch (static_cast<wire::PayloadType>(packet.header.payload_type)) {
    case wire::PayloadType::OpenSessionRq:
      if (admit(opens_, now)) on_open_session(path, packet.payload, now);
      return;
    case wire::PayloadType::Rakp1: return on_rakp1(path, packet.payload, now);
    case wire::PayloadType::Rakp3: return on_rakp3(path, packet.payload, now);
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
    const Opening opening{request->console_session, request->tag, suite, ceiling_of(*request)};
    // The id of a handshake that the same words began is no other session's.
    const auto taken = [&](std::uint32_t id) {
      const Session* session = sessions.find(id);
      return session != nullptr &&
             (session->state() == SessionState::Active || session->path.peer != path.peer);
    };
    if (const auto id = openings_.issue(opening, path.peer, now, taken))
      return answer_open_session(path, opening, *id);
    refusal.status = RakpStatus::InsufficientResources;
  } else if (refusal.status != RakpStatus::IllegalParameter &&
             refusal.status != RakpStatus::InvalidRole) {
    LoginEvent event;
    event.path = path;
    event.why = LoginFailure::CipherSuite;
    logins.failed(std::move(event), now);
  }
  send_handshake(path, wire::PayloadType::OpenSessionRs, wire::encode(refusal));
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

void Server::Impl::answer_open_session(const Path& path, const Opening& opening, std::uint32_t id) {
  const SuiteInfo& suite = info(opening.suite);
  wire::OpenSessionRs response;
  response.tag = opening.tag;
  response.privilege = opening.ceiling;
  response.console_session = opening.console_session;
  response.managed_session = id;
  response.authentication = suite.authentication;
  response.integrity = suite.integrity;
  response.confidentiality = suite.confidentiality;
  send_handshake(path, wire::PayloadType::OpenSessionRs, wire::encode(response));
}

// --- RAKP 1 --------------------------------------------------------------------------------------

/// Who names the id that Open Session gave to this address has had our answer there: the address is
/// no forged one (PROTOCOL §8.4).
Server::Impl::Step Server::Impl::find_step(ByteView payload, const Path& path, TimePoint now) {
  ByteReader head(payload);
  (void)head.take(4);  // tag, status or reserved
  const std::uint32_t id = head.u32();
  Step step;
  step.session = find_for_peer(id, path);
  if (step.session == nullptr) step.opening = openings_.find(id, path.peer, now);
  return step;
}

void Server::Impl::on_rakp1(const Path& path, ByteView payload, TimePoint now) {
  const auto message = wire::decode_rakp1(payload);
  if (!message && !has_long_name(payload)) return drop();
  const Step step = find_step(payload, path, now);
  if (!(step.is_proved() ? admit_proved(path, now) : admit(refusals_, now))) return;
  wire::Rakp2 refusal;
  refusal.tag = ByteReader(payload).u8();
  Session* session = step.session;
  if (!step.is_proved() || (session != nullptr && session->state() == SessionState::Active)) {
    refusal.status = RakpStatus::InvalidSessionId;
  } else {
    refusal.console_session =
        session != nullptr ? session->console_session : step.opening->opening.console_session;
    if (!message)
      refusal.status = RakpStatus::InvalidNameLength;
    else if (session == nullptr || !is_repeat(*message, session->challenge().exchange))
      // Another message than the first: one of the two was damaged, and the later one counts.
      refusal.status = challenge(step, *message, path, now);
    if (refusal.status == RakpStatus::Ok)
      return answer_rakp1(*sessions.find(message->managed_session), message->tag);
  }
  send_handshake(path, wire::PayloadType::Rakp2, wire::encode(refusal));
}

/// The half-open session of a newcomer always finds a place: a console that is alive needs it for
/// one round trip only, and what is over the quota of a source is at that source's cost.
void Server::Impl::make_half_open_room(const Path& path, TimePoint now) {
  const ServerLimits& limits = config_.limits;
  const Session* oldest = nullptr;
  if (sessions.half_open_of(path.peer) >= limits.half_open_per_source)
    oldest = sessions.oldest_half_open(source_prefix(path.peer));
  else if (sessions.half_open() >= limits.half_open_sessions)
    oldest = sessions.oldest_half_open(sessions.greediest(path.peer));
  if (oldest == nullptr) return;
  tell_failed(*oldest, LoginFailure::NoProof, now);
  close(oldest->id, now);
}

RakpStatus Server::Impl::challenge(const Step& step, const wire::Rakp1& message, const Path& path,
                                   TimePoint now) {
  const Opening opening =
      step.session == nullptr
          ? step.opening->opening
          : Opening{step.session->console_session, 0, step.session->suite, step.session->ceiling};
  const auto role = static_cast<Privilege>(message.role & kRoleMask);
  if (role == Privilege::Highest || role > Privilege::Administrator) return RakpStatus::InvalidRole;
  if (role > opening.ceiling) {
    LoginEvent event;
    event.path = path;
    event.user = message.user;
    event.privilege = role;
    event.suite = opening.suite;
    event.why = LoginFailure::Privilege;
    logins.failed(std::move(event), now);
    return RakpStatus::UnauthorizedRole;
  }
  auto made = make_challenge(message.managed_session, opening, message);
  if (!made) return RakpStatus::InsufficientResources;

  Session* session = step.session;
  if (session == nullptr) {
    make_half_open_room(path, now);
    session = &sessions.add(message.managed_session);
    session->console_session = opening.console_session;
    session->path = path;
    session->suite = opening.suite;
    session->ceiling = opening.ceiling;
    session->opened = now;
    session->expires = step.opening->expires;
    sessions.note_expiry(session->expires);
  } else {
    made->guesses = session->challenge().guesses;
  }
  session->data = *std::move(made);
  sessions.enter(*session, SessionEvent::Challenge);
  return RakpStatus::Ok;
}

/// A name that nobody has gets a challenge like any other: only a right proof tells more.
std::optional<Challenge> Server::Impl::make_challenge(std::uint32_t id, const Opening& opening,
                                                      const wire::Rakp1& message) {
  Challenge challenge;
  RakpExchange& exchange = challenge.exchange;
  exchange.console_session = opening.console_session;
  exchange.managed_session = id;
  exchange.console_random = message.console_random;
  random_.fill(exchange.managed_random);
  exchange.guid = config_.identity.guid;
  exchange.role = message.role;
  exchange.user = message.user;
  challenge.limit = static_cast<Privilege>(message.role & kRoleMask);

  const Account* account = find_account(message.user);
  challenge.is_decoy = account == nullptr;
  if (account != nullptr)
    challenge.user_id = static_cast<std::uint8_t>(
        std::min<std::ptrdiff_t>(account - config_.accounts.data() + 1, 0x3f));
  // In either case, so that both take the same time.
  const auto decoy = decoy_password(message.user);
  if (!decoy) return std::nullopt;
  const Secret& password = account != nullptr ? account->password : *decoy;
  const Hash hash = info(opening.suite).hash;
  auto rakp2 = rakp2_code(hash, password, exchange);
  auto rakp3 = rakp3_code(hash, password, exchange);
  if (!rakp2 || !rakp3) return std::nullopt;
  challenge.rakp2_code = *std::move(rakp2);
  challenge.expected_rakp3_code = *std::move(rakp3);
  return challenge;
}

std::optional<Secret> Server::Impl::decoy_password(const std::string& name) {
  std::array<std::byte, kMaxDigest_bytes> drawn{};
  if (!decoy_key_) {
    random_.fill(drawn);
    decoy_key_ = Secret(drawn);
  }
  auto hmac = Hmac::create(Hash::Sha256, decoy_key_->view());
  std::array<std::byte, kMaxPassword_bytes> password{};
  if (!hmac || !hmac->compute({as_bytes(name)}, password)) return std::nullopt;
  return Secret(password);
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
  const Step step = find_step(payload, path, now);
  if (!(step.is_proved() ? admit_proved(path, now) : admit(refusals_, now))) return;
  wire::Rakp4 refusal;
  refusal.tag = message->tag;
  Session* session = step.session;
  if (session == nullptr) {
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
      tell_failed(*session, LoginFailure::Password, now);
      return close(session->id, now);
    }
    refusal.status = activate(*session, *message, now);
    if (refusal.status == RakpStatus::InvalidIntegrityCheckValue &&
        ++session->challenge().guesses >= kGuesses)
      close(session->id, now);
  }
  if (refusal.status == RakpStatus::Ok) return answer_rakp3(*session, message->tag);
  send_handshake(path, wire::PayloadType::Rakp4, wire::encode(refusal));
}

RakpStatus Server::Impl::activate(Session& session, const wire::Rakp3& message, TimePoint now) {
  Challenge& challenge = session.challenge();
  const Account* account = find_account(challenge.exchange.user);
  if (!equal_constant_time(challenge.expected_rakp3_code, message.key_exchange_code) ||
      challenge.is_decoy || account == nullptr) {
    ++counters.authentication_failures;
    tell_failed(session, LoginFailure::Password, now);
    return RakpStatus::InvalidIntegrityCheckValue;
  }
  // What the account may not be is refused where it is asked for, in Set Session Privilege Level:
  // only its owner learns it, in words that stock clients understand.
  const Privilege limit = std::min(challenge.limit, account->limit);

  const SuiteInfo& suite = info(session.suite);
  const Secret& key = config_.kg ? *config_.kg : account->password;
  const auto keys = session_keys(suite.hash, key, challenge.exchange);
  if (!keys) return RakpStatus::InsufficientResources;
  auto check = rakp4_check(suite, *keys, challenge.exchange);
  auto channel = SecureChannel::create(session.suite, *keys, session.console_session, random_);
  if (!check || !channel) return RakpStatus::InsufficientResources;
  if (!make_active_room(account->name, session.path, now)) {
    tell_failed(session, LoginFailure::NoRoom, now);
    return RakpStatus::InsufficientResources;
  }

  Live live{.channel = *std::move(channel),
            .requester = {.path = session.path,
                          .session = session.id,
                          .user = challenge.exchange.user,
                          .privilege = std::min(Privilege::User, limit),
                          .link = link_,
                          .properties = {}},
            .limit = limit,
            .user_id = challenge.user_id,
            .handle = sessions.free_handle(),
            .rakp3_code = message.key_exchange_code,
            .rakp4_check = *std::move(check),
            .silence_told_at = now + config_.limits.setup};
  session.data = std::move(live);
  session.heard = now;
  session.expires = now + config_.limits.idle;
  sessions.enter(session, SessionEvent::Proof);
  sessions.note_expiry(std::min(session.expires, *session.live().silence_told_at));
  ++counters.sessions_opened;
  return RakpStatus::Ok;
}

bool Server::Impl::make_active_room(const std::string& user, const Path& path, TimePoint now) {
  const std::size_t limit = config_.limits.active_sessions;
  // A user who has no session gets one, whatever others of his source have.
  const bool has_one = sessions.has_active(user);
  const std::size_t reserved = has_one ? limit / kReservedShare : 0;
  if (sessions.active() < limit - reserved &&
      (!has_one || sessions.active_of(path.peer) < std::max(limit / 2, kLeastOfSource)))
    return true;
  // A client that was killed and started again must not wait until its old sessions expire.
  const Session* yields = sessions.longest_silent(user, path.peer);
  // An account is often that of many systems: one of them must not hold all sessions of the others.
  if (yields == nullptr || now < yields->heard + kYieldAfter)
    yields = sessions.too_many_of(user, path.peer);
  if (yields == nullptr) return false;
  close(yields->id, now);
  return true;
}

void Server::Impl::tell_failed(const Session& session, LoginFailure why, TimePoint now) {
  LoginEvent event;
  if (session.state() == SessionState::Active) event = login_of(session);
  event.path = session.path;
  event.suite = session.suite;
  event.why = why;
  if (const auto* challenge = std::get_if<Challenge>(&session.data)) {
    event.user = challenge->exchange.user;
    event.privilege = challenge->limit;
    // Its wrong proofs were told.
    if (why == LoginFailure::NoProof && challenge->guesses > 0) return;
    if (challenge->is_decoy) event.why = LoginFailure::UnknownUser;
  }
  logins.failed(std::move(event), now);
}

void Server::Impl::answer_rakp3(const Session& session, std::uint8_t tag) {
  wire::Rakp4 answer;
  answer.tag = tag;
  answer.console_session = session.console_session;
  answer.integrity_check_value = session.live().rakp4_check;
  send_handshake(session.path, wire::PayloadType::Rakp4, wire::encode(answer));
}

}  // namespace fwr::session
