// SPDX-License-Identifier: GPL-3.0-or-later
// Running seeds: one, many in parallel, and one again and again until only what matters is left.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "world.hpp"

namespace fwr::sim {

struct RunResult {
  std::optional<Violation> violation;
  std::uint64_t hash = 0;
  Totals totals;
  std::vector<std::string> lines;
};
[[nodiscard]] RunResult run_seed(std::uint64_t seed, const Without& without = {},
                                 bool with_lines = false);

/// The same in a process of its own: "crash" and "hang" are violations too.
[[nodiscard]] std::optional<Violation> run_apart(std::uint64_t seed, const Without& without);

struct Failure {
  std::uint64_t seed = 0;
  Violation violation;
};
struct Slow {
  std::uint64_t seed = 0;
  std::uint64_t micros = 0;
};
struct Campaign {
  std::uint64_t first = 1, count = 1000;
  std::uint64_t bus = 0;  ///< more, from kFirstBusSeed + first
  unsigned jobs = 1;
  std::size_t stop_after = 1;  ///< failures
};
struct CampaignResult {
  Totals totals;
  std::vector<Failure> failures;
  std::vector<Slow> slowest;
  double wall_s = 0, cpu_s = 0;
};
[[nodiscard]] CampaignResult run_campaign(const Campaign& campaign);

/// Leaves out all parts of the plan without which the same checker still finds the same.
[[nodiscard]] Without shrink(std::uint64_t seed, const std::string& checker);

}  // namespace fwr::sim
