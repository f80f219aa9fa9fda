// SPDX-License-Identifier: GPL-3.0-or-later
// Round-trip time, delivery rate and window of the image stream. PROTOCOL §6.1.
#include "recipient/pace.hpp"

#include <algorithm>

namespace fwr::recipient {
namespace {

constexpr double kGrowth = 1.25;             // "while the delivery rate still grows by a quarter"
constexpr double kBandwidthDelay = 2.0;      // "at most twice the product"
constexpr unsigned kDoublingsOfTimeout = 7;  // 20 ms to 2 s

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void RoundTrip::smooth(Duration measured) {
  if (!smoothed_) {
    smoothed_ = measured;
    variation_ = measured / 2;
    return;
  }
  const Duration off = measured > *smoothed_ ? measured - *smoothed_ : *smoothed_ - measured;
  variation_ = (3 * variation_ + off) / 4;
  smoothed_ = (7 * *smoothed_ + measured) / 8;
}

void RoundTrip::sample(Duration measured) {
  measured = std::max(measured, Duration(1));
  smooth(measured);
  smallest_ = smallest_ ? std::min(*smallest_, measured) : measured;
}

void RoundTrip::hint(Duration measured) {
  if (!smoothed_ && measured > Duration::zero()) smooth(measured);
}

Duration RoundTrip::timeout() const {
  if (!smoothed_) return times_.first;
  return std::clamp(*smoothed_ + 4 * variation_, times_.shortest, times_.longest);
}

void Pace::granted(std::uint32_t number, TimePoint now) {
  newest_grant_ = number;
  if (in_round_) return;
  in_round_ = true;
  round_began_ = now;
  round_bytes_ = 0;
  // The first round ends with its own grant's data, and measures one segment: not starved, but
  // less than what any later round shows.
  round_ends_after_ = number;
}

void Pace::arrived(std::uint32_t number, std::size_t bytes, std::size_t segment_bytes,
                   TimePoint now) {
  timeouts_ = 0;
  if (!in_round_) return;
  if (number > round_ends_after_) end_round(segment_bytes, now);
  round_bytes_ += bytes;
}

void Pace::end_round(std::size_t segment_bytes, TimePoint now) {
  const Duration lasted = std::max(now - round_began_, Duration(1));
  const double rate = static_cast<double>(round_bytes_) / seconds(lasted);
  const double best = delivery_rate();
  if (!starved_ || rate > best) {
    rates_.at(next_rate_) = rate;
    next_rate_ = (next_rate_ + 1) % kRateRounds;
  }
  if (growing_) {
    const std::size_t now_in_flight = in_flight_limit(segment_bytes);
    if (rate >= kGrowth * best) {
      growth_bytes_ = std::min(2 * now_in_flight, limit_bytes_);
    } else if (!starved_) {
      growing_ = false;
    }
  }
  starved_ = false;
  round_began_ = now;
  round_bytes_ = 0;
  round_ends_after_ = newest_grant_;
}

void Pace::timed_out() {
  timeouts_ = std::min(timeouts_ + 1, kDoublingsOfTimeout);
}

double Pace::delivery_rate() const {
  return *std::max_element(rates_.begin(), rates_.end());
}

std::size_t Pace::in_flight_limit(std::size_t segment_bytes) const {
  std::size_t wanted = kLeastSegmentsInFlight * segment_bytes;
  if (growing_) {
    wanted = std::max(wanted, growth_bytes_);
  } else if (const auto smallest = round_trip_.smallest()) {
    const double product = kBandwidthDelay * delivery_rate() * seconds(*smallest);
    wanted = std::max(
        wanted, static_cast<std::size_t>(std::min(product, static_cast<double>(limit_bytes_))));
  }
  if (const double rate = delivery_rate(); rate > 0) {
    const double queue = std::min(rate * seconds(kLongestQueue), static_cast<double>(limit_bytes_));
    wanted = std::min(
        wanted, std::max(static_cast<std::size_t>(queue), kLeastSegmentsInQueue * segment_bytes));
  }
  return std::min(wanted, limit_bytes_);
}

Duration Pace::timeout() const {
  return std::min(round_trip_.timeout() * (1U << timeouts_), longest_timeout_);
}

}  // namespace fwr::recipient
