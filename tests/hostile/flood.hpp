// SPDX-License-Identifier: GPL-3.0-or-later
// Many datagrams from many hosts, at a given rate, while something else goes on.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace fwr::hostile {

/// So many sockets, each on an address of its own.
[[nodiscard]] std::vector<std::unique_ptr<Peer>> many_peers(std::uint16_t donor_port,
                                                            std::size_t count);

class Flood {
 public:
  /// As fast as this machine can.
  static constexpr unsigned kUnlimited = 0;
  /// Calls `send` with 0, 1, 2, ... until the object goes.
  Flood(unsigned per_second, std::function<void(unsigned)> send);
  ~Flood() { stop(); }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  void stop();
  [[nodiscard]] unsigned sent() const { return sent_; }

 private:
  void run(unsigned per_second);

  std::function<void(unsigned)> send_;
  std::atomic<bool> stops_ = false;
  std::atomic<unsigned> sent_ = 0;
  std::thread thread_;
};

}  // namespace fwr::hostile
