// SPDX-License-Identifier: GPL-3.0-or-later
// fwdiag(8): diagnostics on the command line.
#include <algorithm>
#include <limits>
#include <map>

#include "command_line.hpp"
#include "fwrecover/bluetooth.hpp"
#include "fwrecover/bus.hpp"
#include "fwrecover/diagnostics.hpp"
#include "fwrecover/version.hpp"
#include "fwrecover/why.hpp"

namespace {

struct Options {
  tool::Global global;
  fwrecover::DiagOptions diag;
  fwrecover::BusOptions bus;
  std::vector<std::string> bus_words;  ///< device, action, node
  fwrecover::BusEmulatorOptions emulator;
  std::string noise = "line";
  fwrecover::BluetoothScanOptions bluetooth;
  std::string bluetooth_action;
  fwrecover::RecipientSource why;
  std::vector<std::string> why_hosts;
};

constexpr tool::Bounds<std::int64_t> kWait_ms{10, 3'600'000};
constexpr tool::Bounds<std::int64_t> kFor_ms{10, 1'000'000'000'000};

void add_hosts(CLI::App& app, Options& options, bool required) {
  CLI::Option* hosts =
      app.add_option("host", options.diag.hosts, "Host, address or range, such as bmc[1-8]");
  if (required) hosts->required();
  tool::add_duration(app, "--wait", options.diag.wait_ms, "How long to wait for an answer",
                     kWait_ms)
      ->default_str("1s");
}

std::vector<CLI::Option*> add_platform(CLI::App& app, fwrecover::DiagOptions& diag) {
  return {
      tool::add_number(app, "--manufacturer", diag.manufacturer, "IANA number of the maker",
                       {0, 0xffffff})
          ->default_str("0"),
      tool::add_number(app, "--product", diag.product, "Product id", {0, 0xffff})->default_str("0"),
      tool::add_number(app, "--device", diag.device, "Device id (without: 0)", {0, 255}),
      tool::add_number(app, "--revision", diag.revision, "Hardware revision (without: 0)",
                       {0, 255}),
      app.add_option("--component", diag.component, "Which firmware is wanted")
          ->type_name("TEXT")
          ->capture_default_str()};
}

template <class DiagOrBus>
CLI::Option* add_user(CLI::App& app, DiagOrBus& account, const std::string& where) {
  return app.add_option("-U,--user", account.user, "Account on " + where)->type_name("NAME");
}

std::string take_workaround(const std::string& flags) {
  return flags == "none"
             ? ""
             : "'" + flags +
                   "' is not known here: workarounds are for controllers that break the "
                   "specification, which a donor does not; leave it out";
}

template <class DiagOrBus>
std::vector<CLI::Option*> add_secrets(CLI::App& app, DiagOrBus& account) {
  return {
      app.add_option("-f,--password-file", account.password_file,
                     "File of mode 0600 (without: environment FWRECOVER_PASSWORD, IPMI_PASSWORD)")
          ->type_name("FILE"),
      app.add_option("--kg-file", account.kg_file, "BMC key K_g, file of mode 0600")
          ->type_name("FILE"),
      tool::add_choice(app, "-C,--cipher-suite", account.cipher_suite,
                       "RMCP+ cipher suite, 17 or 3", {17, 3})
          ->default_str("17"),
      // What other tools have, so that their lines work here, too.
      app.add_flag_function(
          "-E,--environment-password", [](std::int64_t) {},
          "Password from the environment, as without --password-file"),
      tool::add_value(app, "-W,--workaround-flags", take_workaround,
                      "For FreeIPMI's other tools: none is the only one here")
          ->type_name("FLAGS")};
}

/// In a session everything is listed, without one what one system is offered.
void add_images(CLI::App& app, Options& options) {
  add_hosts(app, options, true);
  CLI::Option* user = add_user(app, options.diag, "the donor, which then lists all that it has");
  for (CLI::Option* option : add_secrets(app, options.diag)) option->needs(user);
  for (CLI::Option* option : add_platform(app, options.diag)) option->excludes(user);
}

CLI::Option* add_baud(CLI::App& app, std::uint32_t& baud) {
  return tool::add_choice<std::uint32_t>(
             app, "--baud", baud, "Rate of the bus",
             {1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600})
      ->default_str("19200");
}

CLI::Option* add_for(CLI::App& app, std::int64_t& duration_ms) {
  return tool::add_duration(app, "--for", duration_ms,
                            "Ends after this time (without: by a signal)", kFor_ms);
}

/// A node of our own on a line of the bus.
std::vector<CLI::Option*> add_bus_node(CLI::App& app, Options& options) {
  fwrecover::BusOptions& bus = options.bus;
  return {
      add_baud(app, bus.baud),
      app.add_flag("--rs485", bus.rs485,
                   "Let the driver of the tty turn the transmitter on and off"),
      app.add_option("--address", bus.own_address,
                     "Address of this node (without: any that is free)")
          ->type_name("ADDRESS"),
      app.add_flag("--fixed", bus.fixed, "Rather none than another address"),
      app.add_option("--guid", bus.guid, "GUID of this node (without: a random one)")
          ->type_name("GUID"),
      app.add_option("--operator", bus.operators,
                     "Address that may change this bridge; may be repeated")
          ->type_name("ADDRESS")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->allow_extra_args(false),
      add_for(app, options.bus.duration_ms),
  };
}

/// A BMC that has a channel on the bus.
void add_bus_road(CLI::App& app, Options& options, const std::vector<CLI::Option*>& of_node) {
  fwrecover::BusOptions& bus = options.bus;
  CLI::Option* via = app.add_option("--via", bus.via,
                                    "A BMC with a channel on the bus in place of the tty: "
                                    "lan:HOST, or in-band for that of this system")
                         ->type_name("BMC");
  CLI::Option* channel =
      tool::add_number(app, "--channel", bus.channel,
                       "Channel of the BMC (without: the first that is an ICMB)", {1, 11});
  for (CLI::Option* option : of_node) option->excludes(via);
  channel->needs(via);
  add_user(app, bus, "the BMC")->needs(via);
  for (CLI::Option* option : add_secrets(app, bus)) option->needs(via);
}

void add_bus(CLI::App& app, Options& options) {
  app.add_option("what", options.bus_words,
                 "The tty, such as /dev/ttyS1 (with --via: none); discover, info, device-id, "
                 "statistics or listen; address of a node, such as 0x0014")
      ->required()
      ->expected(1, 3);
  const auto of_node = add_bus_node(app, options);
  tool::add_duration(app, "--wait", options.bus.wait_ms, "How long to wait for an answer", kWait_ms)
      ->default_str("1s");
  add_bus_road(app, options, of_node);
}

fwrecover::Conclusion run_bus(Options& options, fwrecover::Observer& observer) {
  using BusAction = fwrecover::Conclusion (*)(const fwrecover::BusOptions&, const std::string&,
                                              fwrecover::Observer&);
  static const std::map<std::string, BusAction> kOfNode{{"info", fwrecover::bus_info},
                                                        {"device-id", fwrecover::bus_device_id},
                                                        {"statistics", fwrecover::bus_statistics}};
  const auto wrong = [](const std::string& why) {
    return fwrecover::Conclusion{2, "bad-usage", why, "Run 'fwdiag icmb --help'."};
  };
  fwrecover::BusOptions& bus = options.bus;
  std::vector<std::string> words = options.bus_words;
  if (bus.via.empty()) {
    bus.device = words.front();
    words.erase(words.begin());
  }
  const auto is_action = [](const std::string& word) {
    return kOfNode.contains(word) || word == "discover" || word == "listen";
  };
  if (bus.via.empty() && is_action(bus.device))
    return wrong(bus.device + ": the tty of the bus comes first, such as /dev/ttyS1");
  if (bus.fixed && bus.own_address.empty())
    return wrong("--fixed needs the address that this node may have: --address");
  if (words.empty()) return wrong("what to do on the bus is missing");
  const std::string& action = words.front();
  const auto of_node = kOfNode.find(action);
  if (of_node == kOfNode.end() && action != "discover" && action != "listen")
    return wrong(action + ": is neither discover, info, device-id, statistics nor listen");
  const std::size_t wanted = of_node != kOfNode.end() ? 2 : 1;
  if (words.size() < wanted) return wrong(action + ": the address of a node is missing");
  if (words.size() > wanted) return wrong(action + ": does not take '" + words[wanted] + "'");
  if (of_node != kOfNode.end()) return of_node->second(bus, words[1], observer);
  return action == "discover" ? fwrecover::bus_discover(bus, observer)
                              : fwrecover::bus_listen(bus, observer);
}

void add_emulator(CLI::App& app, Options& options) {
  fwrecover::BusEmulatorOptions& bus = options.emulator;
  tool::add_number(app, "--nodes", bus.nodes, "Pseudo-terminals on the bus", {1, 64})
      ->default_str("2");
  add_baud(app, bus.baud);
  tool::add_real(app, "--ber", bus.bit_error_rate, "Probability that a bit is wrong", {0, 0.5})
      ->type_name("RATE")
      ->default_str("0");
  app.add_option("--noise", options.noise, "line: all hear the same errors; receiver: each its own")
      ->check(CLI::IsMember({"line", "receiver"}))
      ->type_name("WHERE")
      ->capture_default_str();
  tool::add_number(app, "--seed", bus.seed, "Of the errors",
                   {0, std::numeric_limits<std::uint64_t>::max()})
      ->default_str("1");
  app.add_option("--link-dir", bus.link_directory,
                 "Directory for links node1, node2, ... (without: no links)")
      ->type_name("DIRECTORY");
  add_for(app, options.emulator.duration_ms);
}

fwrecover::Conclusion run_emulator(Options& options, fwrecover::Observer& observer) {
  options.emulator.noise_at_receivers = options.noise == "receiver";
  return fwrecover::emulate_bus(options.emulator, observer);
}

void add_bluetooth(CLI::App& app, Options& options) {
  app.add_option("action", options.bluetooth_action, "scan: look for devices and donors")
      ->required()
      ->check(CLI::IsMember({"scan"}));
  app.add_option("device", options.bluetooth.devices,
                 "Address that is asked too, such as bt:00:11:22:33:44:55");
  app.add_option("--adapter", options.bluetooth.adapter,
                 "The own adapter, such as hci0 (without: the first that is on)")
      ->type_name("NAME");
  tool::add_duration(app, "--inquiry", options.bluetooth.inquiry_ms,
                     "How long to look for devices; 0: ask only those that are named", {0, 61'440})
      ->default_str("5.12s");
}

fwrecover::Conclusion run_bluetooth(Options& options, fwrecover::Observer& observer) {
  if (options.bluetooth.inquiry_ms == 0 && options.bluetooth.devices.empty())
    return {2, "bad-usage", "scan: with --inquiry 0, name at least one device",
            "Run 'fwdiag bt --help'."};
  return fwrecover::bluetooth_scan(options.bluetooth, observer);
}

/// The configuration is that of fwrecover(8): the only command that needs one.
void add_why(CLI::App& app, Options& options) {
  app.add_option("host", options.why_hosts,
                 "Ask only this host or range, such as bmc[1-8] (without: as configured)");
  app.add_option("--config", options.why.config_path,
                 "Configuration file of fwrecover (without: " +
                     std::string(fwrecover::default_recipient_file()) + ", if it is there)")
      ->type_name("FILE");
  app.add_option("--set", options.why.overrides,
                 "SECTION.KEY=VALUE: overrides the file; may be repeated")
      ->type_name("SETTING")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

std::vector<tool::Command> commands(Options& options) {
  using fwrecover::Observer;
  const auto diag = [&]() -> const fwrecover::DiagOptions& { return options.diag; };
  return {
      {"ping", "ASF presence ping",
       [&](CLI::App& app) {
         add_hosts(app, options, true);
         tool::add_number(app, "-c,--count", options.diag.count, "Pings of each host", {1, 1000})
             ->default_str("1");
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
         add_user(app, options.diag, "the donor")->required();
         add_secrets(app, options.diag);
       },
       [diag](Observer& o) { return fwrecover::donor(diag(), o); }},
      {"images", "List the images of a donor: all in a session, else those for one system",
       [&](CLI::App& app) { add_images(app, options); },
       [diag](Observer& o) { return fwrecover::images(diag(), o); }},
      {"why", "Walk all that a recovery of this system needs, and say where it ends",
       [&](CLI::App& app) { add_why(app, options); },
       [&](Observer& o) { return fwrecover::why(options.why, options.why_hosts, o); }},
      {"bt", "Look for Bluetooth devices, and ask each whether it is a donor",
       [&](CLI::App& app) { add_bluetooth(app, options); },
       [&](Observer& o) { return run_bluetooth(options, o); }},
      {"icmb", "Be a node on an ICMB bus and look at the others",
       [&](CLI::App& app) { add_bus(app, options); },
       [&](Observer& o) { return run_bus(options, o); },
       [&] {
         const auto& words = options.bus_words;
         const bool listens = std::find(words.begin(), words.end(), "listen") != words.end();
         return listens ? tool::Patience::Logs : tool::Patience::Shows;
       }},
      {"icmb-bus", "Emulate an ICMB bus with pseudo-terminals",
       [&](CLI::App& app) { add_emulator(app, options); },
       [&](Observer& o) { return run_emulator(options, o); }, [] { return tool::Patience::Logs; }},
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
