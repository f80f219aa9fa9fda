// SPDX-License-Identifier: GPL-3.0-or-later
// One end of a serial cable with IPMI Basic Mode, in the loop.
#pragma once

#include "link/basic_mode_port.hpp"
#include "transport/tty_endpoint.hpp"

namespace fwr::transport {

class BasicModeLine final : public TtyEndpoint {
 public:
  BasicModeLine(SerialPort serial, const link::BasicModeSettings& settings)
      : TtyEndpoint(std::move(serial), AddressFamily::Serial, settings.line), port_(settings) {}

  [[nodiscard]] LinkProperties properties(const Path&) const override { return port_.properties(); }
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint now) override;
  [[nodiscard]] std::size_t room() const override { return is_blocked() ? 0 : port_.room(); }
  [[nodiscard]] bool has_unsent() const override { return is_blocked() || port_.waiting() > 0; }
  /// A tty that comes with a connection, as those of RFCOMM, is wanted before its client gives up.
  [[nodiscard]] Duration longest_reopening() const override { return std::chrono::seconds(2); }

  [[nodiscard]] const link::BasicModePort& port() const { return port_; }

 private:
  void hear(ByteView characters, TimePoint now) override {
    port_.handle_characters(characters, now);
  }
  void handle_port_timeout(TimePoint now) override { port_.handle_timeout(now); }
  [[nodiscard]] std::optional<TimePoint> port_deadline() const override { return port_.deadline(); }
  /// One message after the other: the port paces them, and a blocked tty holds all of them up.
  [[nodiscard]] std::optional<link::LineOutput> poll_output(TimePoint now) override;
  void hand_up(const Receive& take, TimePoint now) override;
  void forget() override { port_.reset(); }

  link::BasicModePort port_;
};

}  // namespace fwr::transport
