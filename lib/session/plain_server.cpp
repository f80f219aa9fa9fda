// SPDX-License-Identifier: GPL-3.0-or-later
// Requests, then streams, then the table of peers, which are known by their address. PROTOCOL
// §11.6.
#include "session/plain_server.hpp"

#include <algorithm>
#include <utility>

#include "base/slow_link.hpp"
#include "session/standard_commands.hpp"
#include "wire/oem.hpp"

namespace fwr::session {
namespace {

using wire::CompletionCode;
using wire::IpmiRequest;

/// Payloads of peers that are gone, skipped in one poll.
constexpr unsigned kStalePayloads = 64;
/// Silence after which a peer gives its place to another one: longer than a peer waits for an
/// answer.
constexpr std::chrono::seconds kYieldAfter{30};
/// Refusals that are reported: so many nodes in this time, each of them once.
constexpr std::size_t kRefusalsReported = 16;
constexpr std::chrono::seconds kReportedAgain{60};
constexpr std::uint32_t kLinkShift = 16;  // where a peer's number has its link

bool same_host(const Address& a, const Address& b) {
  return a.family == b.family && a.bytes == b.bytes;
}

/// Commands that find a donor and need no permission. PROTOCOL §4, column "session".
bool is_discovery(const wire::oem::CommandInfo* command) {
  return command != nullptr && !command->needs_session;
}

/// True on a slow line that is shared, where the characters of one node cost all nodes time.
bool counts_characters(const LinkProperties& link) {
  return link.shared && is_slow(link);
}

SourceLimiter::Limits limits_for_strangers(const PlainServerConfig& config) {
  const PlainLimits& limits = config.limits;
  if (!counts_characters(config.properties))
    return {.per_source_per_s = limits.replies_per_source_per_s,
            .burst = limits.replies_burst,
            .per_s = limits.replies_per_s,
            .sources = limits.sources};
  constexpr std::uint64_t kBits = 10;
  const auto per_s = static_cast<unsigned>(
      std::max<std::uint64_t>(config.properties.bits_per_s / kBits / limits.stranger_share, 2));
  return {.per_source_per_s = per_s / 2,
          .burst = limits.stranger_burst_characters / 2,
          .per_s = per_s,
          .sources = limits.sources,
          .burst_of_all = limits.stranger_burst_characters};
}

}  // namespace

bool AllowedPeers::names(const Address& peer) const {
  return std::any_of(peers.begin(), peers.end(),
                     [&](const Address& known) { return same_host(known, peer); });
}

PlainServer::PlainServer(PlainServerConfig config, std::uint32_t iana, Application& application)
    : config_(std::move(config)),
      iana_(iana),
      application_(application),
      by_characters_(counts_characters(config_.properties)),
      strangers_(limits_for_strangers(config_)),
      seekers_(limits_for_strangers(config_)) {}

Duration PlainServer::idle() const {
  return config_.limits.idle + slack_of(config_.properties);
}

void PlainServer::handle_datagram(const Path& path, ByteView message, TimePoint now) {
  handle_timeout(now);
  ++counters_.datagrams;
  const auto type = wire::plain::type_of(message);
  if (!type || *type == wire::plain::Type::Response) {
    ++counters_.dropped;
    return;
  }
  if (*type == wire::plain::Type::Request) return on_request(path, message, now);
  on_stream(path, message.subspan(1), now);
}

// --- requests ------------------------------------------------------------------------------------

void PlainServer::on_request(const Path& path, ByteView message, TimePoint now) {
  const auto request = wire::plain::decode_request(message);
  if (!request) {
    ++counters_.dropped;
    return;
  }
  const auto answered = answer(path, *request, now);
  // Many donors hear a broadcast: only offers are answers to it, and no errors.
  const bool silent =
      !answered || (wire::plain::is_to_all(path) && answered->response.code != CompletionCode::Ok);
  if (silent) {
    ++counters_.dropped;
    return;
  }
  reply(path, *request, *answered, now);
}

std::optional<PlainServer::Answer> PlainServer::answer(const Path& path,
                                                       const wire::plain::Message& request,
                                                       TimePoint now) {
  constexpr std::uint8_t kLunBits = 0x03;
  IpmiRequest asked{request.net_fn(), request.command, request.data};
  const bool ours = asked.net_fn == raw(wire::NetFn::OemGroupRq);
  const bool find_firmware =
      ours && asked.command == static_cast<std::uint8_t>(wire::oem::Command::RequestFirmware);
  if (wire::plain::is_to_all(path) && !find_firmware) return std::nullopt;
  if ((request.net_fn_lun & kLunBits) != 0 || !ours) {
    SourceLimiter* const paid_by = payer(path, strangers_);
    if (!admit(path, paid_by, now)) return std::nullopt;
    if ((request.net_fn_lun & kLunBits) == 0)
      if (auto standard = answer_identity_command(config_.identity, asked))
        return Answer{*std::move(standard), paid_by};
    return Answer{{CompletionCode::InvalidCommand, {}}, paid_by};
  }
  return ask_application(path, std::move(asked), now);
}

std::optional<PlainServer::Answer> PlainServer::ask_application(const Path& path,
                                                                IpmiRequest request,
                                                                TimePoint now) {
  const wire::oem::CommandInfo* const command = wire::oem::find_command(request.command);
  if (is_discovery(command)) {
    SourceLimiter* const paid_by = payer(path, seekers_);
    if (!admit(path, paid_by, now)) return std::nullopt;
    Requester stranger;
    stranger.path = path;
    stranger.link = config_.link;
    stranger.properties = config_.properties;
    auto found = application_.handle_command(stranger, request, now);
    if (!found || !fits_request(*found, request)) return std::nullopt;
    return Answer{*std::move(found), paid_by};
  }
  if (!config_.allowed.contains(path.peer)) {
    if (command != nullptr && !wire::oem::strip_iana(iana_, request.data)) return std::nullopt;
    if (!admit(path, &strangers_, now)) return std::nullopt;
    if (command == nullptr) return Answer{{CompletionCode::InvalidCommand, {}}, &strangers_};
    note_refused(path.peer, now);
    return Answer{{CompletionCode::InsufficientPrivilege, wire::oem::response_data(iana_)},
                  &strangers_};
  }
  Peer* peer = meet(path, now);
  if (peer == nullptr) return std::nullopt;  // it asks again
  // A copy: the application may make us forget the peer.
  const Requester requester = peer->requester;
  auto response = application_.handle_command(requester, request, now);
  if (!response) return Answer{{CompletionCode::InvalidCommand, {}}};
  return Answer{*std::move(response)};
}

void PlainServer::note_refused(const Address& peer, TimePoint now) {
  ++counters_.refused;
  std::erase_if(refused_at_,
                [&](const auto& entry) { return now - entry.second >= kReportedAgain; });
  // One node on a bus can pretend to be many.
  if (refused_at_.size() >= kRefusalsReported || refused_.size() >= kRefusalsReported) return;
  if (refused_at_.emplace(source_prefix(peer), now).second) refused_.push_back(peer);
}

std::optional<Address> PlainServer::poll_refused() {
  if (refused_.empty()) return std::nullopt;
  const Address peer = refused_.front();
  refused_.pop_front();
  return peer;
}

SourceLimiter* PlainServer::payer(const Path& path, SourceLimiter& limiter) {
  const bool known = std::any_of(peers_.begin(), peers_.end(), [&](const Peer& peer) {
    return peer.requester.path.peer == path.peer;
  });
  const bool served = known || config_.allowed.names(path.peer);
  return by_characters_ && served ? nullptr : &limiter;
}

bool PlainServer::admit(const Path& path, SourceLimiter* payer, TimePoint now) {
  if (payer == nullptr) return true;
  const auto waiting = std::count_if(replies_.begin(), replies_.end(),
                                     [](const Reply& queued) { return queued.to_stranger; });
  const bool room =
      !by_characters_ || static_cast<std::size_t>(waiting) < config_.limits.stranger_replies;
  if (room && payer->admit(source_prefix(path.peer), now)) return true;
  ++counters_.rate_limited;
  return false;
}

void PlainServer::reply(const Path& path, const wire::plain::Message& request, const Answer& answer,
                        TimePoint now) {
  Bytes message = wire::plain::encode_response(request, answer.response);
  if (message.size() > config_.properties.largest_message_bytes)
    message = wire::plain::encode_response(request, {CompletionCode::TooMuchData, {}});
  if (by_characters_ && answer.paid_by != nullptr)
    answer.paid_by->charge(
        source_prefix(path.peer),
        static_cast<unsigned>(message.size()) + config_.limits.message_overhead_characters - 1,
        now);
  // On a slow link a request may be repeated before its answer has gone out: one answer is enough.
  const auto is_of_peer = [&](const Reply& queued) { return queued.path.peer == path.peer; };
  std::erase_if(replies_, [&](const Reply& queued) {
    return is_of_peer(queued) && queued.tag == request.tag && queued.command == request.command;
  });
  const auto of_peer =
      static_cast<std::size_t>(std::count_if(replies_.begin(), replies_.end(), is_of_peer));
  if (of_peer >= config_.limits.replies_of_peer) {
    replies_.erase(std::find_if(replies_.begin(), replies_.end(), is_of_peer));
    ++counters_.dropped;
  }
  if (replies_.size() >= config_.limits.reply_queue) {
    ++counters_.dropped;
    return;
  }
  replies_.push_back(
      {path, request.tag, request.command, std::move(message), answer.paid_by != nullptr});
}

// --- streams -------------------------------------------------------------------------------------

void PlainServer::on_stream(const Path& path, ByteView payload, TimePoint now) {
  Peer* peer = config_.allowed.contains(path.peer) && !wire::plain::is_to_all(path)
                   ? meet(path, now)
                   : nullptr;
  if (peer == nullptr) {
    ++counters_.dropped;
    return;
  }
  const Requester requester = peer->requester;
  application_.handle_payload(requester, payload, now);
}

std::optional<Datagram> PlainServer::poll_transmit(TimePoint now) {
  if (!replies_.empty()) {
    Datagram reply{replies_.front().path, std::move(replies_.front().message)};
    replies_.pop_front();
    return reply;
  }
  for (unsigned passed = 0; passed < kStalePayloads; ++passed) {
    const auto outgoing = application_.next_payload(config_.link, now);
    if (!outgoing) return std::nullopt;
    const auto peer = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& known) {
      return known.requester.session == outgoing->session;
    });
    if (peer == peers_.end()) continue;
    Bytes message = wire::plain::encode_stream(outgoing->payload);
    if (message.size() > config_.properties.largest_message_bytes) continue;
    return Datagram{peer->requester.path, std::move(message)};
  }
  return std::nullopt;
}

