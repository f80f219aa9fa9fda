// SPDX-License-Identifier: GPL-3.0-or-later
// Detached threads.
#include "transport/worker.hpp"

#include <system_error>
#include <thread>

#include "transport/blocked_signals.hpp"

namespace fwr::transport {

bool run_detached(std::function<void()> work) {
  const BlockedSignals blocked;
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

}  // namespace fwr::transport
