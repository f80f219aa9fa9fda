// SPDX-License-Identifier: GPL-3.0-or-later
// Commands and payloads without a session. PROTOCOL §11.4.
#include "session/plain_client.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace fwr::session {
namespace {

constexpr std::uint8_t kGetSystemGuid = 0x37;  // IPMI v2.0 §22.14
constexpr std::uint8_t kTagMask = 0xff;

}  // namespace

PlainClient::PlainClient(ClientTimers timers, std::size_t largest_message_bytes,
                         RandomSource& random, std::optional<Guid> peer)
    : timers_(timers),
      largest_message_bytes_(largest_message_bytes),
      random_(random),
      peer_(peer),
      commands_(timers,
                largest_message_bytes - std::min(largest_message_bytes, wire::plain::kHeader_bytes),
                kTagMask, random) {}

void PlainClient::start(TimePoint now) {
  if (state_ != State::Idle) return;
  state_ = State::Greeting;
  // A late answer may be for a client that talked to this peer before us: a random tag differs.
  std::array<std::byte, 1> drawn{};
  random_.fill(drawn);
  commands_.set_sequence(static_cast<std::uint8_t>(drawn.front()));
  commands_.begin({wire::raw(wire::NetFn::AppRq), kGetSystemGuid, {}}, now);
  transmit();
}

void PlainClient::go_down(Error error) {
  if (state_ == State::Down) return;
  state_ = State::Down;
  commands_.forget_waiting();
  commands_.forget_in_flight();
  mailbox_.report(SessionDown{std::move(error)});
}

void PlainClient::close(TimePoint) {
  go_down({Errc::Interrupted, "the conversation was ended"});
}

// --- commands ------------------------------------------------------------------------------------

Result<std::uint32_t> PlainClient::submit(wire::IpmiRequest request, TimePoint now) {
  if (state_ == State::Down) return fail(Errc::SessionLost, "the conversation has ended");
  auto ticket = commands_.submit(std::move(request));
  if (ticket) send_next(now);
  return ticket;
}

void PlainClient::send_next(TimePoint now) {
  if (state_ == State::Up && commands_.begin_next(now)) transmit();
}

void PlainClient::transmit() {
  // The same tag for each try: a late answer to an earlier one is as good.
  const CommandQueue::Command& command = *commands_.in_flight();
  mailbox_.send(wire::plain::encode_request(command.request, command.sequence));
}

void PlainClient::handle_timeout(TimePoint now) {
  Retry& retry = commands_.retry();
  if (!retry.is_due(now)) return;
  if (retry.is_exhausted()) {
    mailbox_.forget_unsent();
    if (state_ == State::Up)
      return go_down({Errc::SessionLost, "a command was not answered in time"});
    return go_down(
        false_greeting_.value_or(Error{Errc::NoResponse, "no answer to Get System GUID"}));
  }
  retry.repeat(now, state_ == State::Greeting ? timers_.greeting_doublings
                                              : std::numeric_limits<unsigned>::max());
  transmit();
}

void PlainClient::forget_commands() {
  commands_.forget_waiting();
  if (state_ == State::Up) commands_.forget_in_flight();  // before, it is the greeting
}

void PlainClient::on_response(const wire::plain::Message& response, TimePoint now) {
  if (!commands_.is_answered_by(response.net_fn(), response.command, response.tag)) return;
  wire::IpmiResponse answer{.code = static_cast<wire::CompletionCode>(response.data.front()),
                            .data = Bytes(response.data.begin() + 1, response.data.end())};
  if (state_ == State::Greeting) return on_greeting(answer, now);
  mailbox_.report(CommandDone{commands_.finish(), std::move(answer)});
  send_next(now);
}

Result<Guid> PlainClient::read_greeting(const wire::IpmiResponse& response) const {
  if (response.code != wire::CompletionCode::Ok)
    return fail(Errc::CommandRejected, "Get System GUID: " + wire::describe(response.code));
  ByteReader reader(response.data);
  Guid guid{};
  reader.copy_to(guid);
  if (reader.truncated()) return fail(Errc::BadField, "Get System GUID: the answer is too short");
  if (peer_ && guid != *peer_)
    return fail(Errc::SessionLost, "another system answered: " + to_text(guid) +
                                       ", the offer was of " + to_text(*peer_));
  return guid;
}

void PlainClient::on_greeting(const wire::IpmiResponse& response, TimePoint now) {
  auto guid = read_greeting(response);
  if (!guid && peer_) {  // the answer of the peer itself may still come
    false_greeting_ = std::move(guid).error();
    return;
  }
  if (!guid) return go_down(std::move(guid).error());
  (void)commands_.finish();
  state_ = State::Up;
  mailbox_.report(SessionUp{.peer = *guid});
  send_next(now);
}

// --- messages ------------------------------------------------------------------------------------

void PlainClient::handle_datagram(ByteView datagram, TimePoint now) {
  if (state_ == State::Idle || state_ == State::Down) return;
  const auto type = wire::plain::type_of(datagram);
  if (!type) return;
  if (*type == wire::plain::Type::Response) {
    if (const auto response = wire::plain::decode_response(datagram)) on_response(*response, now);
  } else if (*type == wire::plain::Type::Stream && state_ == State::Up) {
    const ByteView payload = datagram.subspan(1);
    mailbox_.report_payload(Bytes(payload.begin(), payload.end()));
  }
}

Result<> PlainClient::send_payload(ByteView payload) {
  if (state_ != State::Up)
    return fail(Errc::SessionLost, "the peer has not answered yet, or the conversation is over");
  if (!mailbox_.has_room_for_payload()) return fail(Errc::LimitExceeded, "payloads in the queue");
  if (payload.size() + 1 > largest_message_bytes_)
    return fail(Errc::LimitExceeded, "bytes in a payload");
  mailbox_.send_payload(wire::plain::encode_stream(payload));
  return {};
}

}  // namespace fwr::session