// --- peers ---------------------------------------------------------------------------------------

PlainServer::Peer* PlainServer::meet(const Path& path, TimePoint now) {
  auto known = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& peer) {
    return peer.requester.path.peer == path.peer;
  });
  if (known == peers_.end()) {
    if (!make_room(now)) {
      ++counters_.rate_limited;
      return nullptr;
    }
    Peer peer;
    peer.requester.session = next_session();
    peer.requester.user = to_text(path.peer);
    peer.requester.privilege = wire::Privilege::User;
    peer.requester.link = config_.link;
    peer.requester.properties = config_.properties;
    known = peers_.insert(peers_.end(), std::move(peer));
    ++counters_.sessions_opened;
  }
  known->requester.path = path;
  known->heard = now;
  return &*known;
}

bool PlainServer::make_room(TimePoint now) {
  if (peers_.size() < config_.limits.peers) return true;
  const auto silent = std::min_element(
      peers_.begin(), peers_.end(), [](const Peer& a, const Peer& b) { return a.heard < b.heard; });
  if (silent == peers_.end() || now - silent->heard < kYieldAfter + slack_of(config_.properties))
    return false;
  const std::uint32_t session = silent->requester.session;
  forget_where([session](const Peer& peer) { return peer.requester.session == session; }, now);
  return true;
}

