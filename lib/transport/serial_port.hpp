// SPDX-License-Identifier: GPL-3.0-or-later
// A tty as a raw line of characters: 8 data bits, no parity, one stop bit, nobody else on it.
#pragma once

#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/unique_fd.hpp"

namespace fwr::transport {

struct SerialSettings {
  std::uint32_t baud = 19200;
  bool rs485 = false;  ///< let the driver turn the transmitter on and off, where it can
};

class SerialPort {
 public:
  /// Errors: BadUsage (a rate that ttys do not know), NotFound, NoPermission, AddressUnavailable
  /// (another program has it), IoFailed (no tty).
  [[nodiscard]] static Result<SerialPort> open(const std::string& device,
                                               const SerialSettings& settings);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& device() const { return device_; }
  /// Whether the driver does RS-485. False on an adapter that turns its transmitter by itself, too.
  [[nodiscard]] bool driver_turns() const { return driver_turns_; }

  /// What has arrived, at most the size of `room`; empty when nothing is waiting. Error: IoFailed,
  /// the line is gone.
  [[nodiscard]] Result<ByteView> read(std::span<std::byte> room);
  /// How many of them were taken. Error: IoFailed.
  [[nodiscard]] Result<std::size_t> write(ByteView characters);
  /// Drops what was written and has not left yet.
  void discard_output();

 private:
  SerialPort(UniqueFd fd, std::string device) : fd_(std::move(fd)), device_(std::move(device)) {}
  UniqueFd fd_;
  std::string device_;
  bool driver_turns_ = false;
};

}  // namespace fwr::transport
