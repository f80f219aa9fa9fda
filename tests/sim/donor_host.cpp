// SPDX-License-Identifier: GPL-3.0-or-later
// A donor's life: boots, crashes, withdrawals, datagrams, and the checks of what it sends.
#include "donor_host.hpp"

#include <algorithm>
#include <cstring>

#include "base/soonest.hpp"
#include "wire/rmcp.hpp"

namespace fwr::sim {
namespace {

session::ServerConfig server_config(const DonorPlan& plan) {
  session::ServerConfig config;
  config.accounts = {
      session::Account{.name = std::string(kUser), .password = Secret(as_bytes(kPassword))},
      session::Account{.name = "other", .password = Secret(as_bytes("another secret"))}};
  config.identity.guid = plan.config.guid;
  config.limits = plan.limits;
  return config;
}

LinkId link_of(std::size_t medium) {
  return LinkId{static_cast<std::uint8_t>(medium)};
}

session::PlainServerConfig plain_config(const DonorPlan& plan, std::size_t medium,
                                        const LinkProperties& properties) {
  session::PlainServerConfig config;
  config.link = link_of(medium);
  config.properties = properties;
  config.identity.guid = plan.config.guid;
  for (const std::size_t recipient : plan.allows)
    config.allowed.peers.push_back(wire::icmb::to_address(wish_of(recipient), line_of(medium)));
  return config;
}

std::vector<Release> make_releases(const std::vector<ReleaseSpec>& specs) {
  std::vector<Release> releases;
  releases.reserve(specs.size());
  for (const ReleaseSpec& spec : specs) releases.push_back(make_release(spec));
  return releases;
}

/// What a message without a session is about: a request and its answer have the same key. nullopt:
/// it is something else.
struct Sessionless {
  std::uint32_t key = 0;
  bool standard = false;
};
std::optional<Sessionless> sessionless(ByteView datagram) {
  constexpr std::uint32_t kPing = 1U << 24U;
  constexpr std::uint32_t kHandshake = 2U << 24U;
  constexpr std::uint32_t kCommand = 3U << 24U;
  const auto rmcp = wire::decode_rmcp(datagram);
  if (!rmcp) return std::nullopt;
  if (const auto* ping = std::get_if<wire::PresencePing>(&*rmcp))
    return Sessionless{kPing | ping->tag, true};
  if (const auto* pong = std::get_if<wire::PresencePong>(&*rmcp))
    return Sessionless{kPing | pong->tag, true};
  Bytes message;
  if (const auto* v15 = std::get_if<wire::SessionlessV15>(&*rmcp)) {
    message = v15->message;
  } else if (const auto* v20 = std::get_if<wire::RmcpPlusPacket>(&*rmcp)) {
    if (v20->header.session_id != 0 || v20->payload.empty()) return std::nullopt;
    const std::uint32_t type = v20->header.payload_type;
    // Requests have even types, answers the odd ones after them; both begin with the tag.
    if (type >= static_cast<std::uint32_t>(wire::PayloadType::OpenSessionRq))
      return Sessionless{
          kHandshake | (type & ~1U) << 8U | std::to_integer<unsigned>(v20->payload[0]), true};
    message.assign(v20->payload.begin(), v20->payload.end());
  }
  const auto lan = wire::decode_lan_message(message);
  if (!lan) return std::nullopt;
  const std::uint32_t net_fn = lan->net_fn & ~1U;
  return Sessionless{kCommand | net_fn << 16U | std::uint32_t{lan->command} << 8U | lan->sequence,
                     net_fn != wire::raw(wire::NetFn::OemGroupRq)};
}

bool needs_session(ByteView datagram) {
  const auto rmcp = wire::decode_rmcp(datagram);
  if (!rmcp) return false;
  const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*rmcp);
  return packet != nullptr && packet->header.authenticated;
}

}  // namespace

SimCatalogue::SimCatalogue(std::vector<Release> releases) : releases_(std::move(releases)) {
  for (const Release& release : releases_) entries_.push_back(release.entry);
}

Result<> SimCatalogue::read(const Digest& digest, Bytes Content::*part, std::uint64_t offset,
                            std::span<std::byte> out, double wrong, FaultKind lie) {
  if (dice && dice->chance(unreadable)) {
    injected(FaultKind::LieUnreadable);
    return fail(Errc::IoFailed, "unreadable on purpose");
  }
  for (std::size_t i = 0; i < releases_.size(); ++i) {
    if (entries_[i].manifest.digest != digest) continue;
    const Bytes& from = (*releases_[i].content).*part;
    if (offset > from.size() || out.size() > from.size() - offset)
      return fail(Errc::IoFailed, "past the end");
    std::memcpy(out.data(), from.data() + offset, out.size());
    if (dice && !out.empty() && dice->chance(wrong)) {
      out[dice->below(out.size())] ^= static_cast<std::byte>(1U << dice->below(8));
      injected(lie);
    }
    return {};
  }
  return fail(Errc::NotFound, "no such image");
}

