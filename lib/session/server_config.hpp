// SPDX-License-Identifier: GPL-3.0-or-later
// The configuration of the RMCP+ server: accounts, keys, limits. PROTOCOL §8.3, §8.4.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.hpp"
#include "session/application.hpp"
#include "session/source_limiter.hpp"
#include "wire/rakp.hpp"

namespace fwr::session {

/// One account of a donor. A name has at most 16 bytes, a password 1 to 20.
struct Account {
  std::string name;
  Secret password;
  wire::Privilege limit = wire::Privilege::User;
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
  unsigned small_replies_per_s = 10000;    ///< replies that are no larger than their requests
  unsigned proved_of_prefix_per_s = 1000;  ///< handshake steps from addresses that are not forged
  std::size_t sources = 1024;
  /// Datagrams that wait for one link; further ones are dropped, as a network would.
  std::size_t reply_queue = 256;

  /// So many replies per second to all sources together, and the usual share for each one.
  [[nodiscard]] SourceLimiter::Limits of_sources(unsigned per_s) const {
    return {.per_source_per_s = replies_per_source_per_s,
            .burst = replies_burst,
            .per_s = per_s,
            .sources = sources};
  }
};

struct ServerConfig {
  std::vector<Account> accounts;
  std::optional<Secret> kg;  ///< BMC key, 20 bytes
  bool allow_suite3 = false;
  /// In a session the application answers every command that the server does not, including
  /// commands that are not OEM commands, and Get Channel Info for channels beside the server's.
  bool forward_all = false;
  DeviceIdentity identity;
  ServerLimits limits;

  /// Null when no account has this name.
  [[nodiscard]] const Account* find_account(std::string_view name) const {
    const auto found = std::find_if(accounts.begin(), accounts.end(),
                                    [&](const Account& account) { return account.name == name; });
    return found == accounts.end() ? nullptr : &*found;
  }
};

}  // namespace fwr::session
