// SPDX-License-Identifier: GPL-3.0-or-later
// Looking at donors and other BMCs from outside. No configuration is needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fwrecover/event.hpp"

namespace fwrecover {

/// Hosts are names, addresses or ranges: "10.0.0.7", "bmc[1-8]", "lan:[fe80::1%eth0]:623".
struct DiagOptions {
  std::vector<std::string> hosts;       ///< empty where broadcast makes sense: broadcast
  std::vector<std::string> interfaces;  ///< for broadcast; empty: all that are up
  std::uint32_t count = 1;              ///< pings of each host
  std::int64_t wait_ms = 1000;          ///< for answers
  // what discover() says that it is; fwrecover.toml(5) [system]
  std::uint32_t manufacturer = 0;
  std::uint16_t product = 0;
  std::uint8_t device = 0;
  std::uint8_t revision = 0;
  std::string component = "bmc";
  // donor(), images(): an account of the donor
  std::string user;
  std::string password_file;  ///< empty: environment FWRECOVER_PASSWORD
  std::string kg_file;
  int cipher_suite = 17;
};

/// ASF presence ping, with round-trip times. Events: "pong", "silent".
FWR_API Conclusion ping(const DiagOptions& options, Observer& observer);
/// Request Firmware, without policy and acceptance. Events: "offer", "declined", "silent".
FWR_API Conclusion discover(const DiagOptions& options, Observer& observer);
/// Get Recovery Capabilities without a session. Events: "capabilities".
FWR_API Conclusion capabilities(const DiagOptions& options, Observer& observer);
/// Opens a session through libfreeipmi and asks for capabilities and status. Events:
/// "capabilities", "donor-status".
FWR_API Conclusion donor(const DiagOptions& options, Observer& observer);
/// Everything that a donor has, in a session, when `user` is given: "image", one each. Otherwise
/// what it would offer to one system, without a session: "offer", one each.
FWR_API Conclusion images(const DiagOptions& options, Observer& observer);

}  // namespace fwrecover
