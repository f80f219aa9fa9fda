// SPDX-License-Identifier: GPL-3.0-or-later
// Characters between a tty and a port.
#include "transport/tty_endpoint.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace fwr::transport {
namespace {

constexpr std::size_t kRead_bytes = 4096;  // as much as a tty keeps
// A tty that is full: the other end does not read, or the line is slower than it says.
constexpr Duration kFirstWriteRetry = std::chrono::milliseconds(5);  // doubles each time
constexpr Duration kLongestWriteRetry = std::chrono::milliseconds(200);

// At the settings of a tty: a line whose settings are wrong may be silent for ever, and what is
// heard on it is rubbish.
constexpr Duration kLookInSilence = std::chrono::seconds(1);
constexpr Duration kLookAtRubbish = std::chrono::milliseconds(100);

}  // namespace

Endpoint::Fit TtyEndpoint::fit(const Path& path) const {
  if (path.peer.family != family_) return Fit::None;
  return path.peer.scope == line_ ? Fit::Exact : Fit::Family;
}

void TtyEndpoint::look_at_settings(Duration not_within, TimePoint now) {
  if (lost_ || now - looked_ < not_within) return;
  looked_ = now;
  if (serial_.set_again() && set_again_) set_again_(now);
}

Result<> TtyEndpoint::receive(const Receive& take, TimePoint now) {
  look_at_settings(kLookAtRubbish, now);
  std::array<std::byte, kRead_bytes> room{};
  const auto heard = serial_.read(room);
  if (!heard) {
    lose(heard.error());
  } else if (!heard->empty()) {
    hear(*heard, now);
  }
  return settle(take, now);
}

std::optional<TimePoint> TtyEndpoint::deadline() const {
  if (lost_) return TimePoint{};  // at once: the loop takes the error
  const TimePoint look = looked_ + kLookInSilence;
  if (is_blocked()) return std::min(retry_at_, look);
  return std::min(port_deadline().value_or(look), look);
}

Result<> TtyEndpoint::handle_timeout(const Receive& take, TimePoint now) {
  // Before it talks it hears what has come in the meantime.
  if (auto heard = receive(take, now); !heard) return heard;
  handle_port_timeout(now);
  return settle(take, now);
}

Result<> TtyEndpoint::reopen(TimePoint now) {
  if (auto done = serial_.reopen(); !done) return done;
  unwritten_.clear();
  lost_.reset();
  flush(now);
  return {};
}

Result<> TtyEndpoint::settle(const Receive& take, TimePoint now) {
  flush(now);
  hand_up(take, now);
  if (lost_) return tl::unexpected(*std::exchange(lost_, std::nullopt));
  return {};
}

void TtyEndpoint::lose(const Error& error) {
  // Still open: the loop watches the descriptor until it has heard of this.
  unwritten_.clear();
  forget();
  lost_ = error;
}

void TtyEndpoint::flush(TimePoint now) {
  if (lost_) return;
  if (!is_blocked()) retry_wait_ = kFirstWriteRetry;
  do {
    while (const auto output = poll_output(now)) {
      if (output->discard) {
        unwritten_.clear();
        serial_.discard_output();
      }
      unwritten_.insert(unwritten_.end(), output->characters.begin(), output->characters.end());
    }
    if (unwritten_.empty()) return;
    const auto written = serial_.write(unwritten_);
    if (!written) return lose(written.error());
    if (*written > 0) retry_wait_ = kFirstWriteRetry;
    unwritten_.erase(unwritten_.begin(),
                     unwritten_.begin() + static_cast<std::ptrdiff_t>(*written));
  } while (unwritten_.empty());
  retry_at_ = now + retry_wait_;
  retry_wait_ = std::min(retry_wait_ * 2, kLongestWriteRetry);
}

}  // namespace fwr::transport
