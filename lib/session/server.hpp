// SPDX-License-Identifier: GPL-3.0-or-later
// The RMCP+ server: sorts what arrives, answers commands with and without a session, carries stream
// payloads, and closes what is old. Sans-I/O: datagrams and `now` in; datagrams and the next
// deadline out. PROTOCOL §2, §8.3, §8.4.
//
//   datagram -> handshake packet     -> ServerHandshake -> SessionTable
//            -> without a session    -> standard command, or the application's discovery commands
//            -> inside a session     -> standard command, application command, or stream payload
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/address.hpp"
#include "base/token_bucket.hpp"
#include "base/types.hpp"
#include "session/application.hpp"
#include "session/login_log.hpp"
#include "session/server_config.hpp"
#include "session/server_handshake.hpp"
#include "session/session_table.hpp"
#include "session/source_limiter.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session {

class Server {
 public:
  /// `application` and `random` must outlive the server. `iana` is the OEM payload's enterprise
  /// number.
  Server(ServerConfig config, std::uint32_t iana, Application& application, RandomSource& random);
  ~Server() = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void handle_datagram(LinkId link, const Path& path, ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  /// The next datagram for this link: queued replies first, then stream payloads.
  [[nodiscard]] std::optional<Datagram> poll_transmit(LinkId link, TimePoint now);
  /// When handle_timeout() is due.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  /// Logins and failed logins, for a log.
  [[nodiscard]] std::optional<LoginEvent> poll_login() { return logins_.poll(); }
  /// Reports the logins that had no event of their own now, before their time window ends.
  void count_logins() { logins_.end_window(); }

  /// Closes every session (the daemon stops).
  void close_all(TimePoint now);
  /// New accounts and keys. Closes the sessions of accounts that are gone or changed.
  void reconfigure(ServerConfig config, TimePoint now);

  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t active_sessions() const { return sessions_.active(); }
  [[nodiscard]] std::size_t half_open_sessions() const { return sessions_.half_open(); }

 private:
  enum class Framing : std::uint8_t { V15, V20 };

  void on_ping(LinkId link, const Path& path, const wire::PresencePing& ping, TimePoint now);
  void on_sessionless(LinkId link, const Path& path, ByteView bytes, Framing framing,
                      TimePoint now);
  void reply_sessionless(LinkId link, const Path& path, const wire::LanMessage& request,
                         const wire::IpmiResponse& response, Framing framing);
  void on_handshake(LinkId link, const Path& path, const wire::RmcpPlusPacket& packet,
                    TimePoint now);
  void on_session_packet(LinkId link, const Path& path, const wire::RmcpPlusPacket& packet,
                         TimePoint now);
  void note_login(Session& session, TimePoint now);
  void on_command(LinkId link, Session& session, ByteView payload, TimePoint now);
  [[nodiscard]] wire::IpmiResponse forward_command(Session& session,
                                                   const wire::LanMessage& request, TimePoint now);
  void note_silent(Session& session, TimePoint now);
  [[nodiscard]] bool outlives(const Session& session, const ServerConfig& next) const;
  void queue(LinkId link, const Path& path, Bytes datagram);
  void drop() { ++counters_.dropped; }
  /// Counts what a limit refuses.
  [[nodiscard]] bool admit(bool admitted);

  /// Payloads of sessions that are gone, skipped in one poll.
  static constexpr unsigned kStalePayloads = 64;

  ServerConfig config_;
  std::uint32_t iana_;
  Application& application_;
  SessionTable sessions_;
  LoginLog logins_;
  Counters counters_;
  ServerHandshake handshake_;
  // Separate limits, so that a flood of one kind does not block another (PROTOCOL §8.4).
  SourceLimiter pings_;
  SourceLimiter queries_;  ///< standard commands
  TokenBucket requests_;   ///< our commands without a session
  std::map<LinkId, std::deque<Datagram>> replies_;
  Bytes opened_;  ///< the decrypted payload of the packet at hand; kept for its capacity
};

}  // namespace fwr::session
