// SPDX-License-Identifier: GPL-3.0-or-later
// What a donor promised and what it sends.
#include "lease_watch.hpp"

#include <algorithm>

#include "base/slow_link.hpp"

namespace fwr::sim {
namespace {

using wire::CompletionCode;
namespace oem = wire::oem;
namespace stream = wire::stream;

template <class Message>
std::optional<Message> decode_request(const wire::IpmiRequest& request) {
  const auto body = oem::strip_iana(kIana, request.data);
  if (!body) return std::nullopt;
  auto message = wire::decode<Message>(*body);
  if (!message) return std::nullopt;
  return *std::move(message);
}

}  // namespace

std::uint64_t LeaseWatch::bytes_of(const Lease& lease, const Granted& granted) const {
  const std::uint64_t size =
      granted.object == stream::Object::Image ? lease.image_bytes : lease.tree_bytes;
  std::uint64_t bytes = 0;
  for (const stream::Range& range : granted.unsent) {
    const std::uint64_t from = std::uint64_t{range.offset_granules} * oem::kGranule_bytes;
    const std::uint64_t to = from + std::uint64_t{range.length_granules} * oem::kGranule_bytes;
    if (from < size) bytes += std::min(to, size) - from;
  }
  return bytes;
}

bool LeaseWatch::inside(const Lease& lease, const Granted& granted) const {
  const std::uint64_t size =
      granted.object == stream::Object::Image ? lease.image_bytes : lease.tree_bytes;
  const std::uint64_t granules = (size + oem::kGranule_bytes - 1) / oem::kGranule_bytes;
  return std::all_of(granted.unsent.begin(), granted.unsent.end(), [&](const stream::Range& range) {
    return std::uint64_t{range.offset_granules} + range.length_granules <= granules;
  });
}

void LeaseWatch::forget_grants(Lease& lease) {
  lease.grants.clear();
  lease.unsent_bytes = 0;
}

/// What is refused for its own sake came last; of what cannot be read the oldest was being sent.
void LeaseWatch::drop_refused(Lease& lease, const stream::Refusal& refusal) {
  const auto [first, last] = lease.grants.equal_range(refusal.number);
  if (first == last) return;
  auto dropped = std::find_if(first, last, [](const auto& grant) { return grant.second.refused; });
  if (dropped == last)
    dropped = refusal.reason == CompletionCode::ImageUnreadable ? first : std::prev(last);
  if (!dropped->second.refused) lease.unsent_bytes -= bytes_of(lease, dropped->second);
  lease.grants.erase(dropped);
}

void LeaseWatch::command(const session::Requester& from, const wire::IpmiRequest& request,
                         const std::optional<wire::IpmiResponse>& response, TimePoint now) {
  if (!response || response->code != CompletionCode::Ok) return;
  if (!from.authenticated()) {
    // PROTOCOL §4: what needs a session gets nothing but silence without one.
    const oem::CommandInfo* info = oem::find_command(request.command);
    if (info != nullptr && info->needs_session)
      violate(fmt::format("{} answered {} without a session", name_, info->name));
    return;
  }
  switch (static_cast<oem::Command>(request.command)) {
    case oem::Command::AcceptOffer:
      if (const auto rq = decode_request<oem::AcceptOfferRq>(request))
        accepted(from, *rq, *response, now);
      break;
    case oem::Command::ReleaseOffer:
      if (const auto rq = decode_request<oem::ReleaseOfferRq>(request))
        if (const auto found = leases_.find(rq->handle);
            found != leases_.end() && found->second.user == from.user)
          leases_.erase(found);
      break;
    case oem::Command::ReportResult:
      if (const auto rq = decode_request<oem::ReportResultRq>(request))
        if (const auto found = leases_.find(rq->handle);
            found != leases_.end() && found->second.user == from.user)
          leases_.erase(found);
      break;
    case oem::Command::ReadImage:
      if (const auto rq = decode_request<oem::ReadRq>(request))
        read(from, *rq, false, *response, now);
      break;
    case oem::Command::ReadHashTree:
      if (const auto rq = decode_request<oem::ReadRq>(request))
        read(from, *rq, true, *response, now);
      break;
    case oem::Command::GetRecoveryCapabilities:
    case oem::Command::RequestFirmware:
    case oem::Command::GetManifest:
    case oem::Command::GetDonorStatus:
    case oem::Command::ListImages: break;
  }
}

void LeaseWatch::accepted(const session::Requester& from, const oem::AcceptOfferRq& rq,
                          const wire::IpmiResponse& response, TimePoint now) {
  const auto rs = oem::strip_iana(kIana, response.data).and_then(wire::decode<oem::AcceptOfferRs>);
  if (!rs) return violate(name_ + " accepted in words that nobody understands");
  Lease& lease = leases_[rs->handle];
  if (lease.session != from.session) forget_grants(lease);
  if (!from.properties.sessions)  // PROTOCOL §11.7
    for (auto& [handle, other] : leases_)
      if (handle != rs->handle && other.session == from.session) forget_grants(other);
  lease.user = from.user;
  lease.session = from.session;
  lease.path = from.path;
  lease.digest = rq.digest;
  lease.image_bytes = rs->image_size_bytes;
  lease.tree_bytes = rs->tree_size_bytes;
  lease.lasts = config_.lease + slack_of(from.properties);
  lease.ends = now + lease.lasts;
}

void LeaseWatch::read(const session::Requester& from, const oem::ReadRq& rq, bool tree,
                      const wire::IpmiResponse& response, TimePoint now) {
  const auto found = leases_.find(rq.handle);
  if (found == leases_.end())
    return violate(fmt::format("{} let {} read with handle {:08x}, which it gave to nobody", name_,
                               from.user, rq.handle));
  Lease& lease = found->second;
  if (lease.user != from.user)
    return violate(
        fmt::format("{} let {} read with the lease of {}", name_, from.user, lease.user));
  if (now > lease.ends) return violate(name_ + " let somebody read after the lease had ended");
  const std::uint64_t size = tree ? lease.tree_bytes : lease.image_bytes;
  const std::size_t header = oem::response_data(kIana).size();
  const std::size_t data = response.data.size() - std::min(response.data.size(), header);
  if (data > rq.count || rq.offset + data > size)
    return violate(fmt::format("{} sent {} bytes, {} were asked for", name_, data, rq.count));
  lease.ends = now + lease.lasts;
}

void LeaseWatch::payload_in(const session::Requester& from, ByteView payload, TimePoint now) {
  const auto message = stream::decode_message(payload);
  if (!message) return;
  const auto* grant = std::get_if<stream::Grant>(&*message);
  if (grant == nullptr) return;
  const auto found = leases_.find(grant->handle);
  if (found == leases_.end()) return;
  Lease& lease = found->second;
  if (lease.user != from.user || lease.session != from.session || now > lease.ends) return;
  Granted granted{.object = grant->object,
                  .segment_granules = grant->segment_granules,
                  .unsent = grant->ranges};
  const std::uint64_t bytes = bytes_of(lease, granted);
  granted.refused = lease.unsent_bytes + bytes > config_.credit_bytes ||
                    grant->segment_granules > config_.segment_limit_granules ||
                    !inside(lease, granted);
  if (!granted.refused) lease.unsent_bytes += bytes;
  lease.grants.emplace(grant->number, std::move(granted));
  lease.ends = now + lease.lasts;
}

void LeaseWatch::payload_out(const session::Application::Outgoing& out, TimePoint now) {
  const auto message = stream::decode_message(out.payload);
  if (!message) return violate(name_ + " sent a stream message that nobody understands");
  if (const auto* sent = std::get_if<stream::Segment>(&*message))
    return segment(out.session, *sent, now);
  if (const auto* refusal = std::get_if<stream::Refusal>(&*message)) {
    const auto found = leases_.find(refusal->handle);
    if (found != leases_.end()) drop_refused(found->second, *refusal);
  }
}

void LeaseWatch::segment(std::uint32_t session, const stream::Segment& segment, TimePoint now) {
  const auto found = leases_.find(segment.handle);
  if (found == leases_.end())
    return violate(fmt::format("{} sent a segment for handle {:08x}, which it gave to nobody",
                               name_, segment.handle));
  Lease& lease = found->second;
  if (lease.session != session)
    return violate(name_ + " sent a segment in another session than the one that accepted");
  if (now > lease.ends) return violate(name_ + " sent a segment after the lease had ended");
  const auto [first, last] = lease.grants.equal_range(segment.number);
  if (first == last)
    return violate(
        fmt::format("{} sent a segment for grant {}, which nobody sent", name_, segment.number));
  // The oldest that is served.
  const auto grant =
      std::find_if(first, last, [](const auto& candidate) { return !candidate.second.refused; });
  if (grant == last)
    return chronicle_.violate("limits", name_ + " serves a grant that is over its limits");
  Granted& granted = grant->second;
  const auto granules = static_cast<std::uint32_t>((segment.data.size() + oem::kGranule_bytes - 1) /
                                                   oem::kGranule_bytes);
  // In their order, each once.
  if (granted.object != segment.object || granules > granted.segment_granules ||
      granted.unsent.empty() || granted.unsent.front().offset_granules != segment.offset_granules ||
      granted.unsent.front().length_granules < granules)
    return violate(fmt::format("{} sent {} granules from {}, which were not granted", name_,
                               granules, segment.offset_granules));
  lease.unsent_bytes -= bytes_of(lease, granted);
  stream::Range& range = granted.unsent.front();
  range.offset_granules += granules;
  range.length_granules = static_cast<std::uint16_t>(range.length_granules - granules);
  if (range.length_granules == 0) granted.unsent.erase(granted.unsent.begin());
  lease.unsent_bytes += bytes_of(lease, granted);
  if (granted.unsent.empty()) lease.grants.erase(grant);
  lease.ends = now + lease.lasts;
}

void LeaseWatch::session_closed(std::uint32_t session) {
  for (auto& [handle, lease] : leases_) {
    if (lease.session != session) continue;
    forget_grants(lease);
    lease.session = 0;
  }
}

void LeaseWatch::event(const donor::DonorEvent& event) {
  if (event.kind != donor::DonorEvent::Kind::Expired &&
      event.kind != donor::DonorEvent::Kind::Withdrawn)
    return;
  auto ended = leases_.end();
  for (auto at = leases_.begin(); at != leases_.end(); ++at) {
    const Lease& lease = at->second;
    if (lease.user != event.user || lease.digest != event.digest || lease.path != event.path)
      continue;
    if (ended == leases_.end() || lease.ends < ended->second.ends) ended = at;
  }
  if (ended != leases_.end()) leases_.erase(ended);
}

}  // namespace fwr::sim
