// SPDX-License-Identifier: GPL-3.0-or-later
// One command in flight, others behind it.
#include "session/command_queue.hpp"

#include <algorithm>
#include <utility>

#include "base/random.hpp"

namespace fwr::session {

Result<std::uint32_t> CommandQueue::submit(wire::IpmiRequest request) {
  if (waiting_.size() >= Conversation::kCommandQueue)
    return fail(Errc::LimitExceeded, "commands in the queue");
  if (request.data.size() > largest_request_bytes_)
    return fail(Errc::LimitExceeded, "bytes in a command");
  waiting_.push_back({++last_ticket_, std::move(request), 0});
  return last_ticket_;
}

bool CommandQueue::begin_next(TimePoint now) {
  if (in_flight_ || waiting_.empty()) return false;
  Command next = std::move(waiting_.front());
  waiting_.pop_front();
  put_in_flight(std::move(next), now);
  return true;
}

void CommandQueue::put_in_flight(Command command, TimePoint now) {
  in_flight_ = std::move(command);
  in_flight_->sequence = next_sequence();
  retry_.start(now);
}

bool CommandQueue::is_answered_by(std::uint8_t net_fn, std::uint8_t command,
                                  std::uint8_t sequence) const {
  return in_flight_ && net_fn == (in_flight_->request.net_fn | 1U) &&
         command == in_flight_->request.command && sequence == in_flight_->sequence;
}

std::uint32_t CommandQueue::finish() {
  const std::uint32_t ticket = in_flight_ ? in_flight_->ticket : 0;
  forget_in_flight();
  return ticket;
}

void CommandQueue::forget_in_flight() {
  in_flight_.reset();
  retry_.stop();
}

void CommandQueue::note_alive() {
  if (in_flight_) retry_.grant_try();
}

std::uint8_t CommandQueue::next_sequence() {
  sequence_ = static_cast<std::uint8_t>((sequence_ + 1U) & sequence_mask_);
  return sequence_;
}

// --- Retry ---------------------------------------------------------------------------------------

void Retry::start(TimePoint now, int wait_factor) {
  tries_ = 1;
  wait(timers_.first_timeout * wait_factor, now);
}

void Retry::repeat(TimePoint now, unsigned most_doublings) {
  ++tries_;
  const unsigned doublings = std::min({timers_.tries - 1, kMostDoublings, most_doublings});
  wait(std::min<Duration>(wait_ * 2, timers_.first_timeout * (1U << doublings)), now);
}

void Retry::grant_try() {
  tries_ = std::min(tries_, timers_.tries - 1);
}

void Retry::wait(Duration length, TimePoint now) {
  wait_ = length;
  due_ = now + length * 3 / 4 + random_part(length / 2, random_);
}

}  // namespace fwr::session
