// SPDX-License-Identifier: GPL-3.0-or-later
// A pseudo-terminal in raw mode: a serial line whose far end is the test.
#pragma once

#include <fcntl.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/unique_fd.hpp"

namespace fwr::test {

struct PtyPair {
  /// `flags` are those of the master: O_NONBLOCK or 0.
  explicit PtyPair(int flags = O_NONBLOCK) {
    int m = -1;
    int s = -1;
    termios raw{};
    cfmakeraw(&raw);
    if (openpty(&m, &s, nullptr, &raw, nullptr) != 0)
      throw std::system_error(errno, std::generic_category(), "openpty");
    master = UniqueFd(m);
    slave = UniqueFd(s);
    std::array<char, 128> name{};
    if (ttyname_r(s, name.data(), name.size()) != 0 || fcntl(m, F_SETFL, flags) != 0)
      throw std::system_error(errno, std::generic_category(), "pseudo-terminal");
    device = name.data();
  }
  /// Reads what was written to the device, and says how many bytes that were.
  [[nodiscard]] std::size_t take_waiting() {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(master.get(), buffer.data(), buffer.size());
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }

  UniqueFd master;
  UniqueFd slave;      ///< kept open: the line does not hang up when another program closes it
  std::string device;  ///< path of the slave
};

}  // namespace fwr::test
