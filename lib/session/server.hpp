// SPDX-License-Identifier: GPL-3.0-or-later
// The RMCP+ server: sessions, standard commands, and what may be said without a session.
// Sans-I/O: datagrams and `now` in; datagrams and the next deadline out. PROTOCOL §2, §8.3, §8.4.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/link_properties.hpp"
#include "base/types.hpp"
#include "session/login_log.hpp"
#include "wire/ipmi.hpp"
#include "wire/rakp.hpp"

namespace fwr::session {

/// One account of a donor. A name has at most 16 bytes, a password 1 to 20.
struct Account {
  std::string name;
  Secret password;
  wire::Privilege limit = wire::Privilege::User;
};

/// What Get Device ID, Get Self Test Results and Get System GUID answer (IPMI v2.0 §20).
struct DeviceIdentity {
  Guid guid{};
  std::uint8_t device_id = 0;
  std::uint8_t device_revision = 0;
  std::uint8_t firmware_major = 0;
  std::uint8_t firmware_minor = 0;
  std::uint32_t manufacturer_id = 0;
  std::uint16_t product_id = 0;
};

/// PROTOCOL §8.3, §8.4.
struct ServerLimits {
  std::size_t active_sessions = 64;
  std::size_t half_open_sessions = 256;
  std::size_t half_open_per_source = 32;
  std::chrono::seconds setup{10};
  std::chrono::seconds idle{60};
  unsigned replies_per_source_per_s = 100;
  unsigned replies_burst = 200;
  unsigned replies_per_s = 1000;
  unsigned small_replies_per_s = 10000;    ///< no larger than what they answer
  unsigned proved_of_prefix_per_s = 1000;  ///< steps of handshakes from addresses that are real
  std::size_t sources = 1024;
  std::size_t reply_queue =
      256;  ///< datagrams for one link; further ones are dropped, as a network would
};

struct ServerConfig {
  std::vector<Account> accounts;
  std::optional<Secret> kg;  ///< BMC key, 20 bytes
  bool allow_suite3 = false;
  /// In a session the application answers whatever the server does not, also commands that are not
  /// OEM commands, and Get Channel Info for channels beside the server's.
  bool forward_all = false;
  DeviceIdentity identity;
  ServerLimits limits;
};

/// Numbers of peers on links without sessions have this bit, numbers of sessions do not: behind one
/// application they never meet.
inline constexpr std::uint32_t kPlainSession = 0x80000000;

/// Who asks. `user` is empty and `session` 0 without a session. On a link without sessions a peer
/// that may be served has a number of its own in their place (PROTOCOL §11.6).
struct Requester {
  Path path;
  std::uint32_t session = 0;
  std::string user;
  wire::Privilege privilege = wire::Privilege::User;
  LinkId link = kLanLink;  ///< over which it was asked
  LinkProperties properties;
  [[nodiscard]] bool authenticated() const { return session != 0; }
};

/// The donor behind the server. Called only from inside the server's own calls, with valid views.
class Application {
 public:
  virtual ~Application() = default;

  /// A command that the server does not answer itself. nullopt: stay silent (only honoured without
  /// a session). Without a session the server drops an answer larger than the request (PROTOCOL
  /// §2.1).
  virtual std::optional<wire::IpmiResponse> handle_command(const Requester& from,
                                                           const wire::IpmiRequest& request,
                                                           TimePoint now) = 0;
  /// An OEM explicit payload of our IANA number and payload id (PROTOCOL §6.1), from an active
  /// session.
  virtual void handle_payload(const Requester& from, ByteView payload, TimePoint now) = 0;

  struct Outgoing {
    std::uint32_t session = 0;
    Bytes payload;
  };
  /// The next stream payload to send to a session behind this link, when there is one: pulled only
  /// when the link has room for it.
  virtual std::optional<Outgoing> next_payload(TimePoint now, LinkId link) = 0;

  virtual void session_closed(std::uint32_t session, TimePoint now) = 0;
};

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

  struct Counters {
    std::uint64_t datagrams = 0, dropped = 0, sessions_opened = 0, authentication_failures = 0,
                  rate_limited = 0;
  };
  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] std::size_t active_sessions() const;
  [[nodiscard]] std::size_t half_open_sessions() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::session
