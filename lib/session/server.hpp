// SPDX-License-Identifier: GPL-3.0-or-later
// The RMCP+ server: sessions, standard commands, and what may be said without a session.
// Sans-I/O: datagrams and `now` in; datagrams and the next deadline out. PROTOCOL §2, §8.3, §8.4.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/address.hpp"
#include "base/types.hpp"
#include "session/application.hpp"
#include "session/login_log.hpp"
#include "session/server_config.hpp"

namespace fwr::session {

class Server {
 public:
  /// `application` and `random` must outlive the server. `iana` is the OEM payload's enterprise
  /// number.
  Server(ServerConfig config, std::uint32_t iana, Application& application, RandomSource& random);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void handle_datagram(const Path& path, ByteView datagram, TimePoint now, LinkId link = kLanLink);
  void handle_timeout(TimePoint now);
  /// For this link: queued replies first, then stream payloads of the application.
  [[nodiscard]] std::optional<Datagram> poll_transmit(TimePoint now, LinkId link = kLanLink);
  /// When handle_timeout() wants to be called.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  /// Logins and failed ones, for a log.
  [[nodiscard]] std::optional<LoginEvent> poll_login();
  /// The number of those that had no event comes now, not when its time is over.
  void count_logins();

  /// Closes every session (the daemon stops).
  void close_all(TimePoint now);
  /// New accounts and keys; sessions of users that are gone or changed are closed.
  void reconfigure(ServerConfig config, TimePoint now);

  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] std::size_t active_sessions() const;
  [[nodiscard]] std::size_t half_open_sessions() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::session
