// SPDX-License-Identifier: GPL-3.0-or-later
// Which donor is next, and what became of each. PROTOCOL §6.4.
#include "recipient/selection.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "recipient/selection_words.hpp"

namespace fwr::recipient {
namespace {

/// What one liar can have many addresses in: /64 of IPv6, /24 of IPv4.
Address neighbours(const Address& address) {
  Address prefix = source_prefix(address);
  if (prefix.family == AddressFamily::Ipv4) prefix.bytes[3] = 0;
  return prefix;
}

/// What is wrong with an image, or that there is none: a look at it costs no time worth a limit,
/// and there may be any number of such donors. PROTOCOL §6.4.
bool uses_up_no_number(const Error& error) {
  return error.exit_code() == ExitCode::VerificationFailed ||
         error.code == Errc::NoOfferAcceptable || error.code == Errc::NoCompatibleImage;
}

/// What two paths to one donor have in common, as far as their offers say so.
bool same_donor(const policy::Candidate& a, const policy::Candidate& b) {
  return a.donor == b.donor && a.digest == b.digest;
}
bool same_offer(const policy::Candidate& a, const policy::Candidate& b) {
  return same_donor(a, b) && a.role == b.role && a.security_version == b.security_version &&
         a.version == b.version && a.component == b.component && a.size_bytes == b.size_bytes;
}

}  // namespace

Selection::Selection(const RecoveryConfig& config, std::vector<Offer> offers,
                     std::vector<Decline> declines, Duration asked_for)
    : policy_(config.policy),
      situation_(config.situation),
      declines_(std::move(declines)),
      targets_(config.targets.size()),
      asked_for_(asked_for),
      donors_tried_limit_(config.policy.donors_tried) {
  for (Offer& offer : offers) {
    auto verdict = judge(offer.candidate, false);
    offers_.push_back(Entry{.offer = std::move(offer), .verdict = std::move(verdict)});
  }
  claims_ = offers_.size();
  rank();
}

Address Selection::host(std::size_t index) const {
  return source_prefix(candidate(index).path.peer);
}

/// `sure`: it was said in a session. What another host said there, under the same GUID, is then no
/// reason: a host that has the account can show any GUID, and an old manifest of the same image.
policy::Verdict Selection::judge(const policy::Candidate& candidate, bool sure) const {
  auto verdict = policy::judge(policy_, situation_, candidate);
  if (!verdict.accepted) return verdict;
  const auto refused = refused_images_.find({candidate.donor, candidate.digest});
  if (refused == refused_images_.end()) return verdict;
  if (sure && !refused->second.hosts.contains(source_prefix(candidate.path.peer))) return verdict;
  return {.accepted = false, .reason = refused->second.error.message(), .next_may_do = true};
}

void Selection::rank() {
  order_.clear();
  behind_.clear();
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    const Entry& entry = offers_[i];
    if (entry.replaced) continue;
    if (entry.verdict.accepted)
      order_.push_back(i);
    else if (entry.verdict.next_may_do && !entry.asked_on)
      behind_.push_back(i);
  }
  const auto better = [&](std::size_t a, std::size_t b) {
    return policy::is_better(policy_, candidate(a), candidate(b));
  };
  std::stable_sort(order_.begin(), order_.end(), better);
  std::stable_sort(behind_.begin(), behind_.end(), better);
}

std::vector<Offered> Selection::add(std::span<const Offer> offers) {
  std::vector<Offered> fresh;
  for (const Offer& offer : offers) {
    const auto known = std::find_if(offers_.begin(), offers_.end(), [&](const Entry& entry) {
      return !entry.replaced && entry.offer.candidate.path == offer.candidate.path &&
             same_offer(entry.offer.candidate, offer.candidate);
    });
    if (known == offers_.end()) {
      // What a donor said in a session is not outdone by what is claimed without one.
      const bool better_known =
          std::any_of(offers_.begin(), offers_.end(), [&](const Entry& entry) {
            return entry.sure && entry.offer.candidate.path.peer == offer.candidate.path.peer;
          });
      if (better_known || offers_.size() >= kImagesConsidered || claims_ >= kOffersKept) continue;
      ++claims_;
      auto verdict = judge(offer.candidate, false);
      fresh.push_back(Offered{.candidate = offer.candidate, .verdict = verdict});
      offers_.push_back(Entry{.offer = offer, .verdict = std::move(verdict)});
      continue;
    }
    known->offer.token = offer.token;
    known->answered_again = true;
    if (!known->gone || known->losses < kLossesInARow) continue;
    known->gone = false;
    known->losses = 0;
    known->again_at = TimePoint{};
  }
  rank();
  return fresh;
}

