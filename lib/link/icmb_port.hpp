// SPDX-License-Identifier: GPL-3.0-or-later
// A node on an ICMB bus: characters on one side, whole messages on the other. PROTOCOL §11.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/link_properties.hpp"
#include "base/token_bucket.hpp"
#include "base/types.hpp"
#include "link/icmb_assignment.hpp"
#include "link/icmb_limits.hpp"
#include "link/icmb_peers.hpp"
#include "link/icmb_talker.hpp"
#include "wire/icmb.hpp"
#include "wire/plain.hpp"

namespace fwr::link {

struct IcmbSettings {
  IcmbLimits limits;
  std::uint32_t port = 1;  ///< the number of this line: Address::scope
  Guid guid{};
  wire::icmb::BusAddress address = wire::icmb::BusAddress::Unassigned;  ///< Unassigned: any
  bool fixed = false;                       ///< rather none than another one
  std::optional<std::uint32_t> chassis_id;  ///< without: from the GUID
  /// Nodes whose messages are handed up; nothing: all nodes; an empty list: none.
  std::optional<std::vector<wire::icmb::BusAddress>> allowed;
  /// Nodes that may change the state of this bridge; empty: none.
  std::vector<wire::icmb::BusAddress> operators;
};

struct IcmbEvent {
  enum class Kind : std::uint8_t {
    AddressHeld,
    AddressMoved,    ///< another node holds it: a new one is tried
    AddressRefused,  ///< another node holds the fixed one
    Cut,             ///< we do not hear ourselves
    Restored,
    Babble,  ///< a node transmits without an end
    Quiet,
    PeerOnline,
    PeerAttention,
  };
  Kind kind = Kind::AddressHeld;
  wire::icmb::BusAddress address = wire::icmb::BusAddress::Unassigned;
  Guid guid{};  ///< GUID of the peer
};
/// "address-held", "cut", ...
[[nodiscard]] std::string_view to_text(IcmbEvent::Kind kind);

/// Messages are Datagrams: the bytes are the type of the frame (1 request, 2 response, 3 stream)
/// and its payload; the peer is a bus address, `scope` the number of the line.
class IcmbPort {
 public:
  static constexpr std::size_t kLargestMessage_bytes = 1 + wire::icmb::kPayloadLimit_bytes;

  IcmbPort(IcmbSettings settings, RandomSource& random, TimePoint now);
  IcmbPort(const IcmbPort&) = delete;
  IcmbPort& operator=(const IcmbPort&) = delete;
  IcmbPort(IcmbPort&&) = delete;
  IcmbPort& operator=(IcmbPort&&) = delete;
  ~IcmbPort() = default;

  // The line. Call poll_output() until it is empty after each of the others.
  void handle_characters(ByteView heard, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<LineOutput> poll_output(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  // Messages.
  /// False when it is lost: no room (statistics().dropped), malformed, or the port is disabled.
  bool send(const Datagram& message, TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_receive();
  void announce(wire::icmb::BusEvent event, TimePoint now);
  [[nodiscard]] std::optional<IcmbEvent> poll_event();

  [[nodiscard]] wire::icmb::BusAddress address() const { return assignment_.address(); }
  [[nodiscard]] wire::icmb::BridgeState state() const;
  [[nodiscard]] const wire::icmb::BridgeStatistics& statistics() const { return counters_; }
  [[nodiscard]] LinkProperties properties() const;
  /// With the message size that is best for what this peer sends now.
  [[nodiscard]] LinkProperties properties(const Address& peer) const;
  [[nodiscard]] const Guid& guid() const { return settings_.guid; }
  /// Messages and bytes that have not been on the line yet.
  [[nodiscard]] std::size_t waiting() const { return talker_.waiting(); }
  [[nodiscard]] std::size_t waiting_bytes() const { return talker_.waiting_bytes(); }
  /// Those, or one that is on the line now; false when it cannot leave.
  [[nodiscard]] bool has_unsent() const {
    return state() == wire::icmb::BridgeState::Enabled &&
           (talker_.waiting() > 0 || talker_.is_talking());
  }
  /// The largest share of good bytes, from what was lost so far: of a frame's payload.
  [[nodiscard]] std::size_t suggested_payload_bytes(const Address& peer,
                                                    std::size_t header_bytes) const;

 private:
  void hear(std::byte character, TimePoint when);
  void watch_line(bool own, TimePoint when);
  void end_babble();
  void note(wire::icmb::Heard heard, TimePoint when);
  void handle_frame(const wire::icmb::Frame& frame, TimePoint now);
  void handle_address(const wire::icmb::Frame& frame, TimePoint now);
  void handle_event(const wire::icmb::Frame& frame);
  void hand_up(const wire::icmb::Frame& frame);
  void settle(TimePoint now);
  void tell(IcmbEvent event);

  // icmb_bridge.cpp
  [[nodiscard]] bool handle_bridge_request(const wire::icmb::Frame& frame, TimePoint now);
  [[nodiscard]] std::optional<Bytes> answer(const wire::icmb::Frame& frame,
                                            const wire::plain::Message& request);
  [[nodiscard]] Bytes change_bridge(const wire::plain::Message& request);
  [[nodiscard]] bool is_operator(wire::icmb::BusAddress who) const;
  [[nodiscard]] bool admit(const OutgoingFrame& answer, TimePoint now);
  void remember_discoverer(wire::icmb::BusAddress who, bool discovered);

  IcmbSettings settings_;
  wire::icmb::BridgeStatistics counters_;
  IcmbTalker talker_;
  IcmbAssignment assignment_;
  IcmbPeers peers_;
  TokenBucket stranger_characters_;
  wire::icmb::FrameDecoder decoder_;

  bool enabled_ = true;
  TimePoint last_character_;
  TimePoint busy_since_;
  bool babbling_ = false;
  std::optional<wire::icmb::BusAddress> next_address_;  ///< when its answer has gone
  std::vector<wire::icmb::BusAddress> discovered_by_;
  std::deque<Datagram> received_;
  std::deque<IcmbEvent> events_;
};

}  // namespace fwr::link
