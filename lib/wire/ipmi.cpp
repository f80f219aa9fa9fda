// SPDX-License-Identifier: GPL-3.0-or-later
// The IPMI LAN message (IPMI v2.0 §13.8) and words for completion codes (§5.2).
#include "wire/ipmi.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace fwr::wire {
namespace {

constexpr std::size_t kFirstPart_bytes = 3;  // rsAddr, netFn/rsLUN, chk1
constexpr std::size_t kOverhead_bytes = 7;   // the first part, rqAddr, rqSeq/rqLUN, cmd, chk2
constexpr std::uint8_t kMaxSixBits = 0x3f;
constexpr std::uint8_t kMaxLun = 0x03;
constexpr std::uint8_t kResponseBit = 0x01;  // of the network function, IPMI v2.0 §5.1

/// What makes the sum of all bytes zero modulo 256.
std::uint8_t checksum(ByteView bytes) {
  unsigned sum = 0;
  for (const std::byte b : bytes) sum += static_cast<unsigned>(b);
  return static_cast<std::uint8_t>(0x100U - (sum & 0xffU));
}

std::uint8_t joined(std::uint8_t six_bits, std::uint8_t lun) {
  return static_cast<std::uint8_t>(((six_bits & kMaxSixBits) << 2U) | (lun & kMaxLun));
}

using CodeWords = std::pair<std::uint8_t, std::string_view>;

/// The names of PROTOCOL §3.1, and IPMI v2.0 table 5-2, in ascending order.
constexpr auto kCodes = std::to_array<CodeWords>({
    {0x00, "completed normally"},
    {0x80, "no compatible image"},
    {0x81, "offer expired"},
    {0x82, "unknown image"},
    {0x83, "busy"},
    {0x84, "lease ended"},
    {0x85, "version unsupported"},
    {0x86, "image unreadable"},
    {0xc0, "node busy"},
    {0xc1, "invalid command"},
    {0xc2, "command invalid for this LUN"},
    {0xc3, "timeout while processing the command"},
    {0xc4, "out of space"},
    {0xc5, "reservation cancelled or invalid"},
    {0xc6, "request data truncated"},
    {0xc7, "request data length invalid"},
    {0xc8, "request data length limit exceeded"},
    {0xc9, "parameter out of range"},
    {0xca, "cannot return the number of bytes asked for"},
    {0xcb, "sensor, data or record not present"},
    {0xcc, "invalid data field in request"},
    {0xcd, "command illegal for this sensor or record"},
    {0xce, "response could not be provided"},
    {0xcf, "duplicate request"},
    {0xd0, "SDR repository in update mode"},
    {0xd1, "device in firmware update mode"},
    {0xd2, "initialization in progress"},
    {0xd3, "destination unavailable"},
    {0xd4, "insufficient privilege"},
    {0xd5, "not supported in the present state"},
    {0xd6, "sub-function disabled"},
    {0xff, "unspecified error"},
});

}  // namespace

std::string describe(CompletionCode code) {
  const auto value = static_cast<std::uint8_t>(code);
  const auto row = std::find_if(kCodes.begin(), kCodes.end(),
                                [value](const CodeWords& words) { return words.first == value; });
  if (row != kCodes.end()) return std::string(row->second);
  std::string digits = to_hex(std::as_bytes(std::span(&value, 1)));
  std::transform(digits.begin(), digits.end(), digits.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return "completion code " + digits + "h";
}

Bytes encode(const LanMessage& message) {
  ByteWriter out(kOverhead_bytes + message.data.size());
  out.u8(message.responder_address);
  out.u8(joined(message.net_fn, message.responder_lun));
  out.u8(checksum(out.view()));
  out.u8(message.requester_address);
  out.u8(joined(message.sequence, message.requester_lun));
  out.u8(message.command);
  out.bytes(message.data);
  out.u8(checksum(out.view().subspan(kFirstPart_bytes)));
  return std::move(out).release();
}

Result<LanMessage> decode_lan_message(ByteView bytes) {
  if (bytes.size() < kOverhead_bytes) return fail(Errc::Truncated, "IPMI message");
  // A sum that includes its own checksum is zero.
  if (checksum(bytes.first(kFirstPart_bytes)) != 0)
    return fail(Errc::BadChecksum, "IPMI message, first checksum");
  if (checksum(bytes.subspan(kFirstPart_bytes)) != 0)
    return fail(Errc::BadChecksum, "IPMI message, second checksum");

  ByteReader in(bytes.first(bytes.size() - 1));
  LanMessage message;
  message.responder_address = in.u8();
  const std::uint8_t net_fn_lun = in.u8();
  message.net_fn = static_cast<std::uint8_t>(net_fn_lun >> 2U);
  message.responder_lun = net_fn_lun & kMaxLun;
  (void)in.u8();
  message.requester_address = in.u8();
  const std::uint8_t sequence_lun = in.u8();
  message.sequence = static_cast<std::uint8_t>(sequence_lun >> 2U);
  message.requester_lun = sequence_lun & kMaxLun;
  message.command = in.u8();
  const ByteView data = in.take_rest();
  if (message.is_response() && data.empty())
    return fail(Errc::Truncated, "IPMI response without a completion code");
  message.data.assign(data.begin(), data.end());
  return message;
}

LanMessage make_lan_request(const IpmiRequest& request, std::uint8_t sequence) {
  LanMessage message;
  message.net_fn = request.net_fn;
  message.sequence = sequence & kMaxSixBits;
  message.command = request.command;
  message.data = request.data;
  return message;
}

LanMessage make_lan_response(const LanMessage& request, const IpmiResponse& response) {
  // The response goes to the one who asked, so the two addresses change places on the wire.
  LanMessage message;
  message.responder_address = request.requester_address;
  message.net_fn = request.net_fn | kResponseBit;
  message.responder_lun = request.requester_lun;
  message.requester_address = request.responder_address;
  message.sequence = request.sequence;
  message.requester_lun = request.responder_lun;
  message.command = request.command;
  message.data.reserve(1 + response.data.size());
  message.data.push_back(static_cast<std::byte>(response.code));
  message.data.insert(message.data.end(), response.data.begin(), response.data.end());
  return message;
}

}  // namespace fwr::wire
