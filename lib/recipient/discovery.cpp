// SPDX-License-Identifier: GPL-3.0-or-later
// Request Firmware in rounds, and the offers that answer it. PROTOCOL §2.3, §5.2.
#include "recipient/discovery.hpp"

#include <algorithm>
#include <map>

#include "base/soonest.hpp"
#include "session/sessionless.hpp"
#include "wire/plain.hpp"

namespace fwr::recipient {
namespace {

/// Whether `b` is `a` come again. Another path, or another claim, makes another offer: otherwise an
/// attacker that heard the one could put a forged one in its place.
bool same_offer(const policy::Candidate& a, const policy::Candidate& b) {
  return a.path == b.path && a.donor == b.donor && a.role == b.role && a.digest == b.digest &&
         a.security_version == b.security_version && a.version == b.version &&
         a.component == b.component && a.size_bytes == b.size_bytes;
}

/// Which offers stay when the table is full: the more the better.
int worth(const Offer& offer) {
  if (!offer.acceptable) return 0;
  return offer.named ? 2 : 1;
}

}  // namespace

std::optional<Offer> read_offer(const wire::oem::Offer& offer, const Nonce& nonce,
                                const Path& path) {
  if (offer.nonce != nonce) return std::nullopt;
  if (offer.version < wire::oem::kOldestVersion || offer.version > wire::oem::kProtocolVersion)
    return std::nullopt;
  if (offer.role != DonorRole::Console && offer.role != DonorRole::Peer) return std::nullopt;
  if (offer.size_bytes == 0 || offer.size_bytes > image::kImageLimit_bytes) return std::nullopt;
  Offer read;
  read.candidate = policy::Candidate{
      .path = path,
      .medium = path.medium,
      .donor = offer.donor,
      .role = offer.role,
      .load_percent = std::min<std::uint8_t>(offer.load_percent, 100),
      .digest = offer.digest,
      .security_version = offer.security_version,
      .version = offer.image_version,
      .component = offer.component,
      .size_bytes = offer.size_bytes,
  };
  read.token = offer.token;
  return read;
}

Discovery::Discovery(const RecoveryConfig& config, std::span<const Target> targets,
                     const Nonce& nonce, TimePoint now)
    : iana_(config.iana),
      policy_(config.policy),
      situation_(config.situation),
      request_{.nonce = nonce, .platform = config.situation.platform},
      links_(config.links),
      began_(now),
      window_ends_(now + config.policy.offer_window),
      waits_for_all_(config.offers_only),
      now_(now) {
  for (const Target& target : targets) {
    const LinkProperties link = properties_of(links_, target.path.peer);
    const LinkTimers timers = timers_of(link);
    Group* group = group_of(link);
    if (group == nullptr)
      group = &groups_.emplace_back(
          Group{.sessions = link.sessions,
                .authenticated = link.authenticated,
                .first_round = timers.first_round,
                .ends = std::max(window_ends_, began_ + timers.offer_window)});
    group->asked.push_back(Asked{.target = target});
  }
}

Discovery::Group* Discovery::group_of(const LinkProperties& link) {
  const Duration first_round = timers_of(link).first_round;
  const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) {
    return group.sessions == link.sessions && group.authenticated == link.authenticated &&
           group.first_round == first_round;
  });
  return found == groups_.end() ? nullptr : &*found;
}

TimePoint Discovery::round_begins(const Group& group) const {
  return began_ + group.first_round * ((1U << group.round) - 1);
}

std::optional<Datagram> Discovery::poll_transmit(TimePoint now) {
  now_ = now;
  for (Group& group : groups_)
    if (auto request = poll_group(group, now)) return request;
  return std::nullopt;
}

std::optional<Datagram> Discovery::poll_group(Group& group, TimePoint now) {
  while (group.round < kRequestRounds && now >= round_begins(group) && now < group.ends) {
    while (group.next_target < group.asked.size()) {
      const Asked& next = group.asked[group.next_target++];
      if (next.answered && !next.target.broadcast) continue;
      if (!group.sent.at(group.round)) group.sent.at(group.round) = now;
      request_.flags = next.target.broadcast ? wire::oem::RequestFirmwareRq::kBroadcast : 0;
      // The sequence number is that of the round: an answer's round-trip time is that of its own
      // request.
      const auto round = static_cast<std::uint8_t>(group.round);
      const auto request =
          wire::oem::make_request(iana_, wire::oem::Command::RequestFirmware, request_);
      return Datagram{.path = next.target.path,
                      .bytes = group.sessions ? session::sessionless_request(request, round)
                                              : wire::plain::encode_request(request, round)};
    }
    group.next_target = 0;
    ++group.round;
  }
  return std::nullopt;
}

Discovery::Asked* Discovery::asked(Group& group, const Path& path) {
  const auto found = std::find_if(group.asked.begin(), group.asked.end(), [&](const Asked& asked) {
    return !asked.target.broadcast && asked.target.path.peer == path.peer;
  });
  return found == group.asked.end() ? nullptr : &*found;
}

