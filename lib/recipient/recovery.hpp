// SPDX-License-Identifier: GPL-3.0-or-later
// The recovery machine: from the request to the activated slot. One transition table, PROTOCOL
// §6.4. Sans-I/O: datagrams and `now` in; datagrams, events and the next deadline out; flash behind
// flash::Slots.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/types.hpp"
#include "flash/slots.hpp"
#include "image/signature.hpp"
#include "policy/policy.hpp"
#include "recipient/known_links.hpp"
#include "session/client.hpp"

namespace fwr::recipient {

enum class State : std::uint8_t {
  Idle,
  Discovering,
  Selecting,
  Connecting,
  Vetting,
  Accepting,
  Preparing,
  FetchingTree,
  FetchingImage,
  Verifying,
  Activating,
  Reporting,
  Done,
  Failed,
};
enum class Event : std::uint8_t {
  Start,
  OffersClosed,
  Deadline,
  DonorChosen,
  NoneLeft,
  SessionUp,
  DonorLost,
  ManifestAccepted,
  ManifestRefused,
  LeaseGranted,
  LeaseRefused,
  SlotReady,
  SlotFailed,
  TreeComplete,
  BadBlock,
  ImageComplete,
  SlotVerified,
  Activated,
  Reported,
  BetterDonor,
  OffersAwaited,
  NextImage,
};
struct Row {
  State from;
  Event event;
  State to;
};
/// Same rows and order as PROTOCOL §6.4.
[[nodiscard]] std::span<const Row> transition_table();
[[nodiscard]] std::string_view to_text(State state);  ///< "FetchingImage"
[[nodiscard]] std::string_view to_text(Event event);  ///< "offers-closed"

/// Whom to ask. Broadcast and multicast paths, on a bus FFFFh, set flag b0 of the request. The
/// medium of a candidate is that of the path on which its offer arrived.
struct Target {
  Path path;
  bool broadcast = false;
};

struct RecoveryConfig {
  std::uint32_t iana = 0;
  policy::Policy policy;
  policy::Situation situation;
  session::Credentials credentials;
  std::vector<image::PublicKey> trusted_keys;
  std::vector<Target> targets;
  /// What carries whom; who is not in it is on a LAN.
  std::vector<KnownLink> links;
  std::uint32_t trial_limit_s = 600;
  std::size_t receive_buffer_bytes = 212992;  ///< of the socket: at most half of it is in flight
  bool offers_only = false;                   ///< ends after Discovering: `fwrecover offers`
  bool verify = false;  ///< then also judges the signed manifests, in sessions
};

struct Entered {
  State state;
  Event event;  ///< that led there
};
struct Offered {
  policy::Candidate candidate;
  policy::Verdict verdict;
  std::size_t rank = 0;  ///< 1 is the best of the acceptable ones; 0: not told
  std::optional<image::Manifest> manifest = std::nullopt;  ///< signed, and judged
};
/// The donor that is tried now.
struct Chosen {
  policy::Candidate candidate;
  bool further = false;  ///< this one is refused: the donor is asked in its session for its others
};
/// Why a donor is not used any more.
struct Dropped {
  policy::Candidate candidate;
  Error error;
  std::optional<std::chrono::seconds> waits = std::nullopt;  ///< it is busy, and has room then
};
struct Progress {
  std::uint64_t done_bytes = 0;  ///< of the image, in the slot and verified
  std::uint64_t total_bytes = 0;
  std::uint64_t fetched_bytes = 0;  ///< came from donors
  std::uint64_t reused_bytes = 0;   ///< were in a slot already
};
/// The end. No error: done (or, with offers_only, offers were listed).
struct Finished {
  std::optional<Error> error;
  std::optional<Errc> cause;                ///< what the first donor that failed failed with
  std::optional<image::Manifest> manifest;  ///< of the image that was activated
  Progress progress;
};
using RecoveryEvent = std::variant<Entered, Offered, Chosen, Dropped, Progress, Finished>;

class Recovery {
 public:
  /// `slots` and `random` must outlive the machine.
  Recovery(RecoveryConfig config, flash::Slots& slots, RandomSource& random);
  ~Recovery();

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
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::recipient
