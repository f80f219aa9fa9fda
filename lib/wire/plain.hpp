// SPDX-License-Identifier: GPL-3.0-or-later
// Messages on links that have no sessions: what ports of such links take and hand up. PROTOCOL
// §11.4.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "wire/ipmi.hpp"
#include "wire/layout.hpp"

namespace fwr::wire::plain {

/// First byte of a message; on ICMB the type of its frame.
enum class Type : std::uint8_t { Request = 0x01, Response = 0x02, Stream = 0x03 };
[[nodiscard]] constexpr bool is_known(Type type) {
  return type >= Type::Request && type <= Type::Stream;
}

/// Type, tag, netFn/LUN and command: in front of the data of a request or a response.
inline constexpr std::size_t kHeader_bytes = 4;

/// A request or a response, behind the type.
struct Message {
  static constexpr std::string_view kName = "message without a session";
  std::uint8_t tag = 0;         ///< the requester's; the response repeats it
  std::uint8_t net_fn_lun = 0;  ///< odd network function in a response
  std::uint8_t command = 0;
  Bytes data;  ///< of a response: the completion code first
  template <class Codec, class Self>
  static void layout(Codec& c, Self& m) {
    c.template le<1>("tag", m.tag);               // 0
    c.template le<1>("netFn/LUN", m.net_fn_lun);  // 1
    c.template le<1>("command", m.command);       // 2
    c.rest("data", m.data);                       // 3:
  }
  [[nodiscard]] std::uint8_t net_fn() const { return static_cast<std::uint8_t>(net_fn_lun >> 2U); }
};

/// With its type in front, as a link without sessions takes it.
[[nodiscard]] Bytes encode_request(const IpmiRequest& request, std::uint8_t tag);
[[nodiscard]] Bytes encode_response(const Message& request, const IpmiResponse& response);
[[nodiscard]] Bytes encode_stream(ByteView message);

/// Whether a message on this path was sent to everybody on a bus. An answer keeps the path, and may
/// wait for its turn.
[[nodiscard]] bool is_to_all(const Path& path);

/// The type of a message. Errors: Truncated, BadField.
[[nodiscard]] Result<Type> type_of(ByteView message);
/// Of a message of type Request. Errors: Truncated, BadField.
[[nodiscard]] Result<Message> decode_request(ByteView message);
/// Of a message of type Response; the data has the completion code, so it is not empty. Errors:
/// Truncated, BadField.
[[nodiscard]] Result<Message> decode_response(ByteView message);

}  // namespace fwr::wire::plain
