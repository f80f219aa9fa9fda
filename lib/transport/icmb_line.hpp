// SPDX-License-Identifier: GPL-3.0-or-later
// A node of an ICMB bus on a tty, in the loop.
#pragma once

#include <functional>

#include "link/icmb_port.hpp"
#include "transport/endpoint.hpp"
#include "transport/serial_port.hpp"

namespace fwr::transport {

class IcmbLine final : public Endpoint {
 public:
  using Observer = std::function<void(const link::IcmbEvent& event, TimePoint now)>;

  /// `observer` may be empty.
  IcmbLine(SerialPort serial, link::IcmbSettings settings, RandomSource& random, TimePoint now,
           Observer observer);

  [[nodiscard]] int descriptor() const override { return serial_.fd(); }
  [[nodiscard]] Fit fit(const Path& path) const override;
  /// With the message size that is best for this peer now.
  [[nodiscard]] LinkProperties properties(const Path& path) const override;
  [[nodiscard]] Result<> receive(const Receive& take, TimePoint now) override;
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint now) override;
  /// Enough to fill a burst: what waits here cannot be taken back, or be overtaken.
  [[nodiscard]] std::size_t room() const override;
  [[nodiscard]] bool has_unsent() const override { return port_.has_unsent(); }
  /// An adapter that was pulled: to the bus it is a cut, and a tty of its name may come back.
  void handle_down() override { serial_.close(); }
  [[nodiscard]] bool can_reopen() const override { return true; }
  [[nodiscard]] Result<> reopen(TimePoint now) override;
  [[nodiscard]] std::optional<TimePoint> deadline() const override;
  [[nodiscard]] Result<> handle_timeout(const Receive& take, TimePoint now) override;

  [[nodiscard]] link::IcmbPort& port() { return port_; }
  [[nodiscard]] const link::IcmbPort& port() const { return port_; }

 private:
  [[nodiscard]] Result<> settle(const Receive& take, TimePoint now);
  void flush_port(TimePoint now);
  /// What an error of the tty means: it is told once.
  void lose(const Error& error);

  SerialPort serial_;
  std::uint32_t number_;
  link::IcmbPort port_;
  Observer observer_;
  Bytes unwritten_;  ///< what the tty did not take: less than the port keeps ahead
  TimePoint retry_at_{};
  std::optional<Error> lost_;
};

}  // namespace fwr::transport
