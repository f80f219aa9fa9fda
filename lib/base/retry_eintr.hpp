// SPDX-License-Identifier: GPL-3.0-or-later
// System calls that a signal may interrupt. Only files that make system calls include this.
#pragma once

#include <cerrno>

namespace fwr {

/// Makes a system call, and repeats it for as long as a signal interrupts it. Not for close(2).
template <class Call>
auto retry_eintr(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

}  // namespace fwr
