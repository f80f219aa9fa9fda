// SPDX-License-Identifier: GPL-3.0-or-later
// What the command lines of the tools share: global options, sub-commands as data, usage errors.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "output.hpp"

namespace tool {

/// One sub-command. `options` binds its own options; `run` does the work.
struct Command {
  std::string name;
  std::string summary;
  std::function<void(CLI::App&)> options;
  std::function<fwrecover::Conclusion(fwrecover::Observer&)> run;
};

enum class Prints : std::uint8_t { Text, Log };

struct Program {
  std::string name;
  std::string summary;
  std::string default_config;     ///< empty: the tool has no configuration file
  std::vector<Command> commands;  ///< empty: the program itself runs
  std::function<void(CLI::App&)> options;
  std::function<fwrecover::Conclusion(fwrecover::Observer&)> run;
  Prints prints = Prints::Text;
};

/// Parses, runs, prints. The exit code of the process: 2 for a usage error, also as JSON.
[[nodiscard]] int run_program(const Program& program, Global& global, int argc, char** argv);

/// Addresses of one option, each to the setting of its medium: texts that begin with `prefix` to
/// the list that is named; without the prefix when `bare`. The first one takes what no other does.
struct AddressList {
  std::string setting;
  std::string prefix;
  bool bare = false;
};
/// "section.key=[...]" for each list that has got any.
[[nodiscard]] std::vector<std::string> sort_addresses(const std::vector<std::string>& addresses,
                                                      const std::vector<AddressList>& lists);

}  // namespace tool
