// SPDX-License-Identifier: GPL-3.0-or-later
// Which donor is next, and what to tell when none is left. PROTOCOL §6.4.
#include "recipient/selection.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "session/source_limiter.hpp"

namespace fwr::recipient {
namespace {

constexpr std::size_t kReasonsTold = 8;

std::string plural(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// "a; b; c", and how many more.
class List {
 public:
  void add(const std::string& item) {
    if (++count_ > kReasonsTold) return;
    if (!text_.empty()) text_ += "; ";
    text_ += item;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string text() const {
    if (count_ <= kReasonsTold) return text_;
    return text_ + "; and " + std::to_string(count_ - kReasonsTold) + " more";
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

std::string seconds_text(Duration time) {
  const auto tenths =
      (std::chrono::duration_cast<std::chrono::milliseconds>(time).count() + 50) / 100;
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + " s";
}

template <class T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}
template <class T>
void add_once(std::vector<T>& all, const T& one) {
  if (!contains(all, one)) all.push_back(one);
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
    auto verdict = policy::judge(policy_, situation_, offer.candidate);
    offers_.push_back(Entry{.offer = std::move(offer), .verdict = std::move(verdict)});
  }
  rank();
}

void Selection::rank() {
  std::vector<policy::Candidate> candidates;
  candidates.reserve(offers_.size());
  for (const Entry& entry : offers_) candidates.push_back(entry.offer.candidate);
  order_ = policy::rank(policy_, situation_, candidates);
}

std::vector<Offered> Selection::add(std::span<const Offer> offers) {
  std::vector<Offered> fresh;
  for (const Offer& offer : offers) {
    const auto known = std::find_if(offers_.begin(), offers_.end(), [&](const Entry& entry) {
      return entry.offer.candidate.path == offer.candidate.path &&
             same_offer(entry.offer.candidate, offer.candidate);
    });
    if (known == offers_.end()) {
      if (offers_.size() >= kOffersKept) continue;
      auto verdict = policy::judge(policy_, situation_, offer.candidate);
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
    if (entry.attempts == 0 && tried() >= kOffersTried) continue;
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
    if (!listed)
      all.push_back(Offered{.candidate = entry.offer.candidate, .verdict = entry.verdict});
  };
  for (const std::size_t index : order_) add(offers_[index]);
  for (const Entry& entry : offers_)
    if (!entry.verdict.accepted) add(entry);
  return all;
}

std::size_t Selection::tried() const {
  return static_cast<std::size_t>(
      std::count_if(offers_.begin(), offers_.end(), [](const Entry& e) { return e.attempts > 0; }));
}

bool Selection::may_try(std::size_t index) const {
  // One donor may have many addresses, and a donor that lies many GUIDs: the fewer count.
  if (std::min(proven_donors_.size(), proven_hosts_.size()) < donors_tried_limit_) return true;
  return contains(proven_donors_, candidate(index).donor);
}

std::optional<std::size_t> Selection::next_fresh() const {
  if (tried() >= kOffersTried) return std::nullopt;
  const auto was_tried = [&](const policy::Candidate& one) {
    return std::any_of(offers_.begin(), offers_.end(), [&](const Entry& other) {
      return other.attempts > 0 && same_donor(other.offer.candidate, one);
    });
  };
  // Offers can be forged by anybody who heard the request. Once one was, the order that offers ask
  // for themselves is not the only one that counts any more. PROTOCOL §6.4.
  const auto place = [&](std::size_t index) {
    const bool suspicious = !suspects_.empty();
    return std::tuple(
        suspicious && contains(suspects_, session::host_of(candidate(index).path.peer)),
        suspicious && !offers_[index].offer.named, was_tried(candidate(index)));
  };
  std::optional<std::size_t> best;
  for (const std::size_t index : order_) {
    const Entry& entry = offers_[index];
    if (entry.attempts > 0 || entry.gone || entry.again_at || !may_try(index)) continue;
    if (!best || place(index) < place(*best)) best = index;
  }
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
  for (const std::size_t index : order_) {
    const Entry& entry = offers_[index];
    if (entry.gone || !entry.again_at) continue;
    if (!best || place(index) < place(*best)) best = index;
  }
  return best;
}

std::optional<Selection::Next> Selection::next(TimePoint now) {
  auto index = std::exchange(preferred_, std::nullopt);
  if (!index) index = next_fresh();
  if (!index) index = next_waiting(now);
  if (!index) return std::nullopt;
  Entry& entry = offers_[*index];
  ++entry.attempts;
  entry.answered_again = false;
  return Next{.index = *index, .not_before = std::exchange(entry.again_at, std::nullopt)};
}

void Selection::proved(std::size_t index, const Guid& donor) {
  offers_[index].proven = true;
  add_once(proven_donors_, donor);
  add_once(proven_hosts_, session::host_of(candidate(index).path.peer));
}

void Selection::failed(std::size_t index, Error error) {
  Entry& entry = offers_[index];
  entry.gone = true;
  entry.last_error = std::move(error);
  if (!entry.proven) add_once(suspects_, session::host_of(candidate(index).path.peer));
}

void Selection::busy(std::size_t index, Error error, TimePoint again_at) {
  offers_[index].last_error = std::move(error);
  offers_[index].bytes_per_s.reset();
  for (Entry& entry : offers_) {
    const bool same_path = &entry == &offers_[index];
    if (same_path || (offers_[index].proven && !entry.gone && entry.verdict.accepted &&
                      same_donor(entry.offer.candidate, candidate(index))))
      entry.again_at = again_at;
  }
}

void Selection::lost(std::size_t index, Error error, TimePoint again_at, bool progressed) {
  Entry& entry = offers_[index];
  if (progressed) entry.losses = 0;
  if (!entry.proven || ++entry.losses >= kLossesInARow) return failed(index, std::move(error));
  entry.last_error = std::move(error);
  entry.bytes_per_s.reset();
  entry.again_at = again_at;
}

void Selection::slow(std::size_t index, Error error, double bytes_per_s, TimePoint now) {
  Entry& entry = offers_[index];
  entry.last_error = std::move(error);
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
  List paths;
  std::set<Guid> donors;
  for (const std::size_t index : order_) {
    const Entry& entry = offers_[index];
    if (!entry.last_error) continue;
    donors.insert(entry.offer.candidate.donor);
    paths.add(to_text(entry.offer.candidate.path.peer) + ": " + entry.last_error->message());
  }
  if (donors.empty()) return {};
  std::string text = plural(donors.size(), "donor") + " tried: " + paths.text();
  if (tried() < order_.size()) {
    text += "; " + plural(order_.size() - tried(), "more acceptable offer") + " not tried";
    if (!next_fresh()) text += " (policy allows " + plural(donors_tried_limit_, "donor") + ")";
  }
  return text;
}

Error Selection::nobody_answered() const {
  if (targets_ == 0)
    return Error{Errc::NoDonorAnswered, "there is nobody to ask: no target and no broadcast"};
  List declines;
  for (const Decline& decline : declines_)
    declines.add(to_text(decline.peer) + ": " + wire::describe(decline.reason));
  std::string text = "asked " + plural(targets_, "target") + " for " + seconds_text(asked_for_);
  if (declines.count() > 0) text += "; " + declines.text();
  return Error{Errc::NoDonorAnswered, text};
}

Error Selection::none_acceptable() const {
  List refused;
  for (const Entry& entry : offers_)
    refused.add(to_text(entry.offer.candidate.path.peer) + ": " + entry.verdict.reason);
  return Error{Errc::NoOfferAcceptable,
               plural(refused.count(), "offer") + " refused: " + refused.text()};
}

Error Selection::summary() const {
  if (offers_.empty()) return nobody_answered();
  if (order_.empty()) return none_acceptable();
  // Wrong content from everyone is a finding of its own (PROTOCOL §6.4).
  std::optional<Errc> content;
  bool only_content = true;
  for (const Entry& entry : offers_) {
    if (!entry.last_error) continue;
    if (entry.last_error->exit_code() == ExitCode::VerificationFailed)
      content = entry.last_error->code;
    else
      only_content = false;
  }
  const Errc code = content && only_content ? *content : Errc::AllDonorsFailed;
  return Error{code, story()};
}

}  // namespace fwr::recipient