Result<> SimCatalogue::read_image(const Digest& digest, std::uint64_t offset,
                                  std::span<std::byte> out) {
  return read(digest, &Content::bytes, offset, out, wrong_blocks, FaultKind::LieWrongBlock);
}
Result<> SimCatalogue::read_tree(const Digest& digest, std::uint64_t offset,
                                 std::span<std::byte> out) {
  return read(digest, &Content::tree, offset, out, wrong_tree, FaultKind::LieWrongTree);
}

DonorHost::Machine::Machine(const DonorPlan& plan, DonorHost& host, Dice dice, TimePoint now)
    : random(dice.fork(1)),
      catalogue(make_releases(plan.releases)),
      donor(plan.config, catalogue, random, now),
      server(server_config(plan), kIana, host, random),
      watch(plan.config, fmt::format("donor {}", host.number_), host.chronicle_) {}

DonorHost::DonorHost(const Plan& plan, std::size_t number, Network& network, Chronicle& chronicle)
    : plan_(plan),
      mine_(plan.donors.at(number)),
      number_(number),
      network_(network),
      chronicle_(chronicle),
      dice_(Dice(plan.seed).fork(5000 + number)) {
  for (const std::size_t medium : mine_.media) network_.attach(medium, host(), true);
  lies_ = std::any_of(plan.faults.begin(), plan.faults.end(), [&](const Fault& fault) {
    return fault.enabled && fault.target == host() &&
           (info(fault.kind).trait == FaultTrait::Lie || fault.kind == FaultKind::TricklingDonor);
  });
}

void DonorHost::boot(TimePoint now) {
  chronicle_.note("donor {} boots", number_);
  machine_ = std::make_unique<Machine>(mine_, *this, dice_.fork(++boots_), now);
  set_lies(machine_->catalogue, now);
  for (const std::size_t medium : mine_.media) {
    network_.open(medium, host(), now);
    if (const Bus* bus = network_.bus(medium))
      machine_->plain.try_emplace(
          medium, plain_config(mine_, medium, bus->port(host())->properties()), kIana, *this);
  }
  // A withdrawal outlives a restart.
  std::erase_if(done_faults_,
                [&](std::size_t fault) { return plan_.faults[fault].kind == FaultKind::Withdraw; });
}

LeaseRows DonorHost::all_lease_rows() const {
  LeaseRows rows = rows_;
  if (!machine_) return rows;
  const auto taken = machine_->donor.rows_taken();
  for (std::size_t i = 0; i < std::min(rows.size(), taken.size()); ++i) rows.at(i) += taken[i];
  return rows;
}

void DonorHost::crash() {
  chronicle_.note("donor {} crashes", number_);
  rows_ = all_lease_rows();
  machine_.reset();
  for (const std::size_t medium : mine_.media) network_.close(medium, host());
}

void DonorHost::withdraw(TimePoint now) {
  chronicle_.note("donor {} has another catalogue", number_);
  chronicle_.injected(FaultKind::Withdraw);
  machine_->later = std::make_unique<SimCatalogue>(make_releases(mine_.after_withdrawal));
  set_lies(*machine_->later, now);
  machine_->donor.replace_catalogue(*machine_->later, now);
}

/// The planned number of characters is on the line: in the middle of a burst, as a rule.
void DonorHost::die_talking(TimePoint now) {
  if (!machine_) return;
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    if (fault.kind != FaultKind::DonorDiesTalking || fault.target != host() || !fault.active(now))
      continue;
    if (std::count(done_faults_.begin(), done_faults_.end(), i) > 0) continue;
    std::uint64_t written = 0;
    for (const std::size_t medium : mine_.media)
      if (const Bus* bus = network_.bus(medium)) written += bus->written(host());
    if (written < fault.count) continue;
    done_faults_.push_back(i);
    chronicle_.injected(FaultKind::DonorDiesTalking);
    dead_until_ = now + fault.amount;
    return crash();
  }
}

