// SPDX-License-Identifier: GPL-3.0-or-later
// Serial cables in the loop, on pseudo-terminals.
#include "transport/basic_mode_line.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "support/pty.hpp"
#include "support/scratch_directory.hpp"
#include "transport/clock.hpp"
#include "transport/loop.hpp"

namespace fwr::transport {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::PtyPair;

/// Two pseudo-terminals, crossed.
class Cable {
 public:
  Cable() : thread_([this] { carry(); }) {}
  ~Cable() {
    stop_ = true;
    thread_.join();
  }
  Cable(const Cable&) = delete;
  Cable& operator=(const Cable&) = delete;
  Cable(Cable&&) = delete;
  Cable& operator=(Cable&&) = delete;

  PtyPair a{0};
  PtyPair b{0};

 private:
  void carry() {
    while (!stop_) {
      std::array<pollfd, 2> watched{{{a.master.get(), POLLIN, 0}, {b.master.get(), POLLIN, 0}}};
      if (poll(watched.data(), watched.size(), 5) <= 0) continue;
      if (watched[0].revents != 0) pass(a, b);
      if (watched[1].revents != 0) pass(b, a);
    }
  }
  static void pass(const PtyPair& from, const PtyPair& to) {
    std::array<char, 512> some{};
    const ssize_t count = ::read(from.master.get(), some.data(), some.size());
    if (count <= 0) return;
    EXPECT_EQ(count, ::write(to.master.get(), some.data(), static_cast<std::size_t>(count)));
  }
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

link::BasicModeSettings end_of(std::uint32_t line) {
  link::BasicModeSettings settings;
  settings.line = line;
  settings.iana = 32473;
  return settings;
}

std::unique_ptr<BasicModeLine> open_line(const std::string& device, std::uint32_t number) {
  auto serial = SerialPort::open(device, {115200, false});
  EXPECT_TRUE(serial) << serial.error().message();
  return std::make_unique<BasicModeLine>(*std::move(serial), end_of(number));
}

/// Sends segments over the first line, as fast as that wants them, until they have come out of the
/// second one.
class Sender : public Handler {
 public:
  static constexpr LinkId kFirst{1};
  static constexpr LinkId kSecond{2};

  void handle_datagram(LinkId link, const Path& path, ByteView bytes, TimePoint) override {
    EXPECT_EQ(kSecond, link);
    EXPECT_EQ("serial:@2", to_text(path.peer));
    EXPECT_EQ(Medium::Serial, path.medium);
    EXPECT_EQ(message(static_cast<unsigned>(arrived_)), Bytes(bytes.begin(), bytes.end()));
    ++arrived_;
  }
  void handle_timeout(TimePoint time) override { timed_out_ = time >= deadline_; }
  std::optional<Datagram> poll_transmit(LinkId link, TimePoint) override {
    if (link != kFirst || sent_ == kMessages) return std::nullopt;
    Datagram datagram;
    datagram.path.peer.family = AddressFamily::Serial;
    datagram.path.peer.scope = 1;
    datagram.bytes = message(sent_++);
    most_ahead_ = std::max(most_ahead_, sent_ - arrived_);
    return datagram;
  }
  std::optional<TimePoint> deadline() const override { return deadline_; }
  void drain_events(TimePoint) override {}
  bool finished() const override { return arrived_ == kMessages || timed_out_; }
  void handle_signal(int, TimePoint) override { timed_out_ = true; }
  void handle_link_down(LinkId, const Error&, TimePoint) override { ++downs_; }
  void handle_link_up(LinkId, TimePoint) override {
    ++ups_;
    if (when_up_) when_up_();
  }