std::uint32_t PlainServer::next_session() {
  const auto taken = [&](std::uint32_t id) {
    return std::any_of(peers_.begin(), peers_.end(),
                       [id](const Peer& peer) { return peer.requester.session == id; });
  };
  std::uint32_t id = 0;
  do {  // at most one more step than there are peers
    ++last_number_;
    id = kPlainSession | static_cast<std::uint32_t>(config_.link) << kLinkShift | last_number_;
  } while (taken(id));
  return id;
}

template <class Predicate>
void PlainServer::forget_where(Predicate predicate, TimePoint now) {
  std::vector<std::uint32_t> closed;
  for (const Peer& peer : peers_)
    if (predicate(peer)) closed.push_back(peer.requester.session);
  std::erase_if(peers_, predicate);
  for (const std::uint32_t session : closed) application_.session_closed(session, now);
}

void PlainServer::handle_timeout(TimePoint now) {
  if (const auto due = deadline(); !due || now < *due) return;
  const Duration limit = idle();
  forget_where([&](const Peer& peer) { return now - peer.heard >= limit; }, now);
}

std::optional<TimePoint> PlainServer::deadline() const {
  if (peers_.empty()) return std::nullopt;
  const auto first = std::min_element(
      peers_.begin(), peers_.end(), [](const Peer& a, const Peer& b) { return a.heard < b.heard; });
  return first->heard + idle();
}

void PlainServer::handle_link_down() {
  replies_.clear();
}

void PlainServer::close_all(TimePoint now) {
  forget_where([](const Peer&) { return true; }, now);
}

void PlainServer::allow(AllowedPeers allowed, TimePoint now) {
  config_.allowed = std::move(allowed);
  forget_where(
      [this](const Peer& peer) { return !config_.allowed.contains(peer.requester.path.peer); },
      now);
}

}  // namespace fwr::session