void DonorHost::apply_plan(TimePoint now) {
  bool down = false;
  for (const Fault& fault : plan_.faults)
    if (fault.kind == FaultKind::DonorCrash && fault.target == host() && fault.active(now))
      down = true;
  if (down && machine_) {
    chronicle_.injected(FaultKind::DonorCrash);
    crash();
  }
  die_talking(now);
  down = down || now < dead_until_;
  if (!down && !machine_) boot(now);
  if (!machine_) return;
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    if (fault.kind != FaultKind::Withdraw || fault.target != host() || !fault.enabled) continue;
    if (now < fault.from || std::count(done_faults_.begin(), done_faults_.end(), i) > 0) continue;
    done_faults_.push_back(i);
    withdraw(now);
  }
}

void DonorHost::handle(const Delivery& delivery, TimePoint now) {
  apply_plan(now);
  if (!machine_) return;
  const auto& [path, bytes] = delivery.datagram;
  if (const auto plain = machine_->plain.find(delivery.medium); plain != machine_->plain.end()) {
    plain->second.handle_datagram(path, bytes, now);
  } else {
    note_request(delivery.datagram);
    machine_->server.handle_datagram(link_of(delivery.medium), path, bytes, now);
  }
  take_events();
  transmit(now);
}

void DonorHost::work(TimePoint now) {
  apply_plan(now);
  if (!machine_) return;
  if (const auto at = machine_->server.deadline(); at && *at <= now)
    machine_->server.handle_timeout(now);
  for (auto& [medium, plain] : machine_->plain)
    if (const auto at = plain.deadline(); at && *at <= now) plain.handle_timeout(now);
  if (const auto at = machine_->donor.deadline(); at && *at <= now)
    machine_->donor.handle_timeout(now);
  transmit(now);
  take_events();
}

void DonorHost::take_events() {
  while (const auto event = machine_->donor.poll_event()) {
    machine_->watch.event(*event);
    chronicle_.note("donor {} event {} {}", number_, static_cast<int>(event->kind), event->text);
  }
  check_limits();
}

std::optional<TimePoint> DonorHost::next(TimePoint now) const {
  Soonest soonest;
  for (const Fault& fault : plan_.faults) {
    if (!fault.enabled || fault.target != host()) continue;
    if (fault.kind != FaultKind::DonorCrash && fault.kind != FaultKind::Withdraw) continue;
    if (fault.from > now) soonest.add(fault.from);
    if (fault.until > now && fault.until < plan_.heals + std::chrono::hours(1))
      soonest.add(fault.until);
  }
  if (!machine_ && dead_until_ > now) soonest.add(dead_until_);
  if (!machine_) return soonest.time();
  soonest.add(machine_->server.deadline());
  for (const auto& [medium, plain] : machine_->plain) soonest.add(plain.deadline());
  soonest.add(machine_->donor.deadline());
  // What waits for room is tried again when half of the queue has gone.
  for (const std::size_t medium : mine_.media)
    if (!network_.has_room(medium, host(), now)) soonest.add(now + Network::kQueue / 2);
  if (trickle_at_ && *trickle_at_ > now) soonest.add(trickle_at_);
  return soonest.time();
}

std::optional<Datagram> DonorHost::poll(std::size_t medium, TimePoint now) {
  if (!network_.has_room(medium, host(), now)) return std::nullopt;
  const auto plain = machine_->plain.find(medium);
  if (plain != machine_->plain.end()) return plain->second.poll_transmit(now);
  return machine_->server.poll_transmit(link_of(medium), now);
}

/// A link without room keeps no other one waiting.
void DonorHost::transmit(TimePoint now) {
  for (const std::size_t medium : mine_.media)
    while (auto datagram = poll(medium, now)) send(*std::move(datagram), now);
}

void DonorHost::send(Datagram datagram, TimePoint now) {
  if (datagram.path.peer.family == AddressFamily::Icmb)
    check_allowed(datagram);
  else if (!needs_session(datagram.bytes))
    check_reply(datagram);
  if (lying(FaultKind::LieGarbage, now) && dice_.chance(0.2)) {
    chronicle_.injected(FaultKind::LieGarbage);
    for (std::uint64_t n = dice_.between(1, 4); n > 0 && !datagram.bytes.empty(); --n)
      datagram.bytes[dice_.below(datagram.bytes.size())] = static_cast<std::byte>(dice_.below(256));
  }
  network_.send(host(), std::move(datagram), now);
}

/// PROTOCOL §2.1: an answer is no larger than its request; standard messages are at most three
/// times as large.
void DonorHost::note_request(const Datagram& request) {
  const auto about = sessionless(request.bytes);
  if (!about) return;
  if (asked_.size() >= kAsked) asked_.pop_front();
  asked_.push_back({.peer = request.path.peer,
                    .key = about->key,
                    .limit_bytes = request.bytes.size() * (about->standard ? 3 : 1)});
}

