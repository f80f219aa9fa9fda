// SPDX-License-Identifier: GPL-3.0-or-later
// A tty as a raw line of characters: 8 data bits, no parity, one stop bit, no other program on it.
#pragma once

#include <span>
#include <string>
#include <utility>

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

  SerialPort(SerialPort&&) = default;
  SerialPort& operator=(SerialPort&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::move(other.fd_);
      device_ = std::move(other.device_);
      settings_ = other.settings_;
      driver_turns_ = other.driver_turns_;
      in_force_ = std::move(other.in_force_);
    }
    return *this;
  }
  SerialPort(const SerialPort&) = delete;
  SerialPort& operator=(const SerialPort&) = delete;
  ~SerialPort() { close(); }

  /// One that is not there yet: closed, for reopen().
  [[nodiscard]] static SerialPort closed(std::string device, const SerialSettings& settings) {
    return {UniqueFd(), std::move(device), settings};
  }

  /// Negative when it is closed: then nothing is read, and what is written is lost.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_open() const { return fd_.is_open(); }
  void close();
  /// The same device with the same settings. Errors: those of open().
  [[nodiscard]] Result<> reopen();
  [[nodiscard]] const std::string& device() const { return device_; }
  /// Whether the driver does RS-485. False on an adapter that turns its transmitter by itself, too.
  [[nodiscard]] bool driver_turns() const { return driver_turns_; }

  /// Sets the line again when another program has changed its settings: what keeps others out keeps
  /// out nobody who is root. True: it had.
  [[nodiscard]] bool set_again();

  /// What has arrived, at most the size of `room`; empty when nothing is waiting. Error: IoFailed,
  /// the line is gone.
  [[nodiscard]] Result<ByteView> read(std::span<std::byte> room);
  /// How many of them were taken. Error: IoFailed.
  [[nodiscard]] Result<std::size_t> write(ByteView characters);
  /// Drops what was written and has not left yet.
  void discard_output();

 private:
  SerialPort(UniqueFd fd, std::string device, const SerialSettings& settings)
      : fd_(std::move(fd)), device_(std::move(device)), settings_(settings) {}
  UniqueFd fd_;
  std::string device_;
  SerialSettings settings_;
  bool driver_turns_ = false;
  Bytes in_force_;  ///< the settings as the driver took them
};

}  // namespace fwr::transport
