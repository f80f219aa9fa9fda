// SPDX-License-Identifier: GPL-3.0-or-later
// A serial cable for tests: null_modem A B [EVERY]. Two pseudo-terminals, crossed, with links A and
// B to them. Of every EVERY characters one has a bit changed. Says "ready"; runs until a signal.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace {

struct End {
  int master = -1;
  int slave = -1;  // kept open, so that the line does not hang up when a program closes it
  std::array<unsigned char, 4096> waiting{};  // for the other end
  std::size_t count = 0;
};

bool open_end(End& end, const char* link) {
  termios raw{};
  cfmakeraw(&raw);
  std::array<char, 128> name{};
  (void)unlink(link);
  return openpty(&end.master, &end.slave, nullptr, &raw, nullptr) == 0 &&
         ttyname_r(end.slave, name.data(), name.size()) == 0 && symlink(name.data(), link) == 0 &&
         fcntl(end.master, F_SETFL, O_NONBLOCK) == 0;
}

class Damage {
 public:
  explicit Damage(std::size_t every) : every_(every) {}
  void change(unsigned char& character) {
    if (every_ == 0 || ++passed_ % every_ != 0) return;
    character ^= static_cast<unsigned char>(1U << (passed_ / every_ % 8U));
  }

 private:
  std::size_t every_;
  std::size_t passed_ = 0;
};

void hear(End& from, Damage& damage) {
  const ssize_t count =
      read(from.master, from.waiting.data() + from.count, from.waiting.size() - from.count);
  if (count <= 0) return;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    damage.change(from.waiting.at(from.count + i));
  from.count += static_cast<std::size_t>(count);
}

void say(End& from, const End& to) {
  const ssize_t count = write(to.master, from.waiting.data(), from.count);
  if (count <= 0) return;
  std::copy(from.waiting.begin() + count,
            from.waiting.begin() + static_cast<std::ptrdiff_t>(from.count), from.waiting.begin());
  from.count -= static_cast<std::size_t>(count);
}

short wanted(const End& here, const End& there) {
  const int in = here.count < here.waiting.size() ? POLLIN : 0;
  return static_cast<short>(in | (there.count > 0 ? POLLOUT : 0));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  End a;
  End b;
  if (!open_end(a, arguments[1]) || !open_end(b, arguments[2])) {
    std::perror("null_modem");
    return 1;
  }
  Damage damage(count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 0);
  std::puts("ready");
  (void)std::fflush(stdout);
  for (;;) {
    std::array<pollfd, 2> watched{{{a.master, wanted(a, b), 0}, {b.master, wanted(b, a), 0}}};
    if (poll(watched.data(), watched.size(), -1) < 0) return 1;
    if ((watched[0].revents & POLLIN) != 0) hear(a, damage);
    if ((watched[1].revents & POLLIN) != 0) hear(b, damage);
    if (b.count > 0) say(b, a);
    if (a.count > 0) say(a, b);
  }
}
