// SPDX-License-Identifier: GPL-3.0-or-later
// Runs in child processes, because a broken machine may crash or never return.
#include "run.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <new>
#include <thread>

namespace fwr::sim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kText = 400;
constexpr std::size_t kSlowest = 5;
constexpr std::size_t kFailures = 16;
/// Of the processor's time, for one seed: the slowest takes seconds, also under the sanitizers. A
/// busy machine gives a seed as little of an hour as it likes.
constexpr std::chrono::seconds kHang{120};
/// Of real time, for what waits and never goes on.
constexpr std::chrono::minutes kStandstill{60};
constexpr auto kLook = std::chrono::milliseconds(20);

struct SharedFailure {
  std::uint64_t seed = 0, step = 0;
  TimePoint at{};
  std::array<char, 48> checker{};
  std::array<char, kText> text{};
};
/// What a child leaves for its parent.
struct Share {
  std::atomic<std::uint64_t> seed{0};
  std::atomic<std::uint64_t> runs{0};
  Totals totals;
  std::array<Slow, kSlowest> slowest{};
  std::array<SharedFailure, kFailures> failures{};
  std::atomic<std::size_t> failed{0};
};

template <std::size_t N>
void copy_text(std::array<char, N>& to, const std::string& from) {
  std::memcpy(to.data(), from.data(), std::min(N - 1, from.size()));
}

class SharedMemory {
 public:
  SharedMemory() {
    void* place =
        ::mmap(nullptr, sizeof(Share), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) std::terminate();
    share_ = new (place) Share;
  }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  SharedMemory(SharedMemory&&) = delete;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory() { ::munmap(share_, sizeof(Share)); }
  [[nodiscard]] Share& get() const { return *share_; }

 private:
  Share* share_ = nullptr;
};

void leave(Share& share, std::uint64_t seed, const Violation& violation) {
  const std::size_t place = share.failed.load();
  if (place >= kFailures) return;
  SharedFailure& failure = share.failures.at(place);
  failure.seed = seed;
  failure.step = violation.step;
  failure.at = violation.at;
  copy_text(failure.checker, violation.checker);
  copy_text(failure.text, violation.text);
  share.failed.store(place + 1);
}

Failure read_failure(const SharedFailure& failure) {
  return {failure.seed, {failure.checker.data(), failure.text.data(), failure.at, failure.step}};
}

void note_slow(std::array<Slow, kSlowest>& slowest, const Slow& slow) {
  auto least = std::min_element(slowest.begin(), slowest.end(),
                                [](const Slow& a, const Slow& b) { return a.micros < b.micros; });
  if (slow.micros > least->micros) *least = slow;
}

void work(Share& share, const Campaign& campaign, unsigned job) {
  for (std::uint64_t i = job; i < campaign.count + campaign.bus; i += campaign.jobs) {
    const std::uint64_t seed = i < campaign.count
                                   ? campaign.first + i
                                   : kFirstBusSeed + campaign.first + (i - campaign.count);
    share.seed.store(seed);
    const auto began = Clock::now();
    const RunResult result = run_seed(seed);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
    share.totals.add(result.totals);
    note_slow(share.slowest, {seed, static_cast<std::uint64_t>(took.count())});
    share.runs.fetch_add(1);
    if (!result.violation) continue;
    leave(share, seed, *result.violation);
    if (share.failed.load() >= campaign.stop_after) return;
  }
}

/// Of the processor, since the child began.
std::chrono::nanoseconds cpu_of(pid_t child) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(child, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Waits for a child; a violation when it crashed, or made no step forward for too long.
std::optional<Violation> wait_for(pid_t child, Share& share) {
  std::uint64_t runs = share.runs.load();
  auto moved = Clock::now();
  std::chrono::nanoseconds cpu_before = cpu_of(child);
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
      return Violation{"crash",
                       WIFSIGNALED(status)
                           ? fmt::format("the process ended by signal {}", WTERMSIG(status))
                           : fmt::format("the process ended with status {}", WEXITSTATUS(status)),
                       {},
                       0};
    }
    if (share.runs.load() != runs) {
      runs = share.runs.load();
      moved = Clock::now();
      cpu_before = cpu_of(child);
    }
    if (cpu_of(child) - cpu_before > kHang || Clock::now() - moved > kStandstill) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      return Violation{
          "hang", "no end in " + std::to_string(kHang.count()) + " s of the processor", {}, 0};
    }
    std::this_thread::sleep_for(kLook);
  }
}

