// SPDX-License-Identifier: GPL-3.0-or-later
// Real sockets on loopback, and the loop that drives a machine with them.
#include "transport/loop.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <deque>
#include <functional>
#include <map>
#include <utility>

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

TEST_P(UdpSockets, OfWhoAsksSendFromTheAddressThatIsLeft) {
  UdpSocket receiver = open_loopback(GetParam());
  Address any;
  any.family = GetParam();
  auto asks = UdpSocket::open(any);
  auto serves = UdpSocket::open(any);
  ASSERT_TRUE(asks && serves);
  ASSERT_TRUE(asks->report_undelivered());
  // This address was ours when the path was found, and is not any more; nor is that interface.
  Address gone =
      resolve(GetParam() == AddressFamily::Ipv6 ? "2001:db8::7" : "192.0.2.7", 0).value().at(0);
  for (const std::uint32_t scope : {0U, 4242U}) {
    gone.scope = scope;
    const std::vector<Datagram> out(3, {Path{gone, receiver.local(), {}}, Bytes(9)});
    EXPECT_EQ(out.size(), asks->send(out));
    EXPECT_TRUE(asks->take_undelivered().empty());
    EXPECT_EQ(out.size(), receiver.receive().size());
    // An answer from another address is none.
    EXPECT_EQ(out.size(), serves->send(out));
    EXPECT_TRUE(receiver.receive().empty());
  }
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
class Echo : public Handler {
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
  nowhere.port = 1;  // no program listens there
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

// --- links ---------------------------------------------------------------------------------------

/// An endpoint of a test: a pipe is its descriptor, and its methods return what the test sets.
class Valve : public Endpoint {
 public:
  Valve() { EXPECT_EQ(0, ::pipe2(ends_.data(), O_NONBLOCK | O_CLOEXEC)); }
  ~Valve() override {
    for (const int end : ends_) ::close(end);
  }
  Valve(const Valve&) = delete;
  Valve& operator=(const Valve&) = delete;
  Valve(Valve&&) = delete;
  Valve& operator=(Valve&&) = delete;

  int descriptor() const override { return open_ ? ends_[0] : -1; }
  Fit fit(const Path&) const override { return Fit::Family; }
  LinkProperties properties(const Path&) const override { return {}; }
  Result<> receive(const Receive& take, TimePoint) override {
    std::array<char, 64> read{};
    EXPECT_GT(::read(ends_[0], read.data(), read.size()), 0);
    if (std::exchange(broken_, false)) return fail(Errc::IoFailed, "pulled");
    room_ = 1000;
    const Bytes message(1);
    take({}, message);
    return {};
  }
  std::size_t send(std::span<const Datagram> messages, TimePoint) override {
    const std::size_t sent = std::min(room_, messages.size());
    room_ -= sent;
    sent_ += sent;
    return sent;
  }
  std::size_t room() const override { return room_; }
  bool has_unsent() const override { return unsent_; }
  std::optional<TimePoint> deadline() const override { return leaves_at_; }
  Result<> handle_timeout(const Receive&, TimePoint now) override {
    if (leaves_at_ && now >= *leaves_at_) {
      unsent_ = false;
      leaves_at_.reset();
    }
    return {};
  }
  void handle_down() override { closed_ = true; }
  bool can_reopen() const override { return reopens_; }
  Result<> reopen(TimePoint) override {
    open_ = true;
    return {};
  }
  /// As if something arrived: it then has room again, or finds that it is broken.
  void wake() { EXPECT_EQ(1, ::write(ends_[1], "x", 1)); }

  std::size_t room_ = 0;
  std::size_t sent_ = 0;
  bool open_ = true;
  bool broken_ = false;
  bool reopens_ = false;
  bool closed_ = false;
  bool unsent_ = false;
  std::optional<TimePoint> leaves_at_;

 private:
  std::array<int, 2> ends_{-1, -1};
};

/// Has so many datagrams for each link, and finishes when all of them were taken, or at its end.
class Sender : public Handler {
 public:
  void handle_datagram(LinkId link, const Path&, ByteView, TimePoint) override {
    arrived_.push_back(link);
  }
  void handle_timeout(TimePoint now) override {
    if (now >= deadline_) timed_out_ = true;
  }
  std::optional<Datagram> poll_transmit(LinkId link, TimePoint) override {
    const auto left = left_.find(link);
    if (left == left_.end() || left->second == 0) return std::nullopt;
    if (--left->second == 0 && on_empty_) on_empty_(link);
    return Datagram{{}, Bytes(1)};
  }
  void handle_link_down(LinkId link, const Error&, TimePoint) override { down_.push_back(link); }
  void handle_link_up(LinkId link, TimePoint) override { up_.push_back(link); }
  std::optional<TimePoint> deadline() const override { return deadline_; }
  void drain_events(TimePoint) override {}
  bool finished() const override {
    return timed_out_ || std::all_of(left_.begin(), left_.end(),
                                     [](const auto& left) { return left.second == 0; });
  }
  void handle_signal(int, TimePoint) override {}

  std::map<LinkId, std::size_t> left_;
  std::function<void(LinkId)> on_empty_;
  std::vector<LinkId> arrived_;
  std::vector<LinkId> down_;
  std::vector<LinkId> up_;
  TimePoint deadline_ = now() + std::chrono::seconds(20);
  bool timed_out_ = false;
};

constexpr LinkId kSlow{1};
constexpr LinkId kFast{2};

struct TwoValves {
  explicit TwoValves(Sender& machine) : loop(machine) {
    auto first = std::make_unique<Valve>();
    auto second = std::make_unique<Valve>();
    slow = first.get();
    fast = second.get();
    loop.add(std::move(first), kSlow);
    loop.add(std::move(second), kFast);
  }
  Loop loop;
  Valve* slow = nullptr;  // the loop's
  Valve* fast = nullptr;
};

TEST(Links, WithoutRoomHoldUpNoOtherOne) {
  Sender sender;
  TwoValves valves(sender);
  sender.left_ = {{kSlow, 5}, {kFast, 500}};
  valves.fast->room_ = 1000;
  std::size_t asked_before = 0;
  sender.on_empty_ = [&](LinkId link) {
    if (link != kFast) return;
    asked_before = 5 - sender.left_[kSlow];
    valves.slow->wake();
  };
  ASSERT_TRUE(valves.loop.run());
  EXPECT_FALSE(sender.timed_out_);
  EXPECT_EQ(0U, asked_before) << "a link is asked for only while it has room";
  EXPECT_EQ(500U, valves.fast->sent_);
  EXPECT_EQ(5U, valves.slow->sent_);
  EXPECT_EQ(std::vector{kSlow}, sender.arrived_);
}

TEST(Links, AreAskedForNoMoreThanTheyTake) {
  Sender sender;
  TwoValves valves(sender);
  sender.left_ = {{kSlow, 50}, {kFast, 0}};
  sender.deadline_ = now() + milliseconds(50);
  valves.slow->room_ = 3;
  ASSERT_TRUE(valves.loop.run());
  EXPECT_TRUE(sender.timed_out_);
  EXPECT_EQ(3U, valves.slow->sent_);
  EXPECT_EQ(47U, sender.left_[kSlow]);
}

TEST(Links, ThatFailComeBackWhileOthersGoOn) {
  Sender sender;
  TwoValves valves(sender);
  sender.left_ = {{kSlow, 5}, {kFast, 500}};
  valves.fast->room_ = 1000;
  valves.slow->room_ = 1000;
  valves.slow->open_ = false;  // not plugged in yet
  valves.slow->reopens_ = true;
  const TimePoint began = now();
  ASSERT_TRUE(valves.loop.run());
  EXPECT_FALSE(sender.timed_out_);
  EXPECT_GE(now() - began, milliseconds(900)) << "tried again after a second";
  EXPECT_EQ(500U, valves.fast->sent_);
  EXPECT_EQ(5U, valves.slow->sent_);
  EXPECT_EQ(std::vector{kSlow}, sender.up_);
}

TEST(Links, ThatFailAreToldAndEndNothingWhileAnotherIsLeft) {
  Sender sender;
  TwoValves valves(sender);
  sender.left_ = {{kSlow, 1}, {kFast, 500}};
  sender.deadline_ = now() + milliseconds(50);
  valves.fast->room_ = 1000;
  valves.slow->broken_ = true;
  valves.slow->wake();
  ASSERT_TRUE(valves.loop.run());
  EXPECT_TRUE(sender.timed_out_);
  EXPECT_EQ(std::vector{kSlow}, sender.down_);
  EXPECT_TRUE(valves.slow->closed_) << "at once, or its device cannot come back";
  EXPECT_FALSE(valves.fast->closed_);
  EXPECT_TRUE(sender.up_.empty());
  EXPECT_EQ(500U, valves.fast->sent_);
}

TEST(Links, MaySayTheirLastWords) {
  Sender sender;
  TwoValves valves(sender);
  valves.slow->unsent_ = true;
  const TimePoint leaves = now() + milliseconds(100);
  valves.slow->leaves_at_ = leaves;
  valves.slow->wake();  // which is not for a machine that has finished
  ASSERT_TRUE(sender.finished());
  ASSERT_TRUE(valves.loop.run());
  EXPECT_GE(now(), leaves);
  EXPECT_FALSE(valves.slow->unsent_);
  EXPECT_TRUE(sender.arrived_.empty());
}

TEST(Links, ThatNeverComeToAnEndAreLeft) {
  Sender sender;
  TwoValves valves(sender);
  valves.slow->unsent_ = true;
  const TimePoint began = now();
  ASSERT_TRUE(valves.loop.run());
  EXPECT_GE(now() - began, milliseconds(2900));
}

TEST(Links, EndTheLoopWhenNoneIsLeftAndNoneCanComeBack) {
  Sender sender;
  TwoValves valves(sender);
  sender.left_ = {{kSlow, 1}, {kFast, 1}};
  for (Valve* valve : {valves.slow, valves.fast}) {
    valve->broken_ = true;
    valve->wake();
  }
  const auto ran = valves.loop.run();
  ASSERT_FALSE(ran);
  EXPECT_EQ("pulled", ran.error().detail);
  EXPECT_EQ(2U, sender.down_.size());
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
