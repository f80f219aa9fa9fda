// SPDX-License-Identifier: GPL-3.0-or-later
// fwdonord(8): the donor daemon's command line.
#include "command_line.hpp"
#include "fwrecover/donor.hpp"
#include "fwrecover/version.hpp"

namespace {

struct Options {
  tool::Global global;
  std::vector<std::string> listen;
  std::int64_t for_ms = 0;
  bool once = false;
  bool show_config = false;
};

fwrecover::DonorDaemon open(const Options& options) {
  return fwrecover::DonorDaemon(
      {options.global.config_path, options.global.overrides, options.listen});
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  tool::Program program;
  program.name = "fwdonord";
  program.summary = "Serve signed firmware images to systems that ask for them";
  program.default_config = fwrecover::default_donor_file();
  program.prints = [&] { return options.show_config ? tool::Prints::Text : tool::Prints::Log; };
  program.patience = [&] {
    return options.show_config ? tool::Patience::Shows : tool::Patience::Logs;
  };
  program.options = [&](CLI::App& app) {
    app.add_option("--listen", options.listen,
                   "Serve at this address, or on a line such as icmb:/dev/ttyS1; may be repeated")
        ->type_name("ADDRESS")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
    constexpr tool::Bounds<std::int64_t> kFor_ms{1000, 31LL * 86'400'000};
    tool::add_duration(app, "--for", options.for_ms,
                       "Stop after this time, such as 55m, when no transfer runs", kFor_ms);
    app.add_flag("--once", options.once, "Stop after the first recovery");
    app.add_flag("--show-config", options.show_config,
                 "Show every setting and its source, and stop");
  };
  program.run = [&](fwrecover::Observer& observer) {
    fwrecover::DonorDaemon daemon = open(options);
    if (options.show_config) return daemon.config(observer);
    fwrecover::ServeOptions serve;
    serve.for_s = options.for_ms / 1000;
    serve.once = options.once;
    return daemon.serve(serve, observer);
  };
  return tool::run_program(program, options.global, argc, argv);
}
