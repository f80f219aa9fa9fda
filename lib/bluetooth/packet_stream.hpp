// SPDX-License-Identifier: GPL-3.0-or-later
// RMCP packets over one connected stream that never blocks. PROTOCOL §13.2.
#pragma once

#include "base/unique_fd.hpp"
#include "transport/endpoint.hpp"
#include "wire/rmcp_stream.hpp"

namespace fwr::transport {

inline constexpr std::size_t kWaitingOutput_bytes = 32768;  // PROTOCOL §13.3
inline constexpr Duration kUnendedPacket = std::chrono::seconds(2);
inline constexpr Duration kStuckOutput = std::chrono::milliseconds(500);
/// A system without memory says that there is room, and takes nothing.
inline constexpr Duration kMemoryRetry = std::chrono::milliseconds(10);

class PacketStream {
 public:
  PacketStream(UniqueFd fd, const Path& path, TimePoint now);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const Path& path() const { return path_; }

  /// Hands in what has arrived, a bounded part of it. Error: IoFailed, the connection has ended.
  [[nodiscard]] Result<> receive(const Endpoint::Receive& take, TimePoint now);
  /// Adds bytes that were framed already.
  void append(ByteView framed);
  /// Adds a packet. False: it has no room, or is none, and is dropped.
  bool add(ByteView packet);
  /// Writes what has room now. Error: IoFailed, the connection has ended.
  [[nodiscard]] Result<> flush(TimePoint now);

  [[nodiscard]] std::size_t waiting_bytes() const { return output_.size() - written_; }
  /// Whether the descriptor is to be watched for room.
  [[nodiscard]] bool wants_room() const { return waiting_bytes() > 0 && !retry_at_; }
  /// The next packets should come when some of these have left.
  [[nodiscard]] bool is_full() const { return !stuck_ && waiting_bytes() >= kWaitingOutput_bytes; }
  /// When the last whole packet came: other bytes are worth no place.
  [[nodiscard]] TimePoint heard_at() const { return heard_at_; }

  /// A packet that does not end, output that does not leave; flush() is due after each.
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  void handle_timeout(const Endpoint::Receive& take, TimePoint now);

 private:
  void hand_in(const Endpoint::Receive& take, TimePoint now);

  UniqueFd fd_;
  Path path_;
  wire::StreamDecoder decoder_;
  Bytes output_;
  std::size_t written_ = 0;  // of output_
  TimePoint heard_at_;
  TimePoint bytes_at_;                 // when the last bytes came
  TimePoint progress_at_;              // of the output; while there is none, when some came
  std::optional<TimePoint> retry_at_;  // of a flush() that found no memory
  bool stuck_ = false;                 // what comes is dropped, so that the others need not wait
};

}  // namespace fwr::transport
