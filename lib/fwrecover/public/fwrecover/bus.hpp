// SPDX-License-Identifier: GPL-3.0-or-later
// Looking at an ICMB bus, and an emulator of one. No configuration is needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fwrecover/event.hpp"

namespace fwrecover {

struct BusEmulatorOptions {
  std::uint32_t nodes = 2;
  std::uint32_t baud = 19200;
  double bit_error_rate = 0;
  bool noise_at_receivers = false;  ///< each node has its own; without: all hear the same
  std::uint64_t seed = 1;
  std::string link_directory;    ///< gets links "node1", "node2", ...; empty: none
  std::int64_t duration_ms = 0;  ///< 0: until SIGINT or SIGTERM
};
/// Serves pseudo-terminals that behave like one two-wire bus. Events: "bus-node", "bus-change",
/// "bus-statistics".
FWR_API Conclusion emulate_bus(const BusEmulatorOptions& options, Observer& observer);

struct BusOptions {
  std::string device;  ///< "/dev/ttyS1"
  std::uint32_t baud = 19200;
  bool rs485 = false;                  ///< let the driver turn the transmitter
  std::string own_address;             ///< "0x0014" or "icmb:0x0014"; empty: any that is free
  bool fixed = false;                  ///< rather none than another one
  std::string guid;                    ///< of this node; empty: random
  std::vector<std::string> operators;  ///< addresses that may change this bridge
  std::int64_t wait_ms = 1000;         ///< for an answer
  std::int64_t duration_ms = 0;        ///< bus_listen(): 0: until SIGINT or SIGTERM
  // Through a BMC with an ICMB channel. There is no node of ours then: only `wait_ms` counts of the
  // above.
  std::string via;            ///< "lan:10.0.0.7", "lan:bmc:6230", "in-band"; empty: `device`
  std::uint8_t channel = 0;   ///< of the BMC; 0: the one that says it is ICMB
  std::string user;           ///< of the BMC on LAN, with Operator privilege
  std::string password_file;  ///< empty: environment FWRECOVER_PASSWORD
  std::string kg_file;
  int cipher_suite = 17;
};
/// Events of all: "icmb-port"; through a BMC "icmb-channel".
/// Finds the nodes. Events: "icmb-node".
FWR_API Conclusion bus_discover(const BusOptions& options, Observer& observer);
/// Asks one node what it is. Events: "icmb-info".
FWR_API Conclusion bus_info(const BusOptions& options, const std::string& address,
                            Observer& observer);
/// Asks one node for its counters. Events: "icmb-statistics".
FWR_API Conclusion bus_statistics(const BusOptions& options, const std::string& address,
                                  Observer& observer);
/// Sends Get Device ID to one node. Events: "icmb-device".
FWR_API Conclusion bus_device_id(const BusOptions& options, const std::string& address,
                                 Observer& observer);
/// Is a node, answers bridge commands, and tells what happens. Events: "icmb-message",
/// "icmb-statistics" (its own, at the end).
FWR_API Conclusion bus_listen(const BusOptions& options, Observer& observer);

}  // namespace fwrecover
