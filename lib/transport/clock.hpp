// SPDX-License-Identifier: GPL-3.0-or-later
// The clocks and the random numbers that machines are driven with.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/error.hpp"
#include "base/types.hpp"

namespace fwr::transport {

[[nodiscard]] TimePoint now();

/// Seconds since 1970-01-01 UTC. nullopt when the clock shows a time before this software was
/// written: a BMC without a battery starts there, and a recovery must not depend on it.
[[nodiscard]] std::optional<std::int64_t> wall_clock();

/// Until the system gives random numbers: soon after power-on there may be none yet, and a kernel
/// without a hardware source gathers them only while a call waits for them. `on_wait` is called
/// before it waits, so that it does not look dead. Errors: IoFailed; Interrupted, soon after
/// `interrupted` says so; DeadlinePassed.
[[nodiscard]] Result<> wait_for_random(const std::function<void()>& on_wait,
                                       const std::function<bool()>& interrupted = nullptr,
                                       std::optional<TimePoint> deadline = std::nullopt);

/// OpenSSL's generator. Call wait_for_random() before. A later failure to seed it ends the process:
/// nothing safe can follow.
class SystemRandom final : public RandomSource {
 public:
  void fill(std::span<std::byte> out) override;
};

}  // namespace fwr::transport
