// SPDX-License-Identifier: GPL-3.0-or-later
// A tty between the loop and a port that makes messages of its characters: what lines of all kinds
// have in common.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "link/icmb_talker.hpp"
#include "transport/endpoint.hpp"
#include "transport/serial_port.hpp"

namespace fwr::transport {

class TtyEndpoint : public Endpoint {
 public:
  [[nodiscard]] int descriptor() const final { return serial_.fd(); }
  [[nodiscard]] Fit fit(const Path& path) const final;
  [[nodiscard]] Result<> receive(const Receive& take, TimePoint now) final;
  [[nodiscard]] std::optional<TimePoint> deadline() const final;
  [[nodiscard]] Result<> handle_timeout(const Receive& take, TimePoint now) final;
  /// An adapter that was pulled: a tty of its name may come back.
  void handle_down() final { serial_.close(); }
  [[nodiscard]] bool can_reopen() const final { return true; }
  [[nodiscard]] Result<> reopen(TimePoint now) final;

  /// Called when another program had changed the settings of the tty, and they are set again.
  using SetAgain = std::function<void(TimePoint now)>;
  void when_set_again(SetAgain tell) { set_again_ = std::move(tell); }

 protected:
  /// `line` is the scope of the addresses behind it.
  TtyEndpoint(SerialPort serial, AddressFamily family, std::uint32_t line)
      : serial_(std::move(serial)), family_(family), line_(line) {}

  /// Writes what the port has to say.
  void flush(TimePoint now);
  /// The tty did not take all of it.
  [[nodiscard]] bool is_blocked() const { return !unwritten_.empty(); }

 private:
  // The port.
  virtual void hear(ByteView characters, TimePoint now) = 0;
  virtual void handle_port_timeout(TimePoint now) = 0;
  [[nodiscard]] virtual std::optional<TimePoint> port_deadline() const = 0;
  [[nodiscard]] virtual std::optional<link::LineOutput> poll_output(TimePoint now) = 0;
  virtual void hand_up(const Receive& take, TimePoint now) = 0;
  /// The tty is gone, and what was under way with it.
  virtual void forget() {}

  /// At the settings, not more often than is of use.
  void look_at_settings(Duration not_within, TimePoint now);
  [[nodiscard]] Result<> settle(const Receive& take, TimePoint now);
  void lose(const Error& error);

  SerialPort serial_;
  AddressFamily family_;
  std::uint32_t line_;
  Bytes unwritten_;  ///< what the tty did not take: bounded by what the port lets go ahead
  TimePoint retry_at_{};
  Duration retry_wait_{};
  std::optional<Error> lost_;  ///< until the loop has taken it
  SetAgain set_again_;
  TimePoint looked_{};  ///< at the settings of the tty
};

}  // namespace fwr::transport
