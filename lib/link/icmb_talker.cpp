// SPDX-License-Identifier: GPL-3.0-or-later
// Arbitration, echo and repair of one node. PROTOCOL §11.2.
#include "link/icmb_talker.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "wire/crc16.hpp"
#include "wire/stream.hpp"

namespace fwr::link {
namespace {

using wire::icmb::BusAddress;
using wire::icmb::FrameType;

/// A Segment, however short. PROTOCOL §6.1.
bool is_bulk(const OutgoingFrame& frame) {
  return frame.type == FrameType::Stream && !frame.payload.empty() &&
         frame.payload.front() == std::byte{wire::stream::Segment::kKind};
}

}  // namespace

IcmbTalker::IcmbTalker(const IcmbLimits& limits, RandomSource& random,
                       wire::icmb::BridgeStatistics& counters, TimePoint now)
    : limits_(limits),
      random_(random),
      counters_(counters),
      last_heard_(now),
      cut_delay_(limits.cut_retry) {}

bool IcmbTalker::enqueue(OutgoingFrame frame, TimePoint now) {
  drop_old(now);
  const std::size_t size = frame.payload.size();
  if (size > wire::icmb::kPayloadLimit_bytes || waiting() >= limits_.queued_frames ||
      waiting_bytes_ + size > limits_.queued_bytes) {
    ++counters_.dropped;
    return false;
  }
  if (frame.answers_broadcast)
    backoff_slots_ = std::max(backoff_slots_, draw(std::max(exponent_, limits_.answer_exponent)));
  const bool control = size <= limits_.short_payload_bytes && !is_bulk(frame);
  waiting_bytes_ += size;
  Queued queued{std::move(frame), std::nullopt, 0, now};
  // Without an address nothing else can go, so address messages never stand behind others.
  if (queued.frame.type == FrameType::Address)
    control_.push_front(std::move(queued));
  else
    (control ? control_ : ordinary_).push_back(std::move(queued));
  return true;
}

void IcmbTalker::clear_queue() {
  control_.clear();
  ordinary_.clear();
  waiting_bytes_ = 0;
}

std::size_t IcmbTalker::answers_to_strangers() const {
  const auto counts = [](const Queued& queued) { return queued.frame.answers_stranger; };
  return static_cast<std::size_t>(std::count_if(control_.begin(), control_.end(), counts) +
                                  std::count_if(ordinary_.begin(), ordinary_.end(), counts));
}

void IcmbTalker::take_out(Queue& queue, const Queue::iterator& position) {
  waiting_bytes_ -= position->frame.payload.size();
  queue.erase(position);
}

void IcmbTalker::drop_address_message() {
  const auto found = std::find_if(control_.begin(), control_.end(), [](const Queued& queued) {
    return queued.frame.type == FrameType::Address;
  });
  if (found != control_.end()) take_out(control_, found);
}

void IcmbTalker::drop_old(TimePoint now) {
  for (Queue* queue : {&control_, &ordinary_}) {
    while (!queue->empty() && now - queue->front().since > limits_.frame_lifetime) {
      take_out(*queue, queue->begin());
      ++counters_.dropped;
    }
  }
}

bool IcmbTalker::may_go(const Queued& queued) const {
  return source_ != BusAddress::Unassigned || queued.frame.type == FrameType::Address;
}

const IcmbTalker::Queue* IcmbTalker::next_queue(TimePoint now) const {
  const bool control = !control_.empty() && may_go(control_.front());
  const bool ordinary = !ordinary_.empty() && may_go(ordinary_.front());
  if (ordinary && (!control || now - ordinary_.front().since > limits_.patience)) return &ordinary_;
  return control ? &control_ : nullptr;
}
IcmbTalker::Queue* IcmbTalker::next_queue(TimePoint now) {
  return const_cast<Queue*>(std::as_const(*this).next_queue(now));
}

bool IcmbTalker::goes_as_control(TimePoint now) const {
  return next_queue(now) == &control_ ||
         (!ordinary_.empty() && now - ordinary_.front().since > limits_.patience);
}

TimePoint IcmbTalker::start_at(TimePoint now) const {
  Duration idle = goes_as_control(now) ? limits_.control_idle() : limits_.ordinary_idle();
  if (frame_open_) idle = std::max(idle, limits_.open_idle());
  return std::max(last_heard_ + idle + backoff_slots_ * limits_.slot(), not_before_);
}

std::uint32_t IcmbTalker::draw(std::uint32_t exponent) {
  std::array<std::byte, 2> bytes{};
  random_.fill(bytes);
  return ByteReader(bytes).u16() & ((1U << exponent) - 1U);
}

/// Slots that passed in silence are not waited for again, so that no node waits for ever.
void IcmbTalker::count_down(TimePoint until) {
  const Duration needed = frame_open_ ? limits_.open_idle() : limits_.ordinary_idle();
  const Duration idle = until - last_heard_ - needed;
  if (idle <= Duration::zero()) return;
  const auto passed = static_cast<std::uint64_t>(idle / limits_.slot());
  backoff_slots_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(passed, backoff_slots_));
}

