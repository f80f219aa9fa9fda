// SPDX-License-Identifier: GPL-3.0-or-later
// One system of the crowd: a recovery machine with a socket of its own, which may be closed at any
// time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"
#include "recipient/recovery.hpp"
#include "support/memory_slots.hpp"
#include "transport/clock.hpp"

namespace fwr::soak {

/// What all systems have in common.
struct Crowd {
  Address donor;
  session::Credentials credentials;
  image::PublicKey key;
  Bytes image;
  std::chrono::seconds deadline{600};
};

/// Why clients waited, and what became of them.
struct Tally {
  std::uint64_t recoveries = 0;
  std::uint64_t completions = 0;
  std::uint64_t deaths = 0;
  std::uint64_t busy = 0;                        ///< answers 83h
  std::uint64_t session_limit = 0;               ///< refused sessions
  std::map<std::string, std::uint64_t> dropped;  ///< other reasons to give a donor up
  std::map<std::string, std::uint64_t> failed;   ///< how recoveries ended that should not have
  double longest_s = 0;
};

class Client {
 public:
  /// `host`: which address of 127.0.0.0/8 it has. Starts at once.
  Client(const Crowd& crowd, std::uint32_t host, TimePoint now);

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] std::uint32_t host() const { return host_; }
  void receive(TimePoint now);
  /// Timers, then everything that it has to send.
  void work(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const { return recovery_->deadline(); }
  [[nodiscard]] bool finished() const { return recovery_->finished(); }
  /// How many datagrams it has seen: where in a recovery it is.
  [[nodiscard]] std::uint64_t received() const { return received_; }
  /// After the end: counts it, and compares what it wrote with the image.
  void settle(Tally& tally, TimePoint now);
  /// What happened on the way, also of one that dies.
  void drain(Tally& tally);

 private:
  void send(TimePoint now);

  const Crowd& crowd_;
  std::uint32_t host_;
  UniqueFd socket_;
  Path path_;
  test::MemorySlots slots_;
  transport::SystemRandom random_;
  std::unique_ptr<recipient::Recovery> recovery_;
  std::optional<recipient::Finished> finished_;
  std::optional<Datagram> unsent_;
  TimePoint began_;
  std::uint64_t received_ = 0;
};

}  // namespace fwr::soak
