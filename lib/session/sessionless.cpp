// SPDX-License-Identifier: GPL-3.0-or-later
// One IPMI command without a session.
#include "session/sessionless.hpp"

#include <utility>
#include <variant>

#include "wire/rmcp.hpp"

namespace fwr::session {

namespace {

/// The IPMI message of either framing. An error for all that is something else.
Result<wire::LanMessage> message_of(const wire::RmcpMessage& rmcp) {
  if (const auto* v15 = std::get_if<wire::SessionlessV15>(&rmcp))
    return wire::decode_lan_message(v15->message);
  const auto* v20 = std::get_if<wire::RmcpPlusPacket>(&rmcp);
  if (v20 == nullptr ||
      v20->header.payload_type != static_cast<std::uint8_t>(wire::PayloadType::Ipmi) ||
      v20->header.session_id != 0 || v20->header.encrypted || v20->header.authenticated)
    return fail(Errc::BadField, "not an IPMI message without a session");
  return wire::decode_lan_message(v20->payload);
}

}  // namespace

Bytes sessionless_request(const wire::IpmiRequest& request, std::uint8_t sequence) {
  return wire::encode(
      wire::SessionlessV15{wire::encode(wire::make_lan_request(request, sequence))});
}

Result<SessionlessReply> parse_sessionless_reply(ByteView datagram) {
  const auto rmcp = wire::decode_rmcp(datagram);
  if (!rmcp) return tl::unexpected(rmcp.error());
  auto message = message_of(*rmcp);
  if (!message) return tl::unexpected(std::move(message).error());
  if (!message->is_response()) return fail(Errc::BadField, "an IPMI request, not a response");
  SessionlessReply reply;
  reply.net_fn = message->net_fn;
  reply.command = message->command;
  reply.sequence = message->sequence;
  reply.response.code = static_cast<wire::CompletionCode>(message->data.front());
  reply.response.data.assign(message->data.begin() + 1, message->data.end());
  return reply;
}

}  // namespace fwr::session
