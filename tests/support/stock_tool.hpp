// SPDX-License-Identifier: GPL-3.0-or-later
// Runs stock programs as oracles: a scratch directory, and programs with their exit status.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fwr::test {

/// A directory that goes with its object.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fwrecover-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    directory_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_ / name).string();
  }
  /// Writes a file and gives its path.
  [[nodiscard]] std::string put(const std::string& name, std::string_view content) const {
    std::ofstream file(directory_ / name, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush()) throw std::runtime_error("cannot write " + path(name));
    return path(name);
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    std::ifstream file(directory_ / name, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::filesystem::path directory_;
};

struct Ran {
  int status = 0;      ///< exit status, or 128 and the signal
  std::string output;  ///< stdout and stderr
};

/// Starts a program without input, its output in `log`, which is made when it is not there.
/// nullopt: there is no such program.
inline std::optional<pid_t> spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments.front(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return std::nullopt;
  if (error != 0) throw std::runtime_error("cannot start " + command.front());
  return pid;
}

/// nullopt: there is no such program.
inline std::optional<Ran> run(const Scratch& scratch, const std::vector<std::string>& command) {
  const auto pid = spawn(command, scratch.put("output", ""));
  if (!pid) return std::nullopt;
  int status = 0;
  if (waitpid(*pid, &status, 0) != *pid) throw std::runtime_error("waitpid " + command.front());
  return Ran{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
             scratch.get("output")};
}

}  // namespace fwr::test