bool IcmbTalker::hear(std::byte character, TimePoint when) {
  const TimePoint began = when - limits_.characters(1);
  if (began - last_heard_ >= limits_.control_idle()) recovering_ = false;
  if (began - last_heard_ >= limits_.control_idle()) busy_characters_ = 0;
  if (!talking_) count_down(began);
  // Another node's talk has become a frame: the contention is over, and the loser is nearer.
  if (!talking_ && ++busy_characters_ == limits_.contention_characters) {
    exponent_ = std::max(exponent_ - 1, 1U);
    backoff_slots_ /= 2;
  }
  last_heard_ = std::max(last_heard_, when);
  if (cut_ && !talking_) not_before_ = std::min(not_before_, when);  // another node is there again
  if (!talking_) return false;
  if (echoed_ < written_ && (line_[echoed_] == character || pass_over_difference())) {
    own_character(when);
    return true;
  }
  step_back(!contended_, when);
  return false;
}

/// PROTOCOL §11.2: a Segment may be whole where it is wanted, and is asked for again if it is not.
bool IcmbTalker::pass_over_difference() {
  if (!contended_ || in_flight_.empty()) return false;
  InFlight& frame = in_flight_.front();
  const bool late = echoed_ >= frame.begin + (frame.end - frame.begin) / 2;
  // The flag at the end also begins the next frame.
  const bool shared = echoed_ + 1 >= frame.end;
  // A Segment behind it shows that it is missing; otherwise that takes a timeout.
  const Queued* next = in_flight_.size() > 1 ? &in_flight_[1].queued : nullptr;
  if (next == nullptr && !ordinary_.empty()) next = &ordinary_.front();
  const bool followed = next != nullptr && is_bulk(next->frame);
  if (!is_bulk(frame.queued.frame) || !late || shared || !followed || frame.doubtful) return false;
  frame.doubtful = true;
  ++counters_.line_errors;
  return true;
}

void IcmbTalker::own_character(TimePoint when) {
  ++echoed_;
  progress_at_ = when;
  if (cut_) {
    cut_ = false;
    cut_delay_ = limits_.cut_retry;
    changes_.push_back(Change::Restored);
  }
  if (!contended_ && (echoed_ >= limits_.contention_characters || echoed_ == line_.size())) {
    contended_ = true;
    ++counters_.arbitration_wins;
  }
  while (!in_flight_.empty() && in_flight_.front().end <= echoed_) {
    ++counters_.sent;
    sent_.push_back(in_flight_.front().queued.frame.type);
    in_flight_.pop_front();
  }
  if (echoed_ == line_.size() &&
      (line_.size() >= limits_.burst_characters || next_queue(when) == nullptr))
    end_talk();
}

void IcmbTalker::end_talk() {
  talking_ = false;
  exponent_ = std::max(exponent_ - 1, 1U);
  backoff_slots_ = limits_.yield_slots + draw(exponent_);
}

void IcmbTalker::step_back(bool collision, TimePoint now) {
  talking_ = false;
  discard_ = true;
  recovering_ = true;
  if (collision) {
    ++counters_.arbitration_losses;
    exponent_ = std::min(exponent_ + 1, limits_.highest_exponent);
    backoff_slots_ = draw(exponent_);
  } else {
    // Noise, or a node that did not listen: the line is still ours by right.
    ++counters_.line_errors;
    backoff_slots_ = 0;
  }
  requeue_in_flight(!collision, now);
  drop_old(now);
}

bool IcmbTalker::take_given_up(const wire::icmb::Frame& frame, TimePoint now) {
  const std::uint16_t check = wire::crc16(frame.payload);
  const auto own = std::find_if(given_up_.begin(), given_up_.end(), [&](const GivenUp& other) {
    return other.source == frame.source && other.sequence == frame.sequence &&
           other.check == check && now - other.at <= limits_.late_echo;
  });
  if (own == given_up_.end()) return false;
  given_up_.erase(own);
  return true;
}

