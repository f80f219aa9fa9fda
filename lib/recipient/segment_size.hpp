// SPDX-License-Identifier: GPL-3.0-or-later
// Which segment size the path carries: starts small, probes upwards. Pure. PROTOCOL §6.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/types.hpp"

namespace fwr::recipient {

inline constexpr Duration kProbeAgainAfter = std::chrono::seconds(10);
inline constexpr unsigned kProbeTries = 2;
/// Nothing arrived at all: the segments that do not test anything go first.
inline constexpr Duration kProbeAfterSilence = std::chrono::seconds(1);

class SegmentSize {
 public:
  /// Never more than `limit_granules`, at least 1.
  explicit SegmentSize(std::uint16_t limit_granules);
  /// The link says which size is best; nothing is probed.
  [[nodiscard]] static SegmentSize fixed(std::uint16_t granules);

  /// Granules that certainly arrive.
  [[nodiscard]] std::uint16_t current() const { return current_; }
  /// The next size to probe now: larger than the current one and not on its way.
  [[nodiscard]] std::optional<std::uint16_t> probe(TimePoint now) const;
  void probing(std::uint16_t granules);
  /// A segment of this size arrived, as a probe or not.
  void arrived(std::uint16_t granules);
  /// The probe did not arrive. It failed only when something of later grants did.
  void lost(std::uint16_t granules, bool overtaken, TimePoint now);
  /// Nothing arrives any more, perhaps because the path has become narrower: back to the start.
  void fall_back(TimePoint now);

 private:
  struct Step {
    std::uint16_t granules = 0;
    bool works = false;
    bool on_its_way = false;
    unsigned failures = 0;
    TimePoint not_before{};
  };
  Step* find(std::uint16_t granules);

  // 1,088 bytes: IPv6's smallest MTU; 1,344: Ethernet; 8,192: jumbo frames; 32,768: loopback.
  std::array<Step, 4> steps_{Step{.granules = 17}, Step{.granules = 21}, Step{.granules = 128},
                             Step{.granules = 512}};
  std::uint16_t limit_;
  std::uint16_t current_;
};

}  // namespace fwr::recipient
