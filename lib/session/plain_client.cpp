// SPDX-License-Identifier: GPL-3.0-or-later
// Commands and payloads without a session. PROTOCOL §11.4.
#include "session/plain_client.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/jitter.hpp"

namespace fwr::session {
namespace {

constexpr std::uint8_t kGetSystemGuid = 0x37;  // IPMI v2.0 §22.14

}  // namespace

PlainClient::PlainClient(ClientTimers timers, std::size_t largest_message_bytes,
                         RandomSource& random, std::optional<Guid> peer)
    : timers_(timers),
      largest_message_bytes_(largest_message_bytes),
      random_(random),
      peer_(peer) {}

void PlainClient::start(TimePoint now) {
  if (state_ != State::Idle) return;
  state_ = State::Greeting;
  // Others that talked to this peer before us used tags too: what is late is for them.
  std::array<std::byte, 1> drawn{};
  random_.fill(drawn);
  tag_ = static_cast<std::uint8_t>(drawn.front());
  send({.ticket = 0, .request = {wire::raw(wire::NetFn::AppRq), kGetSystemGuid, {}}}, now);
}

void PlainClient::go_down(Error error) {
  if (state_ == State::Down) return;
  state_ = State::Down;
  retry_due_.reset();
  in_flight_.reset();
  commands_.clear();
  events_.emplace_back(SessionDown{std::move(error)});
}

void PlainClient::close(TimePoint) {
  go_down({Errc::Interrupted, "the conversation was ended"});
}

// --- commands ------------------------------------------------------------------------------------

Result<std::uint32_t> PlainClient::submit(wire::IpmiRequest request, TimePoint now) {
  if (state_ == State::Down) return fail(Errc::SessionLost, "the conversation has ended");
  if (commands_.size() >= kCommandQueue) return fail(Errc::LimitExceeded, "commands in the queue");
  if (request.data.size() + wire::plain::kHeader_bytes > largest_message_bytes_)
    return fail(Errc::LimitExceeded, "bytes in a command");
  commands_.push_back({++last_ticket_, std::move(request)});
  const std::uint32_t ticket = last_ticket_;
  send_next(now);
  return ticket;
}

void PlainClient::send_next(TimePoint now) {
  if (state_ != State::Up || in_flight_ || commands_.empty()) return;
  Command next = std::move(commands_.front());
  commands_.pop_front();
  send(std::move(next), now);
}

void PlainClient::send(Command command, TimePoint now) {
  ++tag_;
  in_flight_ = std::move(command);
  tries_ = 1;
  wait_for_answer(timers_.first_timeout, now);
  transmit();
}

void PlainClient::transmit() {
  // The same tag each time: a late answer to an earlier try is as good.
  transmit_.push_back({wire::plain::encode_request(in_flight_->request, tag_), false});
}

void PlainClient::wait_for_answer(Duration wait, TimePoint now) {
  retry_wait_ = wait;
  // Those that began together, after a power failure, would come back together each time.
  retry_due_ = now + wait * 3 / 4 + random_part(wait / 2, random_);
}

void PlainClient::handle_timeout(TimePoint now) {
  if (!retry_due_ || now < *retry_due_) return;
  if (tries_ >= timers_.tries) {
    transmit_.clear();
    payloads_queued_ = 0;
    if (state_ == State::Up)
      return go_down({Errc::SessionLost, "a command was not answered in time"});
    return go_down(
        false_greeting_.value_or(Error{Errc::NoResponse, "no answer to Get System GUID"}));
  }
  ++tries_;
  constexpr unsigned kMostDoublings = 16;
  unsigned doublings = std::min(timers_.tries - 1, kMostDoublings);
  if (state_ == State::Greeting) doublings = std::min(doublings, timers_.greeting_doublings);
  const Duration longest = timers_.first_timeout * (1U << doublings);
  wait_for_answer(std::min(retry_wait_ * 2, longest), now);
  transmit();
}

void PlainClient::note_alive() {
  if (in_flight_) tries_ = std::min(tries_, timers_.tries - 1);
}

void PlainClient::forget_commands() {
  commands_.clear();
  if (state_ != State::Up) return;  // what is in flight is the greeting
  in_flight_.reset();
  retry_due_.reset();
}

void PlainClient::on_response(const wire::plain::Message& response, TimePoint now) {
  if (!in_flight_ || response.tag != tag_ || response.command != in_flight_->request.command ||
      response.net_fn() != (in_flight_->request.net_fn | 1U))
    return;  // late, the answer of an earlier command
  wire::IpmiResponse answer{.code = static_cast<wire::CompletionCode>(response.data.front()),
                            .data = Bytes(response.data.begin() + 1, response.data.end())};
  if (state_ == State::Greeting) return on_greeting(answer, now);
  const std::uint32_t ticket = in_flight_->ticket;
  in_flight_.reset();
  retry_due_.reset();
  events_.emplace_back(CommandDone{ticket, std::move(answer)});
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
  if (!guid && peer_) {  // its own answer may still come
    false_greeting_ = std::move(guid).error();
    return;
  }
  if (!guid) return go_down(std::move(guid).error());
  in_flight_.reset();
  retry_due_.reset();
  state_ = State::Up;
  events_.emplace_back(SessionUp{.peer = *guid});
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
    if (events_.size() < kEventQueue)
      events_.emplace_back(PayloadArrived{Bytes(payload.begin(), payload.end())});
  }
}

Result<> PlainClient::send_payload(ByteView payload) {
  if (state_ != State::Up) return fail(Errc::SessionLost, "nobody answered yet, or no more");
  if (payloads_queued_ >= kPayloadQueue) return fail(Errc::LimitExceeded, "payloads in the queue");
  if (payload.size() + 1 > largest_message_bytes_)
    return fail(Errc::LimitExceeded, "bytes in a payload");
  transmit_.push_back({wire::plain::encode_stream(payload), true});
  ++payloads_queued_;
  return {};
}

std::optional<Bytes> PlainClient::poll_transmit() {
  if (transmit_.empty()) return std::nullopt;
  Outgoing next = std::move(transmit_.front());
  transmit_.pop_front();
  if (next.payload) --payloads_queued_;
  return std::move(next.message);
}

std::optional<ClientEvent> PlainClient::poll_event() {
  if (events_.empty()) return std::nullopt;
  ClientEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace fwr::session
