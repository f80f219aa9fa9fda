// SPDX-License-Identifier: GPL-3.0-or-later
// Command lines with CLI11.
#include "command_line.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "fwrecover/version.hpp"

namespace tool {
namespace {

using fwrecover::Conclusion;

constexpr int kOther = 1;
constexpr int kUsage = 2;

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
  app.set_version_flag("--version",
                       fmt::format("{} {}", program.name, fwrecover::library_version()));
}

std::unique_ptr<Output> make_output(const Program& program, const Global& global) {
  if (global.json) return std::make_unique<JsonOutput>();
  if (program.prints == Prints::Log) return std::make_unique<LogOutput>(global.verbosity());
  return std::make_unique<TextOutput>(global.verbosity());
}

/// A usage error may come before --json was parsed: look for it as a script would expect.
int usage_error(const Program& program, const CLI::ParseError& error, int argc, char** argv) {
  const bool json = std::any_of(argv + 1, argv + argc,
                                [](const char* arg) { return std::string_view(arg) == "--json"; });
  const std::string advice = fmt::format("Run '{} --help'.", program.name);
  const Conclusion conclusion{kUsage, "bad-usage", error.what(), advice};
  if (json) return JsonOutput().finish(conclusion);
  return TextOutput(Verbosity::Normal).finish(conclusion);
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
  // A reader that went away is no reason to stop a recovery or a donor.
  (void)std::signal(SIGPIPE, SIG_IGN);
  CLI::App app(program.summary, program.name);
  app.get_formatter()->column_width(32);
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
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return usage_error(program, error, argc, argv);
  }
  const std::unique_ptr<Output> output = make_output(program, global);
  return output->finish(run_guarded(chosen != nullptr ? chosen->run : program.run, *output));
}

std::vector<std::string> sort_addresses(const std::vector<std::string>& addresses,
                                        const std::vector<AddressList>& lists) {
  std::vector<std::string> values(lists.size());
  for (const std::string& address : addresses) {
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < lists.size(); ++i)
      if (address.starts_with(lists[i].prefix)) chosen = i;
    const std::size_t skipped = lists[chosen].bare ? lists[chosen].prefix.size() : 0;
    values[chosen] += (values[chosen].empty() ? "'" : ",'") + address.substr(skipped) + "'";
  }
  std::vector<std::string> overrides;
  for (std::size_t i = 0; i < lists.size(); ++i)
    if (!values[i].empty()) overrides.push_back(lists[i].setting + "=[" + values[i] + "]");
  return overrides;
}

}  // namespace tool