bool Selection::prefer_to(std::size_t index, TimePoint now) {
  const auto medium = [&](std::size_t i) {
    return policy::media_rank(policy_, candidate(i).medium);
  };
  for (const std::size_t other : order_) {
    if (other == index) return false;  // what follows is worse
    Entry& entry = offers_[other];
    const bool answers = entry.attempts == 0 || std::exchange(entry.answered_again, false);
    if (!answers || entry.gone || !may_try(other) || medium(other) >= medium(index) ||
        candidate(other).digest != candidate(index).digest)
      continue;
    // It was too slow, or is busy.
    if (entry.bytes_per_s || (entry.again_at && *entry.again_at > now)) continue;
    preferred_ = other;
    entry.again_at.reset();
    offers_[index].again_at = now;
    offers_[index].bytes_per_s.reset();
    return true;
  }
  return false;
}

std::vector<Offered> Selection::verdicts() const {
  std::vector<Offered> all;
  // The best path stands for all that lead to the same offer.
  const auto add = [&](const Entry& entry) {
    const bool listed = std::any_of(all.begin(), all.end(), [&](const Offered& other) {
      return same_offer(other.candidate, entry.offer.candidate);
    });
    if (listed) return;
    all.push_back(Offered{.candidate = entry.offer.candidate,
                          .verdict = entry.verdict,
                          .rank = entry.verdict.accepted ? all.size() + 1 : 0,
                          .manifest = entry.manifest});
  };
  for (const std::size_t index : ranked()) add(offers_[index]);
  return all;
}

std::vector<std::size_t> Selection::ranked() const {
  std::vector<std::size_t> all = order_;
  for (std::size_t i = 0; i < offers_.size(); ++i)
    if (!offers_[i].verdict.accepted && !offers_[i].replaced) all.push_back(i);
  return all;
}

/// One system may have many addresses, and a donor that lies many GUIDs: the fewer count. Neither
/// stands in the way of another prefix, or of a donor that was named. PROTOCOL §6.4.
bool Selection::may_try(std::size_t index) const {
  std::set<Guid> donors;
  std::set<Address> hosts;
  for (const Proven& one : proven_) {
    donors.insert(one.donor);
    hosts.insert(one.host);
  }
  if (std::min(donors.size(), hosts.size()) < donors_tried_limit_) return true;
  if (donors.contains(candidate(index).donor)) return true;
  if (offers_[index].offer.named && tries_.find(host(index)) == tries_.end()) return true;
  return !tries_of_prefix_.contains(neighbours(candidate(index).path.peer));
}

bool Selection::is_fresh(std::size_t index) const {
  const Entry& entry = offers_[index];
  return entry.attempts == 0 && !entry.gone && !entry.again_at && may_try(index);
}

bool Selection::forged() const {
  return claims_were_false_ || !suspects_.empty();
}
bool Selection::in_doubt() const {
  return forged() || kept_waiting_;
}

std::optional<std::size_t> Selection::next_fresh() const {
  std::set<std::pair<Guid, Digest>> were_tried;
  for (const Entry& entry : offers_)
    if (entry.attempts > 0)
      were_tried.emplace(entry.offer.candidate.donor, entry.offer.candidate.digest);
  const auto tries = [](const std::map<Address, unsigned>& all, const Address& one) {
    const auto found = all.find(one);
    return found == all.end() ? 0U : found->second;
  };
  // Then the order that offers ask for themselves is not the only one that counts. PROTOCOL §6.4.
  const bool suspicious = in_doubt();
  const auto place = [&](std::size_t index) {
    const policy::Candidate& one = candidate(index);
    return std::tuple(suspects_.contains(host(index)), suspicious && !offers_[index].offer.named,
                      !offers_[index].verdict.accepted, tries(tries_, host(index)),
                      suspicious ? tries(tries_of_prefix_, neighbours(one.path.peer)) : 0U,
                      were_tried.contains({one.donor, one.digest}));
  };
  std::optional<std::size_t> best;
  const auto look_at = [&](std::size_t index) {
    if (!is_fresh(index)) return;
    if (!best || place(index) < place(*best)) best = index;
  };
  for (const std::size_t index : order_) look_at(index);
  for (const std::size_t index : behind_) look_at(index);
  return best;
}