void DonorHost::check_reply(const Datagram& reply) {
  const auto about = sessionless(reply.bytes);
  const auto asked = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& request) {
    return about && request.peer == reply.path.peer && request.key == about->key;
  });
  if (asked == asked_.end())
    return chronicle_.violate(
        "reply-size",
        fmt::format("donor {} speaks without a session and without being asked", number_));
  if (reply.bytes.size() > asked->limit_bytes)
    chronicle_.violate(
        "reply-size",
        fmt::format("donor {} may answer with {} bytes without a session, it sends {}", number_,
                    asked->limit_bytes, reply.bytes.size()));
  asked_.erase(asked);
}

bool DonorHost::allows(const Address& peer) const {
  return std::any_of(mine_.allows.begin(), mine_.allows.end(), [&](std::size_t recipient) {
    return wish_of(recipient) == wire::icmb::bus_address(peer);
  });
}

/// PROTOCOL §11.6: what would need a session elsewhere is for addresses that are allowed.
void DonorHost::check_allowed(const Datagram& reply) const {
  const auto response = wire::plain::decode_response(reply.bytes);
  const wire::oem::CommandInfo* command =
      response && response->net_fn() == (wire::raw(wire::NetFn::OemGroupRq) | 1U)
          ? wire::oem::find_command(response->command)
          : nullptr;
  const bool refusal = response && !response->data.empty() && response->data[0] != std::byte{0};
  const bool for_all = response && (command == nullptr || !command->needs_session);
  if (!refusal && !for_all && !allows(reply.path.peer))
    chronicle_.violate("served-to-stranger",
                       fmt::format("donor {} sends {} bytes to {}, whom it does not allow", number_,
                                   reply.bytes.size(), to_text(reply.path.peer)));
}

void DonorHost::check_limits() const {
  const auto check = [&](std::string_view what, std::size_t count, std::size_t limit) {
    if (count > limit)
      chronicle_.violate("limits", fmt::format("donor {} has {} {}, the limit is {}", number_,
                                               count, what, limit));
  };
  check("leases", machine_->donor.leases(), mine_.config.leases);
  check("leases by what it promised", machine_->watch.leases(), mine_.config.leases);
  check("sessions", machine_->server.active_sessions(), mine_.limits.active_sessions);
  for (const auto& [medium, plain] : machine_->plain)
    check("peers", plain.active_peers(), session::PlainLimits{}.peers);
  check("half-open sessions", machine_->server.half_open_sessions(),
        mine_.limits.half_open_sessions);
}

std::size_t DonorHost::promises() const {
  if (!machine_) return 0;
  std::size_t peers = 0;
  for (const auto& [medium, plain] : machine_->plain) peers += plain.active_peers();
  return machine_->donor.leases() + machine_->server.active_sessions() +
         machine_->server.half_open_sessions() + peers;
}

std::span<const Release> DonorHost::releases() const {
  if (!machine_) return {};
  return machine_->later ? machine_->later->releases() : machine_->catalogue.releases();
}

// --- the application of the server ---------------------------------------------------------------

std::optional<wire::IpmiResponse> DonorHost::handle_command(const session::Requester& from,
                                                            const wire::IpmiRequest& request,
                                                            TimePoint now) {
  auto response = machine_->donor.handle_command(from, request, now);
  chronicle_.note("donor {} command {:02x} -> {}", number_, request.command,
                  response ? static_cast<int>(response->code) : -1);
  machine_->watch.command(from, request, response, now);
  if (lies_) lie_about(from, request, response, now);
  return response;
}

void DonorHost::handle_payload(const session::Requester& from, ByteView payload, TimePoint now) {
  machine_->watch.payload_in(from, payload, now);
  machine_->donor.handle_payload(from, payload, now);
}

std::optional<DonorHost::Outgoing> DonorHost::next_payload(LinkId link, TimePoint now) {
  if (trickle_at_ && now < *trickle_at_) return std::nullopt;
  // A lie may be silence: then the next one is looked at.
  while (auto out = machine_->donor.next_payload(link, now)) {
    machine_->watch.payload_out(*out, now);
    if (!lies_ || lie_payload(*out, now)) return out;
  }
  return std::nullopt;
}

void DonorHost::session_closed(std::uint32_t session, TimePoint now) {
  machine_->watch.session_closed(session);
  machine_->donor.session_closed(session, now);
}

}  // namespace fwr::sim
