// SPDX-License-Identifier: GPL-3.0-or-later
// One window of a minute: the limits of its events, and the count of those left out.
#include "session/login_log.hpp"

#include <algorithm>
#include <utility>

namespace fwr::session {

void LoginLog::opened(LoginEvent event, TimePoint now) {
  begin_window(now);
  event.kind = LoginEvent::Kind::Opened;
  Counts* source = counts_of(event.path.peer);
  const bool logged =
      logged_.logins < kLoginsInAll && (source == nullptr || source->logins < kLoginsOfSource);
  if (source != nullptr) ++source->logins;
  ++(logged ? logged_ : left_out_).logins;
  if (logged) queue(std::move(event));
}

void LoginLog::failed(LoginEvent event, TimePoint now) {
  begin_window(now);
  event.kind = LoginEvent::Kind::Failed;
  // A forged address must not use up the limit of its owner, or that of all others.
  if (event.why == LoginFailure::CipherSuite) {
    if (++unproved_ > kUnproved)
      ++left_out_.failures;
    else
      queue(std::move(event));
    return;
  }
  Counts* source = counts_of(event.path.peer);
  const bool logged = logged_.failures < kFailuresInAll &&
                      (source == nullptr || source->failures < kFailuresOfSource);
  if (source != nullptr) ++source->failures;
  ++(logged ? logged_ : left_out_).failures;
  if (logged) queue(std::move(event));
}

void LoginLog::handle_timeout(TimePoint now) {
  if (ends_ && now >= *ends_) end_window();
}

std::optional<TimePoint> LoginLog::deadline() const {
  // A window without left-out events needs no timeout: it ends when the next event comes.
  if (left_out_.logins == 0 && left_out_.failures == 0) return std::nullopt;
  return ends_;
}

std::optional<LoginEvent> LoginLog::poll() {
  if (events_.empty()) return std::nullopt;
  LoginEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

void LoginLog::begin_window(TimePoint now) {
  handle_timeout(now);
  if (!ends_) ends_ = now + kWindow;
}

void LoginLog::end_window() {
  if (left_out_.logins > 0 || left_out_.failures > 0) {
    LoginEvent event;
    event.kind = LoginEvent::Kind::LeftOut;
    event.logins = left_out_.logins;
    event.failures = left_out_.failures;
    const auto most = std::max_element(
        sources_.begin(), sources_.end(),
        [](const auto& a, const auto& b) { return a.second.failures < b.second.failures; });
    if (most != sources_.end() && most->second.failures > kFailuresOfSource) {
      event.path.peer = most->first;
      event.of_source = most->second.failures;
    }
    queue(std::move(event));
  }
  ends_.reset();
  logged_ = left_out_ = {};
  unproved_ = 0;
  sources_.clear();
}

LoginLog::Counts* LoginLog::counts_of(const Address& peer) {
  const Address source = source_prefix(peer);
  const auto known = sources_.find(source);
  if (known != sources_.end()) return &known->second;
  if (sources_.size() >= kSources) return nullptr;
  return &sources_[source];
}

void LoginLog::queue(LoginEvent event) {
  if (events_.size() >= kQueue) {
    ++(event.kind == LoginEvent::Kind::Opened ? left_out_.logins : left_out_.failures);
    return;
  }
  events_.push_back(std::move(event));
}

}  // namespace fwr::session
