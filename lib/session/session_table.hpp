// SPDX-License-Identifier: GPL-3.0-or-later
// The server's sessions: their states, and the table that owns them and enforces their limits.
// PROTOCOL §8.3.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "session/application.hpp"
#include "session/channel.hpp"
#include "session/keys.hpp"
#include "session/login_log.hpp"

namespace fwr::session {

enum class SessionState : std::uint8_t { Open, Rakp1, Active, Closed };
enum class SessionEvent : std::uint8_t { Challenge, Proof, End };

struct SessionTransition {
  SessionState from;
  SessionEvent event;
  SessionState to;
};
inline constexpr std::array kSessionTransitions{
    SessionTransition{SessionState::Open, SessionEvent::Challenge, SessionState::Rakp1},
    SessionTransition{SessionState::Open, SessionEvent::End, SessionState::Closed},
    SessionTransition{SessionState::Rakp1, SessionEvent::Challenge, SessionState::Rakp1},
    SessionTransition{SessionState::Rakp1, SessionEvent::Proof, SessionState::Active},
    SessionTransition{SessionState::Rakp1, SessionEvent::End, SessionState::Closed},
    SessionTransition{SessionState::Active, SessionEvent::End, SessionState::Closed},
};

/// Data of a session in state Rakp1: the content of RAKP 2, and the expected RAKP 3.
struct Challenge {
  RakpExchange exchange;
  Bytes rakp2_code;
  Bytes expected_rakp3_code;
  wire::Privilege limit = wire::Privilege::User;
  std::uint8_t user_id = 0;
  /// No account has this name: the code is under a secret of ours, and no proof is right.
  bool is_decoy = false;
  unsigned guesses = 0;  ///< wrong proofs so far
};

/// Data of an active session.
struct Live {
  SecureChannel channel;
  Requester requester;
  wire::Privilege limit = wire::Privilege::User;
  std::uint8_t user_id = 0;
  std::uint8_t handle = 0;  ///< for Get Session Info and Close Session; 1..255
  Bytes rakp3_code;         ///< the code that made the session active
  Bytes rakp4_check;        ///< the answer to it, for a repeat
  /// When silence becomes a failed login; unset once a packet under the keys has arrived. A console
  /// with another K_g proves its password and then stays silent.
  std::optional<TimePoint> silence_told_at = {};
  bool confirmed = false;  ///< a packet under the keys has arrived
};

struct Session {
  std::uint32_t id = 0;  ///< our id for it
  std::uint32_t console_session = 0;
  Path path;
  CipherSuite suite = CipherSuite::Suite17;
  wire::Privilege ceiling = wire::Privilege::User;  ///< from Open Session
  TimePoint opened{};                               ///< time of its first RAKP 1
  TimePoint heard{};  ///< when active: last valid packet from it or payload to it
  TimePoint expires{};
  std::variant<std::monostate, Challenge, Live> data;

  [[nodiscard]] SessionState state() const { return state_; }
  [[nodiscard]] Challenge& challenge() { return std::get<Challenge>(data); }
  [[nodiscard]] Live& live() { return std::get<Live>(data); }
  [[nodiscard]] const Live& live() const { return std::get<Live>(data); }

 private:
  friend class SessionTable;
  SessionState state_ = SessionState::Open;
};

class SessionTable {
 public:
  /// `application` learns of every active session that ends. It must outlive the table.
  explicit SessionTable(Application& application) : application_(application) {}

  [[nodiscard]] Session* find(std::uint32_t id);
  /// The active session with this handle.
  [[nodiscard]] const Session* find_handle(std::uint8_t handle) const;
  /// The nth active session, from 1, in the order of their handles.
  [[nodiscard]] const Session* find_nth_active(std::size_t n) const;
  /// The oldest half-open session, of this source if one is given.
  [[nodiscard]] const Session* oldest_half_open(const std::optional<Address>& source = {}) const;
  /// The source with the most half-open sessions, when those are at least two more than the
  /// newcomer's source has.
  [[nodiscard]] std::optional<Address> greediest(const Address& newcomer) const;

  /// The active session of this user and source that has been silent the longest.
  [[nodiscard]] const Session* longest_silent(const std::string& user, const Address& source) const;

  /// The longest silent active session of the source that has the most of this user, when those are
  /// at least kTooMany more than the newcomer's source has.
  [[nodiscard]] const Session* too_many_of(const std::string& user, const Address& newcomer) const;
  static constexpr std::size_t kTooMany = 3;

  /// A new session in state Open, under an id that is not in use.
  Session& add(std::uint32_t id);
  /// The only way from state to state. A transition that is not in the table is our own defect.
  void enter(Session& session, SessionEvent event);
  /// Ends and removes a session, if there is one with this id.
  void close(std::uint32_t id, TimePoint now);

  [[nodiscard]] std::size_t active() const { return active_; }
  [[nodiscard]] std::size_t half_open() const { return sessions_.size() - active_; }
  [[nodiscard]] std::size_t half_open_of(const Address& source) const;
  [[nodiscard]] std::size_t active_of(const Address& source) const;
  [[nodiscard]] bool has_active(const std::string& user) const;
  /// A handle that no active session has. There is one while fewer than kMaxActive are.
  [[nodiscard]] std::uint8_t free_handle() const;

  template <class Predicate>
  [[nodiscard]] std::vector<std::uint32_t> ids_where(Predicate predicate) const {
    std::vector<std::uint32_t> ids;
    for (const auto& [id, session] : sessions_)
      if (predicate(session)) ids.push_back(id);
    return ids;
  }
  /// When the first session may expire. Sessions only prolong their lives, so the answer may be too
  /// early; it is exact after refresh_deadline().
  [[nodiscard]] std::optional<TimePoint> deadline() const { return deadline_; }
  void note_expiry(TimePoint at) { deadline_ = deadline_ ? std::min(*deadline_, at) : at; }
  void refresh_deadline();

  static constexpr std::size_t kMaxActive = 255;  ///< as many as there are handles

 private:
  Application& application_;
  std::unordered_map<std::uint32_t, Session> sessions_;
  std::size_t active_ = 0;
  std::optional<TimePoint> deadline_;
};

/// The login of an active session.
[[nodiscard]] LoginEvent login_of(const Session& session);
/// Logs that the login of this session failed, be it half-open or active.
void log_failure(LoginLog& log, const Session& session, LoginFailure why, TimePoint now);

}  // namespace fwr::session
