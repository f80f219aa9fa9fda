// SPDX-License-Identifier: GPL-3.0-or-later
// The client: commands, payloads and timers of a session that is up, and the end of every session.
#include "session/client.hpp"

#include <algorithm>
#include <cassert>
#include <utility>
#include <variant>

#include "base/jitter.hpp"
#include "session/client_impl.hpp"
#include "wire/stream.hpp"

namespace fwr::session {

namespace {

constexpr std::uint8_t kCloseSession = 0x3c;  // IPMI v2.0 §22.19
constexpr std::uint8_t kSequenceMask = 0x3f;
constexpr std::size_t kLanOverhead_bytes = 7;

wire::RmcpPlusHeader ipmi_header() {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::Ipmi);
  return header;
}

}  // namespace

Client::Impl::Impl(Credentials credentials, std::uint32_t iana, ClientTimers timers,
                   RandomSource& random)
    : credentials_(std::move(credentials)), iana_(iana), timers_(timers), random_(random) {}

void Client::Impl::enter(ClientStep step) {
  const auto* row =
      std::find_if(kClientTransitions.begin(), kClientTransitions.end(),
                   [&](const ClientTransition& t) { return t.from == state_ && t.step == step; });
  assert(row != kClientTransitions.end());
  state_ = row->to;
}

void Client::Impl::go_down(Error error) {
  if (state_ == ClientState::Down) return;
  enter(ClientStep::End);
  retry_due_.reset();
  in_flight_.reset();
  commands_.clear();
  channel_.reset();
  events_.emplace_back(SessionDown{std::move(error)});
}

void Client::Impl::arm(TimePoint now) {
  tries_ = 1;
  refusals_ = 0;
  // A server that forgets sessions has too many clients: they leave it more time.
  const bool crowded = restarts_ > 0 && !channel_;
  wait_for_answer(timers_.first_timeout * (crowded ? kCrowdedFactor : 1), now);
}

void Client::Impl::wait_for_answer(Duration wait, TimePoint now) {
  retry_wait_ = wait;
  // Clients that began together, after a power failure, would come back together each time.
  retry_due_ = now + wait * 3 / 4 + random_part(wait / 2, random_);
}

void Client::Impl::handle_timeout(TimePoint now) {
  if (!retry_due_ || now < *retry_due_) return;
  if (forgotten_) return open_again(now);
  if (tries_ >= timers_.tries) {
    transmit_.clear();
    return go_down(channel_ ? Error{Errc::SessionLost, "a command was not answered in time"}
                            : Error{Errc::NoResponse, "no answer while opening a session"});
  }
  ++tries_;
  wait_for_answer(std::min(retry_wait_ * 2, longest_wait()), now);
  if (in_flight_)
    transmit_in_flight();
  else
    transmit_.push_back({handshake_message_, false});
}

Duration Client::Impl::longest_wait() const {
  constexpr unsigned kMostDoublings = 16;
  return timers_.first_timeout * (1U << std::min(timers_.tries - 1, kMostDoublings));
}

void Client::Impl::note_alive() {
  if (in_flight_) tries_ = std::min(tries_, timers_.tries - 1);
}

void Client::Impl::forget_commands() {
  commands_.clear();
  if (state_ != ClientState::Up) return;  // what is in flight makes the session
  in_flight_.reset();
  retry_due_.reset();
}

// --- commands ------------------------------------------------------------------------------------

Result<std::uint32_t> Client::Impl::submit(wire::IpmiRequest request, TimePoint now) {
  if (state_ == ClientState::Down) return fail(Errc::SessionLost, "the session has ended");
  if (commands_.size() >= kCommandQueue) return fail(Errc::LimitExceeded, "commands in the queue");
  if (request.data.size() > kPayloadLimit_bytes - kLanOverhead_bytes)
    return fail(Errc::LimitExceeded, "bytes in a command");
  commands_.push_back({++last_ticket_, std::move(request)});
  const std::uint32_t ticket = last_ticket_;
  send_next_command(now);
  return ticket;
}

void Client::Impl::send_next_command(TimePoint now) {
  if (state_ != ClientState::Up || in_flight_ || commands_.empty()) return;
  const Queued next = std::move(commands_.front());
  commands_.pop_front();
  send_command(next.ticket, next.request, now);
}

void Client::Impl::send_command(std::uint32_t ticket, const wire::IpmiRequest& request,
                                TimePoint now) {
  request_sequence_ = (request_sequence_ + 1U) & kSequenceMask;
  in_flight_ = InFlight{ticket, wire::make_lan_request(request, request_sequence_)};
  arm(now);
  transmit_in_flight();
}

void Client::Impl::transmit_in_flight() {
  // Sealed anew each time: the same rqSeq under a new session sequence number.
  auto sent = transmit_sealed(ipmi_header(), wire::encode(in_flight_->message), false);
  if (!sent) go_down(std::move(sent).error());
}

Result<> Client::Impl::transmit_sealed(const wire::RmcpPlusHeader& header, ByteView payload,
                                       bool is_payload) {
  auto datagram = channel_->seal(header, payload);
  if (!datagram) return tl::unexpected(std::move(datagram).error());
  transmit_.push_back({*std::move(datagram), is_payload});
  return {};
}

