// SPDX-License-Identifier: GPL-3.0-or-later
// The RMCP+ client: opens a session, sends commands one after the other, carries stream payloads.
// Sans-I/O: datagrams and `now` in; datagrams, events and the next deadline out. PROTOCOL §2.2,
// §8.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/types.hpp"
#include "session/channel.hpp"
#include "session/client_handshake.hpp"
#include "session/command_queue.hpp"
#include "session/conversation.hpp"
#include "session/mailbox.hpp"
#include "wire/ipmi.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session {

enum class ClientState : std::uint8_t { Idle, Opening, Raising, Up, Down };
enum class ClientStep : std::uint8_t { Start, Proven, Raised, End };

struct ClientTransition {
  ClientState from;
  ClientStep step;
  ClientState to;
};
/// A session for User level or below passes through Raising without a command.
inline constexpr std::array kClientTransitions{
    ClientTransition{ClientState::Idle, ClientStep::Start, ClientState::Opening},
    ClientTransition{ClientState::Idle, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Opening, ClientStep::Proven, ClientState::Raising},
    ClientTransition{ClientState::Opening, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Raising, ClientStep::Raised, ClientState::Up},
    ClientTransition{ClientState::Raising, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Up, ClientStep::End, ClientState::Down},
};

class Client final : public Conversation {
 public:
  /// `random` must outlive the client. Nothing is sent before start().
  Client(Credentials credentials, std::uint32_t iana, ClientTimers timers, RandomSource& random);

  void start(TimePoint now) override;
  [[nodiscard]] Result<std::uint32_t> submit(wire::IpmiRequest request, TimePoint now) override;
  [[nodiscard]] Result<> send_payload(ByteView payload) override;
  void note_alive() override { commands_.note_alive(); }
  void forget_commands() override;
  /// Sends Close Session once, best effort; then SessionDown(Interrupted) and silence.
  void close(TimePoint now) override;

  void handle_datagram(ByteView datagram, TimePoint now) override;
  void handle_timeout(TimePoint now) override;
  [[nodiscard]] std::optional<Bytes> poll_transmit() override { return mailbox_.poll_transmit(); }
  [[nodiscard]] std::optional<ClientEvent> poll_event() override { return mailbox_.poll_event(); }
  [[nodiscard]] std::optional<TimePoint> deadline() const override;
  [[nodiscard]] bool up() const override { return state_ == ClientState::Up; }

 private:
  void enter(ClientStep step);
  void go_down(Error error);
  /// Sends Close Session if there is a session, and goes down.
  void end_session(Error reason);
  void follow(ClientHandshake::Outcome outcome, TimePoint now);
  void raise_privilege(TimePoint now);
  void session_is_up(TimePoint now);
  void on_session_packet(const wire::RmcpPlusPacket& packet, TimePoint now);
  void on_response(const wire::LanMessage& response, TimePoint now);
  void send_next_command(TimePoint now);
  void transmit_in_flight();

  std::uint32_t iana_;
  ClientState state_ = ClientState::Idle;
  ClientHandshake handshake_;
  std::optional<SecureChannel> channel_;  ///< from the end of the handshake to the end
  CommandQueue commands_;
  Mailbox mailbox_;
};

}  // namespace fwr::session
