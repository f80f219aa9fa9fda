// SPDX-License-Identifier: GPL-3.0-or-later
// Messages of a bus, in and out of its port.
#include "transport/icmb_line.hpp"

#include <utility>

namespace fwr::transport {
namespace {

constexpr std::size_t kWaiting_bytes = 4096;  // one burst (PROTOCOL §8.5)
constexpr std::size_t kWaitingMessages = 16;  // of those that the port would keep

}  // namespace

IcmbLine::IcmbLine(SerialPort serial, link::IcmbSettings settings, RandomSource& random,
                   TimePoint now, Observer observer)
    : TtyEndpoint(std::move(serial), AddressFamily::Icmb, settings.port),
      port_(std::move(settings), random, now),
      observer_(std::move(observer)) {}

std::size_t IcmbLine::room() const {
  if (port_.waiting() >= kWaitingMessages || port_.waiting_bytes() >= kWaiting_bytes) return 0;
  // As if each was as large as can be; the loop asks again at once.
  return (kWaiting_bytes - port_.waiting_bytes()) / link::IcmbPort::kLargestMessage_bytes + 1;
}

std::size_t IcmbLine::send(std::span<const Datagram> messages, TimePoint now) {
  // What has no room is lost and counted, as on any network: others must not wait for a slow line.
  for (const Datagram& message : messages) (void)port_.send(message, now);
  flush(now);
  return messages.size();
}

void IcmbLine::hand_up(const Receive& take, TimePoint now) {
  while (const auto message = port_.poll_receive()) take(message->path, message->bytes);
  while (const auto event = port_.poll_event())
    if (observer_) observer_(*event, now);
}

}  // namespace fwr::transport