void Client::Impl::on_response(const wire::LanMessage& response, TimePoint now) {
  if (!in_flight_ || !response.is_response()) return;
  const wire::LanMessage& asked = in_flight_->message;
  if (response.net_fn != (asked.net_fn | 1U) || response.command != asked.command ||
      response.sequence != asked.sequence)
    return;  // late, the answer of an earlier command
  const std::uint32_t ticket = in_flight_->ticket;
  in_flight_.reset();
  retry_due_.reset();
  const auto code = static_cast<wire::CompletionCode>(response.data.front());
  if (state_ == ClientState::Raising) {
    if (code == wire::CompletionCode::Ok) return session_is_up(now);
    return close(
        {Errc::PrivilegeTooLow, "the server refuses the privilege level: " + wire::describe(code)});
  }
  events_.emplace_back(CommandDone{
      ticket, {.code = code, .data = Bytes(response.data.begin() + 1, response.data.end())}});
  send_next_command(now);
}

// --- packets of the session ----------------------------------------------------------------------

void Client::Impl::handle_datagram(ByteView datagram, TimePoint now) {
  if (state_ == ClientState::Idle || state_ == ClientState::Down) return;
  const auto message = wire::decode_rmcp(datagram);
  if (!message) return;
  const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message);
  if (packet == nullptr) return;
  if (packet->header.session_id != 0) return on_session_packet(*packet, now);
  if (!packet->header.encrypted && !packet->header.authenticated) on_handshake(*packet, now);
}

void Client::Impl::on_session_packet(const wire::RmcpPlusPacket& packet, TimePoint now) {
  if (!channel_ || packet.header.session_id != exchange_.console_session) return;
  Bytes payload;
  if (!channel_->open(packet, payload)) return;
  if (packet.header.payload_type == static_cast<std::uint8_t>(wire::PayloadType::Ipmi)) {
    if (const auto response = wire::decode_lan_message(payload)) on_response(*response, now);
  } else if (packet.header.payload_type ==
                 static_cast<std::uint8_t>(wire::PayloadType::OemExplicit) &&
             packet.header.oem_iana == iana_ &&
             packet.header.oem_payload == wire::stream::kPayloadId) {
    if (events_.size() < kEventQueue) events_.emplace_back(PayloadArrived{std::move(payload)});
  }
}

Result<> Client::Impl::send_payload(ByteView payload) {
  if (state_ != ClientState::Up) return fail(Errc::SessionLost, "the session is not up");
  if (payloads_queued_ >= kPayloadQueue) return fail(Errc::LimitExceeded, "payloads in the queue");
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::OemExplicit);
  header.oem_iana = iana_;
  header.oem_payload = wire::stream::kPayloadId;
  auto sent = transmit_sealed(header, payload, true);
  if (sent) ++payloads_queued_;
  return sent;
}

std::optional<Bytes> Client::Impl::poll_transmit() {
  if (transmit_.empty()) return std::nullopt;
  Outgoing next = std::move(transmit_.front());
  transmit_.pop_front();
  if (next.payload) --payloads_queued_;
  return std::move(next.datagram);
}

std::optional<ClientEvent> Client::Impl::poll_event() {
  if (events_.empty()) return std::nullopt;
  ClientEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

// --- up and down ---------------------------------------------------------------------------------

void Client::Impl::session_is_up(TimePoint now) {
  enter(ClientStep::Raised);
  events_.emplace_back(SessionUp{exchange_.guid});
  send_next_command(now);
}

void Client::Impl::close(Error reason) {
  if (channel_) {
    ByteWriter id(4);
    id.u32(exchange_.managed_session);
    request_sequence_ = (request_sequence_ + 1U) & kSequenceMask;
    const wire::LanMessage message = wire::make_lan_request(
        {raw(wire::NetFn::AppRq), kCloseSession, std::move(id).release()}, request_sequence_);
    // Best effort: the server closes an idle session by itself.
    (void)transmit_sealed(ipmi_header(), wire::encode(message), false);
  }
  go_down(std::move(reason));
}

Client::Client(Credentials credentials, std::uint32_t iana, ClientTimers timers,
               RandomSource& random)
    : impl_(std::make_unique<Impl>(std::move(credentials), iana, timers, random)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::start(TimePoint now) {
  impl_->start(now);
}
Result<std::uint32_t> Client::submit(wire::IpmiRequest request, TimePoint now) {
  return impl_->submit(std::move(request), now);
}
Result<> Client::send_payload(ByteView payload) {
  return impl_->send_payload(payload);
}
void Client::note_alive() {
  impl_->note_alive();
}
void Client::forget_commands() {
  impl_->forget_commands();
}
void Client::close(TimePoint) {
  impl_->close({Errc::Interrupted, "the session was closed"});
}
void Client::handle_datagram(ByteView datagram, TimePoint now) {
  impl_->handle_datagram(datagram, now);
}
void Client::handle_timeout(TimePoint now) {
  impl_->handle_timeout(now);
}
std::optional<Bytes> Client::poll_transmit() {
  return impl_->poll_transmit();
}
std::optional<ClientEvent> Client::poll_event() {
  return impl_->poll_event();
}
std::optional<TimePoint> Client::deadline() const {
  return impl_->deadline();
}
bool Client::up() const {
  return impl_->up();
}

}  // namespace fwr::session
