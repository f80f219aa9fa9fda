// SPDX-License-Identifier: GPL-3.0-or-later
// The offers of a recovery: which donor is next, and what became of each.
// PROTOCOL §6.4.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "recipient/discovery.hpp"

namespace fwr::recipient {

inline constexpr std::chrono::seconds kLongestBusyWait{60};
/// Images that one donor is asked for in one session: as many as a catalogue has. PROTOCOL §8.1.
inline constexpr unsigned kImagesAsked = 256;
/// Tries of a handshake with a donor whose offer may be forged, while others were. PROTOCOL §6.4.
inline constexpr unsigned kTriesInDoubt = 2;
/// PROTOCOL §8.1: images that are known at one time, of all donors together.
inline constexpr std::size_t kImagesConsidered = 2048;
/// So often a donor is left for one that has something better to offer, after it said in its
/// session what it has.
inline constexpr unsigned kLeftForBetter = 2;
/// So often a donor that was busy is asked once more in the place of one that is slow.
inline constexpr unsigned kAttemptsInsteadOfSlow = 3;
/// So often a path is put off because the donor was busy on another one: an attacker that says so
/// in its name must not keep it away for ever.
inline constexpr unsigned kBusyElsewhere = 2;
inline constexpr unsigned kLossesInARow = 3;  // PROTOCOL §8.1, without a byte of the image

class Selection {
 public:
  /// `asked_for`: how long offers were collected.
  Selection(const RecoveryConfig& config, std::vector<Offer> offers, std::vector<Decline> declines,
            Duration asked_for = {});

  /// In the order in which they would be tried, refused ones last.
  [[nodiscard]] std::vector<Offered> verdicts() const;
  [[nodiscard]] bool empty() const { return offers_.empty(); }
  [[nodiscard]] std::size_t size() const { return offers_.size(); }
  /// In the order of verdicts(), all paths.
  [[nodiscard]] std::vector<std::size_t> ranked() const;
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
    bool in_doubt = false;                ///< offers were forged, and this one is not proved
  };
  /// Fresh donors first, in the order of the policy; then those that were busy.
  [[nodiscard]] std::optional<Next> next(TimePoint now);
  /// A session with it came up: it knows the password, and says that it is `donor`.
  void proved(std::size_t index, const Guid& donor);
  /// Whether that happened on this path.
  [[nodiscard]] bool met(std::size_t index) const { return offers_[index].proven; }
  void failed(std::size_t index, Error error);

  /// What the donor of a session says that it has, in the place of all that was claimed for its
  /// address. The offer as it is now, and whether the policy did not know it like this.
  struct Learned {
    Offered offered;
    bool changed = false;
  };
  [[nodiscard]] Learned learn(std::size_t index, const Offer& offer);
  /// The next image of the donor of `index`; nullopt: too many were looked at.
  [[nodiscard]] std::optional<std::size_t> add_next(std::size_t index, const Offer& offer,
                                                    bool sure);
  [[nodiscard]] const policy::Verdict& verdict(std::size_t index) const {
    return offers_[index].verdict;
  }
  /// It was tried in vain in this recovery.
  [[nodiscard]] bool is_gone(std::size_t index) const { return offers_[index].gone; }
  /// In a session, or asked on: not only claimed.
  [[nodiscard]] bool is_sure(std::size_t index) const { return offers_[index].sure; }
  /// The image is not what this system takes: by `error`. `of_all`: for every donor of it, because
  /// a trusted signature says so.
  void refuse_image(std::size_t index, Error error, bool of_all);
  /// Its signed manifest was judged, and is as good as the claim.
  void verified(std::size_t index, image::Manifest manifest) {
    offers_[index].manifest = std::move(manifest);
  }
  /// Its donor failed for good: what was not verified at this address is refused for it.
  void unusable(std::size_t index, const Error& error);
  /// Whether the donor itself said the same in a session over another path. Then that stands for
  /// all that is claimed at the address of this one.
  bool forget_twin(std::size_t index);
  /// Its donor was asked for what it has behind this one.
  void asked_on(std::size_t index);
  /// Nothing is behind this one, and no image of its donor will do, the first of them by `error`.
  void has_nothing(std::size_t index, const Error& error);
  /// Whether offers were forged, as an attacker that heard the request can do, or a donor kept the
  /// recovery waiting: hosts near to such a one may be alike.
  [[nodiscard]] bool in_doubt() const;
  /// Whether none that was not tried yet comes before it. False at most kLeftForBetter times: then
  /// it stays for later.
  [[nodiscard]] bool stays_first(std::size_t index);
  /// Also what other paths lead to the same donor, when it was the donor that said so, each at most
  /// kBusyElsewhere times.
  void busy(std::size_t index, Error error, TimePoint again_at);
  /// A donor that opened a session and was lost: tried again, kLossesInARow times at most.
  /// `progressed`: something of the image came from it since it was chosen.
  /// `in_doubt`: it was given less time than others.
  void lost(std::size_t index, Error error, TimePoint again_at, bool progressed,
            bool in_doubt = false);
  /// It took longer than its turn: once more when the others had theirs, and then longer.
  void late(std::size_t index, Error error, TimePoint now);
  /// How often that happened at its host.
  [[nodiscard]] unsigned times_late(std::size_t index) const;
  /// Other hosts that could be tried now.
  [[nodiscard]] std::size_t others(std::size_t index, TimePoint now) const;
  /// It sends, at this rate. When no fresh donor is left it is tried again, the fastest first.
  void slow(std::size_t index, Error error, double bytes_per_s, TimePoint now);
  /// Whether to leave a donor that sends at this rate: another was twice as fast, or was not tried.
  [[nodiscard]] bool may_be_faster(std::size_t index, double bytes_per_s, TimePoint now) const;

