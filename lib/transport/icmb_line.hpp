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
  [[nodiscard]] LinkProperties properties(const Path&) const override { return port_.properties(); }
  [[nodiscard]] Result<> receive(const Receive& take, TimePoint now) override;
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint now) override;
  [[nodiscard]] std::optional<TimePoint> deadline() const override;
  [[nodiscard]] Result<> handle_timeout(const Receive& take, TimePoint now) override;

  [[nodiscard]] link::IcmbPort& port() { return port_; }
  [[nodiscard]] const SerialPort& serial() const { return serial_; }

 private:
  [[nodiscard]] Result<> settle(const Receive& take, TimePoint now);
  void flush_port(TimePoint now);

  SerialPort serial_;
  std::uint32_t number_;
  link::IcmbPort port_;
  Observer observer_;
  Bytes unwritten_;  ///< what the tty did not take: less than the port keeps ahead
  TimePoint retry_at_{};
  std::optional<Error> lost_;
};

}  // namespace fwr::transport
