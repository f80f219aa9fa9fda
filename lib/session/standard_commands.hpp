// SPDX-License-Identifier: GPL-3.0-or-later
// The commands of the IPMI specification that the server answers itself. IPMI v2.0 §20 and §22.
#pragma once

#include <cstdint>
#include <optional>

#include "session/server_config.hpp"
#include "session/session_table.hpp"
#include "wire/ipmi.hpp"

namespace fwr::session {

/// IPMI v2.0 §22.18.
inline constexpr std::uint8_t kSetSessionPrivilegeLevel = 0x3b;
inline constexpr std::uint8_t kExceedsPrivilegeLimit = 0x81;

/// The surroundings of a command. `self` is null without a session.
struct CommandScene {
  const ServerConfig& config;
  SessionTable& sessions;
  Session* self = nullptr;
};

struct CommandAnswer {
  wire::IpmiResponse response;
  std::optional<std::uint32_t> close;  ///< this session, after the answer
};

/// nullopt for a command that the server does not answer itself, and without a session for one that
/// needs a session. Checks the privilege.
[[nodiscard]] std::optional<CommandAnswer> answer_standard_command(const CommandScene& scene,
                                                                   const wire::LanMessage& request);
/// The commands that make sense on a link without sessions: Get Device ID, Get Self Test Results,
/// Get System GUID. nullopt for another command.
[[nodiscard]] std::optional<wire::IpmiResponse> answer_identity_command(
    const DeviceIdentity& identity, const wire::IpmiRequest& request);
/// True if the command is answered without a session.
[[nodiscard]] bool is_sessionless_command(std::uint8_t net_fn, std::uint8_t command);

}  // namespace fwr::session
