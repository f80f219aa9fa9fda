// SPDX-License-Identifier: GPL-3.0-or-later
// The donor's side of the image stream: grants in, segments and refusals out. PROTOCOL §6.1.
#include <span>
#include <utility>

#include "donor/donor_impl.hpp"

namespace fwr::donor {

using wire::CompletionCode;
namespace stream = wire::stream;

void Donor::Impl::handle_payload(const session::Requester& from, ByteView payload, TimePoint now) {
  expire(now);
  if (!from.authenticated()) return;
  const auto message = stream::decode_message(payload);
  if (!message) return;
  const auto* grant = std::get_if<stream::Grant>(&*message);
  if (grant == nullptr) return;
  const auto refused = [&](CompletionCode reason) {
    refuse(from, {grant->object, reason, grant->handle, grant->number});
  };
  if (from.privilege < wire::Privilege::User) return refused(CompletionCode::InsufficientPrivilege);
  Lease* lease = leases_.find(grant->handle, from.user);
  // The stream is in the session that accepted; another one of the same user accepts again first.
  if (lease == nullptr || lease->session != from.session)
    return refused(CompletionCode::LeaseEnded);
  const CompletionCode taken = lease->grants.take(
      *grant, lease->sizes, {lease->terms.credit_limit_bytes, lease->terms.segment_limit_granules});
  if (taken != CompletionCode::Ok) return refused(taken);
  leases_.enter(*lease, LeaseEvent::Read);
  prolong(*lease, now);
  leases_.wait_for_turn(*lease);
}

std::optional<Donor::Outgoing> Donor::Impl::next_payload(LinkId link, TimePoint now) {
  expire(now);
  if (const auto refusals = refusals_.find(link);
      refusals != refusals_.end() && !refusals->second.empty()) {
    Outgoing out = std::move(refusals->second.front());
    refusals->second.pop_front();
    return out;
  }
  Lease* lease = leases_.take_turn(link);
  if (lease == nullptr) return std::nullopt;
  const GrantQueue::Segment segment = lease->grants.next(lease->sizes);

  Outgoing out{lease->session, Bytes(stream::kSegmentHeader_bytes + segment.size_bytes)};
  const std::span<std::byte> buffer(out.payload);
  const std::span<std::byte> data = buffer.subspan(stream::kSegmentHeader_bytes);
  const std::uint64_t offset = std::uint64_t{segment.offset_granules} * wire::oem::kGranule_bytes;
  if (const auto done = read_object(*lease, segment.object, offset, data, now); !done) {
    out = unreadable(*lease, segment, done.error());
  } else {
    stream::encode_segment_header({segment.object, segment.last, lease->handle, segment.number,
                                   segment.offset_granules, data},
                                  buffer.first<stream::kSegmentHeader_bytes>());
    // What was granted is still being read while it goes out, however slow the medium is.
    prolong(*lease, now);
  }
  leases_.wait_for_turn(*lease);
  return out;
}

/// The refusal of the grant that needs what cannot be read; the rest of it goes too.
Donor::Outgoing Donor::Impl::unreadable(Lease& lease, const GrantQueue::Segment& segment,
                                        const Error& error) {
  lease.grants.skip_rest_of(segment, lease.sizes);
  tell(DonorEvent::Kind::Refused, lease, error.message());
  return {lease.session, encode(stream::Refusal{segment.object, CompletionCode::ImageUnreadable,
                                                lease.handle, segment.number})};
}

void Donor::Impl::refuse(const session::Requester& from, const stream::Refusal& refusal) {
  // The recipient asks again for what gets no answer, so a dropped refusal only costs time.
  std::deque<Outgoing>& refusals = refusals_[from.link];
  if (refusals.size() >= kRefusalLimit) return;
  refusals.push_back({from.session, encode(refusal)});
}

}  // namespace fwr::donor
