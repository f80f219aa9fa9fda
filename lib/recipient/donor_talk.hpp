// SPDX-License-Identifier: GPL-3.0-or-later
// One donor, from the choice to the last word: it is connected to, its images are looked at, it
// grants a lease, it serves, and it is left. Sans-I/O. PROTOCOL §6.4.
//
// The talk owns all that ends with the donor: the DonorSession, which has session and lease, and
// stream, pace and turn. What it learns about offers goes into the Selection; what concerns the
// whole recovery it reports as TalkEvent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "recipient/donor_session.hpp"
#include "recipient/installation.hpp"
#include "recipient/patience.hpp"
#include "recipient/selection.hpp"
#include "recipient/transfer.hpp"
#include "recipient/vetting.hpp"
#include "recipient/words.hpp"

namespace fwr::recipient {

/// What all talks of one recovery share.
struct TalkContext {
  const RecoveryConfig& config;
  Selection& selection;
  RandomSource& random;
  Nonce nonce{};
  TimePoint ends;  ///< the deadline of the recovery
};

/// The donor granted a lease for the image of this manifest, and waits for serve().
struct Granted {
  Vetted vetted;
};
/// Blocks of the object that is fetched were stored, or found in place.
struct Stored {};
/// The memory of this system failed: no donor can help. The donor is left.
struct StoreFailed {
  Error error;
};
/// The donor is lost, refused, or sent something wrong, and is left. The Selection knows.
struct GivenUp {
  Event event;
  Dropped dropped;
};
/// Another donor claims to have something better than this one has. This one is left.
struct Outdone {};
/// The donor has answered to the report, or (DonorLost) will not. It is left.
struct ReportEnded {
  Event event;
};
using TalkEvent = std::variant<TalkEntered, Offered, Chosen, Granted, Stored, StoreFailed, GivenUp,
                               Outdone, ReportEnded>;

class DonorTalk {
 public:
  /// What `context` refers to must outlive the talk.
  DonorTalk(const TalkContext& context, const Selection::Next& chosen, TimePoint now);

  /// Fetches the hash tree of `image`, and after fetch_image() the image, until hold(). The donor
  /// has granted a lease. `image` must outlive the talk, or leave().
  void serve(Installation& image, TimePoint now);
  void fetch_image(TimePoint now);
  /// Everything is here: only session and lease are kept.
  void hold();
  /// Reports the success. ReportEnded follows, at the latest after the farewell time of the link.
  void report(const std::string& text, TimePoint now);
  /// The donor is not needed any more. With a lease it gets a last word: `why` the recovery goes on
  /// without it, or ends.
  void leave(Event event, const std::optional<Error>& why, TimePoint now);
  /// The same in any state, because the administrator stopped the recovery.
  void stop(TimePoint now);

  [[nodiscard]] TalkState state() const { return static_cast<TalkState>(data_.index()); }
  [[nodiscard]] const Path& path() const { return session_.path(); }
  [[nodiscard]] std::size_t offer() const { return offer_; }  ///< its index in the Selection
  [[nodiscard]] const policy::Candidate& candidate() const {
    return selection_.offer(offer_).candidate;
  }
  [[nodiscard]] bool sending() const { return is<Serving>(); }
  [[nodiscard]] bool leaving() const { return session_.leaving(); }
  [[nodiscard]] bool over() const { return session_.over(); }
  [[nodiscard]] std::size_t in_flight_bytes() const;

  /// A link has changed its mind about the best size of a message.
  void set_link_properties(const KnownLink& link);
  void handle_datagram(ByteView datagram, TimePoint now) {
    session_.handle_datagram(datagram, now);
  }
  void handle_timeout(TimePoint now);
  /// Takes one event of the session. False: there is none, or the donor is left.
  [[nodiscard]] bool hear(TimePoint now);
  /// The turn of the donor may be over.
  void check_turn(TimePoint now);
  /// Looks after the stream and its pace, and after the answer to the report.
  void check_progress(TimePoint now);
  [[nodiscard]] std::optional<TalkEvent> poll_event();
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;

