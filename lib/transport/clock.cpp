// SPDX-License-Identifier: GPL-3.0-or-later
// Clocks and random numbers of the system.
#include "transport/clock.hpp"

#include <openssl/rand.h>
#include <sys/random.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/retry_eintr.hpp"

namespace fwr::transport {
namespace {

constexpr std::int64_t kEarliestPlausible_s = 1767225600;  // 2026-01-01
/// How soon a signal or the deadline ends the waiting for random numbers.
constexpr auto kAgainAfter = std::chrono::milliseconds(100);

/// One thread that waits inside getrandom(2). A kernel without random numbers begins to gather them
/// when a call blocks, and never for one that asks whether there are any: on a board without a
/// hardware source asking alone would go on for ever. The thread blocks and not its creator,
/// because signals of the program may be blocked or restart the call. Whoever gives up leaves it
/// behind; it owns its share of this.
class Gathering {
 public:
  static std::shared_ptr<Gathering> begin() {
    auto made = std::make_shared<Gathering>();
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    // Signals are for the other threads: a pending one would end the kernel's gathering.
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      std::thread([made] { made->run(); }).detach();
    } catch (const std::system_error&) {
      // Without a thread only asking is left, in wait().
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return made;
  }

  /// True: random numbers are there, or will not be got by waiting.
  [[nodiscard]] bool wait(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, limit, [this] { return done_; })) return true;
    unsigned char probe = 0;
    return ::getrandom(&probe, sizeof probe, GRND_NONBLOCK) >= 0 || errno != EAGAIN;
  }

 private:
  void run() {
    unsigned char probe = 0;
    (void)retry_eintr([&] { return ::getrandom(&probe, sizeof probe, 0); });
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

}  // namespace

TimePoint now() {
  return std::chrono::steady_clock::now();
}

std::optional<std::int64_t> wall_clock() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(since).count();
  if (seconds < kEarliestPlausible_s) return std::nullopt;
  return seconds;
}

Result<> wait_for_random(const std::function<void()>& on_wait,
                         const std::function<bool()>& interrupted,
                         std::optional<TimePoint> deadline) {
  unsigned char probe = 0;
  if (::getrandom(&probe, sizeof probe, GRND_NONBLOCK) < 0 && errno == EAGAIN) {
    on_wait();
    const auto gathering = Gathering::begin();
    while (!gathering->wait(kAgainAfter)) {
      if (interrupted && interrupted())
        return fail(Errc::Interrupted, "while it waited for random numbers");
      if (deadline && now() >= *deadline)
        return fail(Errc::DeadlinePassed, "while it waited for random numbers");
    }
  }
  if (RAND_bytes(&probe, sizeof probe) == 1) return {};
  return fail(Errc::IoFailed,
              "the system gives no random numbers: neither getrandom(2) nor /dev/urandom works");
}

void SystemRandom::fill(std::span<std::byte> out) {
  static_assert(std::numeric_limits<int>::max() >= 65536);
  while (!out.empty()) {
    const std::size_t part = std::min<std::size_t>(out.size(), 65536);
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(part)) != 1) {
      std::fputs("fwrecover: the system gives no random numbers\n", stderr);
      std::abort();
    }
    out = out.subspan(part);
  }
}

}  // namespace fwr::transport
