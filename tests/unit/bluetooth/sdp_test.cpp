// SPDX-License-Identifier: GPL-3.0-or-later
// SDP searches, with a socket pair in the place of the radio.
#include <gtest/gtest.h>

#include "config.h"

#ifdef FWR_HAVE_BLUETOOTH
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <initializer_list>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "bluetooth/sdp.hpp"

namespace fwr::transport {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLimit{300};

Bytes bytes_of(std::initializer_list<unsigned> values) {
  Bytes bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

/// One record, whose protocols are L2CAP and RFCOMM channel 9.
Bytes one_record() {
  return bytes_of({0x35, 0x13, 0x35, 0x11, 0x09, 0x00, 0x04, 0x35, 0x0c, 0x35, 0x03,
                   0x19, 0x01, 0x00, 0x35, 0x05, 0x19, 0x00, 0x03, 0x08, 0x09});
}

/// A server at the other end: gives the parts of its list one by one, the last one for ever when
/// `endless`.
class Server {
 public:
  Server(std::vector<Bytes> parts, bool endless) {
    (void)std::signal(SIGPIPE, SIG_IGN);  // libbluetooth may write when it has just been ended
    std::array<int, 2> ends{};
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()));
    client_ = UniqueFd(ends[0]);
    own_ = UniqueFd(ends[1]);
    thread_ = std::thread([this, parts = std::move(parts), endless] { serve(parts, endless); });
  }
  ~Server() {
    client_.reset();
    (void)::shutdown(own_.get(), SHUT_RDWR);
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  Server(Server&&) = delete;
  Server& operator=(Server&&) = delete;

  UniqueFd take() { return std::move(client_); }

 private:
  static unsigned part_size(const Bytes& part, std::size_t more) {
    return static_cast<unsigned>(part.size() + more);
  }
  void serve(const std::vector<Bytes>& parts, bool endless) const {
    Bytes request(4096);
    for (std::size_t i = 0;; ++i) {
      if (::recv(own_.get(), request.data(), request.size(), 0) <= 0) return;
      if (parts.empty()) continue;  // it says nothing
      const Bytes& part = parts[std::min(i, parts.size() - 1)];
      const bool more = endless || i + 1 < parts.size();
      // Its kind, the transaction, what follows, and how much of the list.
      Bytes answer =
          bytes_of({0x07, 0, 0, 0, part_size(part, more ? 4 : 3), 0, part_size(part, 0)});
      std::copy_n(request.begin() + 1, 2, answer.begin() + 1);
      answer.insert(answer.end(), part.begin(), part.end());
      const Bytes rest = more ? bytes_of({1, 0x55}) : bytes_of({0});  // continuation
      answer.insert(answer.end(), rest.begin(), rest.end());
      std::this_thread::sleep_for(milliseconds(10));
      if (::send(own_.get(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  UniqueFd client_;
  UniqueFd own_;
  std::thread thread_;
};

TEST(SdpSearch, FindsTheChannelInParts) {
  const Bytes record = one_record();
  const ByteView view(record);
  const auto part = [&](std::size_t from, std::size_t count) {
    const ByteView some = view.subspan(from, count);
    return Bytes(some.begin(), some.end());
  };
  Server server({part(0, 5), part(5, 9), part(14, record.size() - 14)}, false);
  const auto channel = search_channel(server.take(), seconds(10));
  ASSERT_TRUE(channel) << channel.error().message();
  EXPECT_EQ(9, *channel);
}

TEST(SdpSearch, SaysThatThereIsNoSuchService) {
  Server server({bytes_of({0x35, 0x00})}, false);
  const auto channel = search_channel(server.take(), seconds(10));
  ASSERT_FALSE(channel);
  EXPECT_EQ(Errc::NotFound, channel.error().code);
}

TEST(SdpSearch, EndsAtItsLimitThoughPartsComeForEver) {
  const auto began = std::chrono::steady_clock::now();
  {
    Server server({bytes_of({0x35})}, true);
    const auto channel = search_channel(server.take(), kLimit);
    ASSERT_FALSE(channel);
    EXPECT_EQ(Errc::NoResponse, channel.error().code);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

TEST(SdpSearch, EndsAtItsLimitThoughNothingComes) {
  const auto began = std::chrono::steady_clock::now();
  {
    Server server({}, false);
    const auto channel = search_channel(server.take(), kLimit);
    ASSERT_FALSE(channel);
    EXPECT_EQ(Errc::NoResponse, channel.error().code);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10));
}

}  // namespace
}  // namespace fwr::transport
#endif