bool Selection::is_worth_a_change(const Entry& entry, TimePoint now) const {
  return !entry.bytes_per_s && entry.again_at && now >= *entry.again_at &&
         entry.attempts < kAttemptsInsteadOfSlow;
}

std::optional<std::size_t> Selection::next_waiting(TimePoint now) const {
  // The fastest of the slow ones is better than what does not send at all yet. Paths to one busy
  // donor take turns: one of them may be a liar's.
  const auto place = [&](std::size_t index) {
    const Entry& entry = offers_[index];
    return std::tuple(!is_worth_a_change(entry, now), -entry.bytes_per_s.value_or(-1),
                      *entry.again_at, entry.attempts);
  };
  std::optional<std::size_t> best;
  const auto look_at = [&](std::size_t index) {
    const Entry& entry = offers_[index];
    if (entry.gone || !entry.again_at) return;
    if (!best || place(index) < place(*best)) best = index;
  };
  for (const std::size_t index : order_) look_at(index);
  for (const std::size_t index : behind_) look_at(index);
  return best;
}

std::optional<Selection::Next> Selection::next(TimePoint now) {
  auto index = std::exchange(preferred_, std::nullopt);
  if (!index) index = next_fresh();
  if (!index) index = next_waiting(now);
  if (!index) return std::nullopt;
  Entry& entry = offers_[*index];
  if (entry.attempts == 0) {
    ++tries_[host(*index)];
    ++tries_of_prefix_[neighbours(candidate(*index).path.peer)];
  }
  ++entry.attempts;
  entry.answered_again = false;
  return Next{.index = *index,
              .not_before = std::exchange(entry.again_at, std::nullopt),
              .in_doubt = forged() && !entry.offer.named && !entry.proven && entry.attempts == 1};
}

void Selection::proved(std::size_t index, const Guid& donor) {
  offers_[index].proven = true;
  proven_.insert({donor, host(index)});
}

void Selection::failed(std::size_t index, Error error) {
  Entry& entry = offers_[index];
  entry.gone = true;
  entry.was_acceptable = entry.was_acceptable || entry.verdict.accepted;
  if (!entry.proven) suspects_.insert(host(index));
  if (uses_up_no_number(error)) forget_proof(index);
  entry.note(std::move(error));
}

/// A donor that lies, or has nothing for this system, does not count as tried. PROTOCOL §6.4.
void Selection::forget_proof(std::size_t index) {
  std::erase_if(proven_, [&](const Proven& one) { return one.host == host(index); });
}

Selection::Learned Selection::learn(std::size_t index, const Offer& offer) {
  const Address peer = candidate(index).path.peer;
  for (std::size_t i = 0; i < offers_.size(); ++i)
    if (i != index && !offers_[i].sure && candidate(i).path.peer == peer)
      offers_[i].replaced = true;
  Entry& entry = offers_[index];
  Learned learned;
  learned.changed = !same_offer(entry.offer.candidate, offer.candidate);
  if (learned.changed) claims_were_false_ = claims_were_false_ || !entry.sure;
  const auto round_trip = entry.offer.candidate.round_trip;
  const bool named = entry.offer.named;
  entry.offer = offer;
  entry.offer.named = named;
  entry.offer.candidate.round_trip = round_trip;
  entry.sure = true;
  entry.verdict = judge(offer.candidate, true);
  entry.was_acceptable = entry.verdict.accepted;
  entry.asked_on = false;
  rank();
  learned.offered = {.candidate = entry.offer.candidate, .verdict = entry.verdict};
  return learned;
}

std::optional<std::size_t> Selection::add_next(std::size_t index, const Offer& offer, bool sure) {
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    Entry& entry = offers_[i];
    if (entry.replaced || candidate(i).path.peer != candidate(index).path.peer ||
        !same_offer(candidate(i), offer.candidate))
      continue;
    entry.offer.token = offer.token;
    entry.offer.after = offer.after;
    entry.sure = entry.sure || sure;
    return i;
  }
  const auto place = place_for_another(index);
  if (!place) return std::nullopt;
  Entry next{.offer = offer, .verdict = judge(offer.candidate, sure)};
  next.offer.named = offers_[index].offer.named;
  next.offer.candidate.round_trip = candidate(index).round_trip;
  next.sure = sure;
  next.proven = offers_[index].proven;
  if (*place == offers_.size())
    offers_.push_back(std::move(next));
  else
    offers_[*place] = std::move(next);
  rank();
  return place;
}

