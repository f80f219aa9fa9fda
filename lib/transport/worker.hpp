// SPDX-License-Identifier: GPL-3.0-or-later
// Work that blocks, on threads that are left behind when it takes too long, and the board on which
// they put what they found. Thread and owner share the board; it goes with the last of them.
#pragma once

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "base/unique_fd.hpp"

namespace fwr::transport {

/// Runs `work` on a thread of its own that nothing waits for: it has to own what it uses. All
/// signals are blocked there. False: the system gives no thread.
[[nodiscard]] bool run_detached(std::function<void()> work);

/// How long a caller waits for work that blocks.
struct Patience {
  static constexpr std::chrono::seconds kUsual{10};
  std::chrono::milliseconds limit = kUsual;
  std::function<bool()> interrupted;  ///< asked now and then, on the caller's thread; may be empty
};

/// A queue from threads to their owner, which waits for its descriptor or blocks.
template <class Item>
class Board {
 public:
  /// `limit`: items that are kept; the oldest gives way.
  explicit Board(std::size_t limit = std::numeric_limits<std::size_t>::max())
      : limit_(limit), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  // --- the threads ---
  void post(Item item) {
    const std::lock_guard lock(mutex_);
    if (items_.size() >= limit_) items_.pop_front();
    items_.push_back(std::move(item));
    if (event_.is_open()) (void)::eventfd_write(event_.get(), 1);
    posted_.notify_one();
  }
  /// The owner does not wait any more: what is left of the work can be left out.
  [[nodiscard]] bool abandoned() const { return abandoned_; }

  // --- the owner ---
  /// Readable when there is an item. Negative: the system gave no descriptor.
  [[nodiscard]] int descriptor() const { return event_.get(); }
  [[nodiscard]] std::optional<Item> poll() {
    const std::lock_guard lock(mutex_);
    return take();
  }
  enum class End { Enough, LimitPassed, Interrupted };
  /// Blocks and hands each item to `enough`, until that says so, or for as long as `patience`
  /// lasts. Then the board is abandoned.
  template <class Enough>
  End collect(const Patience& patience, Enough enough) {
    const auto deadline = std::chrono::steady_clock::now() + patience.limit;
    std::unique_lock lock(mutex_);
    End end = End::LimitPassed;
    for (;;) {
      bool done = false;
      while (auto item = take())
        if (enough(*std::move(item))) done = true;
      const auto now = std::chrono::steady_clock::now();
      if (done) end = End::Enough;
      if (done || now >= deadline) break;
      posted_.wait_until(lock, std::min(deadline, now + kAskInterruption_interval));
      if (patience.interrupted && patience.interrupted()) {
        end = End::Interrupted;
        break;
      }
    }
    abandoned_ = true;
    return end;
  }

 private:
  static constexpr std::chrono::milliseconds kAskInterruption_interval{50};

  std::optional<Item> take() {
    if (items_.empty()) {
      eventfd_t count = 0;
      if (event_.is_open()) (void)::eventfd_read(event_.get(), &count);
      return std::nullopt;
    }
    std::optional<Item> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

  const std::size_t limit_;
  const UniqueFd event_;
  std::mutex mutex_;  // for the items
  std::condition_variable posted_;
  std::deque<Item> items_;
  std::atomic<bool> abandoned_ = false;
};

}  // namespace fwr::transport