  /// Why no donor is left.
  [[nodiscard]] Error summary() const;
  /// What the first donor that failed failed with.
  [[nodiscard]] std::optional<Errc> cause() const;
  /// What became of the donors that were tried; empty when none was.
  [[nodiscard]] std::string story() const;

 private:
  struct Entry {
    Offer offer;
    policy::Verdict verdict;
    unsigned attempts = 0;
    bool proven = false;  ///< a session came up on this path
    bool gone = false;
    bool was_acceptable = false;  ///< when it was chosen
    bool replaced = false;        ///< a claim that the donor itself took back
    bool sure = false;            ///< the donor said so when it was asked for its images
    bool asked_on = false;        ///< what its donor has behind this one was looked at
    unsigned left = 0;            ///< for a better one
    bool answered_again = false;  ///< since it was tried
    unsigned losses = 0;          ///< in a row
    unsigned busy_elsewhere = 0;  ///< put off for what was said on another path
    std::optional<TimePoint> again_at = std::nullopt;
    std::optional<image::Manifest> manifest = std::nullopt;
    std::optional<double> bytes_per_s = std::nullopt;  ///< when it was left as too slow
    std::optional<Error> first_error = std::nullopt;
    std::optional<Error> last_error = std::nullopt;
    void note(Error error) {
      if (!first_error) first_error = error;
      last_error = std::move(error);
    }
  };
  [[nodiscard]] const policy::Candidate& candidate(std::size_t index) const {
    return offers_[index].offer.candidate;
  }
  [[nodiscard]] Address host(std::size_t index) const;
  [[nodiscard]] policy::Verdict judge(const policy::Candidate& candidate, bool sure) const;
  [[nodiscard]] bool may_try(std::size_t index) const;
  [[nodiscard]] bool is_fresh(std::size_t index) const;
  /// Where one more image goes: behind the others, or in the place of one that is done with.
  [[nodiscard]] std::optional<std::size_t> place_for_another(std::size_t index);
  [[nodiscard]] std::optional<std::size_t> next_fresh() const;
  /// Among those that wait for another try, slow ones and busy ones.
  [[nodiscard]] std::optional<std::size_t> next_waiting(TimePoint now) const;
  /// It was not slow, its time has come, and it was not asked too often.
  [[nodiscard]] bool is_worth_a_change(const Entry& entry, TimePoint now) const;
  [[nodiscard]] Error no_answer() const;
  [[nodiscard]] Error none_acceptable() const;

  [[nodiscard]] bool forged() const;  ///< an offer was, as far as can be known
  void rank();
  void forget_proof(std::size_t index);

  policy::Policy policy_;
  policy::Situation situation_;
  std::vector<Entry> offers_;  ///< at most kImagesConsidered
  std::optional<std::size_t> preferred_;
  std::vector<std::size_t> order_;   ///< acceptable ones, the best first
  std::vector<std::size_t> behind_;  ///< refused, but their donors may have others
  struct Refusal {
    Error error;
    std::set<Address> hosts;  ///< that said so in a session
  };
  std::map<std::pair<Guid, Digest>, Refusal> refused_images_;
  std::vector<Decline> declines_;
  std::size_t targets_;
  Duration asked_for_;
  unsigned donors_tried_limit_;
  // Each has at most one entry for each offer.
  struct Proven {
    Guid donor{};
    Address host;
    friend auto operator<=>(const Proven&, const Proven&) = default;
  };
  std::set<Proven> proven_;
  std::set<Address> suspects_;                   ///< hosts at which no session came up
  std::map<Address, unsigned> tries_;            ///< by host
  std::map<Address, unsigned> late_;             ///< by host
  std::map<Address, unsigned> tries_of_prefix_;  ///< by IPv6 /64, by IPv4 /24
  std::size_t claims_ = 0;                       ///< offers that came without a session
  bool claims_were_false_ = false;               ///< a donor in its session took one back
  bool kept_waiting_ = false;                    ///< by one that was lost, or late
};

}  // namespace fwr::recipient
