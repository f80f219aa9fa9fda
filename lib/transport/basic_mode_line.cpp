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
    : serial_(std::move(serial)), number_(settings.line), port_(settings) {}

Endpoint::Fit BasicModeLine::fit(const Path& path) const {
  if (path.peer.family != AddressFamily::Serial) return Fit::None;
  return path.peer.scope == number_ ? Fit::Exact : Fit::Family;
}

Result<> BasicModeLine::receive(const Receive& take, TimePoint now) {
  std::array<std::byte, kRead_bytes> room{};
  const auto heard = serial_.read(room);
  if (!heard) {
    lose(heard.error());
  } else if (!heard->empty()) {
    port_.handle_characters(*heard, now);
  }
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
  return serial_.reopen();
}

Result<> BasicModeLine::settle(const Receive& take, TimePoint now) {
  flush_port(now);
  while (const auto message = port_.poll_receive()) take(message->path, message->bytes);
  if (lost_) return tl::unexpected(*std::exchange(lost_, std::nullopt));
  return {};
}

void BasicModeLine::lose(const Error& error) {
  // Still open: the loop watches the descriptor until it has heard of this.
  unwritten_.clear();
  port_.reset();
  lost_ = error;
}

void BasicModeLine::flush_port(TimePoint now) {
  if (lost_) return;
  if (unwritten_.empty()) retry_wait_ = kWriteRetry_first;
  for (;;) {
    if (unwritten_.empty()) {
      auto output = port_.poll_output(now);
      if (!output) return;
      unwritten_ = *std::move(output);
    }
    const auto written = serial_.write(unwritten_);
    if (!written) return lose(written.error());
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
