// SPDX-License-Identifier: GPL-3.0-or-later
// Many names to addresses, in a bounded time whatever the name servers do.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "transport/hosts.hpp"
#include "transport/worker.hpp"

namespace fwr::transport {

inline constexpr std::chrono::seconds kResolve_limit = Patience::kUsual;  ///< all names together
inline constexpr std::size_t kLookupThreads = 16;  ///< names that are looked up at one time

/// How one name is looked up. It may block, and runs on a detached thread: it has to own what it
/// uses.
using Lookup = std::function<Result<std::vector<Address>>(const std::string& host)>;

/// The answers, in the order of the hosts; NameLookupFailed for those that came to none in time.
/// Errors: Interrupted.
[[nodiscard]] Result<std::vector<Result<std::vector<Address>>>> look_up_all(
    std::span<const std::string> hosts, const Lookup& lookup, const Patience& patience);

/// look_up_all() by resolve(). Addresses in digits need no thread and always come to an answer.
[[nodiscard]] Result<std::vector<Result<std::vector<Address>>>> resolve_all(
    std::span<const std::string> hosts, std::uint16_t default_port, const Patience& patience);

}  // namespace fwr::transport
