// SPDX-License-Identifier: GPL-3.0-or-later
// IPMI messages: network functions, completion codes, and the LAN message format (IPMI v2.0 §13.8).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"

namespace fwr::wire {

enum class NetFn : std::uint8_t {
  ChassisRq = 0x00,
  AppRq = 0x06,
  PicmgRq = 0x2c,
  OemGroupRq = 0x2e,
};
[[nodiscard]] constexpr std::uint8_t raw(NetFn net_fn) {
  return static_cast<std::uint8_t>(net_fn);
}

/// A byte of its own type: any value can arrive (IPMI v2.0 §5.2, PROTOCOL §3.1).
enum class CompletionCode : std::uint8_t {
  Ok = 0x00,
  NoCompatibleImage = 0x80,
  OfferExpired = 0x81,
  UnknownImage = 0x82,
  Busy = 0x83,
  LeaseEnded = 0x84,
  VersionUnsupported = 0x85,
  ImageUnreadable = 0x86,
  InvalidCommand = 0xc1,
  InvalidLength = 0xc7,
  OutOfRange = 0xc9,
  TooMuchData = 0xca,
  InvalidField = 0xcc,
  InsufficientPrivilege = 0xd4,
  Unspecified = 0xff,
};
/// Words for a completion code of this protocol or of the IPMI specification; "completion code XXh"
/// for others.
[[nodiscard]] std::string describe(CompletionCode code);

inline constexpr std::uint8_t kBmcAddress = 0x20;            ///< IPMI v2.0 §5.5
inline constexpr std::uint8_t kRemoteConsoleAddress = 0x81;  ///< IPMI v2.0 §5.5, software id 40h

/// What a client asks.
struct IpmiRequest {
  std::uint8_t net_fn = 0;  ///< even
  std::uint8_t command = 0;
  Bytes data;
};
struct IpmiResponse {
  CompletionCode code = CompletionCode::Ok;
  Bytes data;
};

/// IPMI v2.0 §13.8: rsAddr | netFn/rsLUN | chk1 | rqAddr | rqSeq/rqLUN | cmd | [cc] data | chk2.
struct LanMessage {
  std::uint8_t responder_address = kBmcAddress;
  std::uint8_t net_fn = 0;  ///< 6 bits; odd in a response
  std::uint8_t responder_lun = 0;
  std::uint8_t requester_address = kRemoteConsoleAddress;
  std::uint8_t sequence = 0;  ///< 6 bits
  std::uint8_t requester_lun = 0;
  std::uint8_t command = 0;
  Bytes data;  ///< of a response: the completion code first

  [[nodiscard]] bool is_response() const { return (net_fn & 1U) != 0; }
};
[[nodiscard]] Bytes encode(const LanMessage& message);
/// Errors: Truncated, BadChecksum (either of the two).
[[nodiscard]] Result<LanMessage> decode_lan_message(ByteView bytes);

[[nodiscard]] LanMessage make_lan_request(const IpmiRequest& request, std::uint8_t sequence);
/// Swaps the addresses, sets the response bit and puts the completion code first.
[[nodiscard]] LanMessage make_lan_response(const LanMessage& request, const IpmiResponse& response);

}  // namespace fwr::wire