std::optional<OfferReply> parse_offer_reply(const LinkProperties& link, ByteView datagram) {
  constexpr std::uint8_t kNetFn = wire::raw(wire::NetFn::OemGroupRq) + 1;
  constexpr auto kCommand = static_cast<std::uint8_t>(wire::oem::Command::RequestFirmware);
  if (link.sessions) {
    auto reply = session::parse_sessionless_reply(datagram);
    if (!reply || reply->net_fn != kNetFn || reply->command != kCommand) return std::nullopt;
    return OfferReply{.sequence = reply->sequence, .response = std::move(reply->response)};
  }
  const auto message = wire::plain::decode_response(datagram);
  if (!message || message->net_fn() != kNetFn || message->command != kCommand) return std::nullopt;
  return OfferReply{.sequence = message->tag,
                    .response = {.code = static_cast<wire::CompletionCode>(message->data.front()),
                                 .data = Bytes(message->data.begin() + 1, message->data.end())}};
}

void Discovery::handle_datagram(const Path& path, ByteView datagram, TimePoint now) {
  now_ = now;
  const LinkProperties link = properties_of(links_, path.peer);
  const auto reply = parse_offer_reply(link, datagram);
  Group* const asked_there = group_of(link);
  if (!reply || asked_there == nullptr) return;
  Group& group = *asked_there;
  if (reply->sequence >= kRequestRounds || !group.sent.at(reply->sequence)) return;
  const auto body = wire::oem::strip_iana(iana_, reply->response.data);
  if (!body) return;
  if (reply->response.code == wire::CompletionCode::Ok) {
    if (const auto offer = wire::decode<wire::oem::Offer>(*body))
      handle_offer(path, *offer, group, now - *group.sent.at(reply->sequence));
    return;
  }
  ByteReader reader(*body);
  Nonce nonce{};
  reader.copy_to(nonce);
  if (reader.truncated() || nonce != request_.nonce) return;
  if (Asked* target = asked(group, path);
      target != nullptr && !target->answered && !target->declined) {
    target->declined = true;
    // Without sessions another node may have declined: its offer may still come.
    target->answered = group.sessions;
    declines_.push_back(Decline{.peer = path.peer, .reason = reply->response.code});
  }
}

void Discovery::handle_offer(const Path& path, const wire::oem::Offer& offer, Group& group,
                             Duration round_trip) {
  auto read = read_offer(offer, request_.nonce, path);
  if (!read) return;
  read->candidate.authenticated = group.sessions || group.authenticated;
  read->candidate.round_trip = std::chrono::duration_cast<std::chrono::microseconds>(round_trip);
  if (Asked* target = asked(group, path)) read->named = target->answered = true;
  if (!waits_for_all_ && group.ends <= window_ends_ &&
      policy::judge(policy_, situation_, read->candidate).accepted)
    good_in_time_ = true;
  keep(std::move(*read));
}

void Discovery::keep(Offer offer) {
  const auto known = std::find_if(offers_.begin(), offers_.end(), [&](const Offer& other) {
    return same_offer(other.candidate, offer.candidate);
  });
  if (known != offers_.end()) {
    known->candidate.round_trip = std::min(known->candidate.round_trip, offer.candidate.round_trip);
    return;
  }
  // What is refused for its image may have a good one behind it.
  const policy::Verdict verdict = policy::judge(policy_, situation_, offer.candidate);
  offer.acceptable = verdict.accepted || verdict.next_may_do;
  if (offers_.size() < kOffersKept) {
    offers_.push_back(std::move(offer));
  } else if (const auto place = place_in_full_table(offer); place != offers_.end()) {
    *place = std::move(offer);
  }
}

std::vector<Offer>::iterator Discovery::place_in_full_table(const Offer& newcomer) {
  const int least =
      worth(*std::min_element(offers_.begin(), offers_.end(),
                              [](const Offer& a, const Offer& b) { return worth(a) < worth(b); }));
  if (worth(newcomer) < least) return offers_.end();
  // Among equals the host that sent the most gives way, so that one host does not fill the table.
  std::map<Address, std::size_t> of_host;
  for (const Offer& offer : offers_)
    if (worth(offer) == least) ++of_host[source_prefix(offer.candidate.path.peer)];
  const auto most =
      std::max_element(of_host.begin(), of_host.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  const auto own = of_host.find(source_prefix(newcomer.candidate.path.peer));
  const std::size_t newcomers = own == of_host.end() ? 0 : own->second;
  if (worth(newcomer) == least && most->second < newcomers + 2) return offers_.end();
  const auto latest = std::find_if(offers_.rbegin(), offers_.rend(), [&](const Offer& offer) {
    return worth(offer) == least && source_prefix(offer.candidate.path.peer) == most->first;
  });
  return std::prev(latest.base());
}

bool Discovery::is_over(const Group& group, TimePoint now) const {
  if (now >= (good_in_time_ ? window_ends_ : group.ends)) return true;
  if (goes_on_ && !group.sessions) return false;
  return std::all_of(group.asked.begin(), group.asked.end(),
                     [](const Asked& asked) { return asked.answered && !asked.target.broadcast; });
}

bool Discovery::closed(TimePoint now) const {
  return std::all_of(groups_.begin(), groups_.end(),
                     [&](const Group& group) { return is_over(group, now); });
}

bool Discovery::closed_early(TimePoint now) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    return now < group.ends && (good_in_time_ || !group.sessions);
  });
}

TimePoint Discovery::deadline() const {
  Soonest soonest;
  for (const Group& group : groups_) {
    if (is_over(group, now_)) continue;
    soonest.add(good_in_time_ ? window_ends_ : group.ends);
    if (const TimePoint begins = round_begins(group); group.round < kRequestRounds && begins > now_)
      soonest.add(begins);
  }
  return soonest.time().value_or(now_);
}

}  // namespace fwr::recipient
