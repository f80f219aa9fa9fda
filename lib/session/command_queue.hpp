// SPDX-License-Identifier: GPL-3.0-or-later
// Commands to one peer, in order and one at a time: tickets, the wait for each answer, repeats.
// Every client has one, with or without sessions.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "base/types.hpp"
#include "session/conversation.hpp"
#include "wire/ipmi.hpp"

namespace fwr::session {

/// The wait for one answer: a limited number of tries, each of which waits twice as long as the one
/// before. Each wait is up to a quarter shorter or longer, so that clients that began together,
/// after a power failure, do not come back together each time.
class Retry {
 public:
  /// `random` must outlive the object.
  Retry(const ClientTimers& timers, RandomSource& random) : timers_(timers), random_(random) {}

  /// The first try goes out now. Its usual wait is ClientTimers::first_timeout.
  void start(TimePoint now, int wait_factor = 1);
  /// The next try goes out now. The wait doubles at most so many times.
  void repeat(TimePoint now, unsigned most_doublings = kMostDoublings);
  void stop() { due_.reset(); }
  /// The last try may go unanswered once more: other traffic proves that the peer is alive.
  void grant_try();

  [[nodiscard]] bool is_due(TimePoint now) const { return due_ && now >= *due_; }
  [[nodiscard]] bool is_exhausted() const { return tries_ >= timers_.tries; }
  [[nodiscard]] std::optional<TimePoint> deadline() const { return due_; }

 private:
  static constexpr unsigned kMostDoublings = 16;
  void wait(Duration length, TimePoint now);

  ClientTimers timers_;
  RandomSource& random_;
  std::optional<TimePoint> due_;
  Duration wait_{};
  unsigned tries_ = 0;
};

class CommandQueue {
 public:
  struct Command {
    std::uint32_t ticket = 0;  ///< 0: a command of the client itself
    wire::IpmiRequest request;
    std::uint8_t sequence = 0;  ///< set when the command goes out; the same for each try
  };

  /// `sequence_mask`: the bits that a sequence number has on the wire.
  CommandQueue(const ClientTimers& timers, std::size_t largest_request_bytes,
               std::uint8_t sequence_mask, RandomSource& random)
      : retry_(timers, random),
        largest_request_bytes_(largest_request_bytes),
        sequence_mask_(sequence_mask) {}

  /// The ticket of a command that now waits. Error: LimitExceeded.
  [[nodiscard]] Result<std::uint32_t> submit(wire::IpmiRequest request);
  /// Puts the first waiting command in flight. False when there is none, or one is in flight.
  [[nodiscard]] bool begin_next(TimePoint now);
  /// Puts a command of the client itself in flight.
  void begin(wire::IpmiRequest request, TimePoint now) {
    put_in_flight({0, std::move(request), 0}, now);
  }
  /// The command in flight, to be sent now. Null when there is none.
  [[nodiscard]] const Command* in_flight() const { return in_flight_ ? &*in_flight_ : nullptr; }
  /// True for the answer to the command in flight. Others are late: they answer earlier commands.
  [[nodiscard]] bool is_answered_by(std::uint8_t net_fn, std::uint8_t command,
                                    std::uint8_t sequence) const;
  /// The command in flight has its answer; its ticket.
  std::uint32_t finish();

  void forget_waiting() { waiting_.clear(); }
  void forget_in_flight();

  /// As Conversation::note_alive().
  void note_alive();
  [[nodiscard]] Retry& retry() { return retry_; }
  [[nodiscard]] std::optional<TimePoint> deadline() const { return retry_.deadline(); }

  [[nodiscard]] std::uint8_t next_sequence();
  void set_sequence(std::uint8_t sequence) { sequence_ = sequence; }

 private:
  void put_in_flight(Command command, TimePoint now);

  Retry retry_;  ///< of the command in flight
  std::size_t largest_request_bytes_;
  std::uint8_t sequence_mask_;
  std::uint8_t sequence_ = 0;  ///< the last one given out
  std::uint32_t last_ticket_ = 0;
  std::deque<Command> waiting_;
  std::optional<Command> in_flight_;
};

}  // namespace fwr::session
