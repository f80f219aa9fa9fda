// SPDX-License-Identifier: GPL-3.0-or-later
// The offers of a recovery: which donor is next, what became of each, and the story in words.
// PROTOCOL §6.4.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "recipient/discovery.hpp"

namespace fwr::recipient {

inline constexpr std::chrono::seconds kLongestBusyWait{60};
/// PROTOCOL §8.1. Each may cost the time of a handshake that nobody answers.
inline constexpr std::size_t kOffersTried = 64;
/// So often a donor that was busy is asked once more in the place of one that is slow.
inline constexpr unsigned kAttemptsInsteadOfSlow = 3;
inline constexpr unsigned kLossesInARow = 3;  // PROTOCOL §8.1, without a byte of the image

class Selection {
 public:
  /// `asked_for`: how long offers were collected.
  Selection(const RecoveryConfig& config, std::vector<Offer> offers, std::vector<Decline> declines,
            Duration asked_for = {});

  /// In the order in which they would be tried, refused ones last.
  [[nodiscard]] std::vector<Offered> verdicts() const;
  [[nodiscard]] bool empty() const { return offers_.empty(); }
  [[nodiscard]] const Offer& offer(std::size_t index) const { return offers_[index].offer; }
  /// The donor gave another token for the same image.
  void renew(std::size_t index, const Token& token) { offers_[index].offer.token = token; }

  /// Offers that came later. What answers again after it was lost may be tried again; what was
  /// refused, or never opened a session, may not. The offers that were not known before.
  [[nodiscard]] std::vector<Offered> add(std::span<const Offer> offers);
  /// The best offer of the same image over a medium that the policy likes better than that of
  /// `index`, and better in all: next() gives it. False: there is none.
  [[nodiscard]] bool prefer_to(std::size_t index, TimePoint now);

  struct Next {
    std::size_t index = 0;
    std::optional<TimePoint> not_before;  ///< it was busy: try it again then
  };
  /// Fresh donors first, in the order of the policy; then those that were busy.
  [[nodiscard]] std::optional<Next> next(TimePoint now);
  /// A session with it came up: it knows the password, and says that it is `donor`.
  void proved(std::size_t index, const Guid& donor);
  /// Whether that happened on this path.
  [[nodiscard]] bool met(std::size_t index) const { return offers_[index].proven; }
  void failed(std::size_t index, Error error);
  /// Also what other paths lead to the same donor, when it was the donor that said so.
  void busy(std::size_t index, Error error, TimePoint again_at);
  /// A donor that opened a session and was lost: tried again, kLossesInARow times at most.
  /// `progressed`: something of the image came from it since it was chosen.
  void lost(std::size_t index, Error error, TimePoint again_at, bool progressed);
  /// It sends, at this rate. When no fresh donor is left it is tried again, the fastest first.
  void slow(std::size_t index, Error error, double bytes_per_s, TimePoint now);
  /// Whether to leave a donor that sends at this rate: another was twice as fast, or was not tried.
  [[nodiscard]] bool may_be_faster(std::size_t index, double bytes_per_s, TimePoint now) const;

  /// Why nobody is left.
  [[nodiscard]] Error summary() const;
  /// What became of the donors that were tried; empty when none was.
  [[nodiscard]] std::string story() const;

 private:
  struct Entry {
    Offer offer;
    policy::Verdict verdict;
    unsigned attempts = 0;
    bool proven = false;  ///< a session came up on this path
    bool gone = false;
    bool answered_again = false;  ///< since it was tried
    unsigned losses = 0;          ///< in a row
    std::optional<TimePoint> again_at = std::nullopt;
    std::optional<double> bytes_per_s = std::nullopt;  ///< when it was left as too slow
    std::optional<Error> last_error = std::nullopt;
  };
  [[nodiscard]] const policy::Candidate& candidate(std::size_t index) const {
    return offers_[index].offer.candidate;
  }
  [[nodiscard]] std::size_t tried() const;
  [[nodiscard]] bool may_try(std::size_t index) const;
  [[nodiscard]] std::optional<std::size_t> next_fresh() const;
  /// Among those that wait for another try, slow ones and busy ones.
  [[nodiscard]] std::optional<std::size_t> next_waiting(TimePoint now) const;
  /// It was not slow, its time has come, and it was not asked too often.
  [[nodiscard]] bool is_worth_a_change(const Entry& entry, TimePoint now) const;
  [[nodiscard]] Error nobody_answered() const;
  [[nodiscard]] Error none_acceptable() const;

  void rank();

  policy::Policy policy_;
  policy::Situation situation_;
  std::vector<Entry> offers_;  ///< at most kOffersKept
  std::optional<std::size_t> preferred_;
  std::vector<std::size_t> order_;  ///< of the acceptable ones
  std::vector<Decline> declines_;
  std::size_t targets_;
  Duration asked_for_;
  unsigned donors_tried_limit_;
  // Each has at most kOffersTried entries.
  std::vector<Guid> proven_donors_;
  std::vector<Address> proven_hosts_;
  std::vector<Address> suspects_;  ///< hosts at which nobody proved to know the password
};

}  // namespace fwr::recipient
