// SPDX-License-Identifier: GPL-3.0-or-later
// The donor's end of the image stream: grants in, segments and refusals out. Owns the refusals that
// wait for a link. PROTOCOL §6.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/types.hpp"
#include "donor/event_queue.hpp"
#include "donor/grant_queue.hpp"
#include "donor/lease.hpp"
#include "donor/shelf.hpp"
#include "session/application.hpp"
#include "wire/stream.hpp"

namespace fwr::donor {

class DonorStream {
 public:
  using Outgoing = session::Application::Outgoing;

  /// All arguments must outlive the object.
  DonorStream(Shelf& shelf, LeaseBook& leases, EventQueue& events)
      : shelf_(shelf), leases_(leases), events_(events) {}

  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now);
  [[nodiscard]] std::optional<Outgoing> next_payload(LinkId link, TimePoint now);
  void session_closed(std::uint32_t session);

 private:
  void refuse(const session::Requester& from, const wire::stream::Refusal& refusal);
  [[nodiscard]] Outgoing unreadable(Lease& lease, const GrantQueue::Segment& segment,
                                    const Error& error);

  static constexpr std::size_t kRefusals = 256;  ///< that wait for one link

  Shelf& shelf_;
  LeaseBook& leases_;
  EventQueue& events_;
  std::map<LinkId, std::deque<Outgoing>> refusals_;
};

}  // namespace fwr::donor
