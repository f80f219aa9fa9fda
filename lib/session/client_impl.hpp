// SPDX-License-Identifier: GPL-3.0-or-later
// The inside of Client, shared by its source files.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string>

#include "session/channel.hpp"
#include "session/client.hpp"
#include "session/keys.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session {

enum class ClientState : std::uint8_t { Idle, Opening, Challenging, Proving, Raising, Up, Down };
enum class ClientStep : std::uint8_t { Start, Opened, Forgotten, Challenged, Proven, Raised, End };

struct ClientTransition {
  ClientState from;
  ClientStep step;
  ClientState to;
};
/// A session for User level or below passes through Raising without a command.
inline constexpr std::array kClientTransitions{
    ClientTransition{ClientState::Idle, ClientStep::Start, ClientState::Opening},
    ClientTransition{ClientState::Idle, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Opening, ClientStep::Opened, ClientState::Challenging},
    ClientTransition{ClientState::Opening, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Challenging, ClientStep::Challenged, ClientState::Proving},
    ClientTransition{ClientState::Challenging, ClientStep::Forgotten, ClientState::Opening},
    ClientTransition{ClientState::Challenging, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Proving, ClientStep::Proven, ClientState::Raising},
    ClientTransition{ClientState::Proving, ClientStep::Forgotten, ClientState::Opening},
    ClientTransition{ClientState::Proving, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Raising, ClientStep::Raised, ClientState::Up},
    ClientTransition{ClientState::Raising, ClientStep::End, ClientState::Down},
    ClientTransition{ClientState::Up, ClientStep::End, ClientState::Down},
};

class Client::Impl {
 public:
  Impl(Credentials credentials, std::uint32_t iana, ClientTimers timers, RandomSource& random);

  void start(TimePoint now);
  [[nodiscard]] Result<std::uint32_t> submit(wire::IpmiRequest request, TimePoint now);
  [[nodiscard]] Result<> send_payload(ByteView payload);
  void note_alive();
  void forget_commands();
  /// Close Session when there is one to close, and the end.
  void close(Error reason);
  void handle_datagram(ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Bytes> poll_transmit();
  [[nodiscard]] std::optional<ClientEvent> poll_event();
  [[nodiscard]] std::optional<TimePoint> deadline() const { return retry_due_; }
  [[nodiscard]] bool up() const { return state_ == ClientState::Up; }

 private:
  struct Queued {
    std::uint32_t ticket = 0;
    wire::IpmiRequest request;
  };
  struct InFlight {
    std::uint32_t ticket = 0;  ///< 0: our own Set Session Privilege Level
    wire::LanMessage message;
  };
  struct Outgoing {
    Bytes datagram;
    bool payload = false;
  };

  // client.cpp
  void enter(ClientStep step);
  void go_down(Error error);
  void arm(TimePoint now);
  [[nodiscard]] Duration longest_wait() const;
  void wait_for_answer(Duration wait, TimePoint now);
  void on_session_packet(const wire::RmcpPlusPacket& packet, TimePoint now);
  void on_response(const wire::LanMessage& response, TimePoint now);
  void send_command(std::uint32_t ticket, const wire::IpmiRequest& request, TimePoint now);
  void send_next_command(TimePoint now);
  void transmit_in_flight();
  [[nodiscard]] Result<> transmit_sealed(const wire::RmcpPlusHeader& header, ByteView payload,
                                         bool is_payload);
  void session_is_up(TimePoint now);

  // client_handshake.cpp
  [[nodiscard]] Result<> check_credentials() const;
  void open_again(TimePoint now);
  void send_open_session(TimePoint now);
  void on_handshake(const wire::RmcpPlusPacket& packet, TimePoint now);
  void on_refusal(Error error);
  void on_open_session_response(ByteView payload, TimePoint now);
  void on_rakp2(ByteView payload, TimePoint now);
  void on_rakp4(ByteView payload, TimePoint now);
  [[nodiscard]] Result<> make_channel(ByteView integrity_check_value);
  void send_rakp3(wire::RakpStatus status, Bytes code);
  void send_handshake(wire::PayloadType type, const Bytes& payload);
  void raise_privilege(TimePoint now);

  /// Arrived payloads that nobody fetched; further ones are dropped, as a network would.
  static constexpr std::size_t kEventQueue = 512;
  /// Refusals of one handshake message that end the attempt.
  static constexpr unsigned kRefusals = 3;
  /// How often a session is opened anew because the server has forgotten it.
  static constexpr unsigned kRestarts = 4;
  static constexpr int kCrowdedFactor = 2;  ///< to timeouts, when the server forgets sessions

  Credentials credentials_;
  std::uint32_t iana_;
  ClientTimers timers_;
  RandomSource& random_;

  ClientState state_ = ClientState::Idle;
  RakpExchange exchange_;
  std::uint8_t tag_ = 0;     ///< of the handshake message that waits for its answer
  Bytes handshake_message_;  ///< the datagram, for a repeat
  std::optional<SecureChannel> channel_;

  std::optional<TimePoint> retry_due_;
  Duration retry_wait_{};
  unsigned tries_ = 0;
  unsigned restarts_ = 0;
  bool forgotten_ = false;  ///< the server says that it does not know the session
  unsigned refusals_ = 0;   ///< of the handshake message that waits for its answer

  std::deque<Queued> commands_;
  std::optional<InFlight> in_flight_;
  std::uint32_t last_ticket_ = 0;
  std::uint8_t request_sequence_ = 0;  ///< rqSeq, 6 bits

  std::deque<Outgoing> transmit_;
  std::size_t payloads_queued_ = 0;
  std::deque<ClientEvent> events_;
};

}  // namespace fwr::session
