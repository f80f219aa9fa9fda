// SPDX-License-Identifier: GPL-3.0-or-later
// The bridge commands that a port answers by itself. PROTOCOL §11.5.
#include <algorithm>
#include <utility>

#include "link/icmb_port.hpp"
#include "wire/ipmi.hpp"

namespace fwr::link {
namespace {

using wire::CompletionCode;
using wire::icmb::BridgeCommand;
using wire::icmb::BusAddress;
using wire::icmb::Frame;
using wire::plain::Message;

Bytes with_code(CompletionCode code) {
  return Bytes{static_cast<std::byte>(code)};
}

template <class Body>
Bytes ok(const Body& body) {
  Bytes data = with_code(CompletionCode::Ok);
  const Bytes encoded = wire::encode(body);
  data.insert(data.end(), encoded.begin(), encoded.end());
  return data;
}

bool changes_the_bridge(BridgeCommand command) {
  return command == BridgeCommand::SetBridgeState || command == BridgeCommand::SetIcmbAddress ||
         command == BridgeCommand::ClearBridgeStatistics ||
         command == BridgeCommand::SetChassisDeviceId;
}

}  // namespace

bool IcmbPort::handle_bridge_request(const Frame& frame, TimePoint now) {
  const auto request = wire::decode<Message>(frame.payload);
  if (!request || request->net_fn() != wire::icmb::kBridgeRq) return false;
  if (frame.source == BusAddress::Unassigned) return true;
  std::optional<Bytes> data = answer(frame, *request);
  if (!data) return true;
  Message response;
  response.tag = request->tag;
  response.net_fn_lun =
      static_cast<std::uint8_t>((wire::icmb::kBridgeRs << 2U) | (request->net_fn_lun & 0x03U));
  response.command = request->command;
  response.data = *std::move(data);
  OutgoingFrame out{frame.source, wire::icmb::FrameType::Response, wire::encode(response)};
  out.answers_broadcast = frame.destination == BusAddress::Broadcast;
  out.answers_stranger = !is_operator(frame.source);
  if (out.answers_stranger && !admit(out, now)) {
    ++counters_.dropped;
    return true;
  }
  talker_.enqueue(std::move(out), now);
  return true;
}

/// Answers go before streams and are larger than their questions: only so many of them.
bool IcmbPort::admit(const OutgoingFrame& answer, TimePoint now) {
  const IcmbLimits& limits = settings_.limits;
  if (!stranger_characters_.has_token(now) ||
      talker_.answers_to_strangers() >= limits.stranger_answers)
    return false;
  const std::size_t characters = answer.payload.size() + wire::icmb::kFrameOverhead_bytes;
  stranger_characters_.take(now, static_cast<unsigned>(characters) *
                                     (answer.answers_broadcast ? limits.broadcast_answers : 1));
  return true;
}

bool IcmbPort::is_operator(BusAddress who) const {
  const auto& operators = settings_.operators;
  return std::find(operators.begin(), operators.end(), who) != operators.end();
}

/// Nothing: no answer is owed, as to a broadcast that is not a question.
std::optional<Bytes> IcmbPort::answer(const Frame& frame, const Message& request) {
  const bool broadcast = frame.destination == BusAddress::Broadcast;
  const auto command = static_cast<BridgeCommand>(request.command);
  switch (command) {
    case BridgeCommand::PrepareForDiscovery:
      remember_discoverer(frame.source, false);
      return broadcast ? std::nullopt : std::optional(with_code(CompletionCode::Ok));
    case BridgeCommand::GetAddresses:
      if (broadcast && std::find(discovered_by_.begin(), discovered_by_.end(), frame.source) !=
                           discovered_by_.end())
        return std::nullopt;
      return ok(wire::icmb::GetAddressesRs{address(), settings_.guid});
    default: break;
  }
  if (broadcast) return std::nullopt;
  switch (command) {
    case BridgeCommand::SetDiscovered:
      remember_discoverer(frame.source, true);
      return with_code(CompletionCode::Ok);
    case BridgeCommand::GetBridgeState: return ok(wire::icmb::BridgeStateBody{state()});
    case BridgeCommand::GetIcmbAddress: return ok(wire::icmb::IcmbAddressBody{address()});
    case BridgeCommand::GetBridgeStatistics: return ok(counters_);
    case BridgeCommand::GetIcmbCapabilities: {
      wire::icmb::BridgeCapabilitiesRs capabilities;
      capabilities.baud = settings_.limits.baud;
      return ok(capabilities);
    }
    case BridgeCommand::GetChassisDeviceId:
      return ok(wire::icmb::ChassisDeviceIdBody{*settings_.chassis_id});
    default: break;
  }
  if (!changes_the_bridge(command)) return with_code(CompletionCode::InvalidCommand);
  if (!is_operator(frame.source)) return with_code(CompletionCode::InsufficientPrivilege);
  return change_bridge(request);
}

Bytes IcmbPort::change_bridge(const Message& request) {
  switch (static_cast<BridgeCommand>(request.command)) {
    case BridgeCommand::SetBridgeState: {
      if (request.data.size() != 1) return with_code(CompletionCode::InvalidLength);
      const auto body = wire::decode<wire::icmb::BridgeStateBody>(request.data);
      if (!body || body->state > wire::icmb::BridgeState::Enabled)
        return with_code(CompletionCode::InvalidField);
      enabled_ = body->state == wire::icmb::BridgeState::Enabled;
      if (!enabled_) talker_.clear_queue();
      return with_code(CompletionCode::Ok);
    }
    case BridgeCommand::SetIcmbAddress: {
      const auto body = wire::decode<wire::icmb::IcmbAddressBody>(request.data);
      if (!body) return with_code(CompletionCode::InvalidLength);
      if (!is_assignable(body->address)) return with_code(CompletionCode::OutOfRange);
      // The answer still goes from the present address.
      next_address_ = body->address;
      return with_code(CompletionCode::Ok);
    }
    case BridgeCommand::ClearBridgeStatistics: counters_ = {}; return with_code(CompletionCode::Ok);
    case BridgeCommand::SetChassisDeviceId: {
      const auto body = wire::decode<wire::icmb::ChassisDeviceIdBody>(request.data);
      if (!body) return with_code(CompletionCode::InvalidLength);
      settings_.chassis_id = body->id;
      return with_code(CompletionCode::Ok);
    }
    default: return with_code(CompletionCode::InvalidCommand);
  }
}

void IcmbPort::remember_discoverer(BusAddress who, bool discovered) {
  const auto found = std::find(discovered_by_.begin(), discovered_by_.end(), who);
  if (found != discovered_by_.end()) discovered_by_.erase(found);
  if (!discovered) return;
  if (discovered_by_.size() >= settings_.limits.discoverers)
    discovered_by_.erase(discovered_by_.begin());
  discovered_by_.push_back(who);
}

}  // namespace fwr::link
