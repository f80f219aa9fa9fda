// SPDX-License-Identifier: GPL-3.0-or-later
// The inside of Server, shared by its source files.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "base/token_bucket.hpp"
#include "session/openings.hpp"
#include "session/server.hpp"
#include "session/session_table.hpp"
#include "session/source_limiter.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session {

class Server::Impl {
 public:
  Impl(ServerConfig config, std::uint32_t iana, Application& application, RandomSource& random);

  void handle_datagram(const Path& path, ByteView datagram, TimePoint now, LinkId link);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now, LinkId link);
  void close_all(TimePoint now);
  void reconfigure(ServerConfig config, TimePoint now);

  SessionTable sessions;
  LoginLog logins;
  Counters counters;

 private:
  enum class Framing : std::uint8_t { V15, V20 };

  // server.cpp
  void queue(const Path& path, Bytes datagram);
  /// What may be larger than its question: so many for each address and port.
  [[nodiscard]] bool admit(SourceLimiter& limiter, const Path& path, TimePoint now);
  /// What is no larger: so many in all, whoever asks.
  [[nodiscard]] bool admit(TokenBucket& bucket, TimePoint now);
  [[nodiscard]] bool admit_proved(const Path& path, TimePoint now);
  void drop() { ++counters.dropped; }
  void close(std::uint32_t id, TimePoint now);
  void tell_silent(Session& session, TimePoint now);
  [[nodiscard]] const Account* find_account(const std::string& name) const;
  [[nodiscard]] bool outlives(const Session& session, const ServerConfig& next) const;

  // server_traffic.cpp: messages without a session, and inside one
  void on_sessionless(const Path& path, ByteView bytes, Framing framing, TimePoint now);
  void reply_sessionless(const Path& path, const wire::LanMessage& request,
                         const wire::IpmiResponse& response, Framing framing);
  [[nodiscard]] std::optional<wire::IpmiResponse> ask_application(const Path& path,
                                                                  const wire::IpmiRequest& request,
                                                                  TimePoint now);
  void on_session_packet(const Path& path, const wire::RmcpPlusPacket& packet, TimePoint now);
  void note_login(Session& session, TimePoint now);
  [[nodiscard]] static LoginEvent login_of(const Session& session);
  void on_command(Session& session, ByteView payload, TimePoint now);
  [[nodiscard]] wire::IpmiResponse forward_command(Session& session,
                                                   const wire::LanMessage& request, TimePoint now);

  // server_handshake.cpp
  void on_handshake(const Path& path, const wire::RmcpPlusPacket& packet, TimePoint now);
  void on_open_session(const Path& path, ByteView payload, TimePoint now);
  void on_rakp1(const Path& path, ByteView payload, TimePoint now);
  void on_rakp3(const Path& path, ByteView payload, TimePoint now);
  [[nodiscard]] wire::RakpStatus choose_suite(const wire::OpenSessionRq& request,
                                              CipherSuite& suite) const;
  void make_half_open_room(const Path& path, TimePoint now);
  [[nodiscard]] bool make_active_room(const std::string& user, const Path& path, TimePoint now);
  void answer_open_session(const Path& path, const Opening& opening, std::uint32_t id);
  /// The session that a RAKP 1 may begin or go on with, after the id that Open Session gave out.
  struct Step {
    Session* session = nullptr;
    std::optional<Openings::Found> opening;
    [[nodiscard]] bool is_proved() const { return session != nullptr || opening.has_value(); }
  };
  [[nodiscard]] Step find_step(ByteView payload, const Path& path, TimePoint now);
  [[nodiscard]] wire::RakpStatus challenge(const Step& step, const wire::Rakp1& message,
                                           const Path& path, TimePoint now);
  [[nodiscard]] std::optional<Challenge> make_challenge(std::uint32_t id, const Opening& opening,
                                                        const wire::Rakp1& message);
  [[nodiscard]] std::optional<Secret> decoy_password(const std::string& name);
  void answer_rakp1(Session& session, std::uint8_t tag);
  [[nodiscard]] wire::RakpStatus activate(Session& session, const wire::Rakp3& message,
                                          TimePoint now);
  void answer_rakp3(const Session& session, std::uint8_t tag);
  /// A failed login: of a half-open session, and of one that is active.
  void tell_failed(const Session& session, LoginFailure why, TimePoint now);
  [[nodiscard]] Session* find_for_peer(std::uint32_t id, const Path& path);
  void send_handshake(const Path& path, wire::PayloadType type, ByteView payload);

  /// Payloads whose session has gone, passed over in one poll.
  static constexpr unsigned kStalePayloads = 64;
  /// PROTOCOL §8.3: one source may have half of the active sessions, at least so many; the last
  /// eighth of them is for users who have none.
  static constexpr std::size_t kLeastOfSource = 16;
  static constexpr std::size_t kReservedShare = 8;
  /// Silence after which a session yields to a new one of the same user and host.
  static constexpr std::chrono::seconds kYieldAfter{5};
  /// Wrong proofs in one half-open session, after which it ends.
  static constexpr unsigned kGuesses = 64;

  ServerConfig config_;
  std::uint32_t iana_;
  Application& application_;
  RandomSource& random_;
  Openings openings_;
  // Apart, so that a flood of one kind keeps nobody from another (PROTOCOL §8.4).
  SourceLimiter pings_;
  SourceLimiter queries_;  ///< standard commands
  TokenBucket requests_;   ///< our commands without a session
  TokenBucket opens_;      ///< Open Session
  TokenBucket refusals_;   ///< of RAKP 1 and 3 that name no session
  // Only packets whose senders have proved their address count here.
  SourceLimiter proved_;
  SourceLimiter proved_prefixes_;
  std::optional<Secret> decoy_key_;
  LinkId link_ = kLanLink;  ///< over which the datagram at hand came
  std::map<LinkId, std::deque<Datagram>> replies_;
  Bytes opened_;  ///< the payload of the packet at hand; kept for its capacity
};

}  // namespace fwr::session
