// SPDX-License-Identifier: GPL-3.0-or-later
// Open Session, RAKP 1 and RAKP 3, in this order. IPMI v2.0 §13.15 to §13.23.
#include "session/server_handshake.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

namespace fwr::session {

namespace {

using wire::PayloadType;
using wire::Privilege;
using wire::RakpStatus;

constexpr std::uint8_t kRoleMask = 0x0f;  // in RAKP 1's role byte; b4 is the kind of name lookup

/// A RAKP 1 with too long a name does not decode, but is answered with the status that says so.
bool has_long_name(ByteView payload) {
  constexpr std::size_t kNameLengthAt = 27;
  return payload.size() > kNameLengthAt &&
         static_cast<std::size_t>(payload[kNameLengthAt]) > wire::kMaxUserName_bytes;
}

Privilege ceiling_of(const wire::OpenSessionRq& request) {
  return request.privilege == Privilege::Highest ? Privilege::Administrator : request.privilege;
}

/// True for the message that started the exchange; its tag may have changed.
bool is_repeat(const wire::Rakp1& message, const RakpExchange& exchange) {
  return exchange.console_random == message.console_random && exchange.role == message.role &&
         exchange.user == message.user;
}

/// Each prefix may use its rate of one second at once.
SourceLimiter::Limits of_prefixes(const ServerLimits& limits) {
  return {.per_source_per_s = limits.proved_of_prefix_per_s,
          .burst = limits.proved_of_prefix_per_s,
          .per_s = limits.small_replies_per_s,
          .sources = limits.sources};
}

ServerHandshake::Reply open_session_reply(const Path& path, const Opening& opening,
                                          std::uint32_t id) {
  const SuiteInfo& suite = info(opening.suite);
  wire::OpenSessionRs response;
  response.tag = opening.tag;
  response.privilege = opening.ceiling;
  response.console_session = opening.console_session;
  response.managed_session = id;
  response.authentication = suite.authentication;
  response.integrity = suite.integrity;
  response.confidentiality = suite.confidentiality;
  return {path, PayloadType::OpenSessionRs, wire::encode(response)};
}

ServerHandshake::Reply rakp2_reply(Session& session, std::uint8_t tag) {
  const Challenge& challenge = session.challenge();
  wire::Rakp2 answer;
  answer.tag = tag;
  answer.console_session = session.console_session;
  answer.managed_random = challenge.exchange.managed_random;
  answer.guid = challenge.exchange.guid;
  answer.key_exchange_code = challenge.rakp2_code;
  return {session.path, PayloadType::Rakp2, wire::encode(answer)};
}

ServerHandshake::Reply rakp4_reply(const Session& session, std::uint8_t tag) {
  wire::Rakp4 answer;
  answer.tag = tag;
  answer.console_session = session.console_session;
  answer.integrity_check_value = session.live().rakp4_check;
  return {session.path, PayloadType::Rakp4, wire::encode(answer)};
}

}  // namespace

ServerHandshake::ServerHandshake(const ServerConfig& config, SessionTable& sessions,
                                 LoginLog& logins, Counters& counters, RandomSource& random)
    : config_(config),
      sessions_(sessions),
      logins_(logins),
      counters_(counters),
      random_(random),
      openings_(config.limits.setup, random),
      opens_(config.limits.small_replies_per_s, config.limits.small_replies_per_s),
      refusals_(config.limits.replies_per_s, config.limits.replies_per_s),
      proved_(config.limits.of_sources(config.limits.small_replies_per_s)),
      proved_prefixes_(of_prefixes(config.limits)) {}

std::optional<ServerHandshake::Reply> ServerHandshake::handle_packet(
    LinkId link, const Path& path, const wire::RmcpPlusPacket& packet, TimePoint now) {
  switch (static_cast<PayloadType>(packet.header.payload_type)) {
    case PayloadType::OpenSessionRq:
      if (!admit(opens_, now)) return std::nullopt;
      return on_open_session(path, packet.payload, now);
    case PayloadType::Rakp1: return on_rakp1(path, packet.payload, now);
    case PayloadType::Rakp3: return on_rakp3(link, path, packet.payload, now);
    case PayloadType::Ipmi:
    case PayloadType::OemExplicit:
    case PayloadType::OpenSessionRs:
    case PayloadType::Rakp2:
    case PayloadType::Rakp4: break;
  }
  return drop();
}

bool ServerHandshake::admit(TokenBucket& bucket, TimePoint now) {
  if (bucket.admit(now)) return true;
  ++counters_.rate_limited;
  return false;
}

bool ServerHandshake::admit_proved(const Path& path, TimePoint now) {
  Address host = path.peer;
  host.port = 0;
  if (proved_.admit(host, now) && proved_prefixes_.admit(source_prefix(host), now)) return true;
  ++counters_.rate_limited;
  return false;
}

std::optional<ServerHandshake::Reply> ServerHandshake::drop() {
  ++counters_.dropped;
  return std::nullopt;
}

// --- Open Session --------------------------------------------------------------------------------

std::optional<ServerHandshake::Reply> ServerHandshake::on_open_session(const Path& path,
                                                                       ByteView payload,
                                                                       TimePoint now) {
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
    // The id of a handshake that began with the same opening is not another session's.
    const auto taken = [&](std::uint32_t id) {
      const Session* session = sessions_.find(id);
      return session != nullptr &&
             (session->state() == SessionState::Active || session->path.peer != path.peer);
    };
    if (const auto id = openings_.issue(opening, path.peer, now, taken))
      return open_session_reply(path, opening, *id);
    refusal.status = RakpStatus::InsufficientResources;
  } else if (refusal.status != RakpStatus::IllegalParameter &&
             refusal.status != RakpStatus::InvalidRole) {
    LoginEvent event;
    event.path = path;
    event.why = LoginFailure::CipherSuite;
    logins_.failed(std::move(event), now);
  }
  return Reply{path, PayloadType::OpenSessionRs, wire::encode(refusal)};
}

