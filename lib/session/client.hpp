// SPDX-License-Identifier: GPL-3.0-or-later
// The RMCP+ client: opens a session, sends commands one after the other, carries stream payloads.
// Sans-I/O: datagrams and `now` in; datagrams, events and the next deadline out. PROTOCOL §2.2,
// §8.1.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/types.hpp"
#include "session/conversation.hpp"
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

class Client final : public Conversation {
 public:
  /// `random` must outlive the client. Nothing is sent before start().
  Client(Credentials credentials, std::uint32_t iana, ClientTimers timers, RandomSource& random);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  void start(TimePoint now) override;
  [[nodiscard]] Result<std::uint32_t> submit(wire::IpmiRequest request, TimePoint now) override;
  [[nodiscard]] Result<> send_payload(ByteView payload) override;
  void note_alive() override;
  void forget_commands() override;
  /// Close Session, sent once, best effort; then SessionDown(Interrupted) and silence.
  void close(TimePoint now) override;

  void handle_datagram(ByteView datagram, TimePoint now) override;
  void handle_timeout(TimePoint now) override;
  [[nodiscard]] std::optional<Bytes> poll_transmit() override;
  [[nodiscard]] std::optional<ClientEvent> poll_event() override;
  [[nodiscard]] std::optional<TimePoint> deadline() const override;
  [[nodiscard]] bool up() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::session
