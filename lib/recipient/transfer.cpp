// SPDX-License-Identifier: GPL-3.0-or-later
// The image stream, as the recipient drives it. PROTOCOL §6.1.
#include "recipient/transfer.hpp"

#include <algorithm>

#include "base/soonest.hpp"

namespace fwr::recipient {
namespace {

using wire::stream::Grant;
using wire::stream::Range;

constexpr std::size_t kGranule = wire::oem::kGranule_bytes;
/// After so many timeouts with nothing in between, the path may have become narrower.
constexpr unsigned kTimeoutsUntilFallBack = 3;

std::size_t limit_in_flight(const Lease& lease, std::size_t receive_buffer_bytes) {
  return std::max<std::size_t>(
      std::min<std::size_t>(lease.credit_limit_bytes, receive_buffer_bytes / 2),
      kLeastCredit_bytes);
}

SegmentSize segment_size(std::uint16_t limit, const StreamTimers& timers) {
  if (!timers.line) return SegmentSize(limit);
  return SegmentSize::fixed(std::min(limit, timers.line->segment_granules));
}

std::uint16_t largest_segment(const Lease& lease, std::size_t receive_buffer_bytes) {
  const std::size_t fits =
      limit_in_flight(lease, receive_buffer_bytes) / kFewestSegmentsInFlight / kGranule;
  return static_cast<std::uint16_t>(std::min<std::size_t>(lease.segment_limit_granules, fits));
}

}  // namespace

Transfer::Transfer(const Lease& lease, std::size_t receive_buffer_bytes, Duration round_trip,
                   const StreamTimers& timers)
    : handle_(lease.handle),
      segment_limit_(largest_segment(lease, receive_buffer_bytes)),
      timers_(timers),
      pace_(limit_in_flight(lease, receive_buffer_bytes), timers.grant),
      size_(segment_size(segment_limit_, timers)),
      book_(timers.line.has_value()) {
  pace_.hint(round_trip);
}

void Transfer::set_segment(std::uint16_t granules) {
  if (!timers_.line) return;
  timers_.line->segment_granules = granules;
  size_ = segment_size(segment_limit_, timers_);
}

void Transfer::begin(Fetch& fetch, TimePoint now) {
  fetch_ = &fetch;
  fetch.begin_with_donor();
  book_.clear();
  last_progress_ = now;
  now_ = now;
}

std::size_t Transfer::segment_bytes() const {
  return size_.current() * kGranule;
}

std::size_t Transfer::in_flight_limit() const {
  if (timers_.line) return std::min(timers_.line->in_flight_bytes, pace_.limit_bytes());
  return pace_.in_flight_limit(segment_bytes());
}

Fetched<> Transfer::handle_payload(ByteView payload, TimePoint now) {
  now_ = now;
  const auto message = wire::stream::decode_message(payload);
  if (!message || fetch_ == nullptr) return {};  // a later version's, or noise: PROTOCOL §10
  if (const auto* segment = std::get_if<wire::stream::Segment>(&*message))
    return handle_segment(*segment, now);
  if (const auto* refusal = std::get_if<wire::stream::Refusal>(&*message))
    return handle_refusal(*refusal, now);
  return {};
}

Fetched<> Transfer::handle_segment(const wire::stream::Segment& segment, TimePoint now) {
  if (segment.handle != handle_) return {};
  if (segment.object != fetch_->object()) {
    // Asked for twice, and behind it comes what was asked for since.
    book_.heard(segment.number, now);
    return {};
  }
  const auto fresh = fetch_->absorb(segment.offset_granules, segment.data);
  if (!fresh) return tl::unexpected(fresh.error());
  // A doubled segment is a sign of life too: on a slow path with a long queue, blocks that were
  // asked for twice come twice.
  if (*fresh > 0 || (segment.number > 0 && segment.number < next_number_)) last_progress_ = now;

  newest_answered_ = std::max(newest_answered_, std::min(segment.number, next_number_ - 1));
  const auto arrival = book_.arrived(segment.number, segment.data.size(), segment.last, now);
  if (arrival.round_trip) pace_.first_segment(*arrival.round_trip);
  if (segment.data.size() % kGranule == 0)
    size_.arrived(static_cast<std::uint16_t>(segment.data.size() / kGranule));
  pace_.arrived(segment.number, segment.data.size(), segment_bytes(), now);
  if (arrival.finished) close(*arrival.finished);
  while (const auto lost = book_.take_overtaken()) lose(*lost, true, now);
  return {};
}

Fetched<> Transfer::handle_refusal(const wire::stream::Refusal& refusal, TimePoint now) {
  if (refusal.handle != handle_) return {};
  const auto grant = book_.take(refusal.number);
  if (!grant) return {};
  lose(*grant, false, now);
  using wire::CompletionCode;
  switch (refusal.reason) {
    case CompletionCode::LeaseEnded:
      return fail(Failure::Kind::Donor, Errc::LeaseLost, "the donor ended the lease");
    case CompletionCode::ImageUnreadable:
    case CompletionCode::UnknownImage:
      return fail(Failure::Kind::Donor, Errc::CommandRejected, wire::describe(refusal.reason));
    default:
      // Most likely more credit than the donor has room for, because grants that we gave up are
      // still waiting there.
      not_before_ = now + pace_.timeout();
      return {};
  }
}

void Transfer::close(const OpenGrant& grant) {
  for (const Range& range : grant.ranges) fetch_->window().release(range);
}

void Transfer::lose(const OpenGrant& grant, bool overtaken, TimePoint now) {
  close(grant);
  if (grant.probe)
    size_.lost(grant.segment_granules, overtaken || newest_answered_ > grant.number, now);
}

Fetched<> Transfer::handle_timeout(TimePoint now) {
  now_ = now;
  if (fetch_ == nullptr) return {};
  if (auto examined = fetch_->examine(examine_ahead_bytes()); !examined) return examined;
  if (not_before_ && now >= *not_before_) not_before_.reset();

  const Duration timeout = pace_.timeout();
  bool timed_out = false;
  while (const auto lost = book_.take_timed_out(timeout, now)) {
    lose(*lost, false, now);
    timed_out = true;
  }
  if (timed_out) {
    pace_.timed_out();
    if (pace_.timeouts_in_a_row() == kTimeoutsUntilFallBack) size_.fall_back(now);
  }
  // Only when something was asked for: examining a large slot also takes its time.
  if (book_.empty() && fetch_->window().wanted_granules() == 0) last_progress_ = now;
  if (now - last_progress_ >= timers_.stall) {
    const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(timers_.stall);
    return fail(Failure::Kind::Donor, Errc::NoResponse,
                "nothing arrived for " + std::to_string(lasted.count()) + " s");
  }
  return {};
}

Grant Transfer::send(std::vector<Range> ranges, std::uint16_t segment, bool is_probe,
                     TimePoint now) {
  OpenGrant open{.number = next_number_++,
                 .segment_granules = segment,
                 .probe = is_probe,
                 .ranges = ranges,
                 .sent = now};
  for (const Range& range : ranges) {
    const std::uint64_t from = range.offset_granules * std::uint64_t{kGranule};
    open.bytes += static_cast<std::size_t>(std::min<std::uint64_t>(
        range.length_granules * kGranule, fetch_->window().object_bytes() - from));
  }
  Grant grant{.object = fetch_->object(),
              .segment_granules = segment,
              .handle = handle_,
              .number = open.number,
              .ranges = std::move(ranges)};
  pace_.granted(open.number, now);
  book_.open(std::move(open));
  return grant;
}

std::optional<Grant> Transfer::probe(TimePoint now) {
  const auto granules = size_.probe(now);
  if (!granules || book_.in_flight_bytes() + *granules * kGranule > pace_.limit_bytes())
    return std::nullopt;
  // Without later grants the reason why the probe did not arrive would stay unknown.
  if (fetch_->window().wanted_granules() < *granules + kLaterGrantsAnswered * size_.current())
    return std::nullopt;
  const auto range = fetch_->window().grant_whole(*granules);
  if (!range) return std::nullopt;
  size_.probing(*granules);
  return send({*range}, *granules, true, now);
}

std::size_t Transfer::next_share() const {
  const std::uint16_t segment = size_.current();
  const std::size_t in_flight = book_.in_flight_bytes();
  if (timers_.line) {
    // Each grant costs a turn of the line: half of what is in flight at a time. When nothing comes
    // what was lost may only be late, and would come twice: one segment shows it.
    const std::size_t limit = pace_.timeouts_in_a_row() > 0 ? segment_bytes() : in_flight_limit();
    if (!book_.empty() && in_flight > limit / 2) return 0;
    const std::size_t room = (limit - std::min(in_flight, limit)) / kGranule;
    return std::max<std::size_t>(room - room % segment, segment);
  }
  const std::size_t limit = std::min(in_flight_limit() + book_.probe_bytes(), pace_.limit_bytes());
  std::size_t share = limit / kWindowGrants / kGranule;
  share = std::max<std::size_t>(share - share % segment, segment);
  return !book_.empty() && in_flight + share * kGranule > limit ? 0 : share;
}

std::optional<Grant> Transfer::poll_grant(TimePoint now) {
  now_ = now;
  if (fetch_ == nullptr || fetch_->complete() || book_.full()) return std::nullopt;
  if (not_before_ && now < *not_before_) return std::nullopt;
  if (fetch_->window().wanted_granules() == 0) {
    if (book_.in_flight_bytes() < in_flight_limit()) pace_.starved();
    return std::nullopt;
  }
  if (auto grant = probe(now)) return grant;

  const std::uint16_t segment = size_.current();
  std::size_t share = next_share();
  std::vector<Range> ranges;
  while (share > 0 && ranges.size() < wire::stream::kRangesPerGrant) {
    const auto range = fetch_->window().grant(static_cast<std::uint32_t>(share), segment);
    if (!range) break;
    ranges.push_back(*range);
    share -= range->length_granules;
  }
  if (ranges.empty()) return std::nullopt;
  return send(std::move(ranges), segment, false, now);
}

Duration Transfer::queue() const {
  const double rate = pace_.delivery_rate();
  if (timers_.line || rate <= 0) return Duration::zero();
  const std::chrono::duration<double> takes(static_cast<double>(book_.in_flight_bytes()) / rate);
  if (takes >= kLongestQueue) return kLongestQueue;
  return std::chrono::duration_cast<Duration>(takes);
}

std::optional<TimePoint> Transfer::deadline() const {
  if (fetch_ == nullptr || fetch_->complete()) return std::nullopt;
  if (fetch_->can_examine(examine_ahead_bytes())) return now_;
  Soonest soonest;
  soonest.add(book_.next_timeout(pace_.timeout()));
  soonest.add(not_before_);
  soonest.add(last_progress_ + timers_.stall);
  return soonest.time();
}

}  // namespace fwr::recipient
