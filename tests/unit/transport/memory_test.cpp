// SPDX-License-Identifier: GPL-3.0-or-later
// Sockets of a system that has no memory: they are ready, and take nothing. send() and sendmmsg()
// of this program fail when a test says so.
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "bluetooth/packet_stream.hpp"
#include "transport/udp_socket.hpp"

namespace {
std::atomic<int> send_error = 0;
}

extern "C" ssize_t send(int fd, const void* data, size_t size, int flags) {
  if (send_error == 0) return ::sendto(fd, data, size, flags, nullptr, 0);
  errno = send_error;
  return -1;
}
extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (send_error == 0) return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, count, flags));
  errno = send_error;
  return -1;
}

namespace fwr::transport {
namespace {

class NoMemory {
 public:
  NoMemory() { send_error = ENOBUFS; }
  ~NoMemory() { send_error = 0; }
  NoMemory(const NoMemory&) = delete;
  NoMemory& operator=(const NoMemory&) = delete;
  NoMemory(NoMemory&&) = delete;
  NoMemory& operator=(NoMemory&&) = delete;
};

TEST(UdpSocketWithoutMemory, LosesADatagramInsteadOfSpinning) {
  const auto loopback = parse_address("127.0.0.1");
  ASSERT_TRUE(loopback);
  Address own = *loopback;
  own.port = 0;
  auto socket = UdpSocket::open(own);
  ASSERT_TRUE(socket) << socket.error().message();
  Datagram message;
  message.path.peer = socket->local();
  message.bytes = Bytes(10);
  const std::array messages{message, message};
  const NoMemory none;
  EXPECT_EQ(2U, socket->send(messages));
}

TEST(PacketStreamWithoutMemory, TriesAgainALittleLater) {
  std::array<int, 2> ends{};
  ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()));
  const UniqueFd far(ends[1]);
  TimePoint now{};
  PacketStream stream(UniqueFd(ends[0]), Path(), now);
  Bytes packet(40);
  packet[0] = std::byte{0x06};
  ASSERT_TRUE(stream.add(packet));
  {
    const NoMemory none;
    ASSERT_TRUE(stream.flush(now));
    EXPECT_FALSE(stream.wants_room()) << "it is ready at once, again and again";
    EXPECT_EQ(now + kMemoryRetry, stream.deadline());
  }
  now += kMemoryRetry;
  ASSERT_TRUE(stream.flush(now));
  EXPECT_EQ(0U, stream.waiting_bytes());
  EXPECT_FALSE(stream.deadline());
}

}  // namespace
}  // namespace fwr::transport
