// SPDX-License-Identifier: GPL-3.0-or-later
// The recovery machine: from the request to the activated slot. One transition table, PROTOCOL
// §6.4. Sans-I/O: datagrams and `now` in; datagrams, events and the next deadline out; flash behind
// flash::Slots.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "flash/slots.hpp"
#include "recipient/discovery.hpp"
#include "recipient/donor_link.hpp"
#include "recipient/installation.hpp"
#include "recipient/patience.hpp"
#include "recipient/selection.hpp"
#include "recipient/survey.hpp"
#include "recipient/transfer.hpp"
#include "recipient/vetting.hpp"
#include "recipient/words.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kEventQueue = 1024;  ///< events; the oldest go first
inline constexpr Duration kProgressInterval = std::chrono::milliseconds(100);
inline constexpr std::chrono::seconds kSessionLimitWait{10};  ///< a donor with no free session
inline constexpr std::chrono::seconds kLostWait{10};          // PROTOCOL §6.4
/// On links without sessions, where what refused may be somebody else: PROTOCOL §6.4.
inline constexpr std::chrono::seconds kRefusedWait{1};
inline constexpr std::chrono::seconds kLongestReturnInterval{3600};  // PROTOCOL §14

using Link = std::unique_ptr<DonorLink>;

/// One structure a state, in the order of State: the state is the index of the variant.
struct Idle {};
struct Discovering {
  Discovery discovery;
};
struct Selecting {};
struct Connecting {
  Link link;
  std::optional<TimePoint> not_before;  ///< the donor was busy
};
struct Vetting {
  Link link;
  Guid peer{};                                        ///< that opened the session
  std::optional<ManifestFetch> fetch = std::nullopt;  ///< nothing: Request Firmware is asked
  Digest after{};                                     ///< of that request
  bool behind = false;  ///< it asks for what comes behind the image of the link
  unsigned asked = 0;
  bool moved = false;                           ///< to another image than the one that was chosen
  std::optional<Error> refusal = std::nullopt;  ///< the first one of an image
};
struct Accepting {
  Link link;
  Vetted vetted;
  bool asked_again = false;      ///< for an offer that has not expired
  bool waits_for_offer = false;  ///< the pending command is Request Firmware
};
struct Preparing {
  Link link;
};
struct FetchingTree {
  Link link;
  std::unique_ptr<Transfer> transfer;
};
struct FetchingImage {
  Link link;
  std::unique_ptr<Transfer> transfer;
};
struct Verifying {
  Link link;
};
struct Activating {
  Link link;
};
struct Reporting {
  Link link;
  TimePoint until;
};
struct Done {};
struct Failed {};
using StateData =
    std::variant<Idle, Discovering, Selecting, Connecting, Vetting, Accepting, Preparing,
                 FetchingTree, FetchingImage, Verifying, Activating, Reporting, Done, Failed>;
template <State state, class Data>
inline constexpr bool kHolds =
    std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(state), StateData>, Data>;
static_assert(kHolds<State::Idle, Idle>);
static_assert(kHolds<State::Discovering, Discovering>);
static_assert(kHolds<State::Selecting, Selecting>);
static_assert(kHolds<State::Connecting, Connecting>);
static_assert(kHolds<State::Vetting, Vetting>);
static_assert(kHolds<State::Accepting, Accepting>);
static_assert(kHolds<State::Preparing, Preparing>);
static_assert(kHolds<State::FetchingTree, FetchingTree>);
static_assert(kHolds<State::FetchingImage, FetchingImage>);
static_assert(kHolds<State::Verifying, Verifying>);
static_assert(kHolds<State::Activating, Activating>);
static_assert(kHolds<State::Reporting, Reporting>);
static_assert(kHolds<State::Done, Done>);
static_assert(kHolds<State::Failed, Failed>);

class Recovery {
 public:
  /// `slots` and `random` must outlive the machine.
  Recovery(RecoveryConfig config, flash::Slots& slots, RandomSource& random)
      : config_(std::move(config)), slots_(slots), random_(random) {}
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
  [[nodiscard]] State state() const { return static_cast<State>(data_.index()); }
  /// What it holds in memory now, each within a limit of its own.
  struct Held {
    std::size_t events = 0;
    std::size_t farewells = 0;      ///< donors that get a last word
    std::size_t block_buffers = 0;  ///< blocks of which a part has arrived
    std::size_t in_flight_bytes = 0;
  };
  [[nodiscard]] Held held() const;

