// SPDX-License-Identifier: GPL-3.0-or-later
// The two queues of a client: datagrams that wait for the link, and events that wait for the
// caller.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "session/conversation.hpp"

namespace fwr::session {

class Mailbox {
 public:
  void send(Bytes datagram) { out_.push_back({std::move(datagram), false}); }
  [[nodiscard]] bool has_room_for_payload() const {
    return payloads_ < Conversation::kPayloadQueue;
  }
  /// A datagram with a stream payload, counted until the link takes it.
  void send_payload(Bytes datagram) {
    out_.push_back({std::move(datagram), true});
    ++payloads_;
  }
  [[nodiscard]] std::optional<Bytes> poll_transmit() {
    if (out_.empty()) return std::nullopt;
    Out next = std::move(out_.front());
    out_.pop_front();
    if (next.is_payload) --payloads_;
    return std::move(next.datagram);
  }
  void forget_unsent() {
    out_.clear();
    payloads_ = 0;
  }

  void report(ClientEvent event) { events_.push_back(std::move(event)); }
  /// Dropped when the caller does not fetch its events, as a network would.
  void report_payload(Bytes payload) {
    if (events_.size() < kEvents) report(PayloadArrived{std::move(payload)});
  }
  [[nodiscard]] std::optional<ClientEvent> poll_event() {
    if (events_.empty()) return std::nullopt;
    ClientEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  static constexpr std::size_t kEvents = 512;
  struct Out {
    Bytes datagram;
    bool is_payload = false;
  };
  std::deque<Out> out_;
  std::size_t payloads_ = 0;  ///< those in out_
  std::deque<ClientEvent> events_;
};

}  // namespace fwr::session
