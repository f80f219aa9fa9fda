// SPDX-License-Identifier: GPL-3.0-or-later
// Limits the logins and failed logins that become events for a log: all of them, until there are
// many. Sans-I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/types.hpp"
#include "session/suite.hpp"
#include "wire/ipmi.hpp"

namespace fwr::session {

/// The reason of a failed login, as far as the server sees it.
enum class LoginFailure : std::uint8_t {
  UnknownUser,
  Password,
  NoProof,  ///< RAKP 3 never came: many clients fall silent at a wrong password
  Kg,       ///< the password is right, but no packet came under the keys of the session
  Privilege,
  NoRoom,
  CipherSuite,  ///< before the address was proved
};

struct LoginEvent {
  enum class Kind : std::uint8_t { Opened, Failed, LeftOut };
  Kind kind = Kind::Opened;
  Path path;         ///< LeftOut: the source with the most failures, if it is known
  std::string user;  ///< as it was sent
  wire::Privilege privilege = wire::Privilege::User;  ///< Opened: the limit; Failed: the request
  CipherSuite suite = CipherSuite::Suite17;
  LoginFailure why = LoginFailure::Password;
  std::uint64_t logins = 0;     ///< LeftOut: logins without an event of their own
  std::uint64_t failures = 0;   ///< LeftOut: failures without an event of their own
  std::uint64_t of_source = 0;  ///< LeftOut: all failures of `path`
};

/// PROTOCOL §8.3. Events over a limit are counted, and the count is reported when the window ends.
/// The memory does not grow with the traffic.
class LoginLog {
 public:
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr unsigned kFailuresOfSource = 5;  ///< source: source_prefix()
  static constexpr unsigned kFailuresInAll = 30;
  static constexpr unsigned kLoginsOfSource = 60;
  static constexpr unsigned kLoginsInAll = 600;
  static constexpr unsigned kUnproved = 5;     ///< failures from addresses that may be forged
  static constexpr std::size_t kSources = 64;  ///< sources with counts of their own
  static constexpr std::size_t kQueue = 256;   ///< events that wait to be polled

  void opened(LoginEvent event, TimePoint now);
  void failed(LoginEvent event, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] std::optional<LoginEvent> poll();
  /// Reports the events that were left out now; a new window begins.
  void end_window();

 private:
  struct Counts {
    std::uint64_t logins = 0;
    std::uint64_t failures = 0;
  };
  void begin_window(TimePoint now);
  /// The counts of this source; null when too many others are counted.
  [[nodiscard]] Counts* counts_of(const Address& peer);
  void queue(LoginEvent event);

  std::optional<TimePoint> ends_;  ///< end of the window; unset: no window has begun
  Counts logged_;
  Counts left_out_;
  std::uint64_t unproved_ = 0;
  std::map<Address, Counts> sources_;
  std::deque<LoginEvent> events_;
};

}  // namespace fwr::session
