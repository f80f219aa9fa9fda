// SPDX-License-Identifier: GPL-3.0-or-later
// The life of a session at the client: handshake, privilege, commands and payloads, end.
#include "session/client.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <variant>

#include "base/soonest.hpp"
#include "wire/stream.hpp"

namespace fwr::session {

namespace {

constexpr std::uint8_t kSetSessionPrivilegeLevel = 0x3b;  // IPMI v2.0 §22.18
constexpr std::uint8_t kCloseSession = 0x3c;              // IPMI v2.0 §22.19
constexpr std::uint8_t kSequenceMask = 0x3f;              // rqSeq has 6 bits
constexpr std::size_t kLanOverhead_bytes = 7;

wire::RmcpPlusHeader ipmi_header() {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::Ipmi);
  return header;
}

}  // namespace

Client::Client(Credentials credentials, std::uint32_t iana, ClientTimers timers,
               RandomSource& random)
    : iana_(iana),
      handshake_(std::move(credentials), timers, random),
      commands_(timers, kPayloadLimit_bytes - kLanOverhead_bytes, kSequenceMask, random) {}

void Client::enter(ClientStep step) {
  const auto* row =
      std::find_if(kClientTransitions.begin(), kClientTransitions.end(),
                   [&](const ClientTransition& t) { return t.from == state_ && t.step == step; });
  if (row == kClientTransitions.end()) std::abort();  // a defect of this machine
  state_ = row->to;
}

// --- up ------------------------------------------------------------------------------------------

void Client::start(TimePoint now) {
  if (state_ != ClientState::Idle) return;
  enter(ClientStep::Start);
  follow(handshake_.start(now), now);
}

void Client::follow(ClientHandshake::Outcome outcome, TimePoint now) {
  if (outcome.datagram) mailbox_.send(*std::move(outcome.datagram));
  if (outcome.error) return go_down(*std::move(outcome.error));
  if (!outcome.channel) return;
  channel_ = *std::move(outcome.channel);
  enter(ClientStep::Proven);
  raise_privilege(now);
}

void Client::raise_privilege(TimePoint now) {
  if (handshake_.privilege() <= wire::Privilege::User) return session_is_up(now);
  ByteWriter level(1);
  level.u8(static_cast<std::uint8_t>(handshake_.privilege()));
  commands_.begin({raw(wire::NetFn::AppRq), kSetSessionPrivilegeLevel, std::move(level).release()},
                  now);
  transmit_in_flight();
}

void Client::session_is_up(TimePoint now) {
  enter(ClientStep::Raised);
  mailbox_.report(SessionUp{handshake_.exchange().guid});
  send_next_command(now);
}

// --- commands ------------------------------------------------------------------------------------

Result<std::uint32_t> Client::submit(wire::IpmiRequest request, TimePoint now) {
  if (state_ == ClientState::Down) return fail(Errc::SessionLost, "the session has ended");
  auto ticket = commands_.submit(std::move(request));
  if (ticket) send_next_command(now);
  return ticket;
}

void Client::send_next_command(TimePoint now) {
  if (state_ == ClientState::Up && commands_.begin_next(now)) transmit_in_flight();
}

void Client::transmit_in_flight() {
  // Sealed anew for each try: the same rqSeq under a new session sequence number.
  const CommandQueue::Command& command = *commands_.in_flight();
  auto datagram = channel_->seal(
      ipmi_header(), wire::encode(wire::make_lan_request(command.request, command.sequence)));
  if (!datagram) return go_down(std::move(datagram).error());
  mailbox_.send(*std::move(datagram));
}

void Client::on_response(const wire::LanMessage& response, TimePoint now) {
  if (!response.is_response() ||
      !commands_.is_answered_by(response.net_fn, response.command, response.sequence))
    return;
  const std::uint32_t ticket = commands_.finish();
  const auto code = static_cast<wire::CompletionCode>(response.data.front());
  if (state_ == ClientState::Raising) {
    if (code == wire::CompletionCode::Ok) return session_is_up(now);
    return end_session(
        {Errc::PrivilegeTooLow, "the server refuses the privilege level: " + wire::describe(code)});
  }
  mailbox_.report(CommandDone{
      ticket, {.code = code, .data = Bytes(response.data.begin() + 1, response.data.end())}});
  send_next_command(now);
}

