// SPDX-License-Identifier: GPL-3.0-or-later
// fwdiag(8): diagnostics on the command line.
#include "command_line.hpp"
#include "fwrecover/diagnostics.hpp"

namespace {

struct Options {
  tool::Global global;
  fwrecover::DiagOptions diag;
  double wait_s = 1;
};

void add_hosts(CLI::App& app, Options& options, bool required) {
  CLI::Option* hosts =
      app.add_option("host", options.diag.hosts, "Host, address or range, such as bmc[1-8]");
  if (required) hosts->required();
  app.add_option("--wait", options.wait_s, "Seconds to wait for an answer")
      ->check(CLI::Range(0.01, 3600.0))
      ->type_name("SECONDS")
      ->capture_default_str();
}

void add_platform(CLI::App& app, fwrecover::DiagOptions& diag) {
  app.add_option("--manufacturer", diag.manufacturer, "IANA number of the maker")
      ->check(CLI::Range(0, 0xffffff))
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option("--product", diag.product, "Product id")
      ->type_name("NUMBER")
      ->capture_default_str();
  app.add_option_function<unsigned>(
         "--device", [&](const unsigned& v) { diag.device = static_cast<std::uint8_t>(v); },
         "Device id (without: 0)")
      ->check(CLI::Range(0, 255))
      ->type_name("NUMBER");
  app.add_option_function<unsigned>(
         "--revision", [&](const unsigned& v) { diag.revision = static_cast<std::uint8_t>(v); },
         "Hardware revision (without: 0)")
      ->check(CLI::Range(0, 255))
      ->type_name("NUMBER");
  app.add_option("--component", diag.component, "Which firmware is wanted")
      ->type_name("TEXT")
      ->capture_default_str();
}

void add_account(CLI::App& app, fwrecover::DiagOptions& diag) {
  app.add_option("--user", diag.user, "Account on the donor")->required()->type_name("NAME");
  app.add_option("--password-file", diag.password_file,
                 "File of mode 0600 (without: environment FWRECOVER_PASSWORD)")
      ->type_name("FILE");
  app.add_option("--kg-file", diag.kg_file, "BMC key K_g, file of mode 0600")->type_name("FILE");
  app.add_option("--cipher-suite", diag.cipher_suite, "RMCP+ cipher suite")
      ->check(CLI::IsMember({17, 3}))
      ->type_name("NUMBER")
      ->capture_default_str();
}

std::vector<tool::Command> commands(Options& options) {
  using fwrecover::Observer;
  const auto diag = [&]() -> const fwrecover::DiagOptions& {
    options.diag.wait_ms = static_cast<std::int64_t>(options.wait_s * 1000);
    return options.diag;
  };
  return {
      {"ping", "ASF presence ping",
       [&](CLI::App& app) {
         add_hosts(app, options, true);
         app.add_option("-c,--count", options.diag.count, "Pings of each host")
             ->check(CLI::Range(1, 1000))
             ->type_name("NUMBER")
             ->capture_default_str();
       },
       [diag](Observer& o) { return fwrecover::ping(diag(), o); }},
      {"discover", "Ask who would offer firmware; by broadcast when no host is named",
       [&](CLI::App& app) {
         add_hosts(app, options, false);
         add_platform(app, options.diag);
         app.add_option("-i,--interface", options.diag.interfaces,
                        "Broadcast here only; may be repeated")
             ->type_name("NAME")
             ->expected(1)
             ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
             ->allow_extra_args(false);
       },
       [diag](Observer& o) { return fwrecover::discover(diag(), o); }},
      {"capabilities", "Ask a donor for its recovery capabilities, without a session",
       [&](CLI::App& app) { add_hosts(app, options, true); },
       [diag](Observer& o) { return fwrecover::capabilities(diag(), o); }},
      {"donor", "Open a session through libfreeipmi and ask for capabilities and status",
       [&](CLI::App& app) {
         add_hosts(app, options, true);
         add_account(app, options.diag);
       },
       [diag](Observer& o) { return fwrecover::donor(diag(), o); }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  tool::Program program;
  program.name = "fwdiag";
  program.summary = "Look at donors and other management controllers";
  program.commands = commands(options);
  return tool::run_program(program, options.global, argc, argv);
}
