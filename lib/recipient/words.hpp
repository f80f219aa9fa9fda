// SPDX-License-Identifier: GPL-3.0-or-later
// What a recovery is given, and what it reports: the words that all parts of it share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "image/manifest.hpp"
#include "image/signature.hpp"
#include "policy/policy.hpp"
#include "recipient/known_links.hpp"
#include "recipient/transitions.hpp"
#include "session/client.hpp"

namespace fwr::recipient {

/// A system to ask, or many of them. Broadcast and multicast paths, on a bus FFFFh, set flag b0 of
/// the request. The medium of a candidate is that of the path on which its offer arrived.
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
  /// The links that lead to targets; an address that none of them leads to is on a LAN.
  std::vector<KnownLink> links;
  std::uint32_t trial_limit_s = 600;
  std::size_t receive_buffer_bytes = 212992;  ///< the socket's: at most half of it is in flight
  bool offers_only = false;                   ///< ends after Discovering: `fwrecover offers`
  bool verify = false;  ///< then also judges the signed manifests, in sessions
};

struct Entered {
  State state;
  Event event;  ///< that led there
};
/// The talk with a donor has changed its state.
struct TalkEntered {
  TalkState from;
  Event event;
  TalkState state;
};
struct Offered {
  policy::Candidate candidate;
  policy::Verdict verdict;
  std::size_t rank = 0;  ///< 1 is the best of the acceptable ones; 0: not ranked
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
  std::uint64_t done_bytes = 0;  ///< bytes of the image, in the slot and verified
  std::uint64_t total_bytes = 0;
  std::uint64_t fetched_bytes = 0;  ///< came from donors
  std::uint64_t reused_bytes = 0;   ///< were in a slot already
};
/// The end. No error: done (or, with offers_only, offers were listed).
struct Finished {
  std::optional<Error> error;
  std::optional<Errc> cause;                ///< what the first donor that failed failed with
  std::optional<image::Manifest> manifest;  ///< the one of the active image
  Progress progress;
};
using RecoveryEvent =
    std::variant<Entered, TalkEntered, Offered, Chosen, Dropped, Progress, Finished>;

}  // namespace fwr::recipient
