// SPDX-License-Identifier: GPL-3.0-or-later
// One end of a serial cable with IPMI Basic Mode, in the loop.
#pragma once

#include <optional>
#include <string>

#include "link/basic_mode_port.hpp"
#include "transport/endpoint.hpp"
#include "transport/serial_port.hpp"

namespace fwr::transport {

class BasicModeLine final : public Endpoint {
 public:
  BasicModeLine(SerialPort serial, const link::BasicModeSettings& settings);

  [[nodiscard]] int descriptor() const override { return serial_.fd(); }
  [[nodiscard]] Fit fit(const Path& path) const override;
  [[nodiscard]] LinkProperties properties(const Path&) const override { return port_.properties(); }
  [[nodiscard]] Result<> receive(const Receive& take, TimePoint now) override;
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint now) override;
  [[nodiscard]] std::size_t room() const override;
  [[nodiscard]] bool has_unsent() const override {
    return !unwritten_.empty() || port_.waiting() > 0;
  }
  [[nodiscard]] std::optional<TimePoint> deadline() const override;
  [[nodiscard]] Result<> handle_timeout(const Receive& take, TimePoint now) override;
  void handle_down() override { serial_.close(); }
  /// A USB adapter may have been pulled, and be back.
  [[nodiscard]] bool can_reopen() const override { return true; }
  [[nodiscard]] Result<> reopen(TimePoint now) override;
  /// A tty that comes with a connection, as those of RFCOMM, is wanted before its client gives up.
  [[nodiscard]] Duration longest_reopening() const override { return std::chrono::seconds(2); }

  [[nodiscard]] const link::BasicModePort& port() const { return port_; }
  [[nodiscard]] const std::string& device() const { return serial_.device(); }

 private:
  [[nodiscard]] Result<> settle(const Receive& take, TimePoint now);
  void flush_port(TimePoint now);
  /// What an error of the tty means: it is told once.
  void lose(const Error& error);

  SerialPort serial_;
  std::uint32_t number_;
  link::BasicModePort port_;
  Bytes unwritten_;  ///< what the tty did not take: no more than one message
  TimePoint retry_at_{};
  Duration retry_wait_{};
  std::optional<Error> lost_;
};

}  // namespace fwr::transport
