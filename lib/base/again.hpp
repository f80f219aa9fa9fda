// SPDX-License-Identifier: GPL-3.0-or-later
// System calls that a signal may interrupt. For the files that make system calls only.
#pragma once

#include <cerrno>

namespace fwr {

/// The system call, and again while a signal came in between. Not for close(2).
template <class Call>
auto again(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

}  // namespace fwr
