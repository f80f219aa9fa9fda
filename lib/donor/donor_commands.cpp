// SPDX-License-Identifier: GPL-3.0-or-later
// The way of a command through the donor: checks that all commands share, its handler, its answer.
// The handlers stand in the order of PROTOCOL §5.
#include "donor/donor_commands.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log_text.hpp"
#include "image/hash_tree.hpp"

namespace fwr::donor {

using wire::CompletionCode;
using wire::IpmiResponse;
namespace oem = wire::oem;

namespace {

constexpr std::size_t kFlagsByte = 4;  // Request Firmware, byte 5 of the data (PROTOCOL §5.2)
constexpr std::chrono::seconds kAbandoned{5};  // without a read (PROTOCOL §8.2)

/// The code for a request that could not be decoded.
CompletionCode code_of(const Error& error) {
  return error.code == Errc::Truncated ? CompletionCode::InvalidLength
                                       : CompletionCode::InvalidField;
}

bool is_broadcast(const wire::IpmiRequest& request) {
  return request.command == static_cast<std::uint8_t>(oem::Command::RequestFirmware) &&
         request.data.size() > kFlagsByte &&
         (std::to_integer<unsigned>(request.data[kFlagsByte]) &
          oem::RequestFirmwareRq::kBroadcast) != 0;
}

template <class Count>
Count clamp_to(std::chrono::seconds::rep value) {
  return static_cast<Count>(
      std::clamp<std::chrono::seconds::rep>(value, 0, std::numeric_limits<Count>::max()));
}

}  // namespace

DonorCommands::DonorCommands(const DonorConfig& config, Shelf& shelf, LeaseBook& leases,
                             EventQueue& events, RandomSource& random, TimePoint start)
    : config_(config),
      shelf_(shelf),
      leases_(leases),
      events_(events),
      random_(random),
      start_(start),
      tokens_(random, start) {}

DonorCommands::Answer DonorCommands::handle_command(const session::Requester& from,
                                                    const wire::IpmiRequest& request,
                                                    TimePoint now) {
  const bool in_session = from.authenticated();
  if (request.net_fn != raw(wire::NetFn::OemGroupRq)) {
    if (!in_session) return std::nullopt;
    return IpmiResponse{CompletionCode::InvalidCommand, {}};
  }
  const Result<ByteView> body = oem::strip_iana(config_.iana, request.data);
  const oem::CommandInfo* command = oem::find_command(request.command);
  if (!in_session && (!body || command == nullptr || command->needs_session)) return std::nullopt;
  if (!body)
    return code(body.error().code == Errc::Truncated ? CompletionCode::InvalidLength
                                                     : CompletionCode::InvalidCommand);
  if (command == nullptr) return code(CompletionCode::InvalidCommand);
  if (in_session && from.privilege < command->privilege)
    return code(CompletionCode::InsufficientPrivilege);

  Answer answer = dispatch(command->command, from, *body, now);
  if (in_session || !answer) return answer;
  // PROTOCOL §5.2: a broadcast gets no error.
  if (!session::fits_request(*answer, request)) return std::nullopt;
  if (answer->code != CompletionCode::Ok && is_broadcast(request)) return std::nullopt;
  return answer;
}

DonorCommands::Answer DonorCommands::dispatch(oem::Command command, const session::Requester& from,
                                              ByteView body, TimePoint now) {
  switch (command) {
    case oem::Command::GetRecoveryCapabilities: return capabilities(from, body);
    case oem::Command::RequestFirmware: return request_firmware(from, body, now);
    case oem::Command::GetManifest: return get_manifest(from, body);
    case oem::Command::AcceptOffer: return accept_offer(from, body, now);
    case oem::Command::ReleaseOffer: return release_offer(from, body, now);
    case oem::Command::ReadHashTree: return read(wire::stream::Object::Tree, from, body, now);
    case oem::Command::ReadImage: return read(wire::stream::Object::Image, from, body, now);
    case oem::Command::ReportResult: return report_result(from, body, now);
    case oem::Command::GetDonorStatus: return donor_status(now);
    case oem::Command::ListImages: return list_images(body);
  }
  return code(CompletionCode::InvalidCommand);
}

/// PROTOCOL §5.1
DonorCommands::Answer DonorCommands::capabilities(const session::Requester& from, ByteView body) {
  const auto rq = wire::decode<oem::CapabilitiesRq>(body);
  if (!rq) return code(code_of(rq.error()));
  if (rq->version < oem::kOldestVersion) return code(CompletionCode::VersionUnsupported);
  oem::CapabilitiesRs rs;
  rs.role = config_.role;
  rs.media = config_.media;
  const LinkTerms terms = terms_for(from);
  rs.read_limit_bytes = terms.read_limit_bytes;
  rs.segment_limit_granules = terms.segment_limit_granules;
  rs.credit_limit_bytes = terms.credit_limit_bytes;
  rs.lease_limit = config_.leases;
  return ok(rs);
}

/// PROTOCOL §5.2
DonorCommands::Answer DonorCommands::request_firmware(const session::Requester& from, ByteView body,
                                                      TimePoint now) {
  const auto rq = wire::decode<oem::RequestFirmwareRq>(body);
  if (!rq) {
    // Without a session a short request is dropped, because every answer would be larger.
    if (!from.authenticated() && rq.error().code == Errc::Truncated) return std::nullopt;
    return code(code_of(rq.error()));
  }
  if (rq->version < oem::kOldestVersion)
    return decline(CompletionCode::VersionUnsupported, rq->nonce);
  Platform system = rq->platform;
  system.component = log_text(as_bytes(system.component));
  if (from.authenticated()) systems_[from.session] = system;
  const Entry* entry =
      next_for(shelf_.catalogue(),
               {.platform = rq->platform, .after = rq->after, .wall_clock = wall_clock()});
  if (entry == nullptr) return decline(CompletionCode::NoCompatibleImage, rq->nonce);
  const image::Manifest& manifest = entry->manifest;
  oem::Offer offer;
  offer.version = std::min(rq->version, oem::kProtocolVersion);
  offer.role = config_.role;
  offer.media = config_.media;
  offer.load_percent = leases_.load_percent();
  offer.nonce = rq->nonce;
  offer.donor = config_.guid;
  offer.digest = manifest.digest;
  offer.security_version = manifest.security_version;
  offer.size_bytes = manifest.size_bytes;
  offer.hold_s = clamp_to<std::uint16_t>(config_.hold.count());
  offer.token = tokens_.issue(rq->nonce, manifest.digest, config_.hold, now);
  offer.image_version = manifest.version;
  offer.component = manifest.component;
  events_.add_offer({DonorEvent::Kind::Offered, from.path, from.user, manifest.digest,
                     manifest.version, 0, std::move(system)},
                    now);
  return ok(offer);
}

/// PROTOCOL §5.3
DonorCommands::Answer DonorCommands::get_manifest(const session::Requester& from, ByteView body) {
  const auto rq = wire::decode<oem::GetManifestRq>(body);
  if (!rq) return code(code_of(rq.error()));
  if (rq->count == 0 || rq->count > terms_for(from).manifest_limit_bytes)
    return code(CompletionCode::InvalidField);
  const Entry* entry = find(shelf_.catalogue(), rq->digest);
  if (entry == nullptr) return code(CompletionCode::UnknownImage);
  const ByteView part =
      as_bytes(rq->part == oem::ManifestPart::Manifest ? entry->manifest_json : entry->signature);
  if (rq->offset > part.size()) return code(CompletionCode::OutOfRange);
  const ByteView data =
      part.subspan(rq->offset, std::min<std::size_t>(rq->count, part.size() - rq->offset));
  oem::GetManifestRs rs;
  rs.total = static_cast<std::uint16_t>(part.size());
  rs.data.assign(data.begin(), data.end());
  return ok(rs);
}

/// PROTOCOL §5.4
DonorCommands::Answer DonorCommands::accept_offer(const session::Requester& from, ByteView body,
                                                  TimePoint now) {
  const auto rq = wire::decode<oem::AcceptOfferRq>(body);
  if (!rq) return code(code_of(rq.error()));
  const auto verdict = tokens_.check(rq->token, rq->nonce, rq->digest, now);
  if (verdict == OfferTokens::Verdict::Forged) return code(CompletionCode::OfferExpired);
  Lease* lease = leases_.find(from.user, rq->nonce, rq->digest);
  if (lease == nullptr) {
    // An offer limits the time in which a lease is made; a retransmission may arrive later.
    if (verdict == OfferTokens::Verdict::Expired) return code(CompletionCode::OfferExpired);
    const Entry* entry = find(shelf_.catalogue(), rq->digest);
    if (entry == nullptr) return code(CompletionCode::UnknownImage);
    const auto made = make_lease(from, *rq, entry->manifest, now);
    if (!made) return made.error();
    lease = *made;
  } else if (lease->session != from.session) {
    leases_.stop_stream(*lease);
  }
  const bool is_new = lease->state() == LeaseState::Free;
  lease->session = from.session;
  lease->path = from.path;
  lease->link = from.link;
  lease->terms = terms_for(from);
  lease->system = system_of(from);
  if (!from.properties.sessions) stop_other_streams(*lease);
  leases_.enter(*lease, LeaseEvent::Accept);
  leases_.prolong(*lease, now);
  if (is_new) events_.add(DonorEvent::Kind::Accepted, *lease);
  return accepted(*lease);
}

/// The description from Request Firmware.
std::optional<Platform> DonorCommands::system_of(const session::Requester& from) const {
  const auto known = systems_.find(from.session);
  return known == systems_.end() ? std::nullopt : std::optional(known->second);
}

std::optional<std::int64_t> DonorCommands::wall_clock() const {
  return config_.wall_clock ? config_.wall_clock() : std::nullopt;
}

LinkTerms DonorCommands::terms_for(const session::Requester& from) const {
  LinkTerms usual;
  usual.segment_limit_granules = config_.segment_limit_granules;
  usual.credit_limit_bytes = config_.credit_bytes;
  return terms_of(from.properties, usual);
}

/// PROTOCOL §11.7: what a peer was granted before it started again would only keep the line busy.
void DonorCommands::stop_other_streams(const Lease& lease) {
  leases_.for_each([&](Lease& other) {
    if (&other != &lease && other.session == lease.session) leases_.stop_stream(other);
  });
}

/// PROTOCOL §8.2: a recipient that was killed comes back with a new nonce.
void DonorCommands::replace_abandoned(const session::Requester& from, TimePoint now) {
  if (!leases_.wait_for_room(from.user, from.path.peer, now)) return;
  Lease* lease = leases_.longest_silent(from.user, from.path.peer);
  // Without sessions an address is one system, and asks again only after it has given up.
  const Duration silent = from.properties.sessions ? Duration(kAbandoned) : Duration::zero();
  std::string why;
  if (lease == nullptr || lease->ends > now + config_.lease + lease->terms.slack - silent) {
    lease = leases_.laggard(from.user, from.path.peer, config_.lease, now);
    why = "made room for another: it got too little";
  }
  if (lease == nullptr) return;
  events_.add(DonorEvent::Kind::Expired, *lease, std::move(why));
  leases_.enter(*lease, LeaseEvent::Expire);
}

/// A lease in state Free, or the answer that refuses it.
tl::expected<Lease*, IpmiResponse> DonorCommands::make_lease(const session::Requester& from,
                                                             const oem::AcceptOfferRq& rq,
                                                             const image::Manifest& manifest,
                                                             TimePoint now) {
  const auto refused = [&](IpmiResponse answer, std::string why) {
    events_.add({DonorEvent::Kind::Refused, from.path, from.user, rq.digest, std::move(why), 0,
                 system_of(from)});
    return tl::unexpected(std::move(answer));
  };
  replace_abandoned(from, now);
  if (const auto wait = leases_.wait_for_room(from.user, from.path.peer, now))
    return refused(busy(*wait), "no room for another lease");
  // The last byte is there unless the file is gone or short: better to refuse now than to fail
  // half way.
  std::array<std::byte, 1> last{};
  if (auto done = shelf_.catalogue().read_image(rq.digest, manifest.size_bytes - 1, last); !done)
    return refused(code(CompletionCode::ImageUnreadable), done.error().message());
  Lease& lease = leases_.add(random_);
  lease.user = from.user;
  lease.nonce = rq.nonce;
  lease.began = now;
  lease.fresh_at = now;
  lease.digest = rq.digest;
  lease.sizes = {manifest.size_bytes, image::TreeShape(manifest.size_bytes).tree_size_bytes()};
  return &lease;
}

IpmiResponse DonorCommands::accepted(const Lease& lease) const {
  oem::AcceptOfferRs rs;
  rs.handle = lease.handle;
  rs.lease_s = clamp_to<std::uint16_t>(
      std::chrono::floor<std::chrono::seconds>(config_.lease + lease.terms.slack).count());
  rs.image_size_bytes = lease.sizes.image_bytes;
  rs.tree_size_bytes = lease.sizes.tree_bytes;
  rs.segment_limit_granules = lease.terms.segment_limit_granules;
  rs.credit_limit_bytes = lease.terms.credit_limit_bytes;
  return ok(rs);
}

/// PROTOCOL §5.5
DonorCommands::Answer DonorCommands::release_offer(const session::Requester& from, ByteView body,
                                                   TimePoint now) {
  const auto rq = wire::decode<oem::ReleaseOfferRq>(body);
  if (!rq) return code(code_of(rq.error()));
  if (Lease* lease = leases_.find(rq->handle, from.user)) {
    events_.add(DonorEvent::Kind::Released, *lease);
    leases_.note_duration(*lease, now);
    leases_.enter(*lease, LeaseEvent::Release);
  }
  return code(CompletionCode::Ok);
}

/// PROTOCOL §5.6
DonorCommands::Answer DonorCommands::read(wire::stream::Object object,
                                          const session::Requester& from, ByteView body,
                                          TimePoint now) {
  const auto rq = wire::decode<oem::ReadRq>(body);
  if (!rq) return code(code_of(rq.error()));
  Lease* lease = leases_.find(rq->handle, from.user);
  if (lease == nullptr) return code(CompletionCode::LeaseEnded);
  if (rq->count == 0 || rq->count > terms_for(from).read_limit_bytes)
    return code(CompletionCode::InvalidField);
  const std::uint64_t size = lease->sizes.of(object);
  if (rq->offset >= size) return code(CompletionCode::OutOfRange);
  oem::ReadRs rs;
  rs.data.resize(static_cast<std::size_t>(std::min<std::uint64_t>(rq->count, size - rq->offset)));
  if (auto done = shelf_.read(*lease, object, rq->offset, rs.data, now); !done) {
    events_.add(DonorEvent::Kind::Refused, *lease, done.error().message());
    return code(CompletionCode::ImageUnreadable);
  }
  leases_.enter(*lease, LeaseEvent::Read);
  leases_.prolong(*lease, now);
  return ok(rs);
}

/// PROTOCOL §5.7
DonorCommands::Answer DonorCommands::report_result(const session::Requester& from, ByteView body,
                                                   TimePoint now) {
  const auto rq = wire::decode<oem::ReportResultRq>(body);
  if (!rq) return code(code_of(rq.error()));
  if (rq->text.size() > oem::kReportTextLimit_bytes) return code(CompletionCode::InvalidLength);
  if (Lease* lease = leases_.find(rq->handle, from.user)) {
    // A recipient that has read nothing has not recovered by this image, whatever it reports.
    if (rq->result != 0)
      ++failed_;
    else if (lease->served_bytes > 0)
      ++recovered_;
    events_.add({DonorEvent::Kind::Reported, lease->path, lease->user, lease->digest,
                 log_text(rq->text), rq->result, lease->system});
    leases_.note_duration(*lease, now);
    leases_.enter(*lease, LeaseEvent::Report);
  }
  return code(CompletionCode::Ok);
}

/// PROTOCOL §5.8
DonorCommands::Answer DonorCommands::donor_status(TimePoint now) {
  oem::DonorStatusRs rs;
  rs.role = config_.role;
  rs.load_percent = leases_.load_percent();
  rs.donor = config_.guid;
  rs.images = clamp_to<std::uint16_t>(
      static_cast<std::chrono::seconds::rep>(shelf_.catalogue().entries().size()));
  rs.leases = static_cast<std::uint8_t>(leases_.size());
  rs.lease_limit = config_.leases;
  rs.uptime_s = clamp_to<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now - start_).count());
  rs.recovered = recovered_;
  rs.failed = failed_;
  rs.bytes_served = shelf_.bytes_served();
  rs.name = config_.name;
  return ok(rs);
}