/// A donor that shows thousands of images must not keep others from showing their second one.
std::optional<std::size_t> Selection::place_for_another(std::size_t index) {
  if (offers_.size() < kImagesConsidered) return offers_.size();
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    const Entry& entry = offers_[i];
    const bool done_with = entry.replaced || (!entry.verdict.accepted && entry.asked_on);
    if (done_with && candidate(i).path.peer != candidate(index).path.peer) return i;
  }
  return std::nullopt;
}

void Selection::refuse_image(std::size_t index, Error error, bool of_all) {
  Entry& entry = offers_[index];
  entry.was_acceptable = entry.was_acceptable || entry.verdict.accepted;
  entry.verdict = {.accepted = false, .reason = error.message(), .next_may_do = true};
  // Its donor may be tried for others.
  entry.attempts = 0;
  entry.gone = false;
  entry.again_at.reset();
  if (of_all)
    refused_images_
        .try_emplace({candidate(index).donor, candidate(index).digest},
                     Refusal{.error = error, .hosts = {}})
        .first->second.hosts.insert(host(index));
  if (uses_up_no_number(error)) forget_proof(index);
  entry.note(std::move(error));
  for (Entry& other : offers_)
    if (other.verdict.accepted) other.verdict = judge(other.offer.candidate, other.sure);
  rank();
}

void Selection::unusable(std::size_t index, const Error& error) {
  const Address peer = candidate(index).path.peer;
  failed(index, error);
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    Entry& entry = offers_[i];
    if (candidate(i).path.peer != peer || !entry.verdict.accepted || entry.manifest) continue;
    entry.verdict = {.accepted = false, .reason = error.message()};
  }
  rank();
}

bool Selection::forget_twin(std::size_t index) {
  const Address peer = candidate(index).path.peer;
  const bool known = std::any_of(offers_.begin(), offers_.end(), [&](const Entry& entry) {
    return entry.sure && entry.offer.candidate.path.peer != peer &&
           same_offer(entry.offer.candidate, candidate(index));
  });
  if (!known) return false;
  for (std::size_t i = 0; i < offers_.size(); ++i)
    if (candidate(i).path.peer == peer) offers_[i].replaced = true;
  rank();
  return true;
}

void Selection::asked_on(std::size_t index) {
  offers_[index].asked_on = true;
  rank();
}

void Selection::has_nothing(std::size_t index, const Error& error) {
  if (uses_up_no_number(error)) forget_proof(index);
  asked_on(index);
}

bool Selection::stays_first(std::size_t index) {
  Entry& entry = offers_[index];
  if (entry.left >= kLeftForBetter) return true;
  const unsigned attempts = std::exchange(entry.attempts, 0);
  const auto best = next_fresh();
  // Nor is a donor with a good image left for an address at which no session came up.
  if (!best || *best == index || !offers_[*best].verdict.accepted ||
      suspects_.contains(host(*best)) ||
      !policy::is_better(policy_, candidate(*best), candidate(index))) {
    entry.attempts = std::max(attempts, 1U);
    return true;
  }
  ++entry.left;
  return false;
}

void Selection::busy(std::size_t index, Error error, TimePoint again_at) {
  offers_[index].note(std::move(error));
  offers_[index].bytes_per_s.reset();
  for (Entry& entry : offers_) {
    const bool same_path = &entry == &offers_[index];
    const bool elsewhere = !same_path && offers_[index].proven && !entry.gone &&
                           entry.verdict.accepted &&
                           same_donor(entry.offer.candidate, candidate(index));
    if (same_path || (elsewhere && ++entry.busy_elsewhere <= kBusyElsewhere))
      entry.again_at = again_at;
  }
}

void Selection::lost(std::size_t index, Error error, TimePoint again_at, bool progressed,
                     bool in_doubt) {
  Entry& entry = offers_[index];
  if (progressed)
    entry.losses = 0;
  else
    kept_waiting_ = true;
  // In doubt it had less time to answer than others: once more, at the end.
  if (!entry.proven && in_doubt) {
    suspects_.insert(host(index));
  } else if (!entry.proven || ++entry.losses >= kLossesInARow) {
    return failed(index, std::move(error));
  }
  entry.note(std::move(error));
  entry.bytes_per_s.reset();
  entry.again_at = again_at;
}

void Selection::late(std::size_t index, Error error, TimePoint now) {
  Entry& entry = offers_[index];
  kept_waiting_ = true;
  entry.note(std::move(error));
  entry.bytes_per_s.reset();
  entry.again_at = now;
  if (!entry.proven) suspects_.insert(host(index));
  ++late_[host(index)];
}

