// SPDX-License-Identifier: GPL-3.0-or-later
// A node of an ICMB bus on a tty, in the loop.
#pragma once

#include <functional>

#include "link/icmb_port.hpp"
#include "transport/tty_endpoint.hpp"

namespace fwr::transport {

class IcmbLine final : public TtyEndpoint {
 public:
  using Observer = std::function<void(const link::IcmbEvent& event, TimePoint now)>;

  /// `observer` may be empty.
  IcmbLine(SerialPort serial, link::IcmbSettings settings, RandomSource& random, TimePoint now,
           Observer observer);

  /// With the message size that is best for this peer now.
  [[nodiscard]] LinkProperties properties(const Path& path) const override {
    return port_.properties(path.peer);
  }
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint now) override;
  /// Enough to fill a burst: what waits here cannot be taken back, or be overtaken.
  [[nodiscard]] std::size_t room() const override;
  [[nodiscard]] bool has_unsent() const override { return port_.has_unsent(); }

  [[nodiscard]] link::IcmbPort& port() { return port_; }
  [[nodiscard]] const link::IcmbPort& port() const { return port_; }

 private:
  void hear(ByteView characters, TimePoint now) override {
    port_.handle_characters(characters, now);
  }
  void handle_port_timeout(TimePoint now) override { port_.handle_timeout(now); }
  [[nodiscard]] std::optional<TimePoint> port_deadline() const override { return port_.deadline(); }
  [[nodiscard]] std::optional<link::LineOutput> poll_output(TimePoint now) override {
    return port_.poll_output(now);
  }
  void hand_up(const Receive& take, TimePoint now) override;

  link::IcmbPort port_;
  Observer observer_;
};

}  // namespace fwr::transport