/// PROTOCOL §5.9
DonorCommands::Answer DonorCommands::list_images(ByteView body) const {
  const auto rq = wire::decode<oem::ListImagesRq>(body);
  if (!rq) return code(code_of(rq.error()));
  const image::Manifest* next = nullptr;
  for (const Entry& entry : shelf_.catalogue().entries())
    if (entry.manifest.digest > rq->after &&
        (next == nullptr || entry.manifest.digest < next->digest))
      next = &entry.manifest;
  if (next == nullptr) return code(CompletionCode::UnknownImage);
  oem::ListImagesRs rs;
  rs.digest = next->digest;
  if (has_expired(*next, wall_clock())) rs.flags |= oem::ListImagesRs::kExpired;
  return ok(rs);
}

// --- answers -------------------------------------------------------------------------------------

IpmiResponse DonorCommands::code(CompletionCode code) const {
  return {code, oem::response_data(config_.iana)};
}

/// PROTOCOL §5.2: the nonce proves that the sender of a decline has seen the request.
IpmiResponse DonorCommands::decline(CompletionCode why, const Nonce& nonce) const {
  IpmiResponse response = code(why);
  response.data.insert(response.data.end(), nonce.begin(), nonce.end());
  return response;
}

/// Says when to try again, in whole seconds, at least one. PROTOCOL §3.1.
IpmiResponse DonorCommands::busy(Duration wait) const {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  IpmiResponse response = code(CompletionCode::Busy);
  ByteWriter retry(2);
  retry.u16(std::max<std::uint16_t>(1, clamp_to<std::uint16_t>(seconds)));
  response.data.insert(response.data.end(), retry.view().begin(), retry.view().end());
  return response;
}

template <class Message>
IpmiResponse DonorCommands::ok(const Message& message) const {
  return {CompletionCode::Ok, oem::response_data(config_.iana, message)};
}

}  // namespace fwr::donor
