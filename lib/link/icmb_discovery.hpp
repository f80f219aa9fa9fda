// SPDX-License-Identifier: GPL-3.0-or-later
// Finds the nodes of a bus. PROTOCOL §11.5.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/types.hpp"
#include "wire/icmb.hpp"
#include "wire/plain.hpp"

namespace fwr::link {

/// A request in a message for IcmbPort::send().
[[nodiscard]] Datagram make_bus_request(const Path& path, std::uint8_t tag, std::uint8_t net_fn,
                                        std::uint8_t command, ByteView data);
class IcmbDiscovery {
 public:
  struct Node {
    wire::icmb::BusAddress address = wire::icmb::BusAddress::Unassigned;
    Guid guid{};
    bool acknowledged = false;  ///< it knows that it was found
    std::uint32_t asked = 0;    ///< times that SetDiscovered was sent to it
  };
  static constexpr std::size_t kNodeLimit = 256;
  static constexpr std::uint32_t kRoundLimit = 32;
  static constexpr std::uint32_t kSilentRounds = 2;  ///< silent rounds that end a discovery
  static constexpr std::uint32_t kTellLimit = 4;     ///< times that SetDiscovered is sent to a node
  /// Limit of a whole discovery, in times of quiet: new nodes may appear without end.
  static constexpr std::uint32_t kLimit_quiets = 256;

  /// `quiet`: without an answer, a round is over.
  IcmbDiscovery(std::uint32_t port, Duration quiet, TimePoint now);

  void handle_message(const Datagram& message, TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<Datagram> poll_transmit();
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }

 private:
  void request(wire::icmb::BusAddress to, wire::icmb::BridgeCommand command);
  void begin_round(TimePoint now);
  void tell_nodes(TimePoint now);

  std::uint32_t port_;
  Duration quiet_;
  TimePoint next_;
  TimePoint end_;  ///< at the latest
  std::uint8_t tag_ = 0;
  std::uint32_t rounds_ = 0;
  std::uint32_t silent_rounds_ = 0;
  bool heard_new_ = false;
  bool telling_ = false;
  bool finished_ = false;
  std::vector<Node> nodes_;
  std::deque<Datagram> outgoing_;
};

}  // namespace fwr::link
