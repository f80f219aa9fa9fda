// SPDX-License-Identifier: GPL-3.0-or-later
// A thread that sends.
#include "flood.hpp"

namespace fwr::hostile {

std::vector<std::unique_ptr<Peer>> many_peers(std::uint16_t donor_port, std::size_t count) {
  std::vector<std::unique_ptr<Peer>> peers;
  peers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) peers.push_back(std::make_unique<Peer>(donor_port));
  return peers;
}

Flood::Flood(unsigned per_second, std::function<void(unsigned)> send)
    : send_(std::move(send)), thread_([this, per_second] { run(per_second); }) {}

void Flood::stop() {
  stops_ = true;
  if (thread_.joinable()) thread_.join();
}

void Flood::run(unsigned per_second) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  while (!stops_) {
    if (per_second != kUnlimited) {
      const auto passed =
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
      if (static_cast<std::uint64_t>(sent_) >=
          static_cast<std::uint64_t>(passed) * per_second / 1000) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
    }
    send_(sent_);
    ++sent_;
  }
}

}  // namespace fwr::hostile
