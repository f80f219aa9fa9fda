// SPDX-License-Identifier: GPL-3.0-or-later
// Serial lines on pseudo-terminals, and bus nodes on them in the loop.
#include "transport/serial_port.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "diagnose/bus_emulator.hpp"
#include "support/pty.hpp"
#include "support/scratch_directory.hpp"
#include "transport/clock.hpp"
#include "transport/icmb_line.hpp"
#include "transport/loop.hpp"

namespace fwr::transport {
namespace {

using std::chrono::seconds;
using test::PtyPair;
using test::ScratchDirectory;
using wire::icmb::BusAddress;

TEST(SerialPort, SaysWhyItCannotBeOpened) {
  EXPECT_EQ(Errc::NotFound, SerialPort::open("/dev/no-such-tty", {}).error().code);
  EXPECT_EQ(Errc::IoFailed, SerialPort::open("/dev/null", {}).error().code);
  PtyPair pty;
  EXPECT_EQ(Errc::BadUsage, SerialPort::open(pty.device, {12345, false}).error().code);
  const auto first = SerialPort::open(pty.device, {});
  ASSERT_TRUE(first);
  const auto second = SerialPort::open(pty.device, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(Errc::AddressUnavailable, second.error().code);
  EXPECT_NE(std::string::npos, second.error().detail.find(pty.device));
}

TEST(SerialPort, LetsOthersOpenTheLineWhenItIsClosed) {
  const PtyPair pty;  // its own descriptor stays open, as that of another program may
  const auto exclusive = [&] {
    int is = -1;
    EXPECT_EQ(0, ioctl(pty.slave.get(), TIOCGEXCL, &is));
    return is != 0;
  };
  {
    auto port = SerialPort::open(pty.device, {});
    ASSERT_TRUE(port);
    const auto moved = std::move(*port);
    EXPECT_TRUE(exclusive());
  }
  EXPECT_FALSE(exclusive());
}

TEST(SerialPort, CarriesEveryByteAsItIs) {
  PtyPair pty;
  auto port = SerialPort::open(pty.device, {115200, true});
  ASSERT_TRUE(port) << port.error().message();
  EXPECT_FALSE(port->driver_turns()) << "a pseudo-terminal has no RS-485 mode";
  Bytes all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i);
  EXPECT_EQ(256, ::write(pty.master.get(), all.data(), all.size()));
  Bytes room(512);
  const auto heard = port->read(room);
  ASSERT_TRUE(heard);
  EXPECT_EQ(all, Bytes(heard->begin(), heard->end()));
  EXPECT_TRUE(port->read(room)->empty());
  EXPECT_EQ(256U, port->write(all).value());
  Bytes back(256);
  EXPECT_EQ(256, ::read(pty.master.get(), back.data(), back.size()));
  EXPECT_EQ(all, back);
}

/// As a login program, a modem or its owner may want it.
void spoil(int tty) {
  termios settings{};
  ASSERT_EQ(0, tcgetattr(tty, &settings));
  settings.c_iflag |= ICRNL | IXON | IXOFF | IXANY | ISTRIP | INLCR | INPCK;
  settings.c_oflag |= OPOST | ONLCR;
  settings.c_lflag |= ICANON | ECHO | ISIG;
  settings.c_cflag |= CRTSCTS | CSTOPB;
  settings.c_cflag &= ~static_cast<tcflag_t>(CREAD);
  ASSERT_EQ(0, cfsetspeed(&settings, B1200));
  ASSERT_EQ(0, tcsetattr(tty, TCSANOW, &settings));
}

/// Whether every byte passes both ways, and nothing else comes.
void expect_all_bytes_pass(PtyPair& pty, SerialPort& port) {
  Bytes all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i);
  Bytes room(512);
  EXPECT_EQ(256, ::write(pty.master.get(), all.data(), all.size()));
  const auto heard = port.read(room);
  ASSERT_TRUE(heard);
  EXPECT_EQ(all, Bytes(heard->begin(), heard->end()));
  EXPECT_EQ(256U, port.write(all).value());
  const ssize_t back = ::read(pty.master.get(), room.data(), room.size());
  ASSERT_EQ(256, back);
  EXPECT_EQ(all, Bytes(room.begin(), room.begin() + back));
}

TEST(SerialPort, KeepsNothingOfWhoHadTheLineBefore) {
  PtyPair pty;
  spoil(pty.slave.get());
  ASSERT_EQ(0, tcflow(pty.slave.get(), TCOOFF));
  auto port = SerialPort::open(pty.device, {});
  ASSERT_TRUE(port);
  expect_all_bytes_pass(pty, *port);
}

TEST(SerialPort, SetsTheLineAgainThatAnotherProgramChanged) {
  PtyPair pty;
  auto port = SerialPort::open(pty.device, {115200, false});
  ASSERT_TRUE(port);
  EXPECT_FALSE(port->set_again());
  for (int round = 0; round < 2; ++round) {
    spoil(pty.slave.get());
    EXPECT_TRUE(port->set_again());
    EXPECT_FALSE(port->set_again());
    termios settings{};
    ASSERT_EQ(0, tcgetattr(pty.slave.get(), &settings));
    EXPECT_EQ(B115200, cfgetospeed(&settings));
    expect_all_bytes_pass(pty, *port);
  }
  auto moved = std::move(*port);
  EXPECT_FALSE(moved.set_again());
  moved.close();
  EXPECT_FALSE(moved.set_again());
}

TEST(SerialPort, TakesBackWhatHasNotLeft) {
  PtyPair pty;
  auto port = SerialPort::open(pty.device, {});
  ASSERT_TRUE(port);
  // More than the far end's own buffer, which cannot be taken back: that counts as left.
  std::size_t written = 0;
  while (const std::size_t taken = port->write(Bytes(4096)).value_or(0)) written += taken;
  ASSERT_GT(written, 8192U);
  port->discard_output();
  std::size_t arrived = 0;
  while (const std::size_t some = pty.take_waiting()) arrived += some;
  EXPECT_LT(arrived, written);
}

TEST(SerialPort, SaysThatTheLineIsGone) {
  auto pty = std::make_unique<PtyPair>();
  auto port = SerialPort::open(pty->device, {});
  ASSERT_TRUE(port);
  pty.reset();
  Bytes room(16);
  const auto heard = port->read(room);
  ASSERT_FALSE(heard);
  EXPECT_EQ(Errc::IoFailed, heard.error().code);
  EXPECT_FALSE(port->write(room));
}

/// A wire between pseudo-terminals: all hear what one sends. Not paced and without collisions.
class Wire {
 public:
  explicit Wire(std::vector<PtyPair*> ends)
      : ends_(std::move(ends)), thread_([this] { carry(); }) {}
  ~Wire() {
    stop_ = true;
    thread_.join();
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  Wire(Wire&&) = delete;
  Wire& operator=(Wire&&) = delete;

 private:
  void carry() {
    while (!stop_) {
      std::vector<pollfd> watched;
      watched.reserve(ends_.size());
      for (const PtyPair* end : ends_) watched.push_back({end->master.get(), POLLIN, 0});
      if (poll(watched.data(), watched.size(), 5) <= 0) continue;
      for (const PtyPair* end : ends_) {
        std::array<char, 64> buffer{};
        const ssize_t count = ::read(end->master.get(), buffer.data(), buffer.size());
        for (const PtyPair* to : ends_)
          if (count > 0)
            (void)!::write(to->master.get(), buffer.data(), static_cast<std::size_t>(count));
      }
    }
  }
  std::vector<PtyPair*> ends_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// Sends from one line to the other when both have addresses, until `count` have arrived.
class Pair : public Handler {
 public:
  void handle_datagram(LinkId, const Path& path, ByteView bytes, TimePoint) override {
    received_.push_back({path, Bytes(bytes.begin(), bytes.end())});
  }
  void handle_timeout(TimePoint now) override {
    if (now < deadline_) return;
    timed_out_ = prepared_.empty();
    outgoing_ = std::exchange(prepared_, {});
    deadline_ = now + seconds(30);
  }
  /// Sends it when both have said that they are there: this wire has no collisions.
  void prepare(std::deque<Datagram> messages, TimePoint now) {
    prepared_ = std::move(messages);
    deadline_ = now + std::chrono::milliseconds(300);
  }
  std::optional<Datagram> poll_transmit(LinkId, TimePoint) override {
    if (outgoing_.empty()) return std::nullopt;
    Datagram datagram = std::move(outgoing_.front());
    outgoing_.pop_front();
    return datagram;
  }
  std::optional<TimePoint> deadline() const override { return deadline_; }
  void drain_events(TimePoint) override {}
  bool finished() const override { return received_.size() >= wanted_ || timed_out_; }
  void handle_signal(int, TimePoint) override { timed_out_ = true; }

  std::size_t wanted_ = 1;
  TimePoint deadline_ = now() + seconds(30);
  bool timed_out_ = false;
  std::vector<Datagram> received_;
  std::deque<Datagram> outgoing_;
  std::deque<Datagram> prepared_;
};

/// Sends again what a machine that stood still kept from being heard: a bus repeats nothing by
/// itself.
class PatientPair : public Pair {
 public:
  static constexpr std::chrono::milliseconds kSilence{1500};

  void send(std::deque<Datagram> messages, TimePoint time) {
    unheard_ = messages;
    outgoing_ = std::move(messages);
    heard_at_ = time;
    deadline_ = time + kSilence;
    gives_up_ = time + seconds(60);
  }
  void handle_datagram(LinkId link, const Path& path, ByteView bytes, TimePoint time) override {
    heard_at_ = time;
    const auto heard = std::find_if(unheard_.begin(), unheard_.end(), [&](const Datagram& message) {
      return std::equal(bytes.begin(), bytes.end(), message.bytes.begin(), message.bytes.end());
    });
    if (heard == unheard_.end()) return;
    unheard_.erase(heard);
    Pair::handle_datagram(link, path, bytes, time);
  }
  void handle_timeout(TimePoint time) override {
    if (time < deadline_) return;
    timed_out_ = unheard_.empty() || time >= gives_up_;
    if (outgoing_.empty() && time >= heard_at_ + kSilence) {
      outgoing_ = unheard_;
      ++repeats_;
      heard_at_ = time;
    }
    deadline_ = std::max(time, heard_at_) + kSilence;
  }

  std::size_t repeats_ = 0;

 private:
  std::deque<Datagram> unheard_;
  TimePoint heard_at_{};
  TimePoint gives_up_{};
};

link::IcmbSettings node(std::uint32_t number) {
  link::IcmbSettings settings;
  settings.port = number;
  settings.guid[15] = static_cast<std::byte>(number);
  settings.address = BusAddress{static_cast<std::uint16_t>(0x10 + number)};
  settings.limits.baud = 115200;
  return settings;
}

TEST(IcmbLine, CarriesMessagesInTheLoop) {
  PtyPair a;
  PtyPair b;
  const Wire wire({&a, &b});
  SystemRandom random;
  Pair pair;
  pair.wanted_ = 20;
  Loop loop(pair);
  std::size_t held = 0;
  const auto observer = [&](const link::IcmbEvent& event, TimePoint time) {
    if (event.kind != link::IcmbEvent::Kind::AddressHeld || ++held < 2) return;
    std::deque<Datagram> messages;
    for (std::uint8_t i = 0; i < 20; ++i) {
      Datagram message;
      message.path.peer = wire::icmb::to_address(BusAddress{0x12}, 1);
      message.bytes.assign(i == 0 ? 2000 : 20, static_cast<std::byte>(i));
      message.bytes[0] = std::byte{3};
      messages.push_back(message);
    }
    pair.prepare(std::move(messages), time);
  };
  std::uint32_t number = 0;
  for (const PtyPair* pty : {&a, &b}) {
    auto serial = SerialPort::open(pty->device, {115200, false});
    ASSERT_TRUE(serial);
    loop.add(
        std::make_unique<IcmbLine>(*std::move(serial), node(++number), random, now(), observer));
  }
  ASSERT_TRUE(loop.run());
  EXPECT_FALSE(pair.timed_out_) << pair.received_.size() << " arrived";
  ASSERT_EQ(20U, pair.received_.size());
  for (const Datagram& message : pair.received_) {
    EXPECT_EQ(Medium::Icmb, message.path.medium);
    EXPECT_EQ("icmb:0x0011@2", to_text(message.path.peer));
    EXPECT_EQ("icmb:0x0012@2", to_text(message.path.local));
  }
}

TEST(BusEmulator, TakesItsLinksAwayAndNobodyElses) {
  const ScratchDirectory directory;
  BusEmulatorSettings bus;
  bus.nodes = 3;
  bus.link_directory = directory.path();
  const auto is_there = [&](int node) {
    return std::filesystem::is_symlink(bus.link_directory + "/node" + std::to_string(node));
  };
  const std::string taken = bus.link_directory + "/node2";
  {
    auto emulator = BusEmulator::open(bus);
    ASSERT_TRUE(emulator) << emulator.error().message();
    const BusEmulator moved = *std::move(emulator);
    EXPECT_TRUE(is_there(1) && is_there(2) && is_there(3));
    EXPECT_EQ(moved.device(0), std::filesystem::read_symlink(moved.link(0)).string());
    // Another bus has put its own in the place of one.
    std::filesystem::remove(taken);
    std::filesystem::create_symlink("/dev/null", taken);
  }
  EXPECT_FALSE(is_there(1) || is_there(3));
  EXPECT_EQ("/dev/null", std::filesystem::read_symlink(taken).string());
}

TEST(IcmbLine, IsSentOverAtThePaceOfTheEmulator) {
  constexpr std::size_t kSegments = 6;
  constexpr std::size_t kData_bytes = 1024;
  BusEmulatorSettings bus;
  bus.duration = seconds(90);
  auto emulator = BusEmulator::open(bus);
  ASSERT_TRUE(emulator) << emulator.error().message();
  std::atomic<bool> obeyed = false;
  std::thread runs(
      [&] { EXPECT_TRUE(emulator->run([&](const std::string&, bool done) { obeyed = done; })); });
  SystemRandom random;
  PatientPair pair;
  pair.wanted_ = kSegments;
  Loop loop(pair);
  std::size_t held = 0;
  TimePoint began{};
  const auto observer = [&](const link::IcmbEvent& event, TimePoint time) {
    if (event.kind != link::IcmbEvent::Kind::AddressHeld || ++held < 2) return;
    began = time;
    std::deque<Datagram> messages;
    for (std::size_t i = 0; i < kSegments; ++i) {
      Datagram message;
      message.path.peer = wire::icmb::to_address(BusAddress{0x12}, 1);
      message.bytes.resize(1 + 16 + kData_bytes);
      random.fill(message.bytes);
      message.bytes[0] = std::byte{3};
      message.bytes[1] = std::byte{2};
      messages.push_back(message);
    }
    pair.send(std::move(messages), time);
  };
  for (std::uint32_t i = 0; i < 2; ++i) {
    auto serial = SerialPort::open(emulator->device(i), {});
    ASSERT_TRUE(serial);
    link::IcmbSettings settings = node(i + 1);
    settings.limits.baud = 19200;
    loop.add(std::make_unique<IcmbLine>(*std::move(serial), settings, random, now(), observer));
  }
  EXPECT_TRUE(loop.run());
  const double took = std::chrono::duration<double>(now() - began).count();
  // To its own process: the thread that runs the emulator has them blocked.
  ASSERT_EQ(0, pthread_kill(runs.native_handle(), SIGTERM));
  runs.join();
  ASSERT_EQ(kSegments, pair.received_.size());
  const double late_ms = std::chrono::duration<double>(emulator->worst_lateness()).count() * 1000;
  const double share = static_cast<double>(kSegments * kData_bytes) / (took * 1920);
  std::printf(
      "emulated bus in real time: %.3f of line bytes, latest character %.1f ms, %zu repeats\n",
      share, late_ms, pair.repeats_);
  EXPECT_LT(share, 0.99) << "the line is paced";
  // A machine that stands still says nothing about the pace.
  constexpr double kOnTime_ms = 20;
  if (late_ms < kOnTime_ms && pair.repeats_ == 0) {
    EXPECT_GT(share, 0.5);
  }
}

/// Puts another pseudo-terminal in the place of one that was pulled.
class Replug : public Pair {
 public:
  explicit Replug(std::string name) : name_(std::move(name)) { plug(); }
  ~Replug() override { std::filesystem::remove(name_); }
  Replug(const Replug&) = delete;
  Replug& operator=(const Replug&) = delete;
  Replug(Replug&&) = delete;
  Replug& operator=(Replug&&) = delete;

  void pull() { pty_.reset(); }
  void handle_link_down(LinkId link, const Error& error, TimePoint) override {
    EXPECT_EQ(LinkId{7}, link);
    EXPECT_EQ(Errc::IoFailed, error.code);
    ++downs_;
    plug();
  }
  void handle_link_up(LinkId link, TimePoint) override {
    EXPECT_EQ(LinkId{7}, link);
    ++ups_;
  }
  bool finished() const override { return ups_ > 0 || Pair::finished(); }

  int downs_ = 0;
  int ups_ = 0;

 private:
  void plug() {
    pty_ = std::make_unique<PtyPair>();
    std::filesystem::remove(name_);
    std::filesystem::create_symlink(pty_->device, name_);
  }
  std::string name_;
  std::unique_ptr<PtyPair> pty_;
};

TEST(IcmbLine, ComesBackWithItsTty) {
  const std::string name = testing::TempDir() + "fwr-replug-" + std::to_string(::getpid()) + ".tty";
  SystemRandom random;
  Replug machine(name);
  Loop loop(machine);
  auto serial = SerialPort::open(name, {});
  ASSERT_TRUE(serial);
  loop.add(
      std::make_unique<IcmbLine>(*std::move(serial), node(1), random, now(), IcmbLine::Observer()),
      LinkId{7});
  machine.pull();
  ASSERT_TRUE(loop.run());
  EXPECT_FALSE(machine.timed_out_);
  EXPECT_EQ(1, machine.downs_);
  EXPECT_EQ(1, machine.ups_);
}

}  // namespace
}  // namespace fwr::transport
