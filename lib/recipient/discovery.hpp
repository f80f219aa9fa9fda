// SPDX-License-Identifier: GPL-3.0-or-later
// Asking for firmware and collecting the offers. Sans-I/O. PROTOCOL §2.3, §5.2.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "base/types.hpp"
#include "recipient/link_timers.hpp"
#include "recipient/words.hpp"
#include "wire/oem.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kOffersKept = 256;  // PROTOCOL §8.1
inline constexpr unsigned kRequestRounds = 4;    // PROTOCOL §2.3

using Token = std::array<std::byte, 16>;

struct Offer {
  policy::Candidate candidate;
  Token token{};
  Digest after{};           ///< behind which the donor offered it; zeros: its best
  bool named = false;       ///< it came from a single system that was asked
  bool acceptable = false;  ///< as far as its claims go, it or one behind it
};
/// A target that answered, but not with an offer.
struct Decline {
  Address peer;
  wire::CompletionCode reason = wire::CompletionCode::Unspecified;
};

class Discovery {
 public:
  Discovery(const RecoveryConfig& config, const Nonce& nonce, TimePoint now)
      : Discovery(config, config.targets, nonce, now) {}
  /// Asks only some of the targets.
  Discovery(const RecoveryConfig& config, std::span<const Target> targets, const Nonce& nonce,
            TimePoint now);

  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now);
  void handle_datagram(const Path& path, ByteView datagram, TimePoint now);
  /// The time for offers is over, or every target has answered.
  [[nodiscard]] bool closed(TimePoint now) const;
  void handle_timeout(TimePoint now) { now_ = now; }
  /// When a round begins or the time is over. A round that is due waits for poll_transmit(): a link
  /// without room may not ask for long.
  [[nodiscard]] TimePoint deadline() const;
  /// Since the first question.
  [[nodiscard]] Duration lasted(TimePoint now) const { return now - began_; }
  /// It closed because there were good offers, and slow links could still bring others; or every
  /// target has answered, and without sessions another node may have answered for it.
  [[nodiscard]] bool closed_early(TimePoint now) const;
  /// Waits for these too; what came until now is known.
  void go_on() {
    offers_.clear();
    good_in_time_ = false;
    waits_for_all_ = true;
    goes_on_ = true;
  }

  [[nodiscard]] const std::vector<Offer>& offers() const { return offers_; }
  [[nodiscard]] const std::vector<Decline>& declines() const { return declines_; }

 private:
  struct Asked {
    Target target;
    bool answered = false;
    bool declined = false;
  };
  /// Targets behind links of one kind: their rounds take the same time.
  struct Group {
    bool sessions = true;
    bool authenticated = false;  ///< by the link
    Duration first_round{};
    TimePoint ends;
    std::vector<Asked> asked = {};
    unsigned round = 0;
    std::size_t next_target = 0;
    std::array<std::optional<TimePoint>, kRequestRounds> sent = {};
  };
  [[nodiscard]] Group* group_of(const LinkProperties& link);
  [[nodiscard]] std::optional<Datagram> poll_group(Group& group, TimePoint now);
  [[nodiscard]] bool is_over(const Group& group, TimePoint now) const;
  void handle_offer(const Path& path, const wire::oem::Offer& offer, Group& group,
                    Duration round_trip);
  void keep(Offer offer);
  [[nodiscard]] std::vector<Offer>::iterator place_in_full_table(const Offer& newcomer);
  [[nodiscard]] static Asked* asked(Group& group, const Path& path);
  [[nodiscard]] TimePoint round_begins(const Group& group) const;

  std::uint32_t iana_;
  policy::Policy policy_;
  policy::Situation situation_;
  wire::oem::RequestFirmwareRq request_;
  std::vector<KnownLink> links_;
  std::vector<Group> groups_;
  TimePoint began_, window_ends_;
  bool waits_for_all_;
  TimePoint now_;
  bool goes_on_ = false;
  bool good_in_time_ = false;      ///< an acceptable offer came over a link that is not slow
  std::vector<Offer> offers_;      ///< at most kOffersKept
  std::vector<Decline> declines_;  ///< at most one for each target
};

/// An answer to Request Firmware without a session.
struct OfferReply {
  std::uint8_t sequence = 0;  ///< the one of the request
  wire::IpmiResponse response;
};
[[nodiscard]] std::optional<OfferReply> parse_offer_reply(const LinkProperties& link,
                                                          ByteView datagram);
/// What an offer says, as the policy sees it. nullopt: not an offer for this request.
[[nodiscard]] std::optional<Offer> read_offer(const wire::oem::Offer& offer, const Nonce& nonce,
                                              const Path& path);

}  // namespace fwr::recipient