  static constexpr unsigned kMessages = 8;
  static Bytes message(unsigned number) {
    Bytes bytes(1 + 1040, std::byte{0xa0});
    bytes[0] = std::byte{3};
    bytes[1] = static_cast<std::byte>(number);
    return bytes;
  }
  unsigned sent_ = 0;
  unsigned arrived_ = 0;
  unsigned most_ahead_ = 0;
  unsigned downs_ = 0;
  unsigned ups_ = 0;
  std::function<void()> when_up_;
  bool timed_out_ = false;
  TimePoint deadline_ = now() + seconds(30);
};

TEST(BasicModeLine, CarriesMessagesInTheLoopAndTakesNoMoreThanItCanSay) {
  Cable cable;
  Sender sender;
  Loop loop(sender);
  loop.add(open_line(cable.a.device, 1), Sender::kFirst);
  loop.add(open_line(cable.b.device, 2), Sender::kSecond);
  ASSERT_TRUE(loop.run());
  EXPECT_FALSE(sender.timed_out_);
  EXPECT_EQ(Sender::kMessages, sender.arrived_);
  // One on the line and what the port wants: the sender decides late what comes next.
  EXPECT_LE(sender.most_ahead_, 2 + link::BasicModePort::kWanted);
}

TEST(BasicModeLine, ComesBackWhenItsAdapterDoes) {
  const test::ScratchDirectory scratch;
  const std::string name = scratch / "ttyUSB0";
  auto first = std::make_unique<PtyPair>();
  std::filesystem::create_symlink(first->device, name);
  Cable cable;
  Sender sender;
  sender.sent_ = Sender::kMessages;  // nothing to say yet
  sender.when_up_ = [&sender] { sender.sent_ = 0; };
  Loop loop(sender);
  loop.add(open_line(name, 1), Sender::kFirst);
  loop.add(open_line(cable.b.device, 2), Sender::kSecond);
  std::filesystem::remove(name);
  first.reset();
  std::thread again([&] {
    std::this_thread::sleep_for(milliseconds(300));
    std::filesystem::create_symlink(cable.a.device, name);
  });
  EXPECT_TRUE(loop.run());
  again.join();
  EXPECT_FALSE(sender.timed_out_);
  EXPECT_EQ(1U, sender.downs_);
  EXPECT_EQ(1U, sender.ups_);
  EXPECT_EQ(Sender::kMessages, sender.arrived_);
}

TEST(BasicModeLine, OfATtyThatIsNotThereYetIsOpenedWhenItComesAndClosedWhenItGoes) {
  const test::ScratchDirectory scratch;
  const std::string name = scratch / "rfcomm0";
  BasicModeLine line(SerialPort::closed(name, {115200, false}), end_of(1));
  EXPECT_GT(0, line.descriptor());
  const auto missing = line.reopen(now());
  ASSERT_FALSE(missing);
  EXPECT_EQ(Errc::NotFound, missing.error().code);
  const PtyPair pty;
  std::filesystem::create_symlink(pty.device, name);
  ASSERT_TRUE(line.reopen(now()));
  EXPECT_LE(0, line.descriptor());
  EXPECT_GT(Endpoint::kLongestReopening, line.longest_reopening());
  line.handle_down();
  EXPECT_GT(0, line.descriptor()) << "who holds a tty of RFCOMM keeps it from coming back";
}

TEST(BasicModeLine, WaitsForATtyThatNobodyReads) {
  PtyPair pty;
  const auto line = open_line(pty.device, 1);
  Datagram message;
  message.bytes = Sender::message(0);
  TimePoint time = now();
  const auto ignore = [](const Path&, ByteView) {};
  std::size_t taken = 0;
  for (int i = 0; i < 1000; ++i, time += milliseconds(100)) {
    taken += line->send({&message, 1}, time);
    ASSERT_TRUE(line->handle_timeout(ignore, time));
  }
  // The kernel keeps some; then nothing more is taken, and it is tried only now and then.
  EXPECT_GT(taken, 2U);
  EXPECT_LT(taken, 100U);
  EXPECT_EQ(0U, line->room());
  ASSERT_TRUE(line->deadline().has_value());
  EXPECT_GT(*line->deadline(), time - milliseconds(100));
  // The far end reads: sending goes on.
  std::vector<char> room(65536);
  for (int i = 0; i < 100 && line->room() == 0; ++i, time += seconds(1)) {
    (void)!::read(pty.master.get(), room.data(), room.size());
    ASSERT_TRUE(line->handle_timeout(ignore, time));
  }
  EXPECT_GT(line->room(), 0U);
}

TEST(BasicModeLine, LeadsToItsOwnEndExactly) {
  PtyPair pty;
  const auto line = open_line(pty.device, 7);
  Path path;
  EXPECT_EQ(Endpoint::Fit::None, line->fit(path));
  path.peer.family = AddressFamily::Serial;
  EXPECT_EQ(Endpoint::Fit::Family, line->fit(path));
  path.peer.scope = 7;
  EXPECT_EQ(Endpoint::Fit::Exact, line->fit(path));
  EXPECT_EQ(115200U, line->properties(path).bits_per_s);
}

}  // namespace
}  // namespace fwr::transport
