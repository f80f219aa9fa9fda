// SPDX-License-Identifier: GPL-3.0-or-later
// Which donor is next, and what to tell when none is left. PROTOCOL §6.4.
#include "recipient/selection.hpp"

#include <algorithm>

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

std::string seconds_text(std::chrono::milliseconds time) {
  const auto tenths = (time.count() + 50) / 100;
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + " s";
}

}  // namespace

Selection::Selection(const RecoveryConfig& config, std::vector<Offer> offers,
                     std::vector<Decline> declines)
    : declines_(std::move(declines)),
      targets_(config.targets.size()),
      window_(config.policy.offer_window),
      donors_tried_limit_(config.policy.donors_tried) {
  std::vector<policy::Candidate> candidates;
  for (Offer& offer : offers) {
    candidates.push_back(offer.candidate);
    auto verdict = policy::judge(config.policy, config.situation, offer.candidate);
    offers_.push_back(Entry{.offer = std::move(offer), .verdict = std::move(verdict)});
  }
  order_ = policy::rank(config.policy, config.situation, candidates);
}

std::vector<Offered> Selection::verdicts() const {
  std::vector<Offered> all;
  const auto add = [&](const Entry& entry) {
    all.push_back(Offered{.candidate = entry.offer.candidate, .verdict = entry.verdict});
  };
  for (const std::size_t index : order_) add(offers_[index]);
  for (const Entry& entry : offers_)
    if (!entry.verdict.accepted) add(entry);
  return all;
}

std::optional<Selection::Next> Selection::next() {
  if (chosen_ < donors_tried_limit_) {
    const auto fresh = std::find_if(order_.begin(), order_.end(),
                                    [&](std::size_t index) { return !offers_[index].chosen; });
    if (fresh != order_.end()) {
      offers_[*fresh].chosen = true;
      ++chosen_;
      return Next{.index = *fresh, .not_before = std::nullopt};
    }
  }
  std::optional<Next> soonest;
  for (const std::size_t index : order_) {
    const Entry& entry = offers_[index];
    if (entry.gone || !entry.again_at) continue;
    if (!soonest || *entry.again_at < *soonest->not_before)
      soonest = Next{.index = index, .not_before = entry.again_at};
  }
  if (soonest) offers_[soonest->index].again_at.reset();
  return soonest;
}

void Selection::failed(std::size_t index, Error error) {
  offers_[index].gone = true;
  offers_[index].last_error = std::move(error);
}

void Selection::busy(std::size_t index, Error error, TimePoint again_at) {
  offers_[index].again_at = again_at;
  offers_[index].last_error = std::move(error);
}

std::string Selection::story() const {
  List donors;
  for (const std::size_t index : order_) {
    const Entry& entry = offers_[index];
    if (!entry.last_error) continue;
    donors.add(to_text(entry.offer.candidate.path.peer) + ": " + entry.last_error->message());
  }
  if (donors.count() == 0) return {};
  std::string text = plural(donors.count(), "donor") + " tried: " + donors.text();
  if (chosen_ < order_.size())
    text += "; " + plural(order_.size() - chosen_, "more acceptable offer") +
            " not tried (policy allows " + std::to_string(donors_tried_limit_) + ")";
  return text;
}

Error Selection::nobody_answered() const {
  if (targets_ == 0)
    return Error{Errc::NoDonorAnswered, "there is nobody to ask: no target and no broadcast"};
  List declines;
  for (const Decline& decline : declines_)
    declines.add(to_text(decline.peer) + ": " + wire::describe(decline.reason));
  std::string text = "asked " + plural(targets_, "target") + " for " + seconds_text(window_);
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
