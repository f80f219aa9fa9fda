// SPDX-License-Identifier: GPL-3.0-or-later
// All images of the donors that offered one, and what a recovery would make of each, for a caller
// that wants to know and not to recover. Sans-I/O. PROTOCOL §5.2, §8.1.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "recipient/discovery.hpp"
#include "recipient/donor_session.hpp"
#include "recipient/selection.hpp"
#include "recipient/vetting.hpp"

namespace fwr::recipient {

/// PROTOCOL §8.1: fewer than the machine's queue has room for.
inline constexpr std::size_t kImagesSurveyed = 1000;
inline constexpr unsigned kSurveyTries = 3;               ///< for a request without a session
inline constexpr std::size_t kDonorsVerifiedAtOnce = 16;  ///< on links with sessions, else one

class Survey {
 public:
  /// Each donor is asked on, or with config.verify in a session of its own, in which its manifests
  /// are judged. The outcome is what `selection` says in the end. What is given must outlive it.
  Survey(const RecoveryConfig& config, Selection& selection, const Nonce& nonce,
         RandomSource& random, TimePoint now);

  void handle_datagram(const Path& path, ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] bool over() const;
  /// There is no time left: what was not verified will not be.
  void give_up(const Error& why, TimePoint now);

  /// Donors that failed, or were not asked to the end.
  [[nodiscard]] std::vector<Dropped> take_dropped() { return std::exchange(dropped_, {}); }
  /// Sessions that are being closed, also after it is over.
  [[nodiscard]] std::size_t farewells() const { return ended_.size(); }

 private:
  enum class Step : std::uint8_t { Waiting, Asking, Talking, Over };
  /// Looking at one donor, at one address.
  struct Visit {
    std::size_t index = 0;  ///< the offer that is looked at
    LinkProperties link;
    Step step = Step::Waiting;
    unsigned asked = 0;  ///< images
    Digest after{};
    // without a session
    std::uint8_t sequence = 0;
    unsigned tries = 0;
    std::optional<TimePoint> due = std::nullopt;  ///< nullopt: to be sent
    Duration wait{};
    // in a session
    std::unique_ptr<DonorSession> session = nullptr;
    Guid peer{};
    bool behind = false;
    std::optional<ManifestFetch> fetch = std::nullopt;
  };

  [[nodiscard]] const policy::Candidate& candidate(const Visit& visit) const {
    return selection_.offer(visit.index).candidate;
  }
  void begin_visits(TimePoint now);
  [[nodiscard]] bool may_begin(const Visit& visit) const;
  void begin(Visit& visit, TimePoint now);
  void ask_on(Visit& visit);
  void on_reply(Visit& visit, const wire::IpmiResponse& response);
  void pump(Visit& visit, TimePoint now);
  void on_up(Visit& visit, const Guid& peer, TimePoint now);
  void on_answer(Visit& visit, const wire::IpmiResponse& response, TimePoint now);
  void ask(Visit& visit, wire::IpmiRequest request, TimePoint now);
  void ask_for_image(Visit& visit, bool behind, TimePoint now);
  void on_image(Visit& visit, const wire::IpmiResponse& response, TimePoint now);
  void on_manifest_piece(Visit& visit, const wire::IpmiResponse& response, TimePoint now);
  void consider(Visit& visit, TimePoint now);
  void refuse_image(Visit& visit, Error error, bool of_all, TimePoint now);
  void end(Visit& visit);
  /// Leaves the donors of the visits that have ended.
  void leave_donors(TimePoint now);
  void forget_donors();
  void fail(Visit& visit, const Error& error);

  const RecoveryConfig& config_;
  Selection& selection_;
  Nonce nonce_;
  RandomSource& random_;
  std::vector<Visit> visits_;  ///< best first
  bool one_failed_ = false;    ///< to open its session
  std::vector<Dropped> dropped_;
  std::vector<std::unique_ptr<DonorSession>> ended_;  ///< until they are closed
};

}  // namespace fwr::recipient
