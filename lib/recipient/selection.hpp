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

class Selection {
 public:
  Selection(const RecoveryConfig& config, std::vector<Offer> offers, std::vector<Decline> declines);

  /// In the order in which they would be tried, refused ones last.
  [[nodiscard]] std::vector<Offered> verdicts() const;
  [[nodiscard]] bool empty() const { return offers_.empty(); }
  [[nodiscard]] const Offer& offer(std::size_t index) const { return offers_[index].offer; }
  /// The donor gave another token for the same image.
  void renew(std::size_t index, const Token& token) { offers_[index].offer.token = token; }

  struct Next {
    std::size_t index = 0;
    std::optional<TimePoint> not_before;  ///< it was busy: try it again then
  };
  /// Fresh donors first, in the order of the policy; then those that were busy.
  [[nodiscard]] std::optional<Next> next();
  void failed(std::size_t index, Error error);
  void busy(std::size_t index, Error error, TimePoint again_at);

  /// Why nobody is left.
  [[nodiscard]] Error summary() const;
  /// What became of the donors that were tried; empty when none was.
  [[nodiscard]] std::string story() const;

 private:
  struct Entry {
    Offer offer;
    policy::Verdict verdict;
    bool chosen = false;
    bool gone = false;
    std::optional<TimePoint> again_at = std::nullopt;
    std::optional<Error> last_error = std::nullopt;
  };
  [[nodiscard]] Error nobody_answered() const;
  [[nodiscard]] Error none_acceptable() const;

  std::vector<Entry> offers_;
  std::vector<std::size_t> order_;  ///< of the acceptable ones
  std::vector<Decline> declines_;
  std::size_t targets_;
  std::chrono::milliseconds window_;
  unsigned donors_tried_limit_;
  unsigned chosen_ = 0;
};

}  // namespace fwr::recipient
