// SPDX-License-Identifier: GPL-3.0-or-later
// A journal that prints what it gets: each entry's fields, one a line, and an empty line behind
// them. SIGTERM ends it after the entries that were sent before the signal.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string_view>

namespace {

constexpr std::size_t kEntryLimit_bytes = 65536;

/// Prints each entry that waits in the socket. False: it could not be printed.
bool print_entries(int fd) {
  static std::array<char, kEntryLimit_bytes> entry;
  while (true) {
    const ssize_t size = recv(fd, entry.data(), entry.size(), MSG_DONTWAIT);
    if (size < 0) return true;
    (void)std::fwrite(entry.data(), 1, static_cast<std::size_t>(size), stdout);
    (void)std::fputc('\n', stdout);
    if (std::fflush(stdout) != 0) return false;
  }
}

/// SIGTERM is delivered only inside of ppoll(), which it ends.
bool prepare_signal(sigset_t& inside_poll) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  struct sigaction action {};
  action.sa_handler = [](int) {};
  return sigaction(SIGTERM, &action, nullptr) == 0 &&
         sigprocmask(SIG_BLOCK, &blocked, &inside_poll) == 0 &&
         sigdelset(&inside_poll, SIGTERM) == 0;
}

int serve(const char* path) {
  sigset_t inside_poll;
  if (!prepare_signal(inside_poll)) return 1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string_view name(path);
  if (name.size() >= sizeof(address.sun_path)) return 1;
  name.copy(address.sun_path, name.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return 1;
  while (true) {
    pollfd readable{fd, POLLIN, 0};
    const bool ends = ppoll(&readable, 1, nullptr, &inside_poll) < 0;
    if (!print_entries(fd)) return 1;
    if (ends) return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  return argc == 2 ? serve(argv[1]) : 2;
}
