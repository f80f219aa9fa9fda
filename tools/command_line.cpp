// SPDX-License-Identifier: GPL-3.0-or-later
// Command lines with CLI11.
#include "command_line.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <sstream>
#include <string_view>

#include "fwrecover/quantity.hpp"
#include "fwrecover/secrets.hpp"
#include "fwrecover/version.hpp"
#include "help.hpp"

namespace tool {
namespace {

using fwrecover::Conclusion;

constexpr int kOther = 1;
constexpr int kUsage = 2;
constexpr int kSignalled = 128;

/// A descriptor of 0 to 2 that was closed would become that of the next file, which may be a slot,
/// and what is printed would go there.
void open_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) == -1 && ::open("/dev/null", O_RDWR) != fd) std::_Exit(kOther);
}

void add_global(CLI::App& app, const Program& program, Global& global) {
  if (!program.default_config.empty()) {
    app.add_option(
           "--config", global.config_path,
           fmt::format("Configuration file (without: {}, if it is there)", program.default_config))
        ->type_name("FILE");
    app.add_option("--set", global.overrides,
                   "SECTION.KEY=VALUE: overrides the file; may be repeated")
        ->type_name("SETTING")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
  }
  app.add_flag("--json", global.json, "One JSON object a line on standard output");
  CLI::Option* quiet = app.add_flag("-q,--quiet", global.quiet, "Print errors only");
  app.add_flag("-v,--verbose", global.verbose, "Print each step")->excludes(quiet);
  app.set_version_flag("-V,--version",
                       fmt::format("{} {}", program.name, fwrecover::library_version()));
}

std::unique_ptr<Output> make_output(const Program& program, const Global& global, Writer& writer) {
  if (global.json) return std::make_unique<JsonOutput>(writer);
  if (program.prints && program.prints() == Prints::Log)
    return std::make_unique<LogOutput>(writer, global.verbosity());
  return std::make_unique<TextOutput>(writer, global.verbosity());
}

/// Before --json was parsed: look for it as a script would expect.
bool wants_json(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc,
                     [](const char* arg) { return std::string_view(arg) == "--json"; });
}

/// What the terminal shows is safe: an event makes it so.
std::string made_safe(const std::string& text) {
  return fwrecover::Event("text").set("text", text).text("text");
}

std::string lost_words(const char* stream, const Delivery& delivery) {
  if (delivery.error != 0)
    return fmt::format("{} could not be written: {}", stream, std::strerror(delivery.error));
  return fmt::format("{} lines of {} were lost: it was not read", delivery.lost, stream);
}

/// All that is said is written, or it is said that it was not. The exit code of the process: what
/// only shows something has failed when nothing shows; what was done is done.
int deliver(Writer& writer, Patience patience, int exit_code) {
  const Delivery out = writer.finish(Writer::Stream::Out);
  const bool lost = out.error != 0 || out.lost != 0;
  const bool shows = patience == Patience::Shows;
  if (lost) {
    const std::string words = lost_words("standard output", out);
    writer.put_last(Writer::Stream::Err, (shows ? "error: " : "warning: ") + words + "\n");
  }
  (void)writer.finish(Writer::Stream::Err);
  return lost && shows && exit_code == 0 ? kOther : exit_code;
}

/// Ends this process as one that has no handler.
void end_by_signal(int number) {
  sigset_t only{};
  ::sigemptyset(&only);
  ::sigaddset(&only, number);
  (void)std::signal(number, SIG_DFL);
  (void)::sigprocmask(SIG_UNBLOCK, &only, nullptr);
  (void)std::raise(number);
}

int end(Writer& writer, Patience patience, Output& output, const Conclusion& conclusion) {
  output.finish(conclusion);
  const int exit_code = deliver(writer, patience, conclusion.exit_code);
  // A shell stops its script only when its child died of the signal; an exit code is not enough.
  for (const int number : {SIGHUP, SIGINT, SIGTERM})
    if (exit_code == kSignalled + number) end_by_signal(number);
  return exit_code;
}

/// --help and --version: with --json a result that has it as its message.
int show_help(const CLI::App& app, const CLI::Success& asked, bool json) {
  std::ostringstream text;
  (void)app.exit(asked, text, text);
  Writer writer(Patience::Shows);
  std::string words = text.str();
  if (!json) {
    writer.put(Writer::Stream::Out, words);
    return deliver(writer, Patience::Shows, 0);
  }
  while (words.ends_with('\n')) words.pop_back();
  JsonOutput output(writer);
  return end(writer, Patience::Shows, output, Conclusion{0, "ok", words, {}});
}

/// How many letters have to be added, removed, changed, or exchanged with the next one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

/// The first word that is neither an option nor the value of a global one; empty: there is none.
std::string_view command_word(const Program& program, int argc, char** argv) {
  const bool has_values = !program.default_config.empty();
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (has_values && (word == "--config" || word == "--set")) {
      ++i;
      continue;
    }
    if (word == "--") return i + 1 < argc ? argv[i + 1] : std::string_view();
    if (!word.starts_with('-') || word == "-") return word;
  }
  return {};
}

