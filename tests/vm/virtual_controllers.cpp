// SPDX-License-Identifier: GPL-3.0-or-later
// Bluetooth controllers on /dev/vhci that hear each other through an air of this program's making.
//
//   virtual_controllers COUNT ORDERS
//
// makes hci0 to hci(COUNT-1), basic rate with EDR, any number of links each, without LE; hciN has
// the address 02:1C:00:5E:00:xx, where xx is N + 1 in hexadecimal. Nobody pairs here, but hosts
// that have the same link key already can authenticate and encrypt. ORDERS is a FIFO with one order
// a line:
//
//   rate N     every direction of every link carries N bytes of ACL data a second; 0: no limit
//   cut I J    the links between controllers I and J are lost, as after a supervision timeout
//   gone I     controller I is out of range: its links are lost, and nobody finds it
//   back I     it is there again
//
// HCI is specified in the Bluetooth Core Specification, volume 4, part E; opcodes and event codes
// are written as there: group << 10 | command.

#include <fcntl.h>

#include <charconv>
#include <cstdio>
#include <string_view>
#include <vector>

#include "virtual_air.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv, argv + argc);
  std::size_t count = 0;
  if (arguments.size() == 3)
    std::from_chars(arguments[1].data(), arguments[1].data() + arguments[1].size(), count);
  if (count == 0 || count > fwr::vm::kControllers_max) {
    std::fprintf(stderr, "usage: virtual_controllers 1..%zu FIFO\n", fwr::vm::kControllers_max);
    return 2;
  }
  // Open for both directions, so that it does not end when a writer goes.
  const int orders = ::open(argv[2], O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (orders < 0) {
    std::perror(argv[2]);
    return 1;
  }
  fwr::vm::Air air(count);
  return air.open() && air.run(orders) ? 0 : 1;
}
