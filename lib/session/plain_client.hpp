// SPDX-License-Identifier: GPL-3.0-or-later
// The client on links without sessions: tags, repeats, one command at a time; nothing is
// authenticated. Sans-I/O. PROTOCOL §11.4, §8.6.
#pragma once

#include <cstdint>
#include <optional>

#include "base/types.hpp"
#include "session/command_queue.hpp"
#include "session/conversation.hpp"
#include "session/mailbox.hpp"
#include "wire/plain.hpp"

namespace fwr::session {

/// Up when the peer has answered Get System GUID; down when it leaves a command unanswered.
class PlainClient final : public Conversation {
 public:
  /// `largest_message_bytes`: the limit of the link. `random` must outlive the client. `peer`: the
  /// system that must answer. Any node could answer, so the answer of another one is ignored.
  PlainClient(ClientTimers timers, std::size_t largest_message_bytes, RandomSource& random,
              std::optional<Guid> peer = std::nullopt);

  void start(TimePoint now) override;
  [[nodiscard]] Result<std::uint32_t> submit(wire::IpmiRequest request, TimePoint now) override;
  [[nodiscard]] Result<> send_payload(ByteView payload) override;
  void note_alive() override { commands_.note_alive(); }
  void forget_commands() override;
  void close(TimePoint now) override;

  void handle_datagram(ByteView datagram, TimePoint now) override;
  void handle_timeout(TimePoint now) override;
  [[nodiscard]] std::optional<Bytes> poll_transmit() override { return mailbox_.poll_transmit(); }
  [[nodiscard]] std::optional<ClientEvent> poll_event() override { return mailbox_.poll_event(); }
  [[nodiscard]] std::optional<TimePoint> deadline() const override { return commands_.deadline(); }
  [[nodiscard]] bool up() const override { return state_ == State::Up; }

 private:
  enum class State : std::uint8_t { Idle, Greeting, Up, Down };

  void send_next(TimePoint now);
  void transmit();
  void on_response(const wire::plain::Message& response, TimePoint now);
  [[nodiscard]] Result<Guid> read_greeting(const wire::IpmiResponse& response) const;
  void on_greeting(const wire::IpmiResponse& response, TimePoint now);
  void go_down(Error error);

  ClientTimers timers_;
  std::size_t largest_message_bytes_;
  RandomSource& random_;
  std::optional<Guid> peer_;
  std::optional<Error> false_greeting_;  ///< the last answer that was not the peer's
  State state_ = State::Idle;
  CommandQueue commands_;  ///< the first one is our own Get System GUID
  Mailbox mailbox_;
};

}  // namespace fwr::session
