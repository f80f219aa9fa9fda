// SPDX-License-Identifier: GPL-3.0-or-later
// Datagrams that did not reach their peer, as far as the system or the network reported it.
#pragma once

#include <string>

#include "base/address.hpp"

namespace fwr::transport {

/// Information for people and nothing else: a host that guesses the port can forge an ICMP message,
/// so no machine may end anything because of it.
struct Undelivered {
  /// What the ICMP message says that its errno does not.
  enum class Icmp { Other, Forbidden, GoesRound, NoNeighbour };

  Path path;         ///< where the datagram went
  int error = 0;     ///< errno
  Address reporter;  ///< the system that sent the ICMP message; family None: this system
  Icmp icmp = Icmp::Other;
};

/// "port 623 refused: fwdonord does not run there, or its firewall refuses", "Network is
/// unreachable: no route of this system leads there", "No route to host, reported by lan:10.0.0.1".
[[nodiscard]] std::string describe(const Undelivered& undelivered);
/// "ENETUNREACH"; "errno 123" for one without a name here.
[[nodiscard]] std::string name_of_errno(int error);

}  // namespace fwr::transport
