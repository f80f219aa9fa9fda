// SPDX-License-Identifier: GPL-3.0-or-later
// One node's turn on a multi-master bus: listen, talk, hear oneself, step back. PROTOCOL §11.2.
#pragma once

#include <deque>
#include <optional>

#include "base/types.hpp"
#include "link/icmb_limits.hpp"
#include "wire/icmb.hpp"

namespace fwr::link {

/// A frame of ours on its way. Its source is filled in when it goes, as the address may change.
struct OutgoingFrame {
  wire::icmb::BusAddress destination = wire::icmb::BusAddress::Broadcast;
  wire::icmb::FrameType type = wire::icmb::FrameType::Request;
  Bytes payload;
  bool answers_broadcast = false;  ///< many may answer at the same time
  bool answers_stranger = false;   ///< only a few of these wait
};

/// What goes to the line: first what was written and has not left is dropped, if so asked.
struct LineOutput {
  bool discard = false;
  Bytes characters;
};

class IcmbTalker {
 public:
  enum class Change : std::uint8_t { Cut, Restored };

  IcmbTalker(const IcmbLimits& limits, RandomSource& random, wire::icmb::BridgeStatistics& counters,
             TimePoint now);

  /// False, and counted, when there is no room.
  bool enqueue(OutgoingFrame frame, TimePoint now);
  /// Unassigned: only address messages go.
  void set_source(wire::icmb::BusAddress source) { source_ = source; }
  /// Forgets what waits to be sent.
  void clear_queue();
  /// Forgets the address message that waits: what it says has changed.
  void drop_address_message();

  /// A character at the time at which it was complete. True: it was our own.
  [[nodiscard]] bool hear(std::byte character, TimePoint when);
  /// What was heard last was not the end of a frame: its talker is late rather than done.
  void set_frame_open(bool open) { frame_open_ = open; }
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<LineOutput> poll_output(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  /// Whether a frame is one that we gave up a moment ago, and that left all the same: no other node
  /// has said it. It can be heard once: a node that says it again is another one, perhaps with our
  /// GUID.
  [[nodiscard]] bool take_given_up(const wire::icmb::Frame& frame, TimePoint now);
  /// After a collision, until the line is idle: what is heard may be the rest of our own.
  [[nodiscard]] bool is_recovering() const { return recovering_; }
  [[nodiscard]] bool is_cut() const { return cut_; }
  [[nodiscard]] bool is_talking() const { return talking_; }
  [[nodiscard]] std::size_t waiting() const { return control_.size() + ordinary_.size(); }
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_bytes_; }
  [[nodiscard]] std::size_t answers_to_strangers() const;
  /// Frames whose last character was heard since the last call.
  [[nodiscard]] std::optional<wire::icmb::FrameType> poll_sent();
  [[nodiscard]] std::optional<Change> poll_change();

 private:
  struct Queued {
    OutgoingFrame frame;
    std::optional<std::uint8_t> sequence;  ///< of its first try: a listener knows it again
    std::uint32_t tries = 0;
    TimePoint since{};
  };
  using Queue = std::deque<Queued>;
  /// A frame that is being written, and where its characters are in line_.
  struct InFlight {
    Queued queued;
    bool control = false;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool doubtful = false;  ///< one of them was heard as another
  };

  /// A frame of a talk that was broken off.
  struct GivenUp {
    wire::icmb::BusAddress source = wire::icmb::BusAddress::Unassigned;
    std::uint8_t sequence = 0;
    std::uint16_t check = 0;  ///< of the payload
    TimePoint at{};
  };
  static constexpr std::size_t kGivenUp = 16;  ///< remembered: more than an endpoint holds

  [[nodiscard]] bool may_go(const Queued& queued) const;
  [[nodiscard]] Queue* next_queue(TimePoint now);
  [[nodiscard]] const Queue* next_queue(TimePoint now) const;
  [[nodiscard]] bool goes_as_control(TimePoint now) const;
  [[nodiscard]] TimePoint start_at(TimePoint now) const;
  void start(TimePoint now);
  void append_frame(Queue& queue);
  void take_out(Queue& queue, const Queue::iterator& position);
  void count_down(TimePoint until);
  void own_character(TimePoint when);
  [[nodiscard]] bool pass_over_difference();
  void step_back(bool collision, TimePoint now);
  void remember(const Queued& queued, TimePoint now);
  void requeue_in_flight(bool count_try, TimePoint now);
  void lose_echo(TimePoint now);
  void end_talk();
  void drop_old(TimePoint now);
  std::uint32_t draw(std::uint32_t exponent);

  const IcmbLimits& limits_;
  RandomSource& random_;
  wire::icmb::BridgeStatistics& counters_;
  wire::icmb::BusAddress source_ = wire::icmb::BusAddress::Unassigned;
  std::uint8_t sequence_ = 0;  ///< of the next frame

  Queue control_;
  Queue ordinary_;
  std::size_t waiting_bytes_ = 0;

  TimePoint last_heard_;
  std::uint32_t busy_characters_ = 0;  ///< of others, since the line was idle
  std::uint32_t exponent_ = 1;
  std::uint32_t backoff_slots_ = 0;
  bool recovering_ = false;
  bool frame_open_ = false;

  // One talk.
  bool talking_ = false;
  bool contended_ = false;  ///< the line is ours: the contention time has passed
  Bytes line_;              ///< all characters of this talk so far
  std::size_t written_ = 0;
  std::size_t echoed_ = 0;
  std::deque<InFlight> in_flight_;
  TimePoint progress_at_{};
  bool discard_ = false;

  std::deque<GivenUp> given_up_;

  bool cut_ = false;
  Duration cut_delay_{};
  TimePoint not_before_{};

  std::deque<wire::icmb::FrameType> sent_;
  std::deque<Change> changes_;
};

}  // namespace fwr::link
