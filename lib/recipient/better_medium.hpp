// SPDX-License-Identifier: GPL-3.0-or-later
// Asking on while a donor is used: for the late offers of slow links, and for a donor on a medium
// that the policy likes better than the one in use. Sans-I/O. PROTOCOL §14.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "recipient/discovery.hpp"
#include "recipient/words.hpp"

namespace fwr::recipient {

class BetterMedium {
 public:
  /// What is given must outlive it.
  BetterMedium(const RecoveryConfig& config, const Nonce& nonce, RandomSource& random)
      : config_(config), nonce_(nonce), random_(random), interval_(config.policy.return_after) {}

  /// `discovery` closed early: listens on for the offers that can still come.
  void listen_on(const Discovery& discovery);
  /// The discovery that runs beside the donor in use; nullptr: none.
  [[nodiscard]] const Discovery* discovery() const { return asking_ ? &*asking_ : nullptr; }
  /// Ends it, and hands it over.
  [[nodiscard]] std::optional<Discovery> take_discovery() {
    return std::exchange(asking_, std::nullopt);
  }

  /// A donor on the medium `used` has begun to send: asks the better media after a while.
  void expect(Medium used, TimePoint now);
  /// The donor was left for one on a better medium. The next try comes later: a donor that answers
  /// there and does not serve must not keep the recovery off the working link for long.
  void note_return();

  void handle_datagram(const Path& path, ByteView datagram, TimePoint now);
  /// `sends_on`: the medium of the donor that sends now. True: the discovery is over.
  [[nodiscard]] bool handle_timeout(std::optional<Medium> sends_on, TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  /// `sending`: whether a donor sends now.
  [[nodiscard]] std::optional<TimePoint> deadline(bool sending) const;

 private:
  [[nodiscard]] std::vector<Target> better_targets(Medium used) const;

  const RecoveryConfig& config_;
  const Nonce& nonce_;
  RandomSource& random_;
  std::optional<Discovery> asking_;
  std::optional<TimePoint> next_;  ///< when to ask on better media
  std::chrono::seconds interval_;  ///< before that
};

}  // namespace fwr::recipient
