// SPDX-License-Identifier: GPL-3.0-or-later
// The image stream with one donor: grants out, segments in. The recipient owns pace, order and
// repair. Sans-I/O. PROTOCOL §6.1.
#pragma once

#include <cstdint>
#include <optional>

#include "base/types.hpp"
#include "recipient/fetch.hpp"
#include "recipient/grant_book.hpp"
#include "recipient/link_timers.hpp"
#include "recipient/pace.hpp"
#include "recipient/segment_size.hpp"
#include "wire/stream.hpp"

namespace fwr::recipient {

inline constexpr std::size_t kWindowGrants = 16;  ///< grants that a full window has
inline constexpr std::size_t kExamineAhead_bytes = std::size_t{512} * 1024;
/// Fewer segments in flight would wait for every single one of them.
inline constexpr std::size_t kFewestSegmentsInFlight = 3;
inline constexpr std::size_t kLeastCredit_bytes =
    kFewestSegmentsInFlight * wire::oem::kGranule_bytes;

struct Lease {
  std::uint32_t handle = 0;
  std::uint16_t segment_limit_granules = 0;
  std::uint32_t credit_limit_bytes = 0;
  Duration lasts = std::chrono::seconds(60);  ///< without a read
};

class Transfer {
 public:
  /// `round_trip`: of the donor's offer, zero when it is not known.
  Transfer(const Lease& lease, std::size_t receive_buffer_bytes, Duration round_trip,
           const StreamTimers& timers = {});
  /// On a slow line: another size is better now.
  void set_segment(std::uint16_t granules);

  /// Serves this object from now on. `fetch` must outlive the transfer or the next call; it keeps
  /// the whole blocks that an earlier donor sent.
  void begin(Fetch& fetch, TimePoint now);

  [[nodiscard]] Fetched<> handle_payload(ByteView payload, TimePoint now);
  /// Examines some blocks that are here already, and looks after lost grants and a silent donor.
  [[nodiscard]] Fetched<> handle_timeout(TimePoint now);
  /// The next grant to send.
  [[nodiscard]] std::optional<wire::stream::Grant> poll_grant(TimePoint now);
  /// nullopt: nothing to wait for. A time that has passed: handle_timeout() has work.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  [[nodiscard]] bool complete() const { return fetch_ != nullptr && fetch_->complete(); }
  [[nodiscard]] const Pace& pace() const { return pace_; }
  [[nodiscard]] std::uint16_t segment_granules() const { return size_.current(); }
  [[nodiscard]] std::size_t in_flight_bytes() const { return book_.in_flight_bytes(); }
  /// How long what is in flight takes at the rate that was measured, at most kLongestQueue: an
  /// answer comes behind it. Zero while nothing was measured, and on a line, whose times say that.
  [[nodiscard]] Duration queue() const;

 private:
  [[nodiscard]] Fetched<> handle_segment(const wire::stream::Segment& segment, TimePoint now);
  [[nodiscard]] Fetched<> handle_refusal(const wire::stream::Refusal& refusal, TimePoint now);
  /// So much may be known to be missing: what can be in flight, and some more.
  [[nodiscard]] std::size_t examine_ahead_bytes() const {
    return in_flight_limit() + kExamineAhead_bytes;
  }
  [[nodiscard]] std::size_t segment_bytes() const;
  /// Bytes that may be granted and not arrived.
  [[nodiscard]] std::size_t in_flight_limit() const;
  /// The size of the next grant, in granules; zero: not yet.
  [[nodiscard]] std::size_t next_share() const;
  void lose(const OpenGrant& grant, bool overtaken, TimePoint now);
  void close(const OpenGrant& grant);
  [[nodiscard]] std::optional<wire::stream::Grant> probe(TimePoint now);
  [[nodiscard]] wire::stream::Grant send(std::vector<wire::stream::Range> ranges,
                                         std::uint16_t segment, bool is_probe, TimePoint now);

  std::uint32_t handle_;
  std::uint16_t segment_limit_;
  StreamTimers timers_;
  Pace pace_;
  SegmentSize size_;
  GrantBook book_;
  std::uint32_t next_number_ = 1;
  std::uint32_t newest_answered_ = 0;

  Fetch* fetch_ = nullptr;
  TimePoint last_progress_{};            ///< something arrived, or there was nothing to wait for
  std::optional<TimePoint> not_before_;  ///< a refused grant: the next one not before this
  TimePoint now_{};
};

}  // namespace fwr::recipient