void IcmbTalker::remember(const Queued& queued, TimePoint now) {
  const GivenUp own{source_, *queued.sequence, wire::crc16(queued.frame.payload), now};
  const auto same = std::find_if(given_up_.begin(), given_up_.end(), [&](const GivenUp& other) {
    return other.source == own.source && other.sequence == own.sequence && other.check == own.check;
  });
  if (same != given_up_.end()) given_up_.erase(same);
  if (given_up_.size() == kGivenUp) given_up_.pop_front();
  given_up_.push_back(own);
}

void IcmbTalker::requeue_in_flight(bool count_try, TimePoint now) {
  for (const InFlight& frame : in_flight_) remember(frame.queued, now);
  if (count_try && !in_flight_.empty() && ++in_flight_.front().queued.tries >= limits_.tries) {
    ++counters_.dropped;
    in_flight_.pop_front();
  }
  for (; !in_flight_.empty(); in_flight_.pop_back()) {
    InFlight& last = in_flight_.back();
    waiting_bytes_ += last.queued.frame.payload.size();
    (last.control ? control_ : ordinary_).push_front(std::move(last.queued));
  }
}

void IcmbTalker::lose_echo(TimePoint now) {
  talking_ = false;
  discard_ = true;
  recovering_ = true;
  requeue_in_flight(false, now);
  drop_old(now);
  not_before_ = now + cut_delay_;
  cut_delay_ = std::min<Duration>(cut_delay_ * 2, limits_.cut_retry_limit);
  if (cut_) return;
  cut_ = true;
  ++counters_.cuts;
  changes_.push_back(Change::Cut);
}

void IcmbTalker::handle_timeout(TimePoint now) {
  if (talking_) {
    if (now >= progress_at_ + limits_.echo_timeout) lose_echo(now);
    return;
  }
  drop_old(now);
  if (next_queue(now) != nullptr && now >= start_at(now)) start(now);
}

void IcmbTalker::start(TimePoint now) {
  talking_ = true;
  contended_ = false;
  recovering_ = false;
  backoff_slots_ = 0;
  line_.assign(1, wire::icmb::kFlag);
  written_ = 0;
  echoed_ = 0;
  progress_at_ = now;
  append_frame(*next_queue(now));
}

void IcmbTalker::append_frame(Queue& queue) {
  InFlight sending{
      .queued = std::move(queue.front()), .control = &queue == &control_, .begin = line_.size()};
  queue.pop_front();
  const OutgoingFrame& frame = sending.queued.frame;
  waiting_bytes_ -= frame.payload.size();
  if (!sending.queued.sequence) sending.queued.sequence = sequence_++;
  const Bytes characters = encode(wire::icmb::Frame{frame.destination, source_, frame.type,
                                                    *sending.queued.sequence, frame.payload});
  line_.insert(line_.end(), characters.begin(), characters.end());
  sending.end = line_.size();
  in_flight_.push_back(std::move(sending));
}

std::optional<LineOutput> IcmbTalker::poll_output(TimePoint now) {
  LineOutput output;
  output.discard = std::exchange(discard_, false);
  if (talking_) {
    const std::size_t room = limits_.ahead() - (written_ - echoed_);
    while (line_.size() - written_ < room && line_.size() < limits_.burst_characters) {
      Queue* const queue = next_queue(now);
      if (queue == nullptr) break;
      append_frame(*queue);
    }
    const std::size_t count = std::min(room, line_.size() - written_);
    const ByteView part = ByteView(line_).subspan(written_, count);
    output.characters.assign(part.begin(), part.end());
    written_ += count;
  }
  if (!output.discard && output.characters.empty()) return std::nullopt;
  return output;
}

std::optional<TimePoint> IcmbTalker::deadline() const {
  if (talking_) return progress_at_ + limits_.echo_timeout;
  // The patience of an ordinary frame makes it go earlier, never later: no timer of its own.
  if (next_queue(last_heard_) == nullptr) return std::nullopt;
  return start_at(last_heard_);
}

std::optional<FrameType> IcmbTalker::poll_sent() {
  if (sent_.empty()) return std::nullopt;
  const FrameType type = sent_.front();
  sent_.pop_front();
  return type;
}

std::optional<IcmbTalker::Change> IcmbTalker::poll_change() {
  if (changes_.empty()) return std::nullopt;
  const Change change = changes_.front();
  changes_.pop_front();
  return change;
}

}  // namespace fwr::link