 private:
  /// One structure a state, in the order of TalkState.
  struct Waiting {
    TimePoint until;
  };
  struct Connecting {};
  struct Vetting {
    Guid peer{};                                        ///< the donor that opened the session
    std::optional<ManifestFetch> fetch = std::nullopt;  ///< nullopt: Request Firmware is asked
    Digest after{};                                     ///< what that request asks after
    bool behind = false;  ///< it asks for what comes behind the image of the offer
    unsigned asked = 0;
    bool moved = false;                           ///< to another image than the chosen one
    std::optional<Error> refusal = std::nullopt;  ///< the first one of an image
  };
  struct Accepting {
    Vetted vetted;
    bool asked_again = false;      ///< for an offer that has not expired
    bool waits_for_offer = false;  ///< the pending command is Request Firmware
  };
  struct Holding {};
  struct Serving {
    Installation* image = nullptr;
    Fetch* object = nullptr;                          ///< the tree, then the image
    std::optional<Transfer> transfer = std::nullopt;  ///< from serve() on
    Patience patience;
    std::uint64_t fetched_before = 0;  ///< bytes of the image, when the lease was granted
  };
  struct Reporting {
    TimePoint until;
  };
  struct Leaving {};
  using Data =
      std::variant<Waiting, Connecting, Vetting, Accepting, Holding, Serving, Reporting, Leaving>;
  template <TalkState state, class StateData>
  static constexpr bool kHolds =
      std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(state), Data>, StateData>;
  static_assert(kHolds<TalkState::Waiting, Waiting>);
  static_assert(kHolds<TalkState::Connecting, Connecting>);
  static_assert(kHolds<TalkState::Vetting, Vetting>);
  static_assert(kHolds<TalkState::Accepting, Accepting>);
  static_assert(kHolds<TalkState::Holding, Holding>);
  static_assert(kHolds<TalkState::Serving, Serving>);
  static_assert(kHolds<TalkState::Reporting, Reporting>);
  static_assert(kHolds<TalkState::Leaving, Leaving>);

  [[nodiscard]] std::unique_ptr<session::Conversation> make_client() const;
  /// The only place where the state changes, after construction and stop(). Data of another state
  /// begins empty.
  void enter(Event event);
  [[nodiscard]] static Data empty(TalkState state);
  void close(const std::optional<Error>& why, TimePoint now);
  void tell(TalkEvent event) { events_.push_back(std::move(event)); }
  template <class StateData>
  [[nodiscard]] bool is() const {
    return std::holds_alternative<StateData>(data_);
  }
  [[nodiscard]] bool sessions() const { return session_.properties().sessions; }
  void ask(wire::IpmiRequest request, TimePoint now);

  // the session
  void on_session_up(const Guid& peer, TimePoint now);
  void on_session_down(Error error, TimePoint now);
  void on_answer(const wire::IpmiResponse& response, TimePoint now);

  // looking at its images
  void ask_for_image(bool behind, TimePoint now);
  void on_image_offered(const wire::IpmiResponse& response, TimePoint now);
  void consider(TimePoint now);
  void fetch_manifest(TimePoint now);
  void on_manifest_piece(const wire::IpmiResponse& response, TimePoint now);
  void refuse_image(Error error, bool of_all, TimePoint now);
  void end_walk(TimePoint now);

  // the lease
  void on_accepted(const wire::IpmiResponse& response, TimePoint now);
  void on_offer_again(const wire::IpmiResponse& response, TimePoint now);
  void on_lease(const wire::oem::AcceptOfferRs& granted, TimePoint now);

  // the stream
  void on_fetched(const Fetched<>& result, TimePoint now);
  void begin_pace(TimePoint now);
  void check_pace(TimePoint now);

  void end_report(Event event, TimePoint now);

  // its turn
  [[nodiscard]] bool in_turn() const;
  [[nodiscard]] Duration turn(TimePoint now) const;
  void begin_turn(TimePoint now);

  // giving it up
  void drop(Event event, Error error, TimePoint now);
  void drop_busy(Event event, Error error, std::chrono::seconds wait, TimePoint now);
  void drop_image(Event event, Error error, TimePoint now);
  void doubt(Event event, Error error, TimePoint now);
  void drop_lost(Event event, Error error, TimePoint now);
  void drop_lost(Event event, Error error, TimePoint now, std::chrono::seconds wait);
  void drop_late(TimePoint now);
  void drop_slow(double bytes_per_s, std::uint64_t left_bytes, TimePoint now);
  void give_up(Event event, Error error, TimePoint now,
               std::optional<std::chrono::seconds> waits = std::nullopt);

  const RecoveryConfig& config_;
  Selection& selection_;
  RandomSource& random_;
  Nonce nonce_;
  TimePoint ends_;  ///< the deadline of the recovery

  std::size_t offer_;
  bool in_doubt_;  ///< the offer may be forged
  DonorSession session_;
  Data data_;
  TimePoint turn_ends_{};  ///< until the lease
  std::vector<TalkEvent> events_;
  std::size_t next_event_ = 0;
};

}  // namespace fwr::recipient
