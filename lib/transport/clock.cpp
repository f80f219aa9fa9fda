// SPDX-License-Identifier: GPL-3.0-or-later
// Clocks and random numbers of the system.
#include "transport/clock.hpp"

#include <openssl/rand.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <thread>

namespace fwr::transport {
namespace {

constexpr std::int64_t kEarliestPlausible_s = 1767225600;  // 2026-01-01

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
                         const std::function<bool()>& interrupted) {
  constexpr auto kAgainAfter = std::chrono::milliseconds(100);
  unsigned char probe = 0;
  for (bool told = false; ::getrandom(&probe, sizeof probe, GRND_NONBLOCK) < 0 && errno == EAGAIN;
       told = true) {
    if (!told) on_wait();
    if (interrupted && interrupted())
      return fail(Errc::Interrupted, "while it waited for random numbers");
    std::this_thread::sleep_for(kAgainAfter);
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
