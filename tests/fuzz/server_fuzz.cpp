// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes the session server: an input is a list of operations of its peers, who know their keys,
// and of the clock. After each operation the promises of PROTOCOL §2 and §8.3 are checked.
#include "session/server.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "fuzz.hpp"
#include "session_peer.hpp"
#include "wire/ipmi.hpp"
#include "wire/stream.hpp"

namespace fwr::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kIana = 32473;
constexpr std::size_t kPeers = 6;
constexpr std::size_t kRecordLimit = 64;  ///< datagrams that can come again
constexpr unsigned kStepLimit = 300;      ///< operations in one input

struct User {
  std::string_view name;
  std::string_view password;
  wire::Privilege limit;
};
constexpr std::array kUsers{User{"alice", "correct horse", wire::Privilege::User},
                            User{"root", "battery staple 12345", wire::Privilege::Administrator},
                            User{"guest", "g", wire::Privilege::Callback}};

session::ServerConfig config_of(Input& in) {
  session::ServerConfig config;
  for (const User& user : kUsers)
    config.accounts.push_back(
        {std::string(user.name), Secret(as_bytes(user.password)), user.limit});
  if (in.flag()) config.kg = Secret(as_bytes("12345678901234567890"));
  config.allow_suite3 = in.flag();
  config.limits.active_sessions = 3;
  config.limits.half_open_sessions = 3;
  config.limits.half_open_per_source = 2;
  config.limits.replies_burst = 40;
  config.limits.sources = 4;
  config.limits.reply_queue = 8;
  return config;
}

enum class Action : std::uint8_t {
  Raw,
  HandshakeBytes,
  Open,
  Challenge,
  Prove,
  Login,
  Command,
  Payload,
  OddPacket,
  Again,
  Sessionless,
  Wait,
  Timeout,
  SetReplies,
  Send,
  Reconfigure,
};
constexpr std::array<NamedAction<Action>, 18> kActions{{
    {Action::Raw, "raw"},
    {Action::HandshakeBytes, "handshake-bytes"},
    {Action::Open, "open"},
    {Action::Challenge, "challenge"},
    {Action::Prove, "prove"},
    {Action::Login, "login"},
    {Action::Command, "command"},
    {Action::Command, "command"},
    {Action::Payload, "payload"},
    {Action::OddPacket, "odd-packet"},
    {Action::Again, "again"},
    {Action::Again, "again"},
    {Action::Sessionless, "sessionless"},
    {Action::Wait, "wait"},
    {Action::Timeout, "timeout"},
    {Action::SetReplies, "replies"},
    {Action::Send, "send"},
    {Action::Reconfigure, "reconfigure"},
}};

class World final : public session::Application {
 public:
  explicit World(Input& in)
      : in_(in), config_(config_of(in)), server_(config_, kIana, *this, random_) {
    for (std::size_t i = 0; i < kPeers; ++i) {
      SessionPeer& peer = peers_.at(i);
      peer.path = path_of(static_cast<std::uint8_t>(i / 2), static_cast<std::uint16_t>(4000 + i));
      peer.exchange.console_session = static_cast<std::uint32_t>(0xc0000001U + i);
      if (config_.kg) peer.kg = *config_.kg;
    }
  }

  void run() {
    for (unsigned steps = 0; steps < kStepLimit && !in_.ended(); ++steps) {
      step();
      check();
    }
    drain();
    server_.close_all(now_);
    require(server_.active_sessions() == 0 && server_.half_open_sessions() == 0,
            "a server that stops has no sessions");
    require(active_ == 0, "every session that was active was closed");
  }

