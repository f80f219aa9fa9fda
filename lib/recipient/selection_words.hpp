// SPDX-License-Identifier: GPL-3.0-or-later
// The words for what became of the offers: which donors were tried and why each was left, or why
// none could be tried. Pure: Selection decides, and says it with these.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/error.hpp"
#include "recipient/discovery.hpp"

namespace fwr::recipient {

/// A donor that was tried, with what it failed with first and last.
struct Tried {
  const policy::Candidate& candidate;
  const Error& first_error;
  const Error& last_error;
};
/// Acceptable offers that were not tried.
struct Untried {
  std::size_t offers = 0;
  std::optional<unsigned> donors_limit = std::nullopt;  ///< the policy did not allow more
};
/// "2 donors tried: 10.0.0.7: ...; 10.0.0.8: ...; 1 more acceptable offer not tried". Each reason
/// once, with all addresses that gave it. Empty when no donor was tried.
[[nodiscard]] std::string story_words(std::span<const Tried> tried, const Untried& untried);

/// "asked 3 targets for 2 s; 10.0.0.7: no compatible image"
[[nodiscard]] std::string unanswered_words(std::size_t targets, Duration asked_for,
                                           std::span<const Decline> declines);

struct Refused {
  const policy::Candidate& candidate;
  const std::string& reason;
};
/// "2 offers refused: 10.0.0.7: ...; 10.0.0.8: ..."
[[nodiscard]] std::string refused_words(std::span<const Refused> refused);

}  // namespace fwr::recipient
