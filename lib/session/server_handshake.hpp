// SPDX-License-Identifier: GPL-3.0-or-later
// The server's end of Open Session, RAKP 1 and RAKP 3: makes a packet without a session into an
// active session of the table. Owns the openings, the decoy key and the limits of its replies.
// IPMI v2.0 §13.15 to §13.23, PROTOCOL §8.3, §8.4.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/token_bucket.hpp"
#include "base/types.hpp"
#include "session/application.hpp"
#include "session/login_log.hpp"
#include "session/openings.hpp"
#include "session/server_config.hpp"
#include "session/session_table.hpp"
#include "session/source_limiter.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session {

class ServerHandshake {
 public:
  /// All arguments must outlive the object and belong to the same server.
  ServerHandshake(const ServerConfig& config, SessionTable& sessions, LoginLog& logins,
                  Counters& counters, RandomSource& random);

  struct Reply {
    Path path;
    wire::PayloadType type;
    Bytes payload;
  };
  /// One packet of a handshake, and the reply to it if there is one.
  [[nodiscard]] std::optional<Reply> handle_packet(LinkId link, const Path& path,
                                                   const wire::RmcpPlusPacket& packet,
                                                   TimePoint now);
  /// The configuration has changed.
  void reconfigure() { openings_.set_life(config_.limits.setup); }

 private:
  /// The session that a RAKP 1 or 3 names by its id, or the opening that the id was issued for.
  struct Step {
    Session* session = nullptr;
    std::optional<Openings::Found> opening;
    [[nodiscard]] bool is_proved() const { return session != nullptr || opening.has_value(); }
  };

  [[nodiscard]] std::optional<Reply> on_open_session(const Path& path, ByteView payload,
                                                     TimePoint now);
  [[nodiscard]] wire::RakpStatus choose_suite(const wire::OpenSessionRq& request,
                                              CipherSuite& suite) const;
  [[nodiscard]] std::optional<Reply> on_rakp1(const Path& path, ByteView payload, TimePoint now);
  [[nodiscard]] Step find_step(ByteView payload, const Path& path, TimePoint now);
  void make_half_open_room(const Path& path, TimePoint now);
  [[nodiscard]] wire::RakpStatus challenge(const Step& step, const wire::Rakp1& message,
                                           const Path& path, TimePoint now);
  [[nodiscard]] std::optional<Challenge> make_challenge(std::uint32_t id, const Opening& opening,
                                                        const wire::Rakp1& message);
  [[nodiscard]] std::optional<Secret> decoy_password(const std::string& name);
  [[nodiscard]] std::optional<Reply> on_rakp3(LinkId link, const Path& path, ByteView payload,
                                              TimePoint now);
  [[nodiscard]] wire::RakpStatus activate(LinkId link, Session& session, const wire::Rakp3& message,
                                          TimePoint now);
  [[nodiscard]] bool make_active_room(const std::string& user, const Path& path, TimePoint now);

  /// Limits replies that are no larger than their requests: one rate for all senders together.
  [[nodiscard]] bool admit(TokenBucket& bucket, TimePoint now);
  /// Limits handshake steps of an address that has proved to be real.
  [[nodiscard]] bool admit_proved(const Path& path, TimePoint now);
  [[nodiscard]] std::optional<Reply> drop();

  /// PROTOCOL §8.3: one source may have half of the active sessions, at least so many; the last
  /// eighth of them is for users who have none.
  static constexpr std::size_t kLeastOfSource = 16;
  static constexpr std::size_t kReservedShare = 8;
  /// Silence after which a session yields to a new one of the same user and host.
  static constexpr std::chrono::seconds kYieldAfter{5};
  /// Wrong proofs in one half-open session, after which it ends.
  static constexpr unsigned kGuesses = 64;

  const ServerConfig& config_;
  SessionTable& sessions_;
  LoginLog& logins_;
  Counters& counters_;
  RandomSource& random_;
  Openings openings_;
  std::optional<Secret> decoy_key_;
  // Separate limits, so that a flood of one kind does not block another (PROTOCOL §8.4).
  TokenBucket opens_;     ///< Open Session
  TokenBucket refusals_;  ///< RAKP 1 and 3 that name no session
  // Only packets that prove their sender's address count here.
  SourceLimiter proved_;
  SourceLimiter proved_prefixes_;
};

}  // namespace fwr::session
