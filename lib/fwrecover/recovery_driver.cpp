// SPDX-License-Identifier: GPL-3.0-or-later
// Datagrams between links and machine, in the order of the loop's calls; then the events.
#include "fwrecover/recovery_driver.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/soonest.hpp"
#include "fwrecover/conclude.hpp"
#include "session/standard_commands.hpp"

namespace fwrecover {
namespace {

using fwr::TimePoint;
using fwr::recipient::Progress;
using fwr::recipient::State;

constexpr auto kProgressInterval = std::chrono::milliseconds(200);
constexpr auto kWaitingInterval = std::chrono::seconds(1);
constexpr auto kFollowInterval = std::chrono::seconds(1);
constexpr std::size_t kKeptDatagrams = 64;  // for one link

void set_candidate(Event& event, const fwr::policy::Candidate& candidate, const Media& media);
void set_terms(Event& event, const fwr::image::Manifest& manifest);
bool waits_for_donor(State state);
bool is_whole(const Progress& progress);

}  // namespace

void RecoveryDriver::handle_datagram(fwr::LinkId link, const fwr::Path& path,
                                     fwr::ByteView datagram, TimePoint now) {
  if (link != fwr::kLanLink) follow(path.peer, now);
  if (path.peer.family == fwr::AddressFamily::Serial) answer(link, path, datagram);
  recovery_.handle_datagram(path, datagram, now);
}

/// The peer at the other end of a cable may ask for the identity of this system.
void RecoveryDriver::answer(fwr::LinkId link, const fwr::Path& path, fwr::ByteView datagram) {
  constexpr std::uint8_t kLunBits = 0x03;
  const auto request = fwr::wire::plain::decode_request(datagram);
  if (!request) return;
  std::optional<fwr::wire::IpmiResponse> known;
  if ((request->net_fn_lun & kLunBits) == 0)
    known = fwr::session::answer_identity_command(
        identity_, {request->net_fn(), request->command, request->data});
  keep(link, {path, fwr::wire::plain::encode_response(
                        *request, known.value_or(fwr::wire::IpmiResponse{
                                      fwr::wire::CompletionCode::InvalidCommand, {}}))});
}

/// The best message size of a noisy line changes while the line is heard.
void RecoveryDriver::follow(const fwr::Address& peer, TimePoint now) {
  if (now < next_follow_) return;
  next_follow_ = now + kFollowInterval;
  if (const auto properties = media_.properties(peer))
    recovery_.set_link_properties({peer.family, peer.scope, *properties});
}

void RecoveryDriver::handle_timeout(TimePoint now) {
  if (const auto due = recovery_.deadline(); due && *due <= now) recovery_.handle_timeout(now);
}

std::optional<fwr::Datagram> RecoveryDriver::poll_transmit(fwr::LinkId link, TimePoint now) {
  if (media_.empty()) return noted(recovery_.poll_transmit(now));
  if (auto kept = take_kept(link)) return kept;
  while (auto datagram = recovery_.poll_transmit(now)) {
    const fwr::LinkId there = media_.link_to(datagram->path.peer);
    if (there == link) return noted(std::move(datagram));
    keep(there, *std::move(datagram));
  }
  return std::nullopt;
}

std::optional<fwr::Datagram> RecoveryDriver::noted(std::optional<fwr::Datagram> datagram) {
  if (datagram) network_.note_sent(datagram->path);
  return datagram;
}

void RecoveryDriver::keep(fwr::LinkId link, fwr::Datagram datagram) {
  auto& queue = kept_[link];
  // As on a full network: the machine repeats what is lost.
  if (queue.size() == kKeptDatagrams) queue.pop_front();
  queue.push_back(std::move(datagram));
}

std::optional<fwr::Datagram> RecoveryDriver::take_kept(fwr::LinkId link) {
  const auto found = kept_.find(link);
  if (found == kept_.end() || found->second.empty()) return std::nullopt;
  fwr::Datagram datagram = std::move(found->second.front());
  found->second.pop_front();
  return datagram;
}

std::optional<TimePoint> RecoveryDriver::deadline() const {
  fwr::Soonest soonest;
  soonest.add(recovery_.deadline());
  if (state_ && !recovery_.finished()) soonest.add(next_waiting_);
  return soonest.time();
}

void RecoveryDriver::drain_events(TimePoint now) {
  while (auto event = recovery_.poll_event())
    std::visit([&](const auto& happened) { report(happened, now); }, *event);
  report_waiting(now);
}

void RecoveryDriver::note_progress(TimePoint now) {
  moved_ = now;
  next_waiting_ = now + kWaitingInterval;
}

/// While nothing arrives, an event each second says for how long, and that this program lives.
/// While offers are collected, it says for how long they are.
void RecoveryDriver::report_waiting(TimePoint now) {
  if (!state_ || recovery_.finished() || outcome_ || now < next_waiting_) return;
  next_waiting_ = now + kWaitingInterval;
  const bool asks = *state_ == State::Discovering;
  Event event("waiting");
  event.set("state", std::string(to_text(*state_)));
  event.set("seconds", std::chrono::duration<double>(now - (asks ? entered_ : moved_)).count());
  if (donor_ && waits_for_donor(*state_)) event.set("address", media_.text(donor_->path.peer));
  observer_.on_event(event);
}

void RecoveryDriver::report(const fwr::recipient::Entered& entered, TimePoint now) {
  state_ = entered.state;
  entered_ = now;
  note_progress(now);
  observer_.on_event(Event("state").set("state", std::string(to_text(entered.state))));
}

void RecoveryDriver::report(const fwr::recipient::Offered& offered, TimePoint) {
  Event event("offer");
  set_candidate(event, offered.candidate, media_);
  event.set("acceptable", offered.verdict.accepted);
  event.set("reason", media_.named(offered.verdict.reason));
  if (offered.rank != 0) event.set("rank", as_number(offered.rank));
  if (looks_) event.set("verified", offered.manifest.has_value());
  if (offered.manifest) set_terms(event, *offered.manifest);
  observer_.on_event(event);
  ++offers_;
  if (offered.verdict.accepted) ++acceptable_;
  if (offered.verdict.installed) installed_ = media_.named(offered.verdict.reason);
}

void RecoveryDriver::report(const fwr::recipient::Chosen& chosen, TimePoint) {
  reported_whole_ = false;
  reported_.reset();
  donor_ = chosen.candidate;
  Event event("donor");
  set_candidate(event, chosen.candidate, media_);
  // The same donor, which was busy.
  if (waits_for_ == chosen.candidate.path.peer) event.set("again", true);
  if (chosen.further) event.set("further", true);
  waits_for_.reset();
  observer_.on_event(event);
}

void RecoveryDriver::report(const fwr::recipient::Dropped& dropped, TimePoint) {
  Event event("dropped");
  set_candidate(event, dropped.candidate, media_);
  event.set("code", std::string(fwr::info(dropped.error.code).name));
  event.set("reason", media_.named(dropped.error.message()));
  if (dropped.waits) {
    event.set("waits", std::int64_t{dropped.waits->count()});
    waits_for_ = dropped.candidate.path.peer;
  }
  observer_.on_event(event);
}

/// No more often than people can read, but always the last one.
void RecoveryDriver::report(const Progress& progress, TimePoint now) {
  // A block that arrives a second time is no progress.
  if (reported_ && reported_->done_bytes == progress.done_bytes &&
      reported_->fetched_bytes == progress.fetched_bytes && reported_whole_ == is_whole(progress))
    return;
  note_progress(now);
  const bool whole = is_whole(progress);
  if (whole ? reported_whole_ : now < next_progress_) return;
  reported_whole_ = whole;
  next_progress_ = now + kProgressInterval;
  reported_ = progress;
  Event event("progress");
  event.set("done", as_number(progress.done_bytes));
  event.set("total", as_number(progress.total_bytes));
  event.set("fetched", as_number(progress.fetched_bytes));
  event.set("reused", as_number(progress.reused_bytes));
  observer_.on_event(event);
}

void RecoveryDriver::report(const fwr::recipient::Finished& finished, TimePoint) {
  outcome_ = finished;
}

namespace {

void set_candidate(Event& event, const fwr::policy::Candidate& candidate, const Media& media) {
  event.set("donor", fwr::to_text(candidate.donor));
  event.set("address", media.text(candidate.path.peer));
  event.set("medium", std::string(to_text(candidate.medium)));
  event.set("role", std::string(to_text(candidate.role)));
  event.set("load", std::int64_t{candidate.load_percent});
  event.set("rtt", std::chrono::duration<double>(candidate.round_trip).count());
  event.set("version", candidate.version);
  event.set("security_version", as_number(candidate.security_version));
  event.set("size", as_number(candidate.size_bytes));
  event.set("digest", fwr::to_text(candidate.digest));
}

/// The terms on which the signed manifest allows its image.
void set_terms(Event& event, const fwr::image::Manifest& manifest) {
  event.set("name", manifest.name);
  if (manifest.minimum_version) event.set("minimum_version", *manifest.minimum_version);
  if (manifest.expires) event.set("expires", *manifest.expires);
}

bool waits_for_donor(State state) {
  return state == State::Connecting || state == State::Vetting || state == State::Accepting ||
         state == State::FetchingTree || state == State::FetchingImage || state == State::Reporting;
}

bool is_whole(const Progress& progress) {
  return progress.done_bytes == progress.total_bytes;
}

}  // namespace
}  // namespace fwrecover
