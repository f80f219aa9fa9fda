// SPDX-License-Identifier: GPL-3.0-or-later
// The commands of the donor, one handler each. Owns the offer tokens, what each peer says about
// itself, and the counts of results. PROTOCOL §3 to §5.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/types.hpp"
#include "donor/event_queue.hpp"
#include "donor/lease.hpp"
#include "donor/link_terms.hpp"
#include "donor/offer_token.hpp"
#include "donor/shelf.hpp"
#include "donor/words.hpp"
#include "session/application.hpp"
#include "wire/oem.hpp"
#include "wire/stream.hpp"

namespace fwr::donor {

class DonorCommands {
 public:
  /// All arguments must outlive the object; `start` is when the donor began.
  DonorCommands(const DonorConfig& config, Shelf& shelf, LeaseBook& leases, EventQueue& events,
                RandomSource& random, TimePoint start);

  /// nullopt: stay silent.
  using Answer = std::optional<wire::IpmiResponse>;
  [[nodiscard]] Answer handle_command(const session::Requester& from,
                                      const wire::IpmiRequest& request, TimePoint now);
  void session_closed(std::uint32_t session) { systems_.erase(session); }

 private:
  Answer dispatch(wire::oem::Command command, const session::Requester& from, ByteView body,
                  TimePoint now);
  Answer capabilities(const session::Requester& from, ByteView body);
  Answer request_firmware(const session::Requester& from, ByteView body, TimePoint now);
  Answer get_manifest(const session::Requester& from, ByteView body);
  Answer accept_offer(const session::Requester& from, ByteView body, TimePoint now);
  Answer release_offer(const session::Requester& from, ByteView body, TimePoint now);
  Answer read(wire::stream::Object object, const session::Requester& from, ByteView body,
              TimePoint now);
  Answer report_result(const session::Requester& from, ByteView body, TimePoint now);
  Answer donor_status(TimePoint now);
  Answer list_images(ByteView body) const;

  // Parts of Accept Offer.
  void replace_abandoned(const session::Requester& from, TimePoint now);
  tl::expected<Lease*, wire::IpmiResponse> make_lease(const session::Requester& from,
                                                      const wire::oem::AcceptOfferRq& rq,
                                                      const image::Manifest& manifest,
                                                      TimePoint now);
  void stop_other_streams(const Lease& lease);
  [[nodiscard]] wire::IpmiResponse accepted(const Lease& lease) const;

  [[nodiscard]] std::optional<Platform> system_of(const session::Requester& from) const;
  [[nodiscard]] LinkTerms terms_for(const session::Requester& from) const;
  [[nodiscard]] std::optional<std::int64_t> wall_clock() const;

  [[nodiscard]] wire::IpmiResponse code(wire::CompletionCode code) const;
  [[nodiscard]] wire::IpmiResponse decline(wire::CompletionCode why, const Nonce& nonce) const;
  [[nodiscard]] wire::IpmiResponse busy(Duration wait) const;
  template <class Message>
  [[nodiscard]] wire::IpmiResponse ok(const Message& message) const;

  const DonorConfig& config_;
  Shelf& shelf_;
  LeaseBook& leases_;
  EventQueue& events_;
  RandomSource& random_;
  TimePoint start_;
  OfferTokens tokens_;
  /// The peers' descriptions of themselves, by session: as many as there are sessions and peers of
  /// links without sessions.
  std::map<std::uint32_t, Platform> systems_;
  std::uint32_t recovered_ = 0;
  std::uint32_t failed_ = 0;
};

}  // namespace fwr::donor