RakpStatus ServerHandshake::choose_suite(const wire::OpenSessionRq& request,
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

// --- RAKP 1 --------------------------------------------------------------------------------------

/// A sender that knows the id which Open Session gave to its address has received our answer there,
/// so the address is not forged (PROTOCOL §8.4).
ServerHandshake::Step ServerHandshake::find_step(ByteView payload, const Path& path,
                                                 TimePoint now) {
  ByteReader head(payload);
  (void)head.take(4);  // tag, status or reserved
  const std::uint32_t id = head.u32();
  Step step;
  Session* const session = sessions_.find(id);
  if (session != nullptr && session->path.peer == path.peer) step.session = session;
  if (step.session == nullptr) step.opening = openings_.find(id, path.peer, now);
  return step;
}

std::optional<ServerHandshake::Reply> ServerHandshake::on_rakp1(const Path& path, ByteView payload,
                                                                TimePoint now) {
  const auto message = wire::decode_rakp1(payload);
  if (!message && !has_long_name(payload)) return drop();
  const Step step = find_step(payload, path, now);
  if (!(step.is_proved() ? admit_proved(path, now) : admit(refusals_, now))) return std::nullopt;
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
      return rakp2_reply(*sessions_.find(message->managed_session), message->tag);
  }
  return Reply{path, PayloadType::Rakp2, wire::encode(refusal)};
}

/// A newcomer always gets a half-open session: a live console needs it for one round trip only, and
/// a source that is over its quota loses its own oldest one.
void ServerHandshake::make_half_open_room(const Path& path, TimePoint now) {
  const ServerLimits& limits = config_.limits;
  const Session* oldest = nullptr;
  if (sessions_.half_open_of(path.peer) >= limits.half_open_per_source)
    oldest = sessions_.oldest_half_open(source_prefix(path.peer));
  else if (sessions_.half_open() >= limits.half_open_sessions)
    oldest = sessions_.oldest_half_open(sessions_.greediest(path.peer));
  if (oldest == nullptr) return;
  log_failure(logins_, *oldest, LoginFailure::NoProof, now);
  sessions_.close(oldest->id, now);
}

RakpStatus ServerHandshake::challenge(const Step& step, const wire::Rakp1& message,
                                      const Path& path, TimePoint now) {
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
    logins_.failed(std::move(event), now);
    return RakpStatus::UnauthorizedRole;
  }
  auto made = make_challenge(message.managed_session, opening, message);
  if (!made) return RakpStatus::InsufficientResources;

  Session* session = step.session;
  if (session == nullptr) {
    make_half_open_room(path, now);
    session = &sessions_.add(message.managed_session);
    session->console_session = opening.console_session;
    session->path = path;
    session->suite = opening.suite;
    session->ceiling = opening.ceiling;
    session->opened = now;
    session->expires = step.opening->expires;
    sessions_.note_expiry(session->expires);
  } else {
    made->guesses = session->challenge().guesses;
  }
  session->data = *std::move(made);
  sessions_.enter(*session, SessionEvent::Challenge);
  return RakpStatus::Ok;
}

