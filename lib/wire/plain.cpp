// SPDX-License-Identifier: GPL-3.0-or-later
// Types and messages of links without sessions. PROTOCOL §11.4.
#include "wire/plain.hpp"

#include <utility>

namespace fwr::wire::plain {
namespace {

Bytes with_type(Type type, ByteView bytes) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(type));
  out.bytes(bytes);
  return std::move(out).release();
}

Result<Message> decode_as(Type type, ByteView bytes) {
  ByteReader in(bytes);
  if (in.u8() != static_cast<std::uint8_t>(type)) return fail(Errc::BadField, "message, type");
  auto message = wire::decode<Message>(in.take_rest());
  if (!message) return message;
  if (((message->net_fn() & 1U) != 0) != (type == Type::Response))
    return fail(Errc::BadField, "message, netFn/LUN");
  if (type == Type::Response && message->data.empty())
    return fail(Errc::Truncated, "response, completion code");
  return message;
}

}  // namespace

Bytes encode_request(const IpmiRequest& request, std::uint8_t tag) {
  Message message;
  message.tag = tag;
  message.net_fn_lun = static_cast<std::uint8_t>(request.net_fn << 2U);
  message.command = request.command;
  message.data = request.data;
  return with_type(Type::Request, wire::encode(message));
}

Bytes encode_response(const Message& request, const IpmiResponse& response) {
  Message message;
  message.tag = request.tag;
  message.net_fn_lun = static_cast<std::uint8_t>(request.net_fn_lun | (1U << 2U));
  message.command = request.command;
  message.data.reserve(1 + response.data.size());
  message.data.push_back(std::byte{static_cast<std::uint8_t>(response.code)});
  message.data.insert(message.data.end(), response.data.begin(), response.data.end());
  return with_type(Type::Response, wire::encode(message));
}

Bytes encode_stream(ByteView message) {
  return with_type(Type::Stream, message);
}

bool is_to_all(const Path& path) {
  constexpr std::uint8_t kAll = 0xff;  // FFFFh, PROTOCOL §11.1
  const Address& to = path.local;
  return to.family == AddressFamily::Icmb && to.bytes[0] == kAll && to.bytes[1] == kAll;
}

Result<Type> type_of(ByteView message) {
  if (message.empty()) return fail(Errc::Truncated, "message, type");
  const auto type = static_cast<Type>(message.front());
  if (!is_known(type)) return fail(Errc::BadField, "message, type");
  return type;
}

Result<Message> decode_request(ByteView message) {
  return decode_as(Type::Request, message);
}

Result<Message> decode_response(ByteView message) {
  return decode_as(Type::Response, message);
}

}  // namespace fwr::wire::plain