const Command* find_command(const Program& program, std::string_view word) {
  const auto found = std::find_if(program.commands.begin(), program.commands.end(),
                                  [&](const Command& command) { return command.name == word; });
  return found == program.commands.end() ? nullptr : &*found;
}

std::string command_names(const Program& program) {
  std::string names;
  for (const Command& command : program.commands)
    names += (names.empty() ? "" : ", ") + command.name;
  return names;
}

/// "unknown command 'requset'; did you mean 'request'?"
std::string unknown_command(const Program& program, std::string_view word) {
  constexpr std::size_t kShown = 40;  // characters of the word
  constexpr std::size_t kFar = 3;     // letters that differ, in a long word
  const std::string text = fmt::format("unknown command '{}'", word.substr(0, kShown));
  const Command* best = nullptr;
  std::size_t least = 0;
  if (word.size() <= kShown) {
    for (const Command& command : program.commands) {
      const std::size_t differs = command.name.starts_with(word) ? 1 : distance(word, command.name);
      if (differs >= kFar || differs >= command.name.size()) continue;
      if (best == nullptr || differs < least) {
        best = &command;
        least = differs;
      }
    }
  }
  if (best != nullptr) return fmt::format("{}; did you mean '{}'?", text, best->name);
  return fmt::format("{}; known are {}", text, command_names(program));
}

const CLI::App* find_sub(const CLI::App& app, std::string_view name) {
  const auto found =
      app.get_subcommands([&](const CLI::App* sub) { return sub->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

/// All that is missing at one time.
std::string missing_options(const CLI::App& app) {
  std::string names;
  for (const CLI::Option* option : app.get_options())
    if (option->get_required() && option->count() == 0)
      names += (names.empty() ? "" : ", ") + option->get_name();
  return names;
}

int usage_error(const Program& program, const CLI::App& app, const CLI::ParseError& error, int argc,
                char** argv) {
  std::string what = error.what();
  std::string advice = fmt::format("Run '{} --help'.", program.name);
  const std::string_view word = command_word(program, argc, argv);
  if (!program.commands.empty()) {
    const Command* command = find_command(program, word);
    if (word.empty() && error.get_name() == "RequiredError")
      what = "a command is missing: " + command_names(program);
    if (command == nullptr && !word.empty()) what = unknown_command(program, word);
    if (command != nullptr) {
      advice = fmt::format("Run '{} {} --help'.", program.name, command->name);
      const CLI::App* sub = find_sub(app, command->name);
      const std::string missing =
          sub != nullptr && error.get_name() == "RequiredError" ? missing_options(*sub) : "";
      if (!missing.empty()) what = "missing: " + missing;
    }
  }
  const Conclusion conclusion{kUsage, "bad-usage", made_safe(what), made_safe(advice)};
  Writer writer(Patience::Shows);
  if (wants_json(argc, argv)) {
    JsonOutput output(writer);
    return end(writer, Patience::Shows, output, conclusion);
  }
  TextOutput output(writer, Verbosity::Normal);
  return end(writer, Patience::Shows, output, conclusion);
}

/// A variable of a script that is not set must not pass for "none" or "the default": the first
/// option or argument that was given as an empty text.
std::optional<std::string> given_empty(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& value : option->results())
      if (value.empty()) return option->get_name();
  for (const CLI::App* sub : app.get_subcommands())
    if (auto name = given_empty(*sub)) return name;
  return std::nullopt;
}

/// CLI11 would take what follows "--option=" for its value.
std::optional<std::string> ends_with_equals(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if (word.starts_with("--") && word.find('=') == word.size() - 1)
      return std::string(word.substr(0, word.size() - 1));
  }
  return std::nullopt;
}

/// For CLI11 "[]" is a list without anything: no host, which is everybody for a program that asks.
bool has_empty_list(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](const std::string_view word) {
    return word.starts_with('[') && word.ends_with(']') &&
           word.find_first_not_of("[], ") == std::string_view::npos;
  });
}

CLI::ValidationError empty_value(const std::string& name) {
  return CLI::ValidationError(name, "has an empty value");
}

std::string in_units(std::int64_t ms) {
  return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
}

/// "help" and "help COMMAND", as other tools have them.
int print_help(const Program& program, const CLI::App& app, int argc, char** argv) {
  const CLI::App* about = &app;
  for (int i = 1; i < argc; ++i)
    if (const CLI::App* sub = find_sub(app, argv[i])) about = sub;
  const std::string_view last = argv[argc - 1];
  if (about == &app && last != "help" && !last.starts_with('-'))
    throw CLI::ParseError(unknown_command(program, last), kUsage);
  (void)std::fputs(about->help().c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : kOther;
}

/// What throws here is out of memory, or a defect; scripts get their last line all the same.
Conclusion run_guarded(const std::function<Conclusion(fwrecover::Observer&)>& run, Output& output) {
  try {
    return run(output);
  } catch (const std::exception& error) {
    return {kOther, "internal", fmt::format("an internal check failed: {}", error.what()),
            "This is a defect of this program: please report it with the full message."};
  }
}

}  // namespace