  // --- the application of the server
  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint) override {
    require_known(from);
    if (from.authenticated()) {
      ++effects_;
      require(from.privilege >= wire::Privilege::User, "commands need User privilege");
    } else {
      require(request.net_fn == wire::raw(wire::NetFn::OemGroupRq) && request.command <= 2,
              "only two commands go without a session");
    }
    if (silent_) return std::nullopt;
    return wire::IpmiResponse{wire::CompletionCode::Ok, Bytes(reply_bytes_)};
  }
  void handle_payload(const session::Requester& from, ByteView, TimePoint) override {
    require(from.authenticated() && from.privilege >= wire::Privilege::User,
            "the image stream needs a session of User privilege");
    require_known(from);
    ++effects_;
  }
  std::optional<Outgoing> next_payload(LinkId, TimePoint) override {
    if (outgoing_.empty()) return std::nullopt;
    Outgoing next = std::move(outgoing_.front());
    outgoing_.pop_front();
    return next;
  }
  void session_closed(std::uint32_t session, TimePoint) override {
    require(proven_.erase(session) == 1, "a session is closed once, after it was proven");
    --active_;
  }

 private:
  void require_known(const session::Requester& from) {
    if (!from.authenticated()) return require(from.user.empty(), "nobody has no name");
    const auto known = proven_.find(from.session);
    require(known != proven_.end(), "a requester has proven who he is");
    require(known->second.first == from.user, "a requester is who opened the session");
    require(known->second.second == from.path.peer, "a session belongs to its address");
  }

  SessionPeer& any_peer() { return peers_.at(in_.below(kPeers)); }

  // --- to the server and back
  /// Delivers and looks at what comes back. Answers to this datagram, in order.
  std::vector<Bytes> deliver(const Path& path, ByteView datagram) {
    drain();
    const std::size_t request_bytes = datagram.size();
    server_.handle_datagram(kLanLink, path, exact(datagram), now_);
    std::vector<Bytes> answers = drain();
    std::size_t plain_bytes = 0;
    for (const Bytes& answer : answers) {
      const auto packet = as_packet(answer);
      if (!packet || packet->header.session_id == 0) plain_bytes += answer.size();
      if (packet && packet->header.session_id != 0 && packet->header.payload_type == 0) ++effects_;
    }
    require(plain_bytes <= 3 * request_bytes, "nobody is flooded in the name of another");
    return answers;
  }
  std::vector<Bytes> drain() {
    std::vector<Bytes> all;
    while (auto datagram = server_.poll_transmit(kLanLink, now_)) {
      require(wire::decode_rmcp(datagram->bytes).has_value(), "what the server sends is RMCP");
      all.push_back(std::move(datagram->bytes));
    }
    return all;
  }
  template <class Message>
  std::optional<Message> answer(const std::vector<Bytes>& answers,
                                Result<Message> (*decode)(ByteView)) {
    if (answers.empty()) return std::nullopt;
    const auto packet = as_packet(answers.front());
    if (!packet) return std::nullopt;
    const auto message = decode(packet->payload);
    return message ? std::optional(*message) : std::nullopt;
  }

  // --- operations
  void open(SessionPeer& peer) {
    const auto response =
        answer(deliver(peer.path, peer.open_session()), wire::decode_open_session_rs);
    if (response && response->status == wire::RakpStatus::Ok)
      peer.exchange.managed_session = response->managed_session;
  }
  void challenge(SessionPeer& peer) {
    const User& user = kUsers.at(in_.below(kUsers.size()));
    peer.exchange.user = user.name;
    peer.password = Secret(as_bytes(user.password));
    peer.exchange.role = in_.u8() & 0x1fU;
    peer.exchange.console_random.fill(static_cast<std::byte>(in_.u8()));
    const auto response = answer(deliver(peer.path, peer.rakp1()), wire::decode_rakp2);
    if (response && response->status == wire::RakpStatus::Ok) peer.take(*response);
  }
  void prove(SessionPeer& peer) {
    // Known before the answer: the server may call the application at once.
    const std::uint32_t session = peer.exchange.managed_session;
    const std::size_t before = server_.active_sessions();
    const bool was_proven = proven_.contains(session);
    proven_.try_emplace(session, peer.exchange.user, peer.path.peer);
    ++active_;
    const auto response = answer(deliver(peer.path, peer.rakp3()), wire::decode_rakp4);
    const bool now_active = response && response->status == wire::RakpStatus::Ok;
    if (now_active && !was_proven) {
      peer.sequence = 0;
      return;
    }
    --active_;
    if (!was_proven) proven_.erase(session);
    require(server_.active_sessions() <= before, "without RAKP 4 there is no new session");
  }

  void command(SessionPeer& peer) {
    wire::LanMessage message;
    message.net_fn = in_.u8() & 0x3fU;
    message.command = in_.u8();
    const ByteView data = in_.bytes();
    message.data = exact(data.first(std::min<std::size_t>(data.size(), 1024)));
    if (message.is_response() && message.data.empty()) return;
    send_sealed(peer, {}, SessionPeer::padded(wire::encode(message)), {}, peer.path);
  }
  void payload(SessionPeer& peer) {
    wire::RmcpPlusHeader header;
    header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::OemExplicit);
    header.oem_iana = kIana;
    header.oem_payload = wire::stream::kPayloadId;
    send_sealed(peer, header, SessionPeer::padded(in_.bytes()), {}, peer.path);
  }
  void odd_packet(SessionPeer& peer) {
    wire::RmcpPlusHeader header;
    header.payload_type = in_.u8() & 0x3fU;
    header.oem_iana = in_.flag() ? kIana : in_.u8();
    header.oem_payload = in_.u8();
    SessionPeer::Oddities odd;
    odd.encrypted = !in_.flag();
    odd.authenticated = !in_.flag();
    odd.integrity_pad = in_.below(8);
    odd.next_header = in_.flag() ? 0x07 : in_.u8();
    odd.session = in_.flag() ? any_peer().exchange.managed_session : 0;
    peer.sequence += in_.flag() ? in_.u32() : 0;
    const ByteView text = in_.bytes();
    const Bytes plaintext = in_.flag() ? SessionPeer::padded(text) : exact(text);
    const Path from = in_.flag() ? any_peer().path : peer.path;
    send_sealed(peer, header, plaintext, odd, from);
  }
  void send_sealed(SessionPeer& peer, wire::RmcpPlusHeader header, ByteView plaintext,
                   const SessionPeer::Oddities& odd, const Path& from) {
    if (!peer.keys) return;
    header.sequence = ++peer.sequence;
    const Bytes datagram = peer.sealed(header, plaintext, odd);
    const std::uint64_t before = effects_;
    for (const Bytes& answer : deliver(from, datagram)) require_readable(answer);
    require(odd.encrypted || effects_ == before, "nothing goes in the clear in a session");
    require(odd.authenticated || effects_ == before, "nothing goes without a MAC in a session");
    require(from == peer.path || effects_ == before, "a session belongs to its address");
    if (records_.size() == kRecordLimit) records_.erase(records_.begin());
    records_.push_back({peer.path, datagram, effects_ != before});
  }
  /// A datagram that is sealed for one of our peers names its session and can be opened there.
  void require_readable(ByteView datagram) {
    const auto packet = as_packet(datagram);
    if (!packet || packet->header.session_id == 0) return;
    require(packet->header.encrypted && packet->header.authenticated, "sessions are protected");
    for (SessionPeer& peer : peers_) {
      if (peer.exchange.console_session != packet->header.session_id || !peer.keys) continue;
      auto channel = session::SecureChannel::create(peer.suite, *peer.keys, 1, random_);
      Bytes payload;
      if (!channel->open(*packet, payload)) continue;  // of a session that the peer has left
      if (packet->header.payload_type != 0) continue;
      const auto message = wire::decode_lan_message(payload);
      require(message && message->is_response(), "an answer is an IPMI response");
    }
  }
  /// What had an effect has none again, and what was changed has none at all.
  void again() {
    if (records_.empty()) return;
    Record& record = records_.at(in_.below(records_.size()));
    Bytes datagram = record.datagram;
    const Path path = in_.flag() ? any_peer().path : record.path;
    const bool changed = in_.flag();
    const std::size_t at = 4 + in_.u16() % (datagram.size() - 4);
    if (changed) datagram.at(at) ^= static_cast<std::byte>(1 + in_.below(255));
    const std::uint64_t before = effects_;
    deliver(path, datagram);
    if (changed || record.taken) require(effects_ == before, "no replay, no forgery");
    if (!changed) record.taken = record.taken || effects_ != before;
  }
  void raw() { deliver(any_peer().path, in_.bytes()); }
  void handshake_bytes() {
    constexpr std::array kTypes{wire::PayloadType::OpenSessionRq, wire::PayloadType::Rakp1,
                                wire::PayloadType::Rakp3, wire::PayloadType::Rakp2};
    const Path path = any_peer().path;
    const wire::PayloadType type = kTypes.at(in_.below(kTypes.size()));
    deliver(path, plain(type, in_.bytes()));
  }
  void sessionless() {
    const Path path = any_peer().path;
    wire::LanMessage message;
    message.net_fn = in_.u8() & 0x3fU;
    message.command = in_.u8();
    const ByteView data = in_.bytes();
    message.data = exact(data.first(std::min<std::size_t>(data.size(), 200)));
    const Bytes bytes = wire::encode(message);
    const bool v15 = in_.flag();
    const Bytes datagram =
        v15 ? wire::encode(wire::SessionlessV15{bytes}) : plain(wire::PayloadType::Ipmi, bytes);
    const auto answers = deliver(path, datagram);
    if (message.net_fn == wire::raw(wire::NetFn::OemGroupRq))
      for (const Bytes& answer : answers)
        require(answer.size() <= datagram.size(), "an answer is not larger than its request");
  }
  void reconfigure() {
    session::ServerConfig next = config_;
    if (in_.flag()) next.accounts.erase(next.accounts.begin());
    if (in_.flag()) next.accounts.back().password = Secret(as_bytes("changed"));
    if (in_.flag()) next.allow_suite3 = !next.allow_suite3;
    next.limits.active_sessions = 1 + in_.below(4);
    config_.limits.active_sessions =
        std::max(next.limits.active_sessions, server_.active_sessions());
    server_.reconfigure(next, now_);
  }

  void step() {
    switch (draw_action(in_, kActions)) {
      case Action::Raw: return raw();
      case Action::HandshakeBytes: return handshake_bytes();
      case Action::Open: return open(any_peer());
      case Action::Challenge: return challenge(any_peer());
      case Action::Prove: return prove(any_peer());
      case Action::Login: return log_in(any_peer());
      case Action::Command: return command(any_peer());
      case Action::Payload: return payload(any_peer());
      case Action::OddPacket: return odd_packet(any_peer());
      case Action::Again: return again();
      case Action::Sessionless: return sessionless();
      case Action::Wait: now_ += std::chrono::milliseconds(in_.u16()); return;
      case Action::Timeout: server_.handle_timeout(now_); return;
      case Action::SetReplies:
        silent_ = in_.flag();
        reply_bytes_ = in_.u16() % 2000U;
        return;
      case Action::Send:
        if (outgoing_.size() < 100)
          outgoing_.push_back({any_peer().exchange.managed_session, Bytes(in_.u16())});
        return;
      case Action::Reconfigure: return reconfigure();
    }
  }
  void log_in(SessionPeer& peer) {
    peer.suite = in_.flag() ? session::CipherSuite::Suite3 : session::CipherSuite::Suite17;
    open(peer);
    challenge(peer);
    prove(peer);
  }

  void check() {
    require(server_.active_sessions() <= config_.limits.active_sessions, "active sessions");
    require(server_.half_open_sessions() <= config_.limits.half_open_sessions,
            "half-open sessions");
    require(server_.active_sessions() == active_, "the server knows who is there");
    server_.handle_timeout(now_);
    require(!server_.deadline() || *server_.deadline() > now_, "what is due was done");
    require(server_.active_sessions() + server_.half_open_sessions() == 0 ||
                server_.deadline().has_value(),
            "every session has an end");
  }

  struct Record {
    Path path;
    Bytes datagram;
    bool taken = false;  ///< it had its effect
  };

  Input& in_;
  SeededRandom random_{7};
  session::ServerConfig config_;
  session::Server server_;
  std::array<SessionPeer, kPeers> peers_;
  TimePoint now_{1000s};
  std::map<std::uint32_t, std::pair<std::string, Address>> proven_;  ///< by session
  std::size_t active_ = 0;
  std::uint64_t effects_ = 0;  ///< of packets of sessions: calls of the application, and answers
  std::vector<Record> records_;
  std::deque<Outgoing> outgoing_;
  bool silent_ = false;
  std::size_t reply_bytes_ = 4;
};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fwr::fuzz::Input in(data, size);
  fwr::fuzz::World(in).run();
  return 0;
}
