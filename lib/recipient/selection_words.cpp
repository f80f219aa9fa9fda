// SPDX-License-Identifier: GPL-3.0-or-later
// Lists of donors and reasons, in words.
#include "recipient/selection_words.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace fwr::recipient {
namespace {

constexpr std::size_t kReasonsTold = 8;

std::string plural(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// "a; b; c", and how many more.
class List {
 public:
  void add(std::string item) {
    if (++count_ <= kReasonsTold) items_.push_back(std::move(item));
  }
  void add_once(const std::string& item) {
    if (std::find(items_.begin(), items_.end(), item) == items_.end()) add(item);
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string text(const std::string& between) const {
    std::string text;
    for (const std::string& item : items_) text += (text.empty() ? "" : between) + item;
    if (count_ <= kReasonsTold) return text;
    return text + between + "and " + std::to_string(count_ - kReasonsTold) + " more";
  }

 private:
  std::vector<std::string> items_;
  std::size_t count_ = 0;
};

std::string seconds_text(Duration time) {
  const auto tenths =
      (std::chrono::duration_cast<std::chrono::milliseconds>(time).count() + 50) / 100;
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + " s";
}

}  // namespace

std::string story_words(std::span<const Tried> tried, const Untried& untried) {
  struct Reason {
    std::string text;
    List addresses;
  };
  std::vector<Reason> reasons;
  std::set<Guid> donors;
  for (const Tried& one : tried) {
    donors.insert(one.candidate.donor);
    std::string text = one.first_error.message();
    if (const std::string last = one.last_error.message(); last != text) text += ", then " + last;
    auto same = std::find_if(reasons.begin(), reasons.end(),
                             [&](const Reason& other) { return other.text == text; });
    if (same == reasons.end()) same = reasons.insert(reasons.end(), Reason{std::move(text), {}});
    same->addresses.add_once(to_text(one.candidate.path.peer));
  }
  if (donors.empty()) return {};
  List list;
  for (const Reason& one : reasons) list.add(one.addresses.text(", ") + ": " + one.text);
  std::string text = plural(donors.size(), "donor") + " tried: " + list.text("; ");
  if (untried.offers == 0) return text;
  text += "; " + plural(untried.offers, "more acceptable offer") + " not tried";
  if (untried.donors_limit)
    text += " (policy allows " + plural(*untried.donors_limit, "donor") + ")";
  return text;
}

std::string unanswered_words(std::size_t targets, Duration asked_for,
                             std::span<const Decline> declines) {
  List list;
  for (const Decline& decline : declines)
    list.add(to_text(decline.peer) + ": " + wire::describe(decline.reason));
  std::string text = "asked " + plural(targets, "target") + " for " + seconds_text(asked_for);
  if (list.count() > 0) text += "; " + list.text("; ");
  return text;
}

std::string refused_words(std::span<const Refused> refused) {
  List list;
  for (const Refused& one : refused) list.add(to_text(one.candidate.path.peer) + ": " + one.reason);
  return plural(list.count(), "offer") + " refused: " + list.text("; ");
}

}  // namespace fwr::recipient