/// An unknown name gets a challenge like any other: only a right proof reveals that it exists.
std::optional<Challenge> ServerHandshake::make_challenge(std::uint32_t id, const Opening& opening,
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

  const Account* account = config_.find_account(message.user);
  challenge.is_decoy = account == nullptr;
  if (account != nullptr)
    challenge.user_id = static_cast<std::uint8_t>(
        std::min<std::ptrdiff_t>(account - config_.accounts.data() + 1, 0x3f));
  // Computed in either case, so that both take the same time.
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

std::optional<Secret> ServerHandshake::decoy_password(const std::string& name) {
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

// --- RAKP 3 --------------------------------------------------------------------------------------

std::optional<ServerHandshake::Reply> ServerHandshake::on_rakp3(LinkId link, const Path& path,
                                                                ByteView payload, TimePoint now) {
  const auto message = wire::decode_rakp3(payload);
  if (!message) return drop();
  const Step step = find_step(payload, path, now);
  if (!(step.is_proved() ? admit_proved(path, now) : admit(refusals_, now))) return std::nullopt;
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
      ++counters_.authentication_failures;
      log_failure(logins_, *session, LoginFailure::Password, now);
      sessions_.close(session->id, now);
      return std::nullopt;
    }
    refusal.status = activate(link, *session, *message, now);
    if (refusal.status == RakpStatus::InvalidIntegrityCheckValue &&
        ++session->challenge().guesses >= kGuesses)
      sessions_.close(session->id, now);
  }
  if (refusal.status == RakpStatus::Ok) return rakp4_reply(*session, message->tag);
  return Reply{path, PayloadType::Rakp4, wire::encode(refusal)};
}

RakpStatus ServerHandshake::activate(LinkId link, Session& session, const wire::Rakp3& message,
                                     TimePoint now) {
  Challenge& challenge = session.challenge();
  const Account* account = config_.find_account(challenge.exchange.user);
  if (!equal_constant_time(challenge.expected_rakp3_code, message.key_exchange_code) ||
      challenge.is_decoy || account == nullptr) {
    ++counters_.authentication_failures;
    log_failure(logins_, session, LoginFailure::Password, now);
    return RakpStatus::InvalidIntegrityCheckValue;
  }
  // A level above the account's is refused when it is requested, by Set Session Privilege Level:
  // only the owner of the account learns it, in a form that stock clients understand.
  const Privilege limit = std::min(challenge.limit, account->limit);

  const SuiteInfo& suite = info(session.suite);
  const Secret& key = config_.kg ? *config_.kg : account->password;
  const auto keys = session_keys(suite.hash, key, challenge.exchange);
  if (!keys) return RakpStatus::InsufficientResources;
  auto check = rakp4_check(suite, *keys, challenge.exchange);
  auto channel = SecureChannel::create(session.suite, *keys, session.console_session, random_);
  if (!check || !channel) return RakpStatus::InsufficientResources;
  if (!make_active_room(account->name, session.path, now)) {
    log_failure(logins_, session, LoginFailure::NoRoom, now);
    return RakpStatus::InsufficientResources;
  }

  Live live{.channel = *std::move(channel),
            .requester = {.path = session.path,
                          .session = session.id,
                          .user = challenge.exchange.user,
                          .privilege = std::min(Privilege::User, limit),
                          .link = link,
                          .properties = {}},
            .limit = limit,
            .user_id = challenge.user_id,
            .handle = sessions_.free_handle(),
            .rakp3_code = message.key_exchange_code,
            .rakp4_check = *std::move(check),
            .silence_told_at = now + config_.limits.setup};
  session.data = std::move(live);
  session.heard = now;
  session.expires = now + config_.limits.idle;
  sessions_.enter(session, SessionEvent::Proof);
  sessions_.note_expiry(std::min(session.expires, *session.live().silence_told_at));
  ++counters_.sessions_opened;
  return RakpStatus::Ok;
}

bool ServerHandshake::make_active_room(const std::string& user, const Path& path, TimePoint now) {
  const std::size_t limit = config_.limits.active_sessions;
  // A user without a session gets one, however many others of the same source have.
  const bool has_one = sessions_.has_active(user);
  const std::size_t reserved = has_one ? limit / kReservedShare : 0;
  if (sessions_.active() < limit - reserved &&
      (!has_one || sessions_.active_of(path.peer) < std::max(limit / 2, kLeastOfSource)))
    return true;
  // A client that was killed and started again must not wait until its old sessions expire.
  const Session* yields = sessions_.longest_silent(user, path.peer);
  // Many systems often share an account: one of them must not hold all of its sessions_.
  if (yields == nullptr || now < yields->heard + kYieldAfter)
    yields = sessions_.too_many_of(user, path.peer);
  if (yields == nullptr) return false;
  sessions_.close(yields->id, now);
  return true;
}

}  // namespace fwr::session
