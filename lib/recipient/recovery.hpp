// SPDX-License-Identifier: GPL-3.0-or-later
// The recovery machine: from the request to the activated slot, by the table of PROTOCOL §6.4.
// Sans-I/O: datagrams and `now` in; datagrams, events and the next deadline out; flash behind
// flash::Slots.
//
// It owns what outlives a donor: the offers (Selection), the image on its way (Installation), the
// search for a better medium, and the end. What ends with a donor belongs to its DonorTalk. One
// talk at most is not leaving; the ones before it in the list are.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "flash/slots.hpp"
#include "recipient/better_medium.hpp"
#include "recipient/discovery.hpp"
#include "recipient/donor_talk.hpp"
#include "recipient/installation.hpp"
#include "recipient/selection.hpp"
#include "recipient/survey.hpp"
#include "recipient/words.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kEventQueue = 1024;  ///< events; the oldest go first
inline constexpr Duration kProgressInterval = std::chrono::milliseconds(100);

class Recovery {
 public:
  /// `slots` and `random` must outlive the machine.
  Recovery(RecoveryConfig config, flash::Slots& slots, RandomSource& random);
  Recovery(const Recovery&) = delete;
  Recovery& operator=(const Recovery&) = delete;

  /// `wall_clock`: seconds since 1970, for the trial. Zero: not set, then the trial has no limit.
  void start(TimePoint now, std::int64_t wall_clock);
  /// The administrator stopped it: releases the lease, ends with Interrupted. Once the image is
  /// active, ends without the report instead.
  void abort(TimePoint now);

  /// A link has another idea of itself than before: on a noisy line, of the best message size.
  void set_link_properties(const KnownLink& link);

  void handle_datagram(const Path& path, ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  [[nodiscard]] std::optional<RecoveryEvent> poll_event();
  /// A deadline that has passed means that there is work to do now: verification goes in steps.
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] bool finished() const;  ///< Finished was polled and nothing is left to send
  [[nodiscard]] State state() const;
  /// What it holds in memory now, each within a limit of its own.
  struct Held {
    std::size_t events = 0;
    std::size_t farewells = 0;      ///< donors that get a last word
    std::size_t block_buffers = 0;  ///< blocks of which a part has arrived
    std::size_t in_flight_bytes = 0;
  };
  [[nodiscard]] Held held() const;

 private:
  /// The only place where the phase changes.
  void enter(Event event);
  /// The donor in use; nullptr: none is.
  [[nodiscard]] DonorTalk* talk();
  [[nodiscard]] const DonorTalk* talk() const;
  [[nodiscard]] bool sending() const { return talk() != nullptr && talk()->sending(); }
  /// Something can be done at once, and waits for no input: deadline() then names a time that has
  /// passed.
  [[nodiscard]] bool has_work() const { return phase_ == Phase::Verifying; }
  void leave_donor(Event event, const std::optional<Error>& why, TimePoint now);
  void forget_talks();

  // the offers
  void close_offers(TimePoint now);
  void work_on_survey(TimePoint now);
  void select(TimePoint now);
  void work_on_return(TimePoint now);
  void on_more_offers(TimePoint now);

  // what the donor in use reports
  void hear(TimePoint now);
  void heed(DonorTalk& talk, TimePoint now);
  void on(TalkEntered event, TimePoint now);
  void on(Offered event, TimePoint now);
  void on(Chosen event, TimePoint now);
  void on(Granted event, TimePoint now);
  void on(Stored event, TimePoint now);
  void on(StoreFailed event, TimePoint now);
  void on(GivenUp event, TimePoint now);
  void on(Outdone event, TimePoint now);
  void on(ReportEnded event, TimePoint now);

  // the slot
  [[nodiscard]] Result<> prepare(Vetted vetted);
  void verify_step(TimePoint now);
  void activate(TimePoint now);

  // the end
  void check_deadline(TimePoint now);
  [[nodiscard]] std::string doing() const;
  void fail_recovery(Event event, Error error, TimePoint now);
  void finish(std::optional<Error> error, TimePoint now);

  void emit(RecoveryEvent event);
  void emit_all(std::vector<Offered> offers);
  void emit_progress(TimePoint now, bool always);

  RecoveryConfig config_;
  flash::Slots& slots_;
  RandomSource& random_;
  Nonce nonce_{};

  Phase phase_ = Phase::Idle;
  TimePoint began_{}, ends_{}, now_{};
  std::int64_t wall_clock_ = 0;
  std::optional<Discovery> discovery_;  ///< in Discovering
  std::optional<Selection> selection_;  ///< once the first offers are collected
  std::optional<Survey> survey_;        ///< with offers_only, from then on
  BetterMedium better_;
  std::unique_ptr<Installation> installation_;  ///< of the image that was accepted last
  std::vector<std::unique_ptr<DonorTalk>> talks_;
  bool activated_ = false;
  bool ended_ = false;  ///< Finished was emitted

  std::deque<RecoveryEvent> events_;
  TimePoint last_progress_{};
};

}  // namespace fwr::recipient
