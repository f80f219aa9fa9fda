// SPDX-License-Identifier: GPL-3.0-or-later
// The server's sessions: their states, the table that holds them, and its limits. PROTOCOL §8.3.
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

/// Rakp1: what RAKP 2 said, and what RAKP 3 must say. Binds nothing yet.
struct Challenge {
  RakpExchange exchange;
  Bytes rakp2_code;
  Bytes expected_rakp3_code;
  wire::Privilege limit = wire::Privilege::User;
  std::uint8_t user_id = 0;
  /// Nobody has this name: the code is under a secret of ours, and no proof is right.
  bool is_decoy = false;
  unsigned guesses = 0;  ///< wrong proofs so far
};

/// Active.
struct Live {
  SecureChannel channel;
  Requester requester;
  wire::Privilege limit = wire::Privilege::User;
  std::uint8_t user_id = 0;
  std::uint8_t handle = 0;  ///< of Get Session Info and Close Session; 1..255
  Bytes rakp3_code;         ///< that made the session active
  Bytes rakp4_check;        ///< the answer to it, for a repeat
  /// Until something comes under the keys: when that is a failed login. Who has another K_g proves
  /// its password, and then says no more.
  std::optional<TimePoint> silence_told_at = {};
  bool confirmed = false;  ///< something came under the keys
};

struct Session {
  std::uint32_t id = 0;  ///< under which we know it
  std::uint32_t console_session = 0;
  Path path;
  CipherSuite suite = CipherSuite::Suite17;
  wire::Privilege ceiling = wire::Privilege::User;  ///< of Open Session
  TimePoint opened{};                               ///< its first RAKP 1
  TimePoint heard{};  ///< the last valid packet, or what was streamed to it, when active
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
  [[nodiscard]] Session* find(std::uint32_t id);
  /// The active session with this handle.
  [[nodiscard]] const Session* find_handle(std::uint8_t handle) const;
  /// The nth active session, from 1, in the order of their handles.
  [[nodiscard]] const Session* find_nth_active(std::size_t n) const;
  /// The oldest half-open session; of a source, when it is given.
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
  void erase(std::uint32_t id) { sessions_.erase(id); }

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
  std::unordered_map<std::uint32_t, Session> sessions_;
  std::size_t active_ = 0;
  std::optional<TimePoint> deadline_;
};

}  // namespace fwr::session
