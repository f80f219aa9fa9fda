// SPDX-License-Identifier: GPL-3.0-or-later
// A flag, and an eventfd that wakes the loop.
#include "transport/stopper.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace fwr::transport {

Stopper::Stopper() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Stopper::request() noexcept {
  requested_ = true;
  const int saved = errno;  // a signal handler leaves it as it was
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
  errno = saved;
}

void Stopper::clear() noexcept {
  std::uint64_t count = 0;
  (void)!::read(event_.get(), &count, sizeof count);
  requested_ = false;
}

}  // namespace fwr::transport