void Client::forget_commands() {
  commands_.forget_waiting();
  if (state_ == ClientState::Up) commands_.forget_in_flight();  // before, it makes the session
}

// --- packets -------------------------------------------------------------------------------------

void Client::handle_datagram(ByteView datagram, TimePoint now) {
  if (state_ == ClientState::Idle || state_ == ClientState::Down) return;
  const auto message = wire::decode_rmcp(datagram);
  if (!message) return;
  const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message);
  if (packet == nullptr) return;
  if (packet->header.session_id != 0) return on_session_packet(*packet, now);
  if (!packet->header.encrypted && !packet->header.authenticated)
    follow(handshake_.handle_packet(*packet, now), now);
}

void Client::on_session_packet(const wire::RmcpPlusPacket& packet, TimePoint now) {
  if (!channel_ || packet.header.session_id != handshake_.exchange().console_session) return;
  Bytes payload;
  if (!channel_->open(packet, payload)) return;
  if (packet.header.payload_type == static_cast<std::uint8_t>(wire::PayloadType::Ipmi)) {
    if (const auto response = wire::decode_lan_message(payload)) on_response(*response, now);
  } else if (packet.header.payload_type ==
                 static_cast<std::uint8_t>(wire::PayloadType::OemExplicit) &&
             packet.header.oem_iana == iana_ &&
             packet.header.oem_payload == wire::stream::kPayloadId) {
    mailbox_.report_payload(std::move(payload));
  }
}

Result<> Client::send_payload(ByteView payload) {
  if (state_ != ClientState::Up) return fail(Errc::SessionLost, "the session is not up");
  if (!mailbox_.has_room_for_payload()) return fail(Errc::LimitExceeded, "payloads in the queue");
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(wire::PayloadType::OemExplicit);
  header.oem_iana = iana_;
  header.oem_payload = wire::stream::kPayloadId;
  auto datagram = channel_->seal(header, payload);
  if (!datagram) return tl::unexpected(std::move(datagram).error());
  mailbox_.send_payload(*std::move(datagram));
  return {};
}

// --- time, and the end ---------------------------------------------------------------------------

std::optional<TimePoint> Client::deadline() const {
  Soonest soonest;
  soonest.add(handshake_.deadline());
  soonest.add(commands_.deadline());
  return soonest.time();
}

void Client::handle_timeout(TimePoint now) {
  if (state_ == ClientState::Opening) {
    auto outcome = handshake_.handle_timeout(now);
    if (outcome.error) mailbox_.forget_unsent();
    return follow(std::move(outcome), now);
  }
  Retry& retry = commands_.retry();
  if (!retry.is_due(now)) return;
  if (retry.is_exhausted()) {
    mailbox_.forget_unsent();
    return go_down({Errc::SessionLost, "a command was not answered in time"});
  }
  retry.repeat(now);
  transmit_in_flight();
}

void Client::close(TimePoint) {
  end_session({Errc::Interrupted, "the session was closed"});
}

void Client::end_session(Error reason) {
  if (channel_) {
    ByteWriter id(4);
    id.u32(handshake_.exchange().managed_session);
    const wire::LanMessage message =
        wire::make_lan_request({raw(wire::NetFn::AppRq), kCloseSession, std::move(id).release()},
                               commands_.next_sequence());
    // Best effort: the server closes an idle session by itself.
    if (auto datagram = channel_->seal(ipmi_header(), wire::encode(message)))
      mailbox_.send(*std::move(datagram));
  }
  go_down(std::move(reason));
}

void Client::go_down(Error error) {
  if (state_ == ClientState::Down) return;
  enter(ClientStep::End);
  handshake_.stop();
  commands_.forget_waiting();
  commands_.forget_in_flight();
  channel_.reset();
  mailbox_.report(SessionDown{std::move(error)});
}

}  // namespace fwr::session
