// SPDX-License-Identifier: GPL-3.0-or-later
// Datagrams with any loopback address and port as their source. Needs raw sockets, so root.
#pragma once

#include "peer.hpp"

namespace fwr::hostile {

class Forger {
 public:
  explicit Forger(std::uint16_t donor_port);

  [[nodiscard]] bool may() const { return fd_.is_open(); }
  /// To `port` of 127.0.0.1, the donor's when it is 0. What the kernel does not take is lost.
  void send(Host source, std::uint16_t source_port, ByteView datagram,
            std::uint16_t port = 0) const;

 private:
  UniqueFd fd_;
  std::uint16_t donor_port_;
};

}  // namespace fwr::hostile
