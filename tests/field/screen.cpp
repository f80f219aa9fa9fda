// SPDX-License-Identifier: GPL-3.0-or-later
// A terminal for tests: runs a command in a pseudo-terminal of a given width and reads its screen.
//
//   screen [--interrupt-at TEXT] [--stop-at TEXT] COLUMNS COMMAND [ARGUMENT...]
//
// Standard output gets the lines of the screen as they were when the cursor left them, "shown: "
// and a line before it is written over, and at the end "wraps N" and "escapes N": lines that the
// terminal had to wrap, and escape sequences. Exit status: that of the command, 128 and the number
// of the signal that ended it.
//   --interrupt-at TEXT: when a line has it, the user presses control and C.
//   --stop-at TEXT: when a line has it, the user stops the output (control and S), for good.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <string>
#include <vector>

namespace {

/// What a terminal does with bytes, as far as our tools go: CR, LF, TAB, escape sequences as far as
/// to count them, and UTF-8 with wide and combining characters.
class Screen {
 public:
  explicit Screen(std::size_t columns) : columns_(columns) {}

  void put(char c) {
    if (returned_ && c != '\n') remember_shown();
    if (returned_) column_ = 0;
    returned_ = c == '\r';
    if (escape_) {  // ESC [ ... letter
      escape_ = !(c >= '@' && c <= '~' && c != '[');
      return;
    }
    if (c == '\x1b') {
      escape_ = true;
      ++escapes_;
    } else if (c == '\n') {
      print_line();
    } else if (c != '\r') {
      put_byte(c);
    }
  }

  void end() {
    if (!text().empty()) print_line();
    std::printf("wraps %zu\nescapes %zu\n", wraps_, escapes_);
  }
  /// Without the blanks at its end.
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const std::string& cell : cells_) all += cell;
    all.erase(all.find_last_not_of(' ') + 1);
    return all;
  }

 private:
  void put_byte(char c) {
    bytes_ += c;
    wchar_t code = 0;
    std::mbstate_t state{};
    const std::size_t used = std::mbrtowc(&code, bytes_.data(), bytes_.size(), &state);
    if (used == static_cast<std::size_t>(-2)) return;  // more is to come
    const int width = used == static_cast<std::size_t>(-1) ? 1 : ::wcwidth(code);
    put_character(bytes_, width < 0 ? 0 : static_cast<std::size_t>(width));
    bytes_.clear();
  }
  void put_character(const std::string& character, std::size_t width) {
    if (width == 0) {
      if (column_ > 0) cells_[column_ - 1] += character;
      return;
    }
    if (column_ + width > columns_) {
      ++wraps_;
      print_line();
    }
    if (cells_.size() < column_ + width) cells_.resize(column_ + width, " ");
    cells_[column_] = character;
    if (width == 2) cells_[column_ + 1] = "";
    column_ += width;
  }
  void print_line() {
    std::printf("%s\n", text().c_str());
    std::fflush(stdout);
    cells_.clear();
    column_ = 0;
  }
  void remember_shown() {
    const std::string now = text();
    if (now.empty() || now == shown_) return;
    shown_ = now;
    std::printf("shown: %s\n", now.c_str());
    std::fflush(stdout);
  }

  std::size_t columns_;
  std::vector<std::string> cells_;
  std::size_t column_ = 0;
  std::string bytes_;
  std::string shown_;
  bool escape_ = false;
  bool returned_ = false;
  std::size_t wraps_ = 0;
  std::size_t escapes_ = 0;
};

struct Options {
  std::string interrupt_at;
  std::string stop_at;
  std::size_t columns = 0;
  char** command = nullptr;
};

Options parse(int argc, char** argv) {
  Options options;
  int i = 1;
  for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
    const std::string name = argv[i];
    if (name == "--interrupt-at") options.interrupt_at = argv[i + 1];
    if (name == "--stop-at") options.stop_at = argv[i + 1];
  }
  if (i + 1 < argc) options.columns = std::strtoul(argv[i], nullptr, 10);
  options.command = argv + i + 1;
  return options;
}

void press(int terminal, char key) {
  if (::write(terminal, &key, 1) != 1) std::perror("write");
}

/// Until the other side is closed, or the command has ended and nothing more comes.
void watch(int terminal, Options& options, Screen& screen) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(terminal, buffer.data(), buffer.size());
    if (count <= 0) {
      if (count < 0 && errno == EINTR) continue;
      return;  // EIO: no program has it open any more
    }
    for (ssize_t i = 0; i < count; ++i) {
      screen.put(buffer[static_cast<std::size_t>(i)]);
      if (!options.interrupt_at.empty() &&
          screen.text().find(options.interrupt_at) != std::string::npos) {
        options.interrupt_at.clear();
        press(terminal, '\x03');
      }
      if (!options.stop_at.empty() && screen.text().find(options.stop_at) != std::string::npos) {
        options.stop_at.clear();
        press(terminal, '\x13');
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse(argc, argv);
  if (options.columns == 0) {
    std::fprintf(stderr, "usage: screen [--interrupt-at TEXT] [--stop-at TEXT] COLUMNS COMMAND\n");
    return 2;
  }
  if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) return 77;
  winsize size{};
  size.ws_row = 24;
  size.ws_col = static_cast<unsigned short>(options.columns);
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) {
    std::perror("forkpty");
    return 77;
  }
  if (child == 0) {
    ::execvp(options.command[0], options.command);
    std::perror(options.command[0]);
    std::_Exit(127);
  }
  Screen screen(options.columns);
  watch(terminal, options, screen);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  screen.end();
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
