// SPDX-License-Identifier: GPL-3.0-or-later
// The donor: hands each call to the part that it is for, after ending the leases that are over.
#include "donor/donor.hpp"

#include <utility>

#include "base/log_text.hpp"

namespace fwr::donor {
namespace {

constexpr std::size_t kName_chars = 31;  // PROTOCOL §5.8

DonorConfig with_plain_name(DonorConfig config) {
  config.name = ascii_text(config.name, kName_chars);
  return config;
}

}  // namespace

Donor::Donor(DonorConfig config, Catalogue& catalogue, RandomSource& random, TimePoint now)
    : config_(with_plain_name(std::move(config))),
      shelf_(catalogue),
      leases_(config_.leases, config_.leases_per_user, config_.lease),
      commands_(config_, shelf_, leases_, events_, random, now),
      stream_(shelf_, leases_, events_) {}

std::optional<wire::IpmiResponse> Donor::handle_command(const session::Requester& from,
                                                        const wire::IpmiRequest& request,
                                                        TimePoint now) {
  expire(now);
  return commands_.handle_command(from, request, now);
}

void Donor::handle_payload(const session::Requester& from, ByteView payload, TimePoint now) {
  expire(now);
  stream_.handle_payload(from, payload, now);
}

std::optional<Donor::Outgoing> Donor::next_payload(LinkId link, TimePoint now) {
  expire(now);
  return stream_.next_payload(link, now);
}

void Donor::session_closed(std::uint32_t session, TimePoint) {
  commands_.session_closed(session);
  leases_.session_closed(session);
  stream_.session_closed(session);
}

void Donor::replace_catalogue(Catalogue& catalogue, TimePoint now) {
  expire(now);
  shelf_.replace(catalogue);
  leases_.for_each([&](Lease& lease) {
    if (find(catalogue, lease.digest) != nullptr) return;
    events_.add(DonorEvent::Kind::Withdrawn, lease);
    leases_.enter(lease, LeaseEvent::Withdraw);
  });
}

void Donor::expire(TimePoint now) {
  leases_.expire(now, [&](const Lease& lease) { events_.add(DonorEvent::Kind::Expired, lease); });
}

}  // namespace fwr::donor
