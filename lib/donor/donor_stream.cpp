// SPDX-License-Identifier: GPL-3.0-or-later
// Grants in, segments and refusals out. PROTOCOL §6.1.
#include "donor/donor_stream.hpp"

#include <span>
#include <utility>
#include <variant>

namespace fwr::donor {

using wire::CompletionCode;
namespace stream = wire::stream;

void DonorStream::handle_payload(const session::Requester& from, ByteView payload, TimePoint now) {
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
  // The stream belongs to the session that accepted the offer; another session of the same user
  // accepts it again first.
  if (lease == nullptr || lease->session != from.session)
    return refused(CompletionCode::LeaseEnded);
  const CompletionCode taken = lease->grants.take(
      *grant, lease->sizes, {lease->terms.credit_limit_bytes, lease->terms.segment_limit_granules});
  if (taken != CompletionCode::Ok) return refused(taken);
  leases_.enter(*lease, LeaseEvent::Read);
  leases_.prolong(*lease, now);
  leases_.wait_for_turn(*lease);
}

std::optional<DonorStream::Outgoing> DonorStream::next_payload(LinkId link, TimePoint now) {
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
  if (const auto done = shelf_.read(*lease, segment.object, offset, data, now); !done) {
    out = unreadable(*lease, segment, done.error());
  } else {
    stream::encode_segment_header({segment.object, segment.last, lease->handle, segment.number,
                                   segment.offset_granules, data},
                                  buffer.first<stream::kSegmentHeader_bytes>());
    // A lease is in use as long as its grants go out, however slow the medium is.
    leases_.prolong(*lease, now);
  }
  leases_.wait_for_turn(*lease);
  return out;
}

/// Refuses the grant of a segment that cannot be read, and drops the rest of that grant.
DonorStream::Outgoing DonorStream::unreadable(Lease& lease, const GrantQueue::Segment& segment,
                                              const Error& error) {
  lease.grants.skip_rest_of(segment, lease.sizes);
  events_.add(DonorEvent::Kind::Refused, lease, error.message());
  return {lease.session, encode(stream::Refusal{segment.object, CompletionCode::ImageUnreadable,
                                                lease.handle, segment.number})};
}

void DonorStream::refuse(const session::Requester& from, const stream::Refusal& refusal) {
  // A recipient repeats a grant without an answer, so a dropped refusal only costs time.
  std::deque<Outgoing>& refusals = refusals_[from.link];
  if (refusals.size() >= kRefusals) return;
  refusals.push_back({from.session, encode(refusal)});
}

void DonorStream::session_closed(std::uint32_t session) {
  for (auto& [link, refusals] : refusals_)
    std::erase_if(refusals, [&](const Outgoing& out) { return out.session == session; });
}

}  // namespace fwr::donor
