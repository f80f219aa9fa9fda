// SPDX-License-Identifier: GPL-3.0-or-later
// A wish to stop, from any thread or from a signal handler, that a loop hears.
#pragma once

#include <atomic>

#include "base/unique_fd.hpp"

namespace fwr::transport {

class Stopper {
 public:
  /// Without a descriptor left it still works, and a loop hears it when it turns next.
  Stopper();
  Stopper(const Stopper&) = delete;
  Stopper& operator=(const Stopper&) = delete;

  void request() noexcept;
  [[nodiscard]] bool requested() const noexcept { return requested_; }
  /// Whoever was to stop has stopped.
  void clear() noexcept;
  /// Readable while a stop is requested; -1 without one.
  [[nodiscard]] int descriptor() const { return event_.get(); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");
  std::atomic<bool> requested_ = false;
  UniqueFd event_;
};

}  // namespace fwr::transport
