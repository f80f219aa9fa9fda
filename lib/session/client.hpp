// SPDX-License-Identifier: GPL-3.0-or-later
// The RMCP+ client: opens a session, sends commands one after the other, carries stream payloads.
// Sans-I/O: datagrams and `now` in; datagrams, events and the next deadline out. PROTOCOL §2.2,
// §8.1.
#pragma once

#include <cstdint>
#include <memory>
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
};

/// The session is up; the peer's System GUID from RAKP 2.
struct SessionUp {
  Guid peer{};
};
/// Answer to the command with this ticket.
struct CommandDone {
  std::uint32_t ticket = 0;
  wire::IpmiResponse response;
};
/// A verified OEM explicit payload with our IANA number and payload id.
struct PayloadArrived {
  Bytes payload;
};
/// The session could not be opened, or is gone. Nothing follows. Error: AuthenticationFailed,
/// NoCommonCipherSuite, PrivilegeTooLow, SessionLimit, NoResponse, SessionLost.
struct SessionDown {
  Error error;
};
using ClientEvent = std::variant<SessionUp, CommandDone, PayloadArrived, SessionDown>;

class Client {
 public:
  /// `random` must outlive the client. Nothing is sent before start().
  Client(Credentials credentials, std::uint32_t iana, ClientTimers timers, RandomSource& random);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  void start(TimePoint now);
  /// Queues a command, at most kCommandQueue; they go one at a time, in order. Ticket to match
  /// CommandDone.
  [[nodiscard]] Result<std::uint32_t> submit(wire::IpmiRequest request, TimePoint now);
  /// Queues a stream payload. Error: SessionLost before SessionUp or after the end; LimitExceeded.
  [[nodiscard]] Result<> send_payload(ByteView payload);
  /// The caller got from the peer what it waits for most: a command without an answer is repeated,
  /// and does not end the session yet.
  void note_alive();
  /// Close Session, sent once, best effort; then SessionDown(Interrupted) and silence.
  void close(TimePoint now);

  void handle_datagram(ByteView datagram, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Bytes> poll_transmit();
  [[nodiscard]] std::optional<ClientEvent> poll_event();
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] bool up() const;

  static constexpr std::size_t kCommandQueue = 32;
  static constexpr std::size_t kPayloadQueue = 256;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::session
