// SPDX-License-Identifier: GPL-3.0-or-later
// fwdiag(8): diagnostics on the command line.
#include <map>

#include "command_line.hpp"
#include "fwrecover/bluetooth.hpp"
#include "fwrecover/bus.hpp"
#include "fwrecover/diagnostics.hpp"

namespace {

struct Options {
  tool::Global global;
  fwrecover::DiagOptions diag;
  double wait_s = 1;
  fwrecover::BusOptions bus;
  std::vector<std::string> bus_words;  ///< device, action, node
  double bus_wait_s = 1;
  double bus_for_s = 0;
  fwrecover::BusEmulatorOptions emulator;
  std::string noise = "line";
  double emulator_for_s = 0;
  fwrecover::BluetoothScanOptions bluetooth;
  std::string bluetooth_action;
  double inquiry_s = 5.12;
};

std::int64_t to_ms(double seconds) {
  return static_cast<std::int64_t>(seconds * 1000);
}

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

template <class DiagOrBus>
CLI::Option* add_user(CLI::App& app, DiagOrBus& account, const std::string& where) {
  return app.add_option("--user", account.user, "Account on " + where)->type_name("NAME");
}

template <class DiagOrBus>
std::vector<CLI::Option*> add_secrets(CLI::App& app, DiagOrBus& account) {
  return {app.add_option("--password-file", account.password_file,
                         "File of mode 0600 (without: environment FWRECOVER_PASSWORD)")
              ->type_name("FILE"),
          app.add_option("--kg-file", account.kg_file, "BMC key K_g, file of mode 0600")
              ->type_name("FILE"),
          app.add_option("--cipher-suite", account.cipher_suite, "RMCP+ cipher suite")
              ->check(CLI::IsMember({17, 3}))
              ->type_name("NUMBER")
              ->capture_default_str()};
}

CLI::Option* add_baud(CLI::App& app, std::uint32_t& baud) {
  return app.add_option("--baud", baud, "Rate of the bus")
      ->check(CLI::IsMember(
          {1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600}))
      ->type_name("NUMBER")
      ->capture_default_str();
}

CLI::Option* add_for(CLI::App& app, double& seconds) {
  return app.add_option("--for", seconds, "Ends after so many seconds (without: by a signal)")
      ->check(CLI::Range(0.01, 1e9))
      ->type_name("SECONDS");
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
      add_for(app, options.bus_for_s),
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
      app.add_option_function<unsigned>(
             "--channel",
             [&](const unsigned& number) { bus.channel = static_cast<std::uint8_t>(number); },
             "Channel of the BMC (without: the first that is an ICMB)")
          ->check(CLI::Range(1, 11))
          ->type_name("NUMBER");
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
  app.add_option("--wait", options.bus_wait_s, "Seconds to wait for an answer")
      ->check(CLI::Range(0.01, 3600.0))
      ->type_name("SECONDS")
      ->capture_default_str();
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
  bus.wait_ms = to_ms(options.bus_wait_s);
  bus.duration_ms = to_ms(options.bus_for_s);
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
  app.add_option("--nodes", bus.nodes, "Pseudo-terminals on the bus")
      ->check(CLI::Range(1, 64))
      ->type_name("NUMBER")
      ->capture_default_str();
  add_baud(app, bus.baud);
  app.add_option("--ber", bus.bit_error_rate, "Probability that a bit is wrong")
      ->check(CLI::Range(0.0, 0.5))
      ->type_name("RATE")
      ->capture_default_str();
  app.add_option("--noise", options.noise, "line: all hear the same errors; receiver: each its own")
      ->check(CLI::IsMember({"line", "receiver"}))
      ->type_name("WHERE")
      ->capture_default_str();
  app.add_option("--seed", bus.seed, "Of the errors")->type_name("NUMBER")->capture_default_str();
  app.add_option("--link-dir", bus.link_directory,
                 "Directory for links node1, node2, ... (without: no links)")
      ->type_name("DIRECTORY");
  add_for(app, options.emulator_for_s);
}

fwrecover::Conclusion run_emulator(Options& options, fwrecover::Observer& observer) {
  options.emulator.noise_at_receivers = options.noise == "receiver";
  options.emulator.duration_ms = to_ms(options.emulator_for_s);
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
  app.add_option("--inquiry", options.inquiry_s,
                 "Seconds to look for devices; 0: ask only those that are named")
      ->check(CLI::Range(0.0, 61.44))
      ->type_name("SECONDS")
      ->capture_default_str();
}

fwrecover::Conclusion run_bluetooth(Options& options, fwrecover::Observer& observer) {
  options.bluetooth.inquiry_ms = to_ms(options.inquiry_s);
  if (options.bluetooth.inquiry_ms == 0 && options.bluetooth.devices.empty())
    return {2, "bad-usage", "scan: nobody is looked for, and no device is named",
            "Run 'fwdiag bt --help'."};
  return fwrecover::bluetooth_scan(options.bluetooth, observer);
}

std::vector<tool::Command> commands(Options& options) {
  using fwrecover::Observer;
  const auto diag = [&]() -> const fwrecover::DiagOptions& {
    options.diag.wait_ms = to_ms(options.wait_s);
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
         add_user(app, options.diag, "the donor")->required();
         add_secrets(app, options.diag);
       },
       [diag](Observer& o) { return fwrecover::donor(diag(), o); }},
      {"bt", "Look for Bluetooth devices, and ask each whether it is a donor",
       [&](CLI::App& app) { add_bluetooth(app, options); },
       [&](Observer& o) { return run_bluetooth(options, o); }},
      {"icmb", "Be a node on an ICMB bus and look at the others",
       [&](CLI::App& app) { add_bus(app, options); },
       [&](Observer& o) { return run_bus(options, o); }},
      {"icmb-bus", "Emulate an ICMB bus with pseudo-terminals",
       [&](CLI::App& app) { add_emulator(app, options); },
       [&](Observer& o) { return run_emulator(options, o); }},
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
