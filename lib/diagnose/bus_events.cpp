// SPDX-License-Identifier: GPL-3.0-or-later
// Counters of a bridge, and Get Device ID.
#include "diagnose/bus_events.hpp"

#include <fmt/format.h>

namespace fwrecover {

void set_statistics(Event& event, const fwr::wire::icmb::BridgeStatistics& s) {
  const auto number = [](std::uint32_t value) { return std::int64_t{value}; };
  event.set("sent", number(s.sent));
  event.set("received", number(s.received));
  event.set("other_address", number(s.other_address));
  event.set("runts", number(s.runts));
  event.set("bad_checksum", number(s.bad_checksum));
  event.set("unknown_type", number(s.unknown_type));
  event.set("not_start", number(s.not_start));
  event.set("restarts", number(s.restarts));
  event.set("arbitration_wins", number(s.arbitration_wins));
  event.set("arbitration_losses", number(s.arbitration_losses));
  event.set("line_errors", number(s.line_errors));
  event.set("duplicates", number(s.duplicates));
  event.set("dropped_frames", number(s.dropped));
  event.set("cuts", number(s.cuts));
  event.set("babbles", number(s.babbles));
  event.set("conflicts", number(s.conflicts));
}

fwr::Result<> set_device_id(Event& event, fwr::ByteView data) {
  constexpr unsigned kLowDigit = 0x0f;
  fwr::ByteReader in(data);
  const std::uint8_t device = in.u8();
  const std::uint8_t revision = in.u8() & kLowDigit;
  const std::uint8_t major = in.u8() & 0x7fU;
  const std::uint8_t minor = in.u8();  // BCD
  const std::uint8_t ipmi = in.u8();   // BCD, the low digit first
  const std::uint8_t support = in.u8();
  const auto manufacturer = in.le<3>();
  const std::uint16_t product = in.u16();
  // Auxiliary information may follow.
  if (auto read = in.finish_open("Get Device ID response"); !read) return read;
  static_cast<void>(support);
  event.set("device", std::int64_t{device});
  event.set("revision", std::int64_t{revision});
  event.set("firmware", fmt::format("{}.{:02x}", major, minor));
  event.set("ipmi", fmt::format("{:x}.{:x}", ipmi & kLowDigit, ipmi >> 4U));
  event.set("manufacturer", static_cast<std::int64_t>(manufacturer));
  event.set("product", std::int64_t{product});
  return {};
}

}  // namespace fwrecover
