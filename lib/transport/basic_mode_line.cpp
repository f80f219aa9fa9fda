// SPDX-License-Identifier: GPL-3.0-or-later
// Characters between a tty and a port.
#include "transport/basic_mode_line.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace fwr::transport {
namespace {

constexpr std::size_t kRead_bytes = 4096;  // as much as a tty keeps
// A tty that is full: nobody reads, or the line is slower than it says.
constexpr Duration kWriteRetry_first = std::chrono::milliseconds(5);  // doubling
constexpr Duration kWriteRetry_limit = std::chrono::milliseconds(200);

}  // namespace

BasicModeLine::BasicModeLine(SerialPort serial, const link::BasicModeSettings& settings)
    : device_(serial.device()),
      serial_settings_{.baud = settings.baud, .rs485 = false},
      serial_(std::move(serial)),
      number_(settings.line),
      port_(settings) {}

Endpoint::Fit BasicModeLine::fit(const Path& path) const {
  if (path.peer.family != AddressFamily::Serial) return Fit::None;
  return path.peer.scope == number_ ? Fit::Exact : Fit::Family;
}

Result<> BasicModeLine::receive(const Receive& take, TimePoint now) {
  if (!serial_) return fail(Errc::IoFailed, device_ + ": the line is gone");
  std::array<std::byte, kRead_bytes> room{};
  const auto heard = serial_->read(room);
  if (!heard) return lose(heard.error());
  if (!heard->empty()) port_.handle_characters(*heard, now);
  return settle(take, now);
}

std::size_t BasicModeLine::send(std::span<const Datagram> messages, TimePoint now) {
  const std::size_t count = std::min(messages.size(), room());
  // What the port refuses is lost and counted, as on any network.
  for (const Datagram& message : messages.first(count)) (void)port_.send(message, now);
  flush_port(now);
  return count;
}

std::size_t BasicModeLine::room() const {
  return unwritten_.empty() ? port_.room() : 0;
}

std::optional<TimePoint> BasicModeLine::deadline() const {
  if (lost_) return TimePoint{};  // at once: the loop is told
  if (!unwritten_.empty()) return retry_at_;
  return port_.deadline();
}

Result<> BasicModeLine::handle_timeout(const Receive& take, TimePoint now) {
  port_.handle_timeout(now);
  return settle(take, now);
}

Result<> BasicModeLine::reopen(TimePoint now) {
  (void)now;
  auto serial = SerialPort::open(device_, serial_settings_);
  if (!serial) return tl::unexpected(serial.error());
  serial_ = *std::move(serial);
  return {};
}

Result<> BasicModeLine::settle(const Receive& take, TimePoint now) {
  flush_port(now);
  while (const auto message = port_.poll_receive()) take(message->path, message->bytes);
  if (lost_) return lose(*std::exchange(lost_, std::nullopt));
  return {};
}

Result<> BasicModeLine::lose(Error error) {
  serial_.reset();
  unwritten_.clear();
  port_.reset();
  return tl::unexpected(std::move(error));
}

void BasicModeLine::flush_port(TimePoint now) {
  if (!serial_ || lost_) return;
  if (unwritten_.empty()) retry_wait_ = kWriteRetry_first;
  for (;;) {
    if (unwritten_.empty()) {
      auto output = port_.poll_output(now);
      if (!output) return;
      unwritten_ = *std::move(output);
    }
    const auto written = serial_->write(unwritten_);
    if (!written) {
      lost_ = written.error();
      return;
    }
    if (*written > 0) retry_wait_ = kWriteRetry_first;
    unwritten_.erase(unwritten_.begin(),
                     unwritten_.begin() + static_cast<std::ptrdiff_t>(*written));
    if (unwritten_.empty()) continue;
    retry_at_ = now + retry_wait_;
    retry_wait_ = std::min(retry_wait_ * 2, kWriteRetry_limit);
    return;
  }
}

}  // namespace fwr::transport
