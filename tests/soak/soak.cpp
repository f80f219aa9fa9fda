// SPDX-License-Identifier: GPL-3.0-or-later
// Hundreds of systems recover from one donor at the same time, and some of them die on the way:
//   soak --donor 127.0.0.1:PORT --key vendor.pub --image FILE --user NAME --password-file FILE
//        [--clients N] [--deaths PERCENT] [--seed N] [--start-within-ms N] [--deadline SECONDS]
// One round: prints what became of them as one line, and ends with 1 when a system that did not die
// has not recovered. tests/soak/soak.sh starts the donor and watches it.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "client.hpp"

namespace fwr::soak {
namespace {

constexpr auto kComeBackWithin = std::chrono::milliseconds(2000);
/// A recovery of a small image takes some 30 to 100 datagrams: deaths in all parts of it.
constexpr std::uint64_t kDiesWithin_datagrams = 60;

struct Options {
  std::string donor, key, image, user, password_file;
  unsigned clients = 100;
  unsigned deaths_percent = 30;
  std::uint32_t seed = 1;
  int start_ms = 50;
  int deadline_s = 600;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// One system, from its start to its end, with the lives that it has in between.
struct System {
  std::unique_ptr<Client> client;
  std::optional<TimePoint> starts;  ///< it has no client until then
  std::uint32_t host = 0;
  std::optional<std::uint64_t> dies_after;  ///< datagrams
  bool comes_back = false;
  bool elsewhere = false;  ///< from another address
};

class Round {
 public:
  Round(const Crowd& crowd, const Options& options) : crowd_(crowd), dice_(options.seed) {
    const TimePoint now = transport::now();
    systems_.resize(options.clients);
    for (std::size_t i = 0; i < systems_.size(); ++i) {
      System& system = systems_[i];
      system.host = static_cast<std::uint32_t>(i);
      system.starts = now + within(std::chrono::milliseconds(options.start_ms));
      if (roll(100) >= options.deaths_percent) continue;
      system.dies_after = roll(kDiesWithin_datagrams);
      system.comes_back = roll(2) == 0;
      system.elsewhere = roll(2) == 0;
    }
    open_ = systems_.size();
    epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.is_open()) throw std::runtime_error("epoll_create1");
  }

  Tally run() {
    while (open_ > 0) {
      wait();
      const TimePoint now = transport::now();
      for (System& system : systems_) turn(system, now);
    }
    return tally_;
  }

 private:
  std::uint64_t roll(std::uint64_t sides) { return dice_() % sides; }
  Duration within(std::chrono::milliseconds limit) {
    return std::chrono::milliseconds(roll(static_cast<std::uint64_t>(limit.count())));
  }

  void start(System& system, TimePoint now) {
    system.starts.reset();
    system.client = std::make_unique<Client>(crowd_, system.host, now);
    ++tally_.recoveries;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = system.client.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, system.client->fd(), &event) != 0)
      throw std::runtime_error("epoll_ctl");
  }

  void die(System& system, TimePoint now) {
    system.client->drain(tally_);
    system.client.reset();  // closes the socket, which is all that the donor gets to know
    system.dies_after.reset();
    ++tally_.deaths;
    if (!system.comes_back) {
      --open_;
      return;
    }
    if (system.elsewhere) system.host += static_cast<std::uint32_t>(systems_.size());
    system.starts = now + within(kComeBackWithin);
  }

  void turn(System& system, TimePoint now) {
    if (system.starts && *system.starts <= now) start(system, now);
    if (!system.client) return;
    Client& client = *system.client;
    if (system.dies_after && client.received() > *system.dies_after) return die(system, now);
    client.work(now);
    client.drain(tally_);
    if (!client.finished()) return;
    client.settle(tally_, now);
    system.client.reset();
    --open_;
  }

  /// Until a datagram came or a timer ran out; hands the datagrams over.
  void wait() {
    const TimePoint now = transport::now();
    TimePoint due = now + std::chrono::seconds(1);
    for (const System& system : systems_) {
      if (system.starts) due = std::min(due, *system.starts);
      if (system.client) due = std::min(due, system.client->deadline().value_or(due));
    }
    const auto wait_ms =
        std::chrono::ceil<std::chrono::milliseconds>(std::max(due - now, Duration{}));
    std::array<epoll_event, 256> ready{};
    const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()),
                                   static_cast<int>(wait_ms.count()));
    const TimePoint time = transport::now();
    for (int i = 0; i < count; ++i)
      static_cast<Client*>(ready.at(static_cast<std::size_t>(i)).data.ptr)->receive(time);
  }

  const Crowd& crowd_;
  std::mt19937 dice_;
  std::vector<System> systems_;
  std::size_t open_ = 0;
  UniqueFd epoll_;
  Tally tally_;
};

int run(const Options& options) {
  Crowd crowd;
  const auto donor = parse_address(options.donor);
  if (!donor) throw std::runtime_error(donor.error().message());
  crowd.donor = *donor;
  const auto key = image::parse_public_key(read_file(options.key));
  if (!key) throw std::runtime_error(key.error().message());
  crowd.key = *key;
  crowd.credentials.user = options.user;
  crowd.credentials.password = Secret(as_bytes(read_file(options.password_file)));
  const std::string image = read_file(options.image);
  const ByteView bytes = as_bytes(image);
  crowd.image.assign(bytes.begin(), bytes.end());
  crowd.deadline = std::chrono::seconds(options.deadline_s);

  const TimePoint began = transport::now();
  const Tally tally = Round(crowd, options).run();
  const double took_s = std::chrono::duration<double>(transport::now() - began).count();
  fmt::print(
      "recoveries={} deaths={} completions={} busy={} session_limit={} longest_s={:.1f} "
      "seconds={:.1f}\n",
      tally.recoveries, tally.deaths, tally.completions, tally.busy, tally.session_limit,
      tally.longest_s, took_s);
  for (const auto& [why, count] : tally.dropped)
    fmt::print("  gave up, {} times: {}\n", count, why);
  for (const auto& [why, count] : tally.failed) fmt::print("  FAILED, {} times: {}\n", count, why);
  return tally.failed.empty() && tally.recoveries == tally.deaths + tally.completions ? 0 : 1;
}

int parse_and_run(int argc, char** argv) {
  Options options;
  CLI::App app("Many recoveries from one donor at the same time");
  app.add_option("--donor", options.donor)->required();
  app.add_option("--key", options.key)->required();
  app.add_option("--image", options.image)->required();
  app.add_option("--user", options.user)->required();
  app.add_option("--password-file", options.password_file)->required();
  app.add_option("--clients", options.clients);
  app.add_option("--deaths", options.deaths_percent);
  app.add_option("--seed", options.seed);
  app.add_option("--start-within-ms", options.start_ms);
  app.add_option("--deadline", options.deadline_s);
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace fwr::soak

int main(int argc, char** argv) {
  try {
    return fwr::soak::parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    (void)std::fputs(error.what(), stderr);
    return 2;
  }
}
