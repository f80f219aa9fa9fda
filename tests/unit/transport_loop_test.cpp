// SPDX-License-Identifier: GPL-3.0-or-later
// Real sockets on loopback, and the loop that drives a machine with them.
#include "transport/loop.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <deque>

#include "transport/clock.hpp"
#include "transport/hosts.hpp"

namespace fwr::transport {
namespace {

using std::chrono::milliseconds;

Address loopback(AddressFamily family) {
  return resolve(family == AddressFamily::Ipv6 ? "::1" : "127.0.0.1", 623).value().at(0);
}

UdpSocket open_loopback(AddressFamily family) {
  Address address = loopback(family);
  address.port = 0;
  auto socket = UdpSocket::open(address);
  EXPECT_TRUE(socket) << socket.error().message();
  return *std::move(socket);
}

class UdpSockets : public testing::TestWithParam<AddressFamily> {};

TEST_P(UdpSockets, CarryBatchesAndSayWhereDatagramsCameFrom) {
  UdpSocket sender = open_loopback(GetParam());
  UdpSocket receiver = open_loopback(GetParam());
  EXPECT_GT(receiver.receive_buffer_bytes(), 0U);
  std::vector<Datagram> out;
  for (std::size_t i = 0; i < 50; ++i)
    out.push_back({Path{{}, receiver.local(), {}}, Bytes(i + 1)});
  EXPECT_EQ(sender.send(out), out.size());
  std::size_t arrived = 0;
  while (arrived < out.size()) {
    const auto batch = receiver.receive();
    ASSERT_FALSE(batch.empty()) << "loopback lost a datagram";
    for (const Received& datagram : batch) {
      EXPECT_EQ(datagram.bytes.size(), ++arrived);
      EXPECT_EQ(datagram.path.peer, sender.local());
      EXPECT_EQ(datagram.path.local.bytes, receiver.local().bytes);
      EXPECT_EQ(datagram.path.local.scope, 1U);
      EXPECT_EQ(datagram.path.medium, Medium::Wired);
    }
  }
  EXPECT_TRUE(receiver.receive().empty());
}

TEST_P(UdpSockets, LoseWhatTheNetworkRefusesAndGoOn) {
  UdpSocket sender = open_loopback(GetParam());
  UdpSocket receiver = open_loopback(GetParam());
  const Path path{{}, receiver.local(), {}};
  // Larger than UDP can be: EMSGSIZE.
  const std::vector<Datagram> out{{path, Bytes(70000)}, {path, Bytes(3)}};
  EXPECT_EQ(sender.send(out), out.size());
  const auto batch = receiver.receive();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].bytes.size(), 3U);
}

TEST_P(UdpSockets, SayWhichAddressIsTaken) {
  const UdpSocket first = open_loopback(GetParam());
  const auto second = UdpSocket::open(first.local());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::AddressUnavailable);
  EXPECT_NE(second.error().detail.find(to_text(first.local())), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, UdpSockets,
                         testing::Values(AddressFamily::Ipv4, AddressFamily::Ipv6));

/// Sends `count` datagrams to itself, one for each that comes back; then finishes.
class Echo : public Machine {
 public:
  Echo(Address self, int count) : self_(self), left_(count) { queue(); }
  void handle_datagram(LinkId, const Path&, ByteView, TimePoint) override {
    if (--left_ > 0) queue();
  }
  void handle_timeout(TimePoint) override { timed_out_ = true; }
  std::optional<Datagram> poll_transmit(LinkId, TimePoint) override {
    if (outgoing_.empty()) return std::nullopt;
    Datagram datagram = std::move(outgoing_.front());
    outgoing_.pop_front();
    return datagram;
  }
  std::optional<TimePoint> deadline() const override { return deadline_; }
  void drain_events(TimePoint) override {}
  bool finished() const override { return left_ <= 0 || timed_out_ || signalled_ != 0; }
  void handle_signal(int number, TimePoint) override { signalled_ = number; }

  TimePoint deadline_ = now() + std::chrono::seconds(20);
  bool timed_out_ = false;
  int signalled_ = 0;
  int left() const { return left_; }

 private:
  void queue() { outgoing_.push_back({Path{{}, self_, {}}, Bytes(100)}); }
  Address self_;
  int left_;
  std::deque<Datagram> outgoing_;
};

TEST(EventLoop, DrivesAMachineUntilItHasFinished) {
  UdpSocket socket = open_loopback(AddressFamily::Ipv4);
  Echo echo(socket.local(), 500);
  Loop loop(echo);
  loop.add(std::move(socket));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(echo.left(), 0);
  EXPECT_FALSE(echo.timed_out_);
}

TEST(EventLoop, CallsTheMachineAtItsDeadline) {
  Address nowhere = loopback(AddressFamily::Ipv4);
  nowhere.port = 1;  // nobody answers
  Echo echo(nowhere, 1);
  echo.deadline_ = now() + milliseconds(30);
  Loop loop(echo);
  loop.add(open_loopback(AddressFamily::Ipv4));
  ASSERT_TRUE(loop.run());
  EXPECT_TRUE(echo.timed_out_);
  EXPECT_GE(now(), echo.deadline_);
}

TEST(EventLoop, HandsSignalsToTheMachine) {
  Address nowhere = loopback(AddressFamily::Ipv4);
  nowhere.port = 1;
  Echo echo(nowhere, 1);
  Loop loop(echo);
  loop.add(open_loopback(AddressFamily::Ipv4));
  loop.catch_signals({SIGUSR1});
  ASSERT_EQ(std::raise(SIGUSR1), 0);
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(echo.signalled_, SIGUSR1);
}

TEST(EventLoop, LosesWhatHasNoSocketOfItsFamily) {
  Echo echo(loopback(AddressFamily::Ipv6), 1);
  echo.deadline_ = now() + milliseconds(30);
  Loop loop(echo);
  loop.add(open_loopback(AddressFamily::Ipv4));
  ASSERT_TRUE(loop.run());
  EXPECT_TRUE(echo.timed_out_);
}

TEST(SystemRandom, FillsAnySizeAndDoesNotRepeat) {
  SystemRandom random;
  Bytes a(100000);
  Bytes b(100000);
  random.fill(a);
  random.fill(b);
  EXPECT_NE(a, b);
  random.fill({});
}

}  // namespace
}  // namespace fwr::transport
