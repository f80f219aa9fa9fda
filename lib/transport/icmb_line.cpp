// SPDX-License-Identifier: GPL-3.0-or-later
// Characters between a tty and a port.
#include "transport/icmb_line.hpp"

#include <array>
#include <utility>

namespace fwr::transport {
namespace {

constexpr std::size_t kRead_bytes = 512;  // 270 ms of a bus at 19200 baud
constexpr auto kWriteRetry = std::chrono::milliseconds(5);
constexpr std::size_t kWaiting_bytes = 4096;  // one burst (PROTOCOL §8.5)
constexpr std::size_t kWaitingMessages = 16;  // of those that the port would keep

}  // namespace

IcmbLine::IcmbLine(SerialPort serial, link::IcmbSettings settings, RandomSource& random,
                   TimePoint now, Observer observer)
    : serial_(std::move(serial)),
      number_(settings.port),
      port_(std::move(settings), random, now),
      observer_(std::move(observer)) {}

Endpoint::Fit IcmbLine::fit(const Path& path) const {
  if (path.peer.family != AddressFamily::Icmb) return Fit::None;
  return path.peer.scope == number_ ? Fit::Exact : Fit::Family;
}

LinkProperties IcmbLine::properties(const Path& path) const {
  return port_.properties(path.peer);
}

Result<> IcmbLine::receive(const Receive& take, TimePoint now) {
  std::array<std::byte, kRead_bytes> room{};
  const auto heard = serial_.read(room);
  if (!heard) {
    lose(heard.error());
  } else if (!heard->empty()) {
    port_.handle_characters(*heard, now);
  }
  return settle(take, now);
}

std::size_t IcmbLine::room() const {
  if (port_.waiting() >= kWaitingMessages || port_.waiting_bytes() >= kWaiting_bytes) return 0;
  // As if each was as large as can be; the loop asks again at once.
  return (kWaiting_bytes - port_.waiting_bytes()) / link::IcmbPort::kLargestMessage_bytes + 1;
}

Result<> IcmbLine::reopen(TimePoint now) {
  if (auto done = serial_.reopen(); !done) return done;
  unwritten_.clear();
  lost_.reset();
  flush_port(now);
  return {};
}

void IcmbLine::lose(const Error& error) {
  // Still open: the loop watches the descriptor until it has heard of this.
  unwritten_.clear();
  lost_ = error;
}

std::size_t IcmbLine::send(std::span<const Datagram> messages, TimePoint now) {
  // What has no room is lost and counted, as on any network: others must not wait for a slow line.
  for (const Datagram& message : messages) (void)port_.send(message, now);
  flush_port(now);
  return messages.size();
}

std::optional<TimePoint> IcmbLine::deadline() const {
  if (!unwritten_.empty()) return retry_at_;
  return port_.deadline();
}

Result<> IcmbLine::handle_timeout(const Receive& take, TimePoint now) {
  // Before it talks it hears what has come in the meantime.
  if (auto heard = receive(take, now); !heard) return heard;
  port_.handle_timeout(now);
  return settle(take, now);
}

Result<> IcmbLine::settle(const Receive& take, TimePoint now) {
  flush_port(now);
  while (const auto message = port_.poll_receive()) take(message->path, message->bytes);
  while (const auto event = port_.poll_event())
    if (observer_) observer_(*event, now);
  if (lost_) return tl::unexpected(*std::exchange(lost_, std::nullopt));
  return {};
}

void IcmbLine::flush_port(TimePoint now) {
  while (auto output = port_.poll_output(now)) {
    if (output->discard) {
      unwritten_.clear();
      serial_.discard_output();
    }
    unwritten_.insert(unwritten_.end(), output->characters.begin(), output->characters.end());
  }
  if (unwritten_.empty()) return;
  const auto written = serial_.write(unwritten_);
  if (!written) return lose(written.error());
  unwritten_.erase(unwritten_.begin(), unwritten_.begin() + static_cast<std::ptrdiff_t>(*written));
  retry_at_ = now + kWriteRetry;
}

}  // namespace fwr::transport
