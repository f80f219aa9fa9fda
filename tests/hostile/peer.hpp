// SPDX-License-Identifier: GPL-3.0-or-later
// A UDP socket of another host, on a loopback address of its own. Every reply that is not protected
// by a session is held against the size rule of PROTOCOL §2.1.
#pragma once

#include <netinet/in.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"

namespace fwr::hostile {

using namespace std::chrono_literals;

/// An IPv4 address in host order.
struct Host {
  std::uint32_t ip = 0;
};
/// The next unused loopback address: each is another source for the donor.
[[nodiscard]] Host fresh_host();

[[nodiscard]] sockaddr_in to_sockaddr(Host host, std::uint16_t port);

class Peer {
 public:
  /// The donor's port on 127.0.0.1. Port 0 of our own: any.
  explicit Peer(std::uint16_t donor_port, Host host = fresh_host(), std::uint16_t own_port = 0);

  /// Waits, when needed, so that the donor's limits (PROTOCOL §8.4) never explain a silence.
  void send(ByteView datagram);
  /// At once, whatever the limits are.
  void flood(ByteView datagram);
  /// The next datagram, or nothing within the patience. Fails the test when it is too large.
  [[nodiscard]] std::optional<Bytes> receive(std::chrono::milliseconds patience = 2000ms);
  /// All that has come by now.
  [[nodiscard]] std::vector<Bytes> drain();

  [[nodiscard]] Host host() const { return host_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  void check_size(ByteView reply) const;

  UniqueFd fd_;
  Host host_;
  std::uint16_t port_ = 0;
  std::uint16_t donor_port_;
  std::size_t largest_sent_ = 0;  ///< since the last time that nothing was waiting
  unsigned unauthenticated_ = 0;  ///< datagrams that the donor may count against this source
};

/// After a flood the donor's budget is empty: from now on senders pace themselves by what it
/// regains.
void note_empty_budget();

/// How much larger than its request this reply may be; 1 for everything of our own.
[[nodiscard]] std::size_t allowed_factor(ByteView reply);
[[nodiscard]] bool is_protected(ByteView datagram);

}  // namespace fwr::hostile
