// SPDX-License-Identifier: GPL-3.0-or-later
// The donor machine: its public face, its clockwork and its events.
#include "donor/donor.hpp"

#include <algorithm>
#include <utility>

#include "donor/donor_impl.hpp"
#include "donor/log_text.hpp"

namespace fwr::donor {

Donor::Donor(DonorConfig config, Catalogue& catalogue, RandomSource& random, TimePoint now)
    : impl_(std::make_unique<Impl>(std::move(config), catalogue, random, now)) {}
Donor::~Donor() = default;

std::optional<wire::IpmiResponse> Donor::handle_command(const session::Requester& from,
                                                        const wire::IpmiRequest& request,
                                                        TimePoint now) {
  return impl_->handle_command(from, request, now);
}
void Donor::handle_payload(const session::Requester& from, ByteView payload, TimePoint now) {
  impl_->handle_payload(from, payload, now);
}
std::optional<Donor::Outgoing> Donor::next_payload(LinkId link, TimePoint now) {
  return impl_->next_payload(link, now);
}
void Donor::session_closed(std::uint32_t session, TimePoint) {
  impl_->session_closed(session);
}
void Donor::handle_timeout(TimePoint now) {
  impl_->expire(now);
}
std::optional<TimePoint> Donor::deadline() const {
  return impl_->leases().first_end();
}
std::optional<DonorEvent> Donor::poll_event() {
  return impl_->poll_event();
}
void Donor::replace_catalogue(Catalogue& catalogue, TimePoint now) {
  impl_->replace_catalogue(catalogue, now);
}
std::size_t Donor::leases() const {
  return impl_->leases().size();
}
std::span<const std::uint64_t> Donor::rows_taken() const {
  return impl_->leases().rows_taken();
}

// --- Impl ----------------------------------------------------------------------------------------

Donor::Impl::Impl(DonorConfig config, Catalogue& catalogue, RandomSource& random, TimePoint now)
    : config_(std::move(config)),
      catalogue_(&catalogue),
      random_(random),
      start_(now),
      tokens_(random, now),
      leases_(config_.leases, config_.leases_per_user) {
  config_.name = donor_name(config_.name);
}

void Donor::Impl::session_closed(std::uint32_t session) {
  systems_.erase(session);
  leases_.for_each([&](Lease& lease) {
    if (lease.session != session) return;
    leases_.stop_stream(lease);
    lease.session = 0;
  });
  for (auto& [link, refusals] : refusals_)
    std::erase_if(refusals, [&](const Outgoing& out) { return out.session == session; });
}

void Donor::Impl::expire(TimePoint now) {
  if (now < next_end_) return;
  leases_.for_each([&](Lease& lease) {
    if (now < lease.ends) return;
    tell(DonorEvent::Kind::Expired, lease);
    leases_.enter(lease, LeaseEvent::Expire);
  });
  next_end_ = leases_.first_end().value_or(TimePoint::max());
}

void Donor::Impl::replace_catalogue(Catalogue& catalogue, TimePoint now) {
  expire(now);
  catalogue_ = &catalogue;
  leases_.for_each([&](Lease& lease) {
    if (find(catalogue, lease.digest) != nullptr) return;
    tell(DonorEvent::Kind::Withdrawn, lease);
    leases_.enter(lease, LeaseEvent::Withdraw);
  });
}

void Donor::Impl::prolong(Lease& lease, TimePoint now) {
  lease.ends = now + config_.lease + lease.terms.slack;
  next_end_ = std::min(next_end_, lease.ends);
}

Result<> Donor::Impl::read_object(Lease& lease, wire::stream::Object object, std::uint64_t offset,
                                  std::span<std::byte> out, TimePoint now) {
  auto done = object == wire::stream::Object::Image
                  ? catalogue_->read_image(lease.digest, offset, out)
                  : catalogue_->read_tree(lease.digest, offset, out);
  if (done) {
    bytes_served_ += out.size();
    lease.note_served(object, offset, out.size(), now);
  }
  return done;
}

void Donor::Impl::tell(DonorEvent event) {
  // Anyone can ask for an offer. Half of the queue stays for what only a user can cause.
  const bool anyone = event.kind == DonorEvent::Kind::Offered;
  if (events_.size() >= (anyone ? kEventLimit / 2 : kEventLimit)) return;
  events_.push_back(std::move(event));
}

void Donor::Impl::tell(DonorEvent::Kind kind, const Lease& lease, std::string text) {
  tell({kind, lease.path, lease.user, lease.digest, std::move(text), 0, lease.system});
}

std::optional<DonorEvent> Donor::Impl::poll_event() {
  if (events_.empty()) return std::nullopt;
  DonorEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace fwr::donor
