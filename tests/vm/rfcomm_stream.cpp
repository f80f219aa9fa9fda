// SPDX-License-Identifier: GPL-3.0-or-later
// Bytes over one RFCOMM connection as fast as it takes them: what a recovery is compared with.
//
//   rfcomm_stream receive LOCAL CHANNEL BYTES
//   rfcomm_stream send LOCAL REMOTE CHANNEL BYTES [WRITE_BYTES]
//
// LOCAL and REMOTE are Bluetooth addresses. Both print the bytes, the time in milliseconds from the
// first to the last, and bytes a second. The sender waits until the receiver has everything.

#include <bluetooth/bluetooth.h>
#include <bluetooth/rfcomm.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kConnectTimeout_ms = 20'000;
constexpr std::size_t kRead_bytes = 65'536;
constexpr std::size_t kDefaultWrite_bytes = 1000;

using Clock = std::chrono::steady_clock;

int complain(const char* what) {
  std::fprintf(stderr, "rfcomm_stream: %s: %s\n", what, std::strerror(errno));
  return 1;
}

sockaddr_rc address(const std::string& device, const std::string& channel) {
  sockaddr_rc result{};
  result.rc_family = AF_BLUETOOTH;
  str2ba(device.c_str(), &result.rc_bdaddr);
  result.rc_channel = static_cast<std::uint8_t>(std::stoul(channel));
  return result;
}

const sockaddr* generic(const sockaddr_rc& of) {
  return reinterpret_cast<const sockaddr*>(&of);
}

void report(const char* what, std::size_t bytes, Clock::time_point begin) {
  const std::chrono::duration<double> took = Clock::now() - begin;
  std::printf("%s bytes=%zu ms=%.0f rate=%.0f\n", what, bytes, took.count() * 1000,
              static_cast<double>(bytes) / took.count());
}

int receive(const std::vector<std::string>& arguments) {
  const int listener = ::socket(AF_BLUETOOTH, SOCK_STREAM, BTPROTO_RFCOMM);
  const sockaddr_rc local = address(arguments[0], arguments[1]);
  if (listener < 0) return complain("socket");
  if (::bind(listener, generic(local), sizeof local) != 0) return complain("bind");
  if (::listen(listener, 1) != 0) return complain("listen");
  const int connection = ::accept(listener, nullptr, nullptr);
  if (connection < 0) return complain("accept");
  const std::size_t wanted = std::stoul(arguments[2]);
  std::vector<char> buffer(kRead_bytes);
  std::size_t received = 0;
  Clock::time_point begin;
  while (received < wanted) {
    const ssize_t count = ::read(connection, buffer.data(), buffer.size());
    if (count <= 0) return complain("read");
    if (received == 0) begin = Clock::now();
    received += static_cast<std::size_t>(count);
  }
  report("received", received, begin);
  // The sender closes when it has this; until then it must not be lost.
  if (::write(connection, "x", 1) != 1) return complain("write");
  if (::read(connection, buffer.data(), 1) > 0) return 1;
  return 0;
}

/// Not by a blocking connect(): it can miss a refusal that comes early, and sleeps on.
bool connect_to(int connection, const sockaddr_rc& remote) {
  const int flags = ::fcntl(connection, F_GETFL);
  ::fcntl(connection, F_SETFL, flags | O_NONBLOCK);
  if (::connect(connection, generic(remote), sizeof remote) != 0) {
    if (errno != EINPROGRESS && errno != EAGAIN) return false;
    pollfd wanted{connection, POLLOUT, 0};
    if (::poll(&wanted, 1, kConnectTimeout_ms) != 1) {
      errno = ETIMEDOUT;
      return false;
    }
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(connection, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    if (error != 0) return false;
  }
  return ::fcntl(connection, F_SETFL, flags) == 0;
}

int send(const std::vector<std::string>& arguments) {
  const int connection = ::socket(AF_BLUETOOTH, SOCK_STREAM, BTPROTO_RFCOMM);
  const sockaddr_rc local = address(arguments[0], "0");
  if (connection < 0) return complain("socket");
  if (::bind(connection, generic(local), sizeof local) != 0) return complain("bind");
  if (!connect_to(connection, address(arguments[1], arguments[2]))) return complain("connect");
  const std::size_t total = std::stoul(arguments[3]);
  const std::size_t write_bytes =
      arguments.size() > 4 ? std::stoul(arguments[4]) : kDefaultWrite_bytes;
  const std::vector<char> buffer(write_bytes, 'x');
  const Clock::time_point begin = Clock::now();
  for (std::size_t sent = 0; sent < total;) {
    const ssize_t count = ::write(connection, buffer.data(), std::min(write_bytes, total - sent));
    if (count <= 0) return complain("write");
    sent += static_cast<std::size_t>(count);
  }
  char last = 0;
  if (::read(connection, &last, 1) != 1) return complain("read");
  report("sent", total, begin);
  ::close(connection);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 2), argv + argc);
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "receive" && arguments.size() == 3) return receive(arguments);
  if (what == "send" && (arguments.size() == 4 || arguments.size() == 5)) return send(arguments);
  std::fprintf(stderr,
               "usage: rfcomm_stream receive LOCAL CHANNEL BYTES\n"
               "       rfcomm_stream send LOCAL REMOTE CHANNEL BYTES [WRITE_BYTES]\n");
  return 2;
}
