// SPDX-License-Identifier: GPL-3.0-or-later
// The IANA number in front of the OEM commands. PROTOCOL §3.
#include "wire/oem.hpp"

#include <algorithm>
#include <utility>

namespace fwr::wire::oem {
namespace {

constexpr std::size_t kIana_bytes = 3;

}  // namespace

const CommandInfo* find_command(std::uint8_t command) {
  const auto row = std::find_if(kCommands.begin(), kCommands.end(), [command](const auto& info) {
    return static_cast<std::uint8_t>(info.command) == command;
  });
  return row == kCommands.end() ? nullptr : &*row;
}

IpmiRequest make_request(std::uint32_t iana, Command command) {
  return {raw(NetFn::OemGroupRq), static_cast<std::uint8_t>(command), response_data(iana)};
}

Bytes response_data(std::uint32_t iana) {
  ByteWriter out(kIana_bytes);
  out.le<kIana_bytes>(iana);
  return std::move(out).release();
}

Result<ByteView> strip_iana(std::uint32_t iana, ByteView data) {
  ByteReader in(data);
  const std::uint64_t found = in.le<kIana_bytes>();
  if (auto complete = in.finish_open("IANA number"); !complete)
    return tl::unexpected(complete.error());
  if (found != iana)
    return fail(Errc::BadField,
                "IANA number " + std::to_string(found) + " instead of " + std::to_string(iana));
  return in.take_rest();
}

}  // namespace fwr::wire::oem
