// SPDX-License-Identifier: GPL-3.0-or-later
// Probing for the segment size of a path. PROTOCOL §6.1.
#include "recipient/segment_size.hpp"

#include <algorithm>

namespace fwr::recipient {

SegmentSize::SegmentSize(std::uint16_t limit_granules)
    : limit_(std::max<std::uint16_t>(limit_granules, 1)),
      current_(std::min(steps_.front().granules, limit_)) {
  steps_.front().works = true;
}

SegmentSize SegmentSize::fixed(std::uint16_t granules) {
  SegmentSize size(granules);
  size.steps_ = {};
  size.current_ = size.limit_;
  return size;
}

SegmentSize::Step* SegmentSize::find(std::uint16_t granules) {
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&](const Step& step) { return step.granules == granules; });
  return found == steps_.end() ? nullptr : &*found;
}

std::optional<std::uint16_t> SegmentSize::probe(TimePoint now) const {
  for (const Step& step : steps_) {
    if (step.granules <= current_ || step.granules > limit_) continue;
    if (step.on_its_way || step.failures >= kProbeTries || now < step.not_before) continue;
    return step.granules;
  }
  return std::nullopt;
}

void SegmentSize::probing(std::uint16_t granules) {
  if (Step* step = find(granules)) step->on_its_way = true;
}

void SegmentSize::arrived(std::uint16_t granules) {
  if (granules <= current_) return;
  Step* step = find(granules);
  if (step == nullptr || granules > limit_) return;  // a donor's own idea of a size
  step->works = true;
  step->on_its_way = false;
  current_ = granules;
}

void SegmentSize::lost(std::uint16_t granules, bool overtaken, TimePoint now) {
  Step* step = find(granules);
  if (step == nullptr || step->works) return;
  step->on_its_way = false;
  if (overtaken) ++step->failures;
  step->not_before = now + (overtaken ? kProbeAgainAfter : kProbeAfterSilence);
}

void SegmentSize::fall_back(TimePoint now) {
  for (Step& step : steps_) {
    if (&step == &steps_.front() || step.granules > current_) continue;
    step.works = false;
    step.on_its_way = false;
    ++step.failures;
    step.not_before = now + kProbeAgainAfter;
  }
  if (steps_.front().works) current_ = std::min(steps_.front().granules, limit_);
}

}  // namespace fwr::recipient
