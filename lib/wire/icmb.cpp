// SPDX-License-Identifier: GPL-3.0-or-later
// The frame codec of the ICMB bus. PROTOCOL §11.1.
#include "wire/icmb.hpp"

#include <array>
#include <cassert>
#include <utility>

#include "wire/crc16.hpp"

namespace fwr::wire::icmb {
namespace {

void put_escaped(Bytes& out, ByteView bytes) {
  for (const std::byte b : bytes) {
    if (b == kFlag || b == kEscape) {
      out.push_back(kEscape);
      out.push_back(b ^ kEscapeMask);
    } else {
      out.push_back(b);
    }
  }
}

}  // namespace

std::string to_text(BusAddress address) {
  const auto value = static_cast<std::uint16_t>(address);
  const std::array most_significant_first{static_cast<std::byte>(value >> 8U),
                                          static_cast<std::byte>(value & 0xffU)};
  return "0x" + to_hex(most_significant_first);
}

Address to_address(BusAddress address, std::uint32_t port) {
  const auto value = static_cast<std::uint16_t>(address);
  Address result;
  result.family = AddressFamily::Icmb;
  result.scope = port;
  result.bytes[0] = static_cast<std::uint8_t>(value >> 8U);
  result.bytes[1] = static_cast<std::uint8_t>(value & 0xffU);
  return result;
}

BusAddress bus_address(const Address& address) {
  if (address.family != AddressFamily::Icmb) return BusAddress::Unassigned;
  return static_cast<BusAddress>((address.bytes[0] << 8U) | address.bytes[1]);
}

std::string_view to_text(BridgeState state) {
  switch (state) {
    case BridgeState::Disabled: return "disabled";
    case BridgeState::Enabled: return "enabled";
    case BridgeState::Assigning: return "assigning";
    case BridgeState::Error: return "error";
  }
  return "unknown";
}

Bytes encode(const Frame& frame) {
  assert(frame.payload.size() <= kPayloadLimit_bytes);
  ByteWriter plain(kShortestFrame_bytes + frame.payload.size());
  plain.u16(static_cast<std::uint16_t>(frame.destination));
  plain.u16(static_cast<std::uint16_t>(frame.source));
  plain.u8(static_cast<std::uint8_t>(frame.type));
  plain.u8(frame.sequence);
  plain.bytes(frame.payload);
  plain.u16(crc16(plain.view()));
  Bytes out;
  out.reserve(plain.size() + plain.size() / 64 + 4);  // two bytes in 256 are escaped
  put_escaped(out, plain.view());
  out.push_back(kFlag);
  return out;
}

Heard FrameDecoder::push(std::byte character) {
  if (character == kFlag) {
    const State before = std::exchange(state_, State::Inside);
    if (before == State::Escaped) {  // how a talker gives a frame up
      bytes_.clear();
      return Heard::Abandoned;
    }
    return before == State::Outside || bytes_.empty() ? Heard::Part : close();
  }
  if (state_ == State::Outside) return Heard::NotStart;
  if (character == kEscape) {
    // Two in a row have no meaning: the check will say so.
    state_ = State::Escaped;
    return Heard::Part;
  }
  if (bytes_.size() == kShortestFrame_bytes + kPayloadLimit_bytes) {
    bytes_.clear();
    state_ = State::Outside;
    return Heard::Abandoned;
  }
  bytes_.push_back(state_ == State::Escaped ? character ^ kEscapeMask : character);
  state_ = State::Inside;
  return Heard::Part;
}

Heard FrameDecoder::close() {
  complete_.swap(bytes_);
  bytes_.clear();
  if (complete_.size() < kShortestFrame_bytes) return Heard::Runt;
  const ByteView covered = ByteView(complete_).first(complete_.size() - kCheck_bytes);
  ByteReader in(complete_);
  frame_.destination = static_cast<BusAddress>(in.u16());
  frame_.source = static_cast<BusAddress>(in.u16());
  frame_.type = static_cast<FrameType>(in.u8());
  frame_.sequence = in.u8();
  frame_.payload = in.take(covered.size() - kHeader_bytes);
  if (in.u16() != crc16(covered)) return Heard::BadChecksum;
  return is_known(frame_.type) ? Heard::Frame : Heard::UnknownType;
}

bool FrameDecoder::forget() {
  const bool open = in_frame();
  state_ = State::Outside;
  bytes_.clear();
  return open;
}

}  // namespace fwr::wire::icmb
