// SPDX-License-Identifier: GPL-3.0-or-later
// Which logins and failed logins are worth a line of a log: all, until there are many. Sans-I/O.
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

/// Why a login failed, as far as the server sees it.
enum class LoginFailure : std::uint8_t {
  UnknownUser,
  Password,
  NoProof,  ///< RAKP 3 never came: many clients say nothing of a wrong password
  Kg,       ///< the password is right, but nothing came under the keys of the session
  Privilege,
  NoRoom,
  CipherSuite,  ///< before the address was proved
};

struct LoginEvent {
  enum class Kind : std::uint8_t { Opened, Failed, LeftOut };
  Kind kind = Kind::Opened;
  Path path;         ///< LeftOut: the source with the most failures, when those are known
  std::string user;  ///< as it was sent
  wire::Privilege privilege = wire::Privilege::User;  ///< Opened: what it may be; Failed: wanted
  CipherSuite suite = CipherSuite::Suite17;
  LoginFailure why = LoginFailure::Password;
  std::uint64_t logins = 0;     ///< LeftOut: that have no event of their own
  std::uint64_t failures = 0;   ///< LeftOut: the same
  std::uint64_t of_source = 0;  ///< LeftOut: failures of `path`, told and not
};

/// PROTOCOL §8.3. What is over a limit is counted, and told once when the window ends. The state is
/// the same whatever comes.
class LoginLog {
 public:
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr unsigned kFailuresOfSource = 5;  ///< source: source_prefix()
  static constexpr unsigned kFailuresInAll = 30;
  static constexpr unsigned kLoginsOfSource = 60;
  static constexpr unsigned kLoginsInAll = 600;
  static constexpr unsigned kUnproved = 5;     ///< from addresses that may be forged
  static constexpr std::size_t kSources = 64;  ///< that are counted apart
  static constexpr std::size_t kQueue = 256;   ///< events that nobody polled

  void opened(LoginEvent event, TimePoint now);
  void failed(LoginEvent event, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] std::optional<LoginEvent> poll();
  /// Tells now what was left out; a new window begins.
  void end_window();

 private:
  struct Counts {
    std::uint64_t logins = 0;
    std::uint64_t failures = 0;
  };
  void begin_window(TimePoint now);
  /// Of this source; nothing when too many others are counted.
  [[nodiscard]] Counts* counts_of(const Address& peer);
  void queue(LoginEvent event);

  std::optional<TimePoint> ends_;  ///< of the window; nothing: none has begun
  Counts told_;
  Counts left_out_;
  std::uint64_t unproved_ = 0;
  std::map<Address, Counts> sources_;
  std::deque<LoginEvent> events_;
};

}  // namespace fwr::session
