// SPDX-License-Identifier: GPL-3.0-or-later
// Programs that are run and waited for, without a shell.
#include "transport/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <optional>
#include <thread>

// POSIX has no header that declares it.
extern "C" char** environ;  // NOLINT(readability-redundant-declaration)

namespace fwr::transport {
namespace {

constexpr std::chrono::milliseconds kLook{20};  ///< between two looks at a program that runs

/// 0, or an errno.
int spawn(const std::vector<std::string>& arguments, pid_t& child) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  // POSIX promises that they are not changed.
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  if (int error = posix_spawn_file_actions_init(&files); error != 0) return error;
  if (int error = posix_spawnattr_init(&attributes); error != 0) {
    posix_spawn_file_actions_destroy(&files);
    return error;
  }
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  // A group of its own, so that its children end with it; none of our signal handling.
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = ::posix_spawnp(&child, argv.front(), &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

/// Who started this program may ignore the ends of children: then the kernel tells nobody how one
/// ended, and a good command would count as a bad one.
class ToldOfChildren {
 public:
  ToldOfChildren() {
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    ::sigemptyset(&usual.sa_mask);
    known_ = ::sigaction(SIGCHLD, nullptr, &before_) == 0 &&
             (before_.sa_handler == SIG_IGN || (before_.sa_flags & SA_NOCLDWAIT) != 0) &&
             ::sigaction(SIGCHLD, &usual, nullptr) == 0;
  }
  ToldOfChildren(const ToldOfChildren&) = delete;
  ToldOfChildren& operator=(const ToldOfChildren&) = delete;
  ~ToldOfChildren() {
    if (known_) (void)::sigaction(SIGCHLD, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
  bool known_ = false;
};

void end(pid_t child) {
  ::kill(-child, SIGKILL);
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<std::string> how_it_ended(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::nullopt;
  if (WIFEXITED(status)) return "it exited with " + std::to_string(WEXITSTATUS(status));
  return "signal " + std::to_string(WTERMSIG(status)) + " ended it";
}

}  // namespace

Result<std::optional<std::string>> run_command(const std::vector<std::string>& arguments,
                                               std::chrono::milliseconds limit,
                                               const std::function<bool()>& interrupted) {
  if (arguments.empty()) return std::optional<std::string>("it has no name");
  const ToldOfChildren told;
  pid_t child = -1;
  if (const int error = spawn(arguments, child); error != 0)
    return std::optional<std::string>("it cannot be run: " + std::string(std::strerror(error)));
  const auto end_at = std::chrono::steady_clock::now() + limit;
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(child, &status, WNOHANG);
    if (done == child) return how_it_ended(status);
    if (done < 0 && errno != EINTR)
      return std::optional<std::string>("how it ended is not known: " +
                                        std::string(std::strerror(errno)));
    if (interrupted && interrupted()) {
      end(child);
      return fail(Errc::Interrupted, "while " + arguments.front() + " ran");
    }
    if (std::chrono::steady_clock::now() >= end_at) {
      end(child);
      return std::optional<std::string>("it did not end within " + std::to_string(limit.count()) +
                                        " ms");
    }
    std::this_thread::sleep_for(kLook);
  }
}

std::chrono::milliseconds uptime() {
  timespec now{};
  if (::clock_gettime(CLOCK_BOOTTIME, &now) != 0) return {};
  return std::chrono::seconds(now.tv_sec) + std::chrono::duration_cast<std::chrono::milliseconds>(
                                                std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace fwr::transport
