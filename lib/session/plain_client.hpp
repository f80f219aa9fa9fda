// SPDX-License-Identifier: GPL-3.0-or-later
// The client on links without sessions: tags, repeats, one command at a time; nothing is
// authenticated. Sans-I/O. PROTOCOL §11.4, §8.6.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/types.hpp"
#include "session/conversation.hpp"
#include "wire/plain.hpp"

namespace fwr::session {

/// Up when the peer has answered Get System GUID; down when it leaves a command unanswered.
class PlainClient final : public Conversation {
 public:
  /// `largest_message_bytes`: that the link takes. `random` must outlive the client. `peer`: who
  /// must answer; anybody could, so another answer is not the one that is waited for.
  PlainClient(ClientTimers timers, std::size_t largest_message_bytes, RandomSource& random,
              std::optional<Guid> peer = std::nullopt);

  void start(TimePoint now) override;
  [[nodiscard]] Result<std::uint32_t> submit(wire::IpmiRequest request, TimePoint now) override;
  [[nodiscard]] Result<> send_payload(ByteView payload) override;
  void note_alive() override;
  void forget_commands() override;
  void close(TimePoint now) override;

  void handle_datagram(ByteView datagram, TimePoint now) override;
  void handle_timeout(TimePoint now) override;
  [[nodiscard]] std::optional<Bytes> poll_transmit() override;
  [[nodiscard]] std::optional<ClientEvent> poll_event() override;
  [[nodiscard]] std::optional<TimePoint> deadline() const override { return retry_due_; }
  [[nodiscard]] bool up() const override { return state_ == State::Up; }

 private:
  enum class State : std::uint8_t { Idle, Greeting, Up, Down };
  struct Command {
    std::uint32_t ticket = 0;  ///< 0: our own Get System GUID
    wire::IpmiRequest request;
  };
  struct Outgoing {
    Bytes message;
    bool payload = false;
  };

  void send(Command command, TimePoint now);
  void send_next(TimePoint now);
  void transmit();
  void wait_for_answer(Duration wait, TimePoint now);
  void on_response(const wire::plain::Message& response, TimePoint now);
  [[nodiscard]] Result<Guid> read_greeting(const wire::IpmiResponse& response) const;
  void on_greeting(const wire::IpmiResponse& response, TimePoint now);
  void go_down(Error error);

  /// Arrived payloads that nobody fetched; further ones are dropped, as a network would.
  static constexpr std::size_t kEventQueue = 512;

  ClientTimers timers_;
  std::size_t largest_message_bytes_;
  RandomSource& random_;
  std::optional<Guid> peer_;
  std::optional<Error> false_greeting_;  ///< the last one
  State state_ = State::Idle;

  std::optional<TimePoint> retry_due_;
  Duration retry_wait_{};
  unsigned tries_ = 0;

  std::deque<Command> commands_;
  std::optional<Command> in_flight_;
  std::uint32_t last_ticket_ = 0;
  std::uint8_t tag_ = 0;  ///< of the command in flight

  std::deque<Outgoing> transmit_;
  std::size_t payloads_queued_ = 0;
  std::deque<ClientEvent> events_;
};

}  // namespace fwr::session
