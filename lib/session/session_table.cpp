// SPDX-License-Identifier: GPL-3.0-or-later
// The server's table of sessions.
#include "session/session_table.hpp"

#include <algorithm>
#include <bitset>
#include <cassert>
#include <map>
#include <utility>

namespace fwr::session {

Session* SessionTable::find(std::uint32_t id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Session* SessionTable::find_handle(std::uint8_t handle) const {
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Active && session.live().handle == handle) return &session;
  return nullptr;
}

const Session* SessionTable::find_nth_active(std::size_t n) const {
  std::vector<const Session*> active;
  active.reserve(active_);
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Active) active.push_back(&session);
  if (n == 0 || n > active.size()) return nullptr;
  const auto nth = active.begin() + static_cast<std::ptrdiff_t>(n - 1);
  std::nth_element(active.begin(), nth, active.end(), [](const Session* a, const Session* b) {
    return a->live().handle < b->live().handle;
  });
  return *nth;
}

const Session* SessionTable::oldest_half_open(const std::optional<Address>& source) const {
  const Session* oldest = nullptr;
  for (const auto& [id, session] : sessions_)
    if (session.state_ != SessionState::Active &&
        (!source || source_prefix(session.path.peer) == *source) &&
        (oldest == nullptr || session.opened < oldest->opened))
      oldest = &session;
  return oldest;
}

std::optional<Address> SessionTable::greediest(const Address& newcomer) const {
  std::map<Address, std::size_t> of_source;
  for (const auto& [id, session] : sessions_)
    if (session.state_ != SessionState::Active) ++of_source[source_prefix(session.path.peer)];
  const auto most =
      std::max_element(of_source.begin(), of_source.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == of_source.end() || most->second < half_open_of(newcomer) + 2) return std::nullopt;
  return most->first;
}

const Session* SessionTable::longest_silent(const std::string& user, const Address& source) const {
  const Address own = source_prefix(source);
  const Session* longest = nullptr;
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Active && session.live().requester.user == user &&
        source_prefix(session.path.peer) == own &&
        (longest == nullptr || session.heard < longest->heard))
      longest = &session;
  return longest;
}

const Session* SessionTable::too_many_of(const std::string& user, const Address& newcomer) const {
  std::map<Address, std::size_t> of_source;
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Active && session.live().requester.user == user)
      ++of_source[source_prefix(session.path.peer)];
  const auto most =
      std::max_element(of_source.begin(), of_source.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == of_source.end()) return nullptr;
  const auto own = of_source.find(source_prefix(newcomer));
  const std::size_t has = own == of_source.end() ? 0 : own->second;
  return most->second < has + kTooMany ? nullptr : longest_silent(user, most->first);
}

Session& SessionTable::add(std::uint32_t id) {
  assert(id != 0 && !sessions_.contains(id));
  Session& session = sessions_[id];
  session.id = id;
  return session;
}

void SessionTable::enter(Session& session, SessionEvent event) {
  const auto* row = std::find_if(
      kSessionTransitions.begin(), kSessionTransitions.end(),
      [&](const SessionTransition& t) { return t.from == session.state_ && t.event == event; });
  assert(row != kSessionTransitions.end());
  if (session.state_ == SessionState::Active) --active_;
  if (row->to == SessionState::Active) ++active_;
  session.state_ = row->to;
}

void SessionTable::close(std::uint32_t id, TimePoint now) {
  Session* session = find(id);
  if (session == nullptr) return;
  const bool was_active = session->state() == SessionState::Active;
  enter(*session, SessionEvent::End);
  sessions_.erase(id);
  if (was_active) application_.session_closed(id, now);
}

std::size_t SessionTable::half_open_of(const Address& source) const {
  const Address own = source_prefix(source);
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
        return entry.second.state_ != SessionState::Active &&
               source_prefix(entry.second.path.peer) == own;
      }));
}

std::size_t SessionTable::active_of(const Address& source) const {
  const Address own = source_prefix(source);
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
        return entry.second.state_ == SessionState::Active &&
               source_prefix(entry.second.path.peer) == own;
      }));
}

bool SessionTable::has_active(const std::string& user) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    return entry.second.state_ == SessionState::Active &&
           entry.second.live().requester.user == user;
  });
}

std::uint8_t SessionTable::free_handle() const {
  std::bitset<kMaxActive + 1> taken;
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Active) taken.set(session.live().handle);
  for (std::size_t handle = 1; handle <= kMaxActive; ++handle)
    if (!taken[handle]) return static_cast<std::uint8_t>(handle);
  assert(false);
  return 0;
}

void SessionTable::refresh_deadline() {
  deadline_.reset();
  for (const auto& [id, session] : sessions_) {
    note_expiry(session.expires);
    if (session.state_ == SessionState::Active && session.live().silence_told_at)
      note_expiry(*session.live().silence_told_at);
  }
}

LoginEvent login_of(const Session& session) {
  LoginEvent event;
  event.path = session.path;
  event.user = session.live().requester.user;
  event.privilege = session.live().limit;
  event.suite = session.suite;
  return event;
}

void log_failure(LoginLog& log, const Session& session, LoginFailure why, TimePoint now) {
  LoginEvent event;
  if (session.state() == SessionState::Active) event = login_of(session);
  event.path = session.path;
  event.suite = session.suite;
  event.why = why;
  if (const auto* challenge = std::get_if<Challenge>(&session.data)) {
    event.user = challenge->exchange.user;
    event.privilege = challenge->limit;
    // Its wrong proofs are in the log already.
    if (why == LoginFailure::NoProof && challenge->guesses > 0) return;
    if (challenge->is_decoy) event.why = LoginFailure::UnknownUser;
  }
  log.failed(std::move(event), now);
}

}  // namespace fwr::session
