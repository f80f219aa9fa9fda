// SPDX-License-Identifier: GPL-3.0-or-later
// One IPMI command without a session: the datagram to send, and the answer out of a datagram.
// PROTOCOL §2.1.
#pragma once

#include <cstdint>
#include <optional>

#include "wire/ipmi.hpp"

namespace fwr::session {

/// IPMI v1.5 framing, authentication type none.
[[nodiscard]] Bytes sessionless_request(const wire::IpmiRequest& request, std::uint8_t sequence);

struct SessionlessReply {
  std::uint8_t net_fn = 0;
  std::uint8_t command = 0;
  std::uint8_t sequence = 0;
  wire::IpmiResponse response;
};
/// Either framing. Errors as decode_rmcp(); BadField when it is no response without a session.
[[nodiscard]] Result<SessionlessReply> parse_sessionless_reply(ByteView datagram);

}  // namespace fwr::session
