// SPDX-License-Identifier: GPL-3.0-or-later
// The server's table of sessions.
#include "session/session_table.hpp"

#include <algorithm>
#include <bitset>
#include <cassert>
#include <map>

#include "session/source_limiter.hpp"

namespace fwr::session {

Session* SessionTable::find(std::uint32_t id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

Session* SessionTable::find_open(const OpenKey& key) {
  for (auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Open && session.console_session == key.console_session &&
        session.open_tag == key.tag && session.suite == key.suite &&
        session.ceiling == key.ceiling && session.path.peer == key.path.peer)
      return &session;
  return nullptr;
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

const Session* SessionTable::oldest_open() const {
  const Session* oldest = nullptr;
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Open &&
        (oldest == nullptr || session.opened < oldest->opened))
      oldest = &session;
  return oldest;
}

const Session* SessionTable::oldest_open_of(const Address& source) const {
  const Address host = host_of(source);
  const Session* oldest = nullptr;
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Open && host_of(session.path.peer) == host &&
        (oldest == nullptr || session.opened < oldest->opened))
      oldest = &session;
  return oldest;
}

const Session* SessionTable::oldest_of_greediest(const Address& newcomer) const {
  std::map<Address, std::size_t> of_host;
  for (const auto& [id, session] : sessions_)
    if (session.state_ != SessionState::Active) ++of_host[host_of(session.path.peer)];
  const auto most =
      std::max_element(of_host.begin(), of_host.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == of_host.end() || most->second < half_open_of(newcomer) + 2) return nullptr;
  // A forged address never gets past Open: what it did must not end what its owner has begun.
  if (const Session* open = oldest_open_of(most->first)) return open;
  const Session* oldest = nullptr;
  for (const auto& [id, session] : sessions_)
    if (session.state_ != SessionState::Active && host_of(session.path.peer) == most->first &&
        (oldest == nullptr || session.opened < oldest->opened))
      oldest = &session;
  return oldest;
}

const Session* SessionTable::longest_silent(const std::string& user, const Address& source) const {
  const Address host = host_of(source);
  const Session* longest = nullptr;
  for (const auto& [id, session] : sessions_)
    if (session.state_ == SessionState::Active && session.live().requester.user == user &&
        host_of(session.path.peer) == host &&
        (longest == nullptr || session.heard < longest->heard))
      longest = &session;
  return longest;
}

Session& SessionTable::add(RandomSource& random) {
  std::uint32_t id = 0;
  while (id == 0 || sessions_.contains(id)) {
    std::array<std::byte, 4> bytes{};
    random.fill(bytes);
    id = ByteReader(bytes).u32() & ~kPlainSession;
  }
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

std::size_t SessionTable::half_open_of(const Address& source) const {
  const Address host = host_of(source);
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
        return entry.second.state_ != SessionState::Active &&
               host_of(entry.second.path.peer) == host;
      }));
}

std::size_t SessionTable::active_of(const Address& source) const {
  const Address host = host_of(source);
  return static_cast<std::size_t>(
      std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
        return entry.second.state_ == SessionState::Active &&
               host_of(entry.second.path.peer) == host;
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
  for (const auto& [id, session] : sessions_) note_expiry(session.expires);
}

}  // namespace fwr::session