unsigned Selection::times_late(std::size_t index) const {
  const auto found = late_.find(host(index));
  return found == late_.end() ? 0 : found->second;
}

std::size_t Selection::others(std::size_t index, TimePoint now) const {
  std::set<Address> hosts;
  for (const auto* list : {&order_, &behind_}) {
    for (const std::size_t other : *list) {
      const Entry& entry = offers_[other];
      const bool due = !entry.gone && entry.again_at && *entry.again_at <= now;
      if (due || is_fresh(other)) hosts.insert(host(other));
    }
  }
  hosts.erase(host(index));
  return hosts.size();
}

void Selection::slow(std::size_t index, Error error, double bytes_per_s, TimePoint now) {
  Entry& entry = offers_[index];
  entry.note(std::move(error));
  entry.bytes_per_s = bytes_per_s;
  entry.again_at = now;
}

bool Selection::may_be_faster(std::size_t index, double bytes_per_s, TimePoint now) const {
  if (next_fresh()) return true;
  return std::any_of(order_.begin(), order_.end(), [&](std::size_t other) {
    const Entry& entry = offers_[other];
    if (other == index || entry.gone || !entry.again_at || now < *entry.again_at) return false;
    if (entry.bytes_per_s) return *entry.bytes_per_s >= 2 * bytes_per_s;
    return is_worth_a_change(entry, now);
  });
}

std::string Selection::story() const {
  std::vector<Tried> tried;
  const auto tell = [&](const Entry& entry) {
    if (entry.last_error)
      tried.push_back({entry.offer.candidate, *entry.first_error, *entry.last_error});
  };
  for (const std::size_t index : order_) tell(offers_[index]);
  for (const Entry& entry : offers_)
    if (!entry.verdict.accepted && !entry.replaced) tell(entry);
  Untried untried;
  untried.offers =
      static_cast<std::size_t>(std::count_if(order_.begin(), order_.end(), [&](std::size_t index) {
        return offers_[index].attempts == 0;
      }));
  if (untried.offers > 0 && !next_fresh()) untried.donors_limit = donors_tried_limit_;
  return story_words(tried, untried);
}

Error Selection::no_answer() const {
  if (targets_ == 0)
    return Error{Errc::NoDonorAnswered, "there is nobody to ask: no target and no broadcast"};
  const bool none_fits =
      std::any_of(declines_.begin(), declines_.end(), [](const Decline& decline) {
        return decline.reason == wire::CompletionCode::NoCompatibleImage;
      });
  return Error{none_fits ? Errc::NoCompatibleImage : Errc::NoDonorAnswered,
               unanswered_words(targets_, asked_for_, declines_)};
}

Error Selection::none_acceptable() const {
  std::vector<Refused> refused;
  for (const Entry& entry : offers_)
    if (!entry.replaced && !entry.verdict.accepted)
      refused.push_back({entry.offer.candidate, entry.verdict.reason});
  return Error{Errc::NoOfferAcceptable, refused_words(refused)};
}

std::optional<Errc> Selection::cause() const {
  for (const std::size_t index : order_)
    if (offers_[index].first_error) return offers_[index].first_error->code;
  for (const Entry& entry : offers_)
    if (!entry.replaced && entry.first_error) return entry.first_error->code;
  return std::nullopt;
}

Error Selection::summary() const {
  if (offers_.empty()) return no_answer();
  // Wrong content from everyone is a finding of its own (PROTOCOL §6.4).
  std::optional<Errc> content;
  bool only_content = true;
  bool only_without_image = true;
  bool none_failed = true;
  bool chosen_failed = false;
  for (const Entry& entry : offers_) {
    if (!entry.last_error || entry.replaced) continue;
    none_failed = false;
    if (entry.was_acceptable) chosen_failed = true;
    if (entry.last_error->code != Errc::NoCompatibleImage) only_without_image = false;
    if (entry.last_error->exit_code() == ExitCode::VerificationFailed)
      content = entry.last_error->code;
    else
      only_content = false;
  }
  if (content && only_content) return Error{*content, story()};
  if (!none_failed && only_without_image) return Error{Errc::NoCompatibleImage, story()};
  if (order_.empty() && !chosen_failed) {
    Error refused = none_acceptable();
    if (!none_failed) refused.detail += "; " + story();
    return refused;
  }
  return Error{Errc::AllDonorsFailed, story()};
}

}  // namespace fwr::recipient