template <class Body>
pid_t in_child(Body body) {
  const pid_t child = ::fork();
  if (child < 0) std::terminate();
  if (child > 0) return child;
  body();
  ::_exit(0);
}

double cpu_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

RunResult run_seed(std::uint64_t seed, const Without& without, bool with_lines) {
  const Plan plan = Plan::from_seed(seed, without);
  World world(plan, with_lines);
  world.run();
  const Chronicle& chronicle = world.chronicle();
  return {.violation = chronicle.violation(),
          .hash = chronicle.hash(),
          .totals = world.totals(),
          .lines = {chronicle.lines().begin(), chronicle.lines().end()}};
}

std::optional<Violation> run_apart(std::uint64_t seed, const Without& without) {
  const SharedMemory memory;
  Share& share = memory.get();
  const pid_t child = in_child([&] {
    const RunResult result = run_seed(seed, without);
    if (result.violation) leave(share, seed, *result.violation);
  });
  if (auto crashed = wait_for(child, share)) return crashed;
  if (share.failed.load() == 0) return std::nullopt;
  return read_failure(share.failures[0]).violation;
}

CampaignResult run_campaign(const Campaign& campaign) {
  const auto began = Clock::now();
  const double cpu_before = cpu_of_children();
  std::vector<std::unique_ptr<SharedMemory>> shares;
  std::vector<pid_t> children;
  for (unsigned job = 0; job < campaign.jobs; ++job) {
    shares.push_back(std::make_unique<SharedMemory>());
    Share& share = shares.back()->get();
    children.push_back(in_child([&share, &campaign, job] { work(share, campaign, job); }));
  }
  CampaignResult result;
  std::array<Slow, kSlowest> slowest{};
  for (unsigned job = 0; job < campaign.jobs; ++job) {
    Share& share = shares[job]->get();
    const auto crashed = wait_for(children[job], share);
    result.totals.add(share.totals);
    for (const Slow& slow : share.slowest) note_slow(slowest, slow);
    for (std::size_t i = 0; i < share.failed.load(); ++i)
      result.failures.push_back(read_failure(share.failures.at(i)));
    if (crashed) result.failures.push_back({share.seed.load(), *crashed});
  }
  for (const Slow& slow : slowest)
    if (slow.micros > 0) result.slowest.push_back(slow);
  std::sort(result.slowest.begin(), result.slowest.end(),
            [](const Slow& a, const Slow& b) { return a.micros > b.micros; });
  std::sort(result.failures.begin(), result.failures.end(),
            [](const Failure& a, const Failure& b) { return a.seed < b.seed; });
  result.wall_s = std::chrono::duration<double>(Clock::now() - began).count();
  result.cpu_s = cpu_of_children() - cpu_before;
  return result;
}

Without shrink(std::uint64_t seed, const std::string& checker) {
  constexpr unsigned kRuns = 400;
  unsigned runs = 0;
  const std::size_t parts = Plan::from_seed(seed).parts();
  Without without;
  const auto still_fails = [&](const Without& candidate) {
    if (++runs > kRuns) return false;
    const auto violation = run_apart(seed, candidate);
    return violation && violation->checker == checker;
  };
  // Halves first, then smaller and smaller pieces; the pieces of one once more at the end.
  for (std::size_t size = parts; size > 0; size /= 2) {
    for (int round = size == 1 ? 0 : 1; round < 2; ++round) {
      for (std::size_t at = 0; at < parts; at += size) {
        Without candidate = without;
        for (std::size_t i = at; i < std::min(at + size, parts); ++i) candidate.insert(i);
        if (candidate != without && still_fails(candidate)) without = candidate;
      }
    }
  }
  return without;
}

}  // namespace fwr::sim
