// SPDX-License-Identifier: GPL-3.0-or-later
// Reading, writing, and the packets that have to wait.
#include "bluetooth/packet_stream.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/retry_eintr.hpp"

namespace fwr::transport {
namespace {

constexpr std::size_t kRead_bytes = 16384;
constexpr int kReadsAtOnce = 4;  // so that nothing else waits for long
/// A burst that was asked for while there was room may go over the mark, never over this one.
constexpr std::size_t kOutputLimit_bytes = 2 * kWaitingOutput_bytes;

tl::unexpected<Error> ended(int error) {
  return fail(Errc::IoFailed,
              error == 0 ? "the other end closed it" : std::generic_category().message(error));
}

}  // namespace

PacketStream::PacketStream(UniqueFd fd, const Path& path, TimePoint now)
    : fd_(std::move(fd)), path_(path), heard_at_(now), bytes_at_(now), progress_at_(now) {}

Result<> PacketStream::receive(const Endpoint::Receive& take, TimePoint now) {
  std::array<std::byte, kRead_bytes> room{};
  for (int reads = 0; reads < kReadsAtOnce; ++reads) {
    const ssize_t count =
        retry_eintr([&] { return ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT); });
    if (count == 0) return ended(0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count < 0) return ended(errno);
    bytes_at_ = now;
    decoder_.push(ByteView(room).first(static_cast<std::size_t>(count)));
    hand_in(take, now);
    if (static_cast<std::size_t>(count) < room.size()) break;
  }
  return {};
}

void PacketStream::hand_in(const Endpoint::Receive& take, TimePoint now) {
  while (const auto packet = decoder_.next()) {
    heard_at_ = now;
    take(path_, *packet);
  }
}

void PacketStream::append(ByteView framed) {
  output_.insert(output_.end(), framed.begin(), framed.end());
}

bool PacketStream::add(ByteView packet) {
  if (stuck_ || waiting_bytes() >= kOutputLimit_bytes) return false;
  return wire::append_to_stream(output_, packet).has_value();
}

Result<> PacketStream::flush(TimePoint now) {
  if (waiting_bytes() == 0) {
    progress_at_ = now;
    return {};
  }
  const ByteView waiting = ByteView(output_).subspan(written_);
  const ssize_t count = retry_eintr([&] {
    return ::send(fd_.get(), waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  });
  const bool no_memory = count < 0 && (errno == ENOBUFS || errno == ENOMEM);
  retry_at_ = no_memory ? std::optional(now + kMemoryRetry) : std::nullopt;
  if (no_memory || (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))) return {};
  if (count < 0) return ended(errno);
  written_ += static_cast<std::size_t>(count);
  progress_at_ = now;
  stuck_ = false;
  // Moved in few, large steps.
  if (waiting_bytes() == 0 || written_ >= kWaitingOutput_bytes) {
    output_.erase(output_.begin(), output_.begin() + static_cast<std::ptrdiff_t>(written_));
    written_ = 0;
  }
  return {};
}

std::optional<TimePoint> PacketStream::deadline() const {
  std::optional<TimePoint> next = retry_at_;
  const auto earlier = [&](TimePoint other) { next = next ? std::min(*next, other) : other; };
  if (decoder_.inside_packet()) earlier(bytes_at_ + kUnendedPacket);
  if (is_full()) earlier(progress_at_ + kStuckOutput);
  return next;
}

void PacketStream::handle_timeout(const Endpoint::Receive& take, TimePoint now) {
  if (is_full() && now >= progress_at_ + kStuckOutput) stuck_ = true;
  if (!decoder_.inside_packet() || now < bytes_at_ + kUnendedPacket) return;
  decoder_.give_up();
  hand_in(take, now);
  // What is left began now, as far as anybody can tell.
  bytes_at_ = now;
}

}  // namespace fwr::transport
