// SPDX-License-Identifier: GPL-3.0-or-later
// The client's end of Open Session and RAKP 1 to 4: from credentials to a secure channel. Owns the
// credentials, the exchange and the repeats of its messages. IPMI v2.0 §13.15 to §13.23.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/types.hpp"
#include "session/channel.hpp"
#include "session/command_queue.hpp"
#include "session/conversation.hpp"
#include "session/keys.hpp"
#include "wire/rakp.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session {

enum class HandshakeState : std::uint8_t { Idle, Opening, Challenging, Proving, Proven };
enum class HandshakeEvent : std::uint8_t { Start, Opened, Forgotten, Challenged, Proven };

struct HandshakeTransition {
  HandshakeState from;
  HandshakeEvent event;
  HandshakeState to;
};
inline constexpr std::array kHandshakeTransitions{
    HandshakeTransition{HandshakeState::Idle, HandshakeEvent::Start, HandshakeState::Opening},
    HandshakeTransition{HandshakeState::Opening, HandshakeEvent::Opened,
                        HandshakeState::Challenging},
    HandshakeTransition{HandshakeState::Challenging, HandshakeEvent::Challenged,
                        HandshakeState::Proving},
    HandshakeTransition{HandshakeState::Challenging, HandshakeEvent::Forgotten,
                        HandshakeState::Opening},
    HandshakeTransition{HandshakeState::Proving, HandshakeEvent::Proven, HandshakeState::Proven},
    HandshakeTransition{HandshakeState::Proving, HandshakeEvent::Forgotten,
                        HandshakeState::Opening},
};

class ClientHandshake {
 public:
  /// `random` must outlive the object.
  ClientHandshake(Credentials credentials, const ClientTimers& timers, RandomSource& random);

  /// What a call leads to: each part may be there or not.
  struct Outcome {
    std::optional<Bytes> datagram = {};         ///< to send
    std::optional<Error> error = {};            ///< the handshake has failed and is over
    std::optional<SecureChannel> channel = {};  ///< the handshake has succeeded and is over
  };
  [[nodiscard]] Outcome start(TimePoint now);
  [[nodiscard]] Outcome handle_packet(const wire::RmcpPlusPacket& packet, TimePoint now);
  [[nodiscard]] Outcome handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const { return retry_.deadline(); }
  /// The session ends before it is up: no repeats any more.
  void stop() { retry_.stop(); }

  [[nodiscard]] const RakpExchange& exchange() const { return exchange_; }
  [[nodiscard]] wire::Privilege privilege() const { return credentials_.privilege; }

 private:
  void enter(HandshakeEvent event);
  [[nodiscard]] Result<> check_credentials() const;
  [[nodiscard]] Outcome open_again(TimePoint now);
  [[nodiscard]] Outcome open_session(TimePoint now);
  [[nodiscard]] Outcome on_refusal(Error error);
  [[nodiscard]] Outcome on_open_session_response(ByteView payload, TimePoint now);
  [[nodiscard]] Outcome on_rakp2(ByteView payload, TimePoint now);
  [[nodiscard]] Outcome on_rakp4(ByteView payload);
  [[nodiscard]] Result<SecureChannel> make_channel(ByteView integrity_check_value) const;
  [[nodiscard]] Bytes rakp3(wire::RakpStatus status, Bytes code);
  /// Sends a message and waits for its answer.
  [[nodiscard]] Outcome ask(wire::PayloadType type, const Bytes& payload, TimePoint now);
  [[nodiscard]] Bytes remember(wire::PayloadType type, const Bytes& payload);

  /// Refusals of one handshake message that end the attempt.
  static constexpr unsigned kRefusals = 3;
  /// How many times a session is opened again because the server has forgotten it.
  static constexpr unsigned kRestarts = 4;
  static constexpr int kCrowdedFactor = 2;  ///< to timeouts, when the server forgets sessions

  Credentials credentials_;
  RandomSource& random_;
  Retry retry_;
  HandshakeState state_ = HandshakeState::Idle;
  RakpExchange exchange_;
  std::uint8_t tag_ = 0;    ///< tag of the message that waits for its answer
  Bytes message_;           ///< that message as a datagram, for a repeat
  unsigned refusals_ = 0;   ///< refusals of that message
  bool forgotten_ = false;  ///< the server says that it does not know the session
  unsigned restarts_ = 0;
};

}  // namespace fwr::session
