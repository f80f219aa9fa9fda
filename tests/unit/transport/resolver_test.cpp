// SPDX-License-Identifier: GPL-3.0-or-later
// Name servers that answer, refuse, or stay silent; and signals while a caller waits for them.
#include "transport/resolver.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <thread>

#include "transport/clock.hpp"
#include "transport/loop.hpp"
#include "transport/signals.hpp"

namespace fwr::transport {
namespace {

using std::chrono::milliseconds;
using Names = std::vector<std::string>;

Result<std::vector<Address>> last_octet(const std::string& host) {
  Address address{AddressFamily::Ipv4, 623, 0, {127, 0, 0, 0}};
  address.bytes[3] = static_cast<std::uint8_t>(std::stoi(host));
  return std::vector{address};
}

/// Names that begin with "silent" get no answer until the test ends; the others are numbers.
class SilentServer {
 public:
  ~SilentServer() { over_.set_value(); }
  [[nodiscard]] Lookup lookup() {
    return [end = end_](const std::string& host) -> Result<std::vector<Address>> {
      if (!host.starts_with("silent")) return last_octet(host);
      end.wait();
      return fail(Errc::NotFound, host);
    };
  }

 private:
  std::promise<void> over_;
  std::shared_future<void> end_{over_.get_future()};
};

TEST(LookUpAll, AnswersInTheOrderOfTheHosts) {
  Names hosts;
  for (int i = 0; i < 200; ++i) hosts.push_back(std::to_string(i));
  const auto answers = look_up_all(hosts, last_octet, {});
  ASSERT_TRUE(answers);
  ASSERT_EQ(200U, answers->size());
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(i, answers->at(i)->front().bytes[3]);
}

TEST(LookUpAll, GivesUpNamesWithoutAnAnswerAndKeepsTheOthers) {
  SilentServer server;
  const TimePoint began = now();
  const auto answers = look_up_all(Names{"1", "silent.example", "3"}, server.lookup(),
                                   {.limit = milliseconds(200), .interrupted = {}});
  EXPECT_LT(now() - began, std::chrono::seconds(20));
  ASSERT_TRUE(answers);
  EXPECT_TRUE(answers->at(0));
  ASSERT_FALSE(answers->at(1));
  EXPECT_EQ(Errc::NameLookupFailed, answers->at(1).error().code);
  EXPECT_EQ("host 'silent.example': no name server answered within 0.2 s",
            answers->at(1).error().detail);
  EXPECT_TRUE(answers->at(2));
}

TEST(LookUpAll, LooksUpOnlySoManyAtOneTime) {
  std::atomic<std::size_t> running{0};
  std::atomic<std::size_t> most{0};
  const Lookup counting = [&](const std::string& host) {
    const std::size_t mine = ++running;
    for (std::size_t seen = most; mine > seen && !most.compare_exchange_weak(seen, mine);) {
    }
    std::this_thread::sleep_for(milliseconds(1));
    --running;
    return last_octet(host);
  };
  ASSERT_TRUE(look_up_all(Names(100, "7"), counting, {}));
  EXPECT_LE(most, kLookupThreads);
  EXPECT_GT(most, 1U);
}

TEST(LookUpAll, EndsWhenASignalArrives) {
  SilentServer server;
  Signals signals({SIGUSR1});
  EXPECT_FALSE(signals.arrived());
  ASSERT_EQ(0, std::raise(SIGUSR1));
  const auto answers = look_up_all(
      Names{"silent"}, server.lookup(),
      {.limit = std::chrono::hours(1), .interrupted = [&] { return signals.arrived(); }});
  ASSERT_FALSE(answers);
  EXPECT_EQ(Errc::Interrupted, answers.error().code);
  EXPECT_TRUE(signals.arrived());
}

TEST(ResolveAll, AnswersDigitsWithoutTimeAndSaysWhichNameIsWrong) {
  const auto answers = resolve_all(Names{"127.0.0.1", "no-such-host.invalid", "::1", "x:0"}, 623,
                                   {.limit = milliseconds(0), .interrupted = {}});
  ASSERT_TRUE(answers);
  EXPECT_TRUE(answers->at(0));
  EXPECT_EQ(Errc::NameLookupFailed, answers->at(1).error().code);
  EXPECT_TRUE(answers->at(2));
  EXPECT_EQ(Errc::BadConfiguration, answers->at(3).error().code);
}

/// Ends with the first signal.
class Waiting : public Handler {
 public:
  void handle_datagram(LinkId, const Path&, ByteView, TimePoint) override {}
  void handle_timeout(TimePoint) override { finished_ = true; }
  std::optional<Datagram> poll_transmit(LinkId, TimePoint) override { return std::nullopt; }
  std::optional<TimePoint> deadline() const override { return deadline_; }
  void drain_events(TimePoint) override {}
  bool finished() const override { return finished_; }
  void handle_signal(int number, TimePoint) override {
    signalled_ = number;
    finished_ = true;
  }
  int signalled_ = 0;

 private:
  TimePoint deadline_ = now() + std::chrono::seconds(20);
  bool finished_ = false;
};

TEST(CaughtSignals, AreSeenByALoopTooAndStayCaughtAfterIt) {
  Signals signals({SIGUSR1});
  {
    Waiting machine;
    Loop loop(machine);
    loop.catch_signals({SIGUSR1});
    ASSERT_EQ(0, std::raise(SIGUSR1));
    ASSERT_TRUE(loop.run());
    EXPECT_EQ(SIGUSR1, machine.signalled_);
  }
  ASSERT_EQ(0, std::raise(SIGUSR1));  // would end the process
  EXPECT_TRUE(signals.arrived());
}

}  // namespace
}  // namespace fwr::transport
