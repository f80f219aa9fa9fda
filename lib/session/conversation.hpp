// SPDX-License-Identifier: GPL-3.0-or-later
// A client's conversation with one peer, in a session or without: commands one after the other,
// payloads of the image stream, events. Sans-I/O: datagrams and `now` in; datagrams, events and the
// next deadline out.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/types.hpp"
#include "session/suite.hpp"
#include "wire/ipmi.hpp"
#include "wire/rakp.hpp"

namespace fwr::session {

struct Credentials {
  std::string user;
  Secret password;
  std::optional<Secret> kg;
  CipherSuite suite = CipherSuite::Suite17;
  wire::Privilege privilege = wire::Privilege::User;
};

struct ClientTimers {
  /// Doubles for each try. Each is up to a quarter shorter or longer.
  std::chrono::milliseconds first_timeout{1000};
  unsigned tries = 4;
  /// How many times the wait for the first answer may double, on links without sessions.
  unsigned greeting_doublings = 16;
};

/// The session is up, or a peer without sessions has answered; its System GUID.
struct SessionUp {
  Guid peer{};
};
/// Answer to the command with this ticket.
struct CommandDone {
  std::uint32_t ticket = 0;
  wire::IpmiResponse response;
};
/// A message of the image stream, verified if it came in a session.
struct PayloadArrived {
  Bytes payload;
};
/// The session could not be opened, or is gone, or the peer is silent. The last event. Error:
/// AuthenticationFailed, NoCommonCipherSuite, PrivilegeTooLow, SessionLimit, NoResponse,
/// SessionLost.
struct SessionDown {
  Error error;
};
using ClientEvent = std::variant<SessionUp, CommandDone, PayloadArrived, SessionDown>;

class Conversation {
 public:
  static constexpr std::size_t kCommandQueue = 32;
  static constexpr std::size_t kPayloadQueue = 256;

  virtual ~Conversation() = default;

  /// Nothing is sent before this call.
  virtual void start(TimePoint now) = 0;
  /// Queues a command, at most kCommandQueue; they go one at a time, in order. Ticket to match
  /// CommandDone. Errors: SessionLost, LimitExceeded.
  [[nodiscard]] virtual Result<std::uint32_t> submit(wire::IpmiRequest request, TimePoint now) = 0;
  /// Queues a stream payload. Error: SessionLost before SessionUp or after the end; LimitExceeded.
  [[nodiscard]] virtual Result<> send_payload(ByteView payload) = 0;
  /// The caller knows that the peer is alive, because image data arrived: a command without an
  /// answer is repeated once more and does not end the conversation yet.
  virtual void note_alive() = 0;
  /// The answers to earlier commands do not matter any more: the next command goes at once.
  virtual void forget_commands() = 0;
  /// Sends the closing message of the medium if it has one, reports SessionDown(Interrupted), and
  /// is silent from then on.
  virtual void close(TimePoint now) = 0;

  virtual void handle_datagram(ByteView datagram, TimePoint now) = 0;
  virtual void handle_timeout(TimePoint now) = 0;
  [[nodiscard]] virtual std::optional<Bytes> poll_transmit() = 0;
  [[nodiscard]] virtual std::optional<ClientEvent> poll_event() = 0;
  [[nodiscard]] virtual std::optional<TimePoint> deadline() const = 0;
  [[nodiscard]] virtual bool up() const = 0;

 protected:
  Conversation() = default;
  Conversation(const Conversation&) = default;
  Conversation& operator=(const Conversation&) = default;
  Conversation(Conversation&&) = default;
  Conversation& operator=(Conversation&&) = default;
};

}  // namespace fwr::session
