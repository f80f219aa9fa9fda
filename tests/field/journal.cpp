// SPDX-License-Identifier: GPL-3.0-or-later
// A journal that prints what it gets: each entry's fields, one a line, and an empty line behind
// them.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace {

constexpr std::size_t kEntryLimit_bytes = 65536;

int serve(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string_view name(path);
  if (name.size() >= sizeof(address.sun_path)) return 1;
  name.copy(address.sun_path, name.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return 1;
  static std::array<char, kEntryLimit_bytes> entry;
  while (true) {
    const ssize_t size = recv(fd, entry.data(), entry.size(), 0);
    if (size < 0) return 1;
    (void)std::fwrite(entry.data(), 1, static_cast<std::size_t>(size), stdout);
    (void)std::fputc('\n', stdout);
    if (std::fflush(stdout) != 0) return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  return argc == 2 ? serve(argv[1]) : 2;
}
