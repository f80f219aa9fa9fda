// SPDX-License-Identifier: GPL-3.0-or-later
// The donor: offers, leases, reads and the image stream, behind the servers of lib/session.
// Sans-I/O except for the catalogue, whose reads are complete when they return. PROTOCOL §5, §6.
//
//   Donor owns   DonorCommands   one handler for each command; the offer tokens
//                DonorStream     grants in, segments and refusals out
//                LeaseBook       every lease, its state, its end and its turn
//                Shelf           the catalogue that is served at present
//                EventQueue      what the log of the donor will say
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "donor/catalogue.hpp"
#include "donor/donor_commands.hpp"
#include "donor/donor_stream.hpp"
#include "donor/event_queue.hpp"
#include "donor/lease.hpp"
#include "donor/shelf.hpp"
#include "donor/words.hpp"
#include "session/application.hpp"

namespace fwr::donor {

class Donor final : public session::Application {
 public:
  /// `catalogue` and `random` must outlive the donor.
  Donor(DonorConfig config, Catalogue& catalogue, RandomSource& random, TimePoint now);
  ~Donor() override = default;
  Donor(const Donor&) = delete;
  Donor& operator=(const Donor&) = delete;

  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint now) override;
  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now) override;
  std::optional<Outgoing> next_payload(LinkId link, TimePoint now) override;
  void session_closed(std::uint32_t session, TimePoint now) override;

  void handle_timeout(TimePoint now) { expire(now); }
  [[nodiscard]] std::optional<TimePoint> deadline() const { return leases_.first_end(); }
  [[nodiscard]] std::optional<DonorEvent> poll_event() { return events_.poll(); }
  /// Serves another catalogue from now on, and ends the leases of images that it lacks (withdraw).
  void replace_catalogue(Catalogue& catalogue, TimePoint now);
  [[nodiscard]] std::size_t leases() const { return leases_.size(); }
  /// How many times each row of lease_table() was taken.
  [[nodiscard]] std::span<const std::uint64_t> rows_taken() const { return leases_.rows_taken(); }

 private:
  void expire(TimePoint now);

  DonorConfig config_;
  Shelf shelf_;
  LeaseBook leases_;
  EventQueue events_;
  DonorCommands commands_;
  DonorStream stream_;
};

}  // namespace fwr::donor