int run_program(const Program& program, Global& global, int argc, char** argv) {
  open_standard_streams();
  fwrecover::protect_secrets();
  // A reader that went away is no reason to stop a recovery or a donor.
  (void)std::signal(SIGPIPE, SIG_IGN);
  // A limit for the size of files (ulimit -f) is an error like a full disk, and no sudden end.
  (void)std::signal(SIGXFSZ, SIG_IGN);
  CLI::App app(program.summary, program.name);
  app.formatter(std::make_shared<HelpFormatter>());
  add_global(app, program, global);
  if (program.options) program.options(app);
  const Command* chosen = nullptr;
  for (const Command& command : program.commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->fallthrough();  // global options may stand behind the sub-command
    if (command.options) command.options(*sub);
    sub->callback([&chosen, &command] { chosen = &command; });
  }
  if (!program.commands.empty()) app.require_subcommand(1);
  try {
    if (!program.commands.empty() && command_word(program, argc, argv) == "help" &&
        find_command(program, "help") == nullptr)
      return print_help(program, app, argc, argv);
    if (const auto name = ends_with_equals(argc, argv)) throw empty_value(*name);
    if (has_empty_list(argc, argv)) throw empty_value("[]");
    app.parse(argc, argv);
    if (const auto name = given_empty(app)) throw empty_value(*name);
  } catch (const CLI::Success& asked) {  // --help, --version
    return show_help(app, asked, wants_json(argc, argv));
  } catch (const CLI::ParseError& error) {
    return usage_error(program, app, error, argc, argv);
  }
  const auto& asks = chosen != nullptr ? chosen->patience : program.patience;
  const Patience patience = asks ? asks() : Patience::Shows;
  Writer writer(patience);
  const std::unique_ptr<Output> output = make_output(program, global, writer);
  const Conclusion done = run_guarded(chosen != nullptr ? chosen->run : program.run, *output);
  return end(writer, patience, *output, done);
}

CLI::Option* add_value(CLI::App& app, const std::string& name, TakeValue take,
                       const std::string& description) {
  const auto read = [name, take = std::move(take)](const std::string& text) {
    if (text.empty()) throw empty_value(name);
    if (const std::string wrong = take(text); !wrong.empty())
      throw CLI::ValidationError(name, wrong);
  };
  return app.add_option_function<std::string>(name, read, description);
}

std::string read_number(const std::string& text, Bounds<std::uint64_t> bounds, std::uint64_t& out) {
  const auto number = fwrecover::parse_number(text);
  if (!number || *number < bounds.lowest || *number > bounds.highest)
    return fmt::format("'{}' is no number from {} to {}", text, bounds.lowest, bounds.highest);
  out = *number;
  return {};
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::int64_t& out_ms,
                          const std::string& description, Bounds<std::int64_t> bounds_ms) {
  const auto take = [&out_ms, bounds_ms](const std::string& text) -> std::string {
    const auto ms = fwrecover::parse_duration_ms(text);
    if (!ms || *ms < bounds_ms.lowest || *ms > bounds_ms.highest)
      return fmt::format("'{}' is no time from {} to {}, such as 90s, 500ms, 10m or 2h", text,
                         in_units(bounds_ms.lowest), in_units(bounds_ms.highest));
    out_ms = *ms;
    return {};
  };
  return add_value(app, name, take, description)->type_name("TIME");
}

CLI::Option* add_time(CLI::App& app, const std::string& name, std::int64_t& out_s,
                      const std::string& description) {
  static constexpr std::int64_t kLast_s = 253'402'300'799;
  const auto take = [&out_s](const std::string& text) -> std::string {
    const auto seconds = fwrecover::parse_time_s(text);
    if (!seconds || *seconds < 1 || *seconds > kLast_s)
      return fmt::format(
          "'{}' is no time such as 2027-06-30 or 2027-06-30T12:00:00Z (UTC), and no number of "
          "seconds since 1970 up to {}",
          text, kLast_s);
    out_s = *seconds;
    return {};
  };
  return add_value(app, name, take, description)->type_name("TIME");
}

CLI::Option* add_real(CLI::App& app, const std::string& name, double& out,
                      const std::string& description, Bounds<double> bounds) {
  const auto take = [&out, bounds](const std::string& text) -> std::string {
    const auto number = fwrecover::parse_real(text);
    if (!number || *number < bounds.lowest || *number > bounds.highest)
      return fmt::format("'{}' is no number from {} to {}", text, bounds.lowest, bounds.highest);
    out = *number;
    return {};
  };
  return add_value(app, name, take, description)->type_name("NUMBER");
}

}  // namespace tool
