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
  std::function<Patience()> patience = nullptr;  ///< asked when it is chosen; without: Shows
};

/// For commands that do something.
[[nodiscard]] inline Patience acts() {
  return Patience::Acts;
}

enum class Prints : std::uint8_t { Text, Log };

struct Program {
  std::string name;
  std::string summary;
  std::string default_config;     ///< empty: the tool has no configuration file
  std::vector<Command> commands;  ///< empty: the program itself runs
  std::function<void(CLI::App&)> options;
  std::function<fwrecover::Conclusion(fwrecover::Observer&)> run;
  std::function<Prints()> prints = nullptr;  ///< asked after parsing; without: Text
  std::function<Patience()> patience = nullptr;
};

/// Parses, runs, prints. The exit code of the process: 2 for a usage error, also as JSON. A signal
/// that ended the work ends the process, too, so that the script around it stops.
[[nodiscard]] int run_program(const Program& program, Global& global, int argc, char** argv);

/// Options whose values are numbers, times or one of several numbers, read as everywhere else:
/// CLI11 would take 010 for eight, an empty text for zero, and nan for a time. An empty value, and
/// what is out of bounds, is a usage error that says what is wanted.
template <class Number>
struct Bounds {
  Number lowest;
  Number highest;
};
/// What a value is wrong for; empty: it is good, and was taken.
using TakeValue = std::function<std::string(const std::string& value)>;
CLI::Option* add_value(CLI::App& app, const std::string& name, TakeValue take,
                       const std::string& description);
/// The number; an error in words otherwise.
[[nodiscard]] std::string read_number(const std::string& text, Bounds<std::uint64_t> bounds,
                                      std::uint64_t& out);

template <class Number>
CLI::Option* add_number(CLI::App& app, const std::string& name, Number& out,
                        const std::string& description, Bounds<std::uint64_t> bounds) {
  const auto take = [&out, bounds](const std::string& text) {
    std::uint64_t number = 0;
    std::string wrong = read_number(text, bounds, number);
    if (wrong.empty()) out = static_cast<Number>(number);
    return wrong;
  };
  return add_value(app, name, take, description)->type_name("NUMBER");
}
/// One of `choices`.
template <class Number>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Number& out,
                        const std::string& description, const std::vector<Number>& choices) {
  const auto take = [&out, choices](const std::string& text) {
    std::string known;
    for (const Number choice : choices) {
      std::uint64_t number = 0;
      const auto wanted = static_cast<std::uint64_t>(choice);
      if (read_number(text, {wanted, wanted}, number).empty()) {
        out = choice;
        return std::string();
      }
      known += (known.empty() ? "" : ", ") + std::to_string(choice);
    }
    return "'" + text + "' is none of " + known;
  };
  return add_value(app, name, take, description)->type_name("NUMBER");
}
/// "500ms", "10m"; a number alone is seconds. In milliseconds.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::int64_t& out_ms,
                          const std::string& description, Bounds<std::int64_t> bounds_ms);
/// A moment such as 2027-06-30 or 2027-06-30T12:00:00Z; a number alone is seconds since 1970-01-01
/// UTC. In such seconds, from 1 to the end of the year 9999, which a number of milliseconds is not.
CLI::Option* add_time(CLI::App& app, const std::string& name, std::int64_t& out_s,
                      const std::string& description);
/// A finite number such as 1e-5.
CLI::Option* add_real(CLI::App& app, const std::string& name, double& out,
                      const std::string& description, Bounds<double> bounds);

}  // namespace tool