 private:
  // recovery.cpp: what holds in every state
  /// The only place where the state changes.
  void enter(Event event, StateData next);
  [[nodiscard]] static bool has_row(State from, Event event);
  [[nodiscard]] DonorLink* link();
  [[nodiscard]] const DonorLink* link() const;
  [[nodiscard]] Link take_link();
  [[nodiscard]] Transfer* transfer();
  [[nodiscard]] const Transfer* transfer() const;
  /// Of the object that is fetched now. Only in a state with a transfer.
  [[nodiscard]] const BlockWindow& window() const;
  void emit(RecoveryEvent event);
  void emit_progress(TimePoint now, bool always);
  void finish(std::optional<Error> error, TimePoint now);
  void fail_recovery(Event event, Error error, TimePoint now);
  void check_deadline(TimePoint now);
  [[nodiscard]] std::string doing() const;
  void bid_farewell(Link link, const std::optional<Error>& why, TimePoint now);
  void forget_farewells();
  void pump(TimePoint now);

  // machine_donors.cpp: from the offers to the lease
  void close_offers(TimePoint now);
  void work_on_survey(TimePoint now);
  void select(TimePoint now);
  void drop(Event event, Error error, TimePoint now);
  void drop_busy(Event event, Error error, std::chrono::seconds wait, TimePoint now);
  void drop_image(Event event, Error error, TimePoint now);
  void leave(Event event, Error error, TimePoint now,
             std::optional<std::chrono::seconds> waits = std::nullopt);
  [[nodiscard]] TimePoint again_after(std::chrono::seconds wait, TimePoint now);
  void drop_lost(Event event, Error error, TimePoint now, std::chrono::seconds wait = kLostWait);
  void doubt(Event event, Error error, TimePoint now);
  void drop_late(TimePoint now);
  /// How long the donor may take until the lease, while others wait for their turn.
  [[nodiscard]] Duration turn(TimePoint now) const;
  void begin_turn(TimePoint now);
  void check_turn(TimePoint now);
  [[nodiscard]] bool in_turn() const;
  void drop_slow(double bytes_per_s, std::uint64_t left_bytes, TimePoint now);
  /// For the offer at this index of the selection.
  [[nodiscard]] std::unique_ptr<session::Conversation> make_client(const LinkProperties& link,
                                                                   std::size_t offer);
  [[nodiscard]] const policy::Candidate& candidate() const;
  void ask(wire::IpmiRequest request, TimePoint now);
  void on_session_up(const Guid& peer, TimePoint now);
  void on_session_down(Error error, TimePoint now);
  void on_answer(const wire::IpmiResponse& response, TimePoint now);
  void ask_for_image(bool behind, TimePoint now);
  void on_image_offered(const wire::IpmiResponse& response, TimePoint now);
  void consider(TimePoint now);
  void fetch_manifest(TimePoint now);
  void refuse_image(Error error, bool of_all, TimePoint now);
  void end_walk(TimePoint now);
  void on_manifest_piece(const wire::IpmiResponse& response, TimePoint now);
  void on_accepted(const wire::IpmiResponse& response, TimePoint now);
  void on_offer_again(const wire::IpmiResponse& response, TimePoint now);
  void on_lease(const wire::oem::AcceptOfferRs& lease, TimePoint now);
  [[nodiscard]] wire::IpmiRequest accept_request() const;

  // machine_return.cpp: other offers while one is used
  [[nodiscard]] std::vector<Target> better_targets() const;
  void expect_return(TimePoint now);
  void work_on_return(TimePoint now);
  void on_more_offers(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> return_deadline() const;

  // machine_install.cpp: from the lease to the end
  void prepare(Vetted vetted, TimePoint now);
  void on_fetched(const Fetched<>& result, TimePoint now);
  /// The donor begins to send an object of which so much is there.
  void begin_pace(std::uint64_t in_place_bytes, Duration window, TimePoint now);
  void check_pace(TimePoint now);
  void after_fetch_step(TimePoint now);
  void verify_step(TimePoint now);
  void activate(TimePoint now);
  void report(TimePoint now);
  void reported(Event event, TimePoint now);

  RecoveryConfig config_;
  flash::Slots& slots_;
  RandomSource& random_;

  StateData data_;
  TimePoint began_{}, ends_{}, now_{};
  std::int64_t wall_clock_ = 0;
  Nonce nonce_{};
  std::optional<Selection> selection_;
  std::optional<Survey> survey_;                ///< with offers_only, once they are collected
  std::unique_ptr<Installation> installation_;  ///< of the image that was chosen last
  Patience patience_;                           ///< with the donor that sends now
  std::optional<Discovery> asking_;             ///< others, while one is used
  std::optional<TimePoint> next_return_;        ///< when to ask on better media
  std::chrono::seconds return_interval_{};      ///< before that
  std::uint64_t fetched_before_ = 0;  ///< bytes of the image, when the present lease was granted
  TimePoint turn_ends_{};             ///< of the donor that was chosen last, until the lease
  bool activated_ = false;
  bool in_doubt_ = false;  ///< the donor that was chosen last

  std::vector<Farewell> farewells_;  ///< each ends by itself, whatever the links take
  std::deque<RecoveryEvent> events_;
  TimePoint last_progress_{};
  bool ended_ = false;  ///< Finished was emitted
};

}  // namespace fwr::recipient
