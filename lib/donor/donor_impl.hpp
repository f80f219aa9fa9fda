// SPDX-License-Identifier: GPL-3.0-or-later
// Inside of the donor machine: donor.cpp has the commands, donor_stream.cpp the image stream.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/token_bucket.hpp"
#include "donor/catalogue.hpp"
#include "donor/donor.hpp"
#include "donor/lease.hpp"
#include "donor/link_terms.hpp"
#include "donor/offer_token.hpp"
#include "wire/oem.hpp"
#include "wire/stream.hpp"

namespace fwr::donor {

inline constexpr std::size_t kEventLimit = 256;  ///< events that nobody polled
/// Anyone can ask for an offer, and with forged addresses as often as the server answers: so many
/// offers a second, and so many at once, become events, which become lines of a log.
inline constexpr unsigned kOffersToldPerSecond = 10;
inline constexpr unsigned kOffersToldAtOnce = 50;
inline constexpr std::size_t kRefusalLimit = 256;  ///< refusals that a link had no room for

class Donor::Impl {
 public:
  Impl(DonorConfig config, Catalogue& catalogue, RandomSource& random, TimePoint now);

  std::optional<wire::IpmiResponse> handle_command(const session::Requester& from,
                                                   const wire::IpmiRequest& request, TimePoint now);
  void handle_payload(const session::Requester& from, ByteView payload, TimePoint now);
  std::optional<Outgoing> next_payload(LinkId link, TimePoint now);
  void session_closed(std::uint32_t session);
  void expire(TimePoint now);
  void replace_catalogue(Catalogue& catalogue, TimePoint now);
  std::optional<DonorEvent> poll_event();
  [[nodiscard]] const LeaseBook& leases() const { return leases_; }

 private:
  // One handler a command; nullopt is silence.
  using Answer = std::optional<wire::IpmiResponse>;
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

  [[nodiscard]] wire::IpmiResponse code(wire::CompletionCode code) const;
  [[nodiscard]] wire::IpmiResponse decline(wire::CompletionCode why, const Nonce& nonce) const;
  [[nodiscard]] wire::IpmiResponse busy(Duration wait) const;
  template <class Message>
  [[nodiscard]] wire::IpmiResponse ok(const Message& message) const;
  [[nodiscard]] wire::IpmiResponse accepted(const Lease& lease) const;

  void replace_abandoned(const session::Requester& from, TimePoint now);
  tl::expected<Lease*, wire::IpmiResponse> make_lease(const session::Requester& from,
                                                      const wire::oem::AcceptOfferRq& rq,
                                                      const image::Manifest& manifest,
                                                      TimePoint now);
  void prolong(Lease& lease, TimePoint now);
  Result<> read_object(Lease& lease, wire::stream::Object object, std::uint64_t offset,
                       std::span<std::byte> out, TimePoint now);
  void refuse(const session::Requester& from, const wire::stream::Refusal& refusal);
  [[nodiscard]] std::optional<Platform> system_of(const session::Requester& from) const;
  [[nodiscard]] LinkTerms terms_for(const session::Requester& from) const;
  void stop_other_streams(const Lease& lease);
  Outgoing unreadable(Lease& lease, const GrantQueue::Segment& segment, const Error& error);
  void tell(DonorEvent event);
  void tell(DonorEvent::Kind kind, const Lease& lease, std::string text = {});

  DonorConfig config_;
  Catalogue* catalogue_;
  RandomSource& random_;
  TimePoint start_;
  OfferTokens tokens_;
  LeaseBook leases_;
  /// No lease ends before this: prolonging only makes it later, so one look is enough until then.
  TimePoint next_end_ = TimePoint::max();
  std::map<LinkId, std::deque<Outgoing>> refusals_;
  std::deque<DonorEvent> events_;
  /// What the peers of sessions say they are; as many as there are sessions, and peers of lines.
  std::map<std::uint32_t, Platform> systems_;
  TokenBucket offers_told_{kOffersToldPerSecond, kOffersToldAtOnce};
  std::uint32_t recovered_ = 0;
  std::uint32_t failed_ = 0;
  std::uint64_t bytes_served_ = 0;
};

}  // namespace fwr::donor
