// SPDX-License-Identifier: GPL-3.0-or-later
// A shared half-duplex medium of the simulated world: one bus of characters with the real ports of
// lib/link on it, and what happens to a bus.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "chronicle.hpp"
#include "link/bus_model.hpp"
#include "link/icmb_port.hpp"
#include "plan.hpp"

namespace fwr::sim {

/// What happened on buses, by name: a campaign in which one of them never did has tested less than
/// it seems.
enum class BusCount : std::uint8_t {
  Characters,
  Collisions,
  BitErrors,
  Frames,
  ArbitrationWins,
  ArbitrationLosses,
  LineErrors,
  BadChecksums,
  Duplicates,
  Dropped,
  Cuts,
  Babbles,
  Conflicts,
  AddressesMoved,
  AddressesRefused,
};
inline constexpr std::size_t kBusCounts = static_cast<std::size_t>(BusCount::AddressesRefused) + 1;
using BusCounts = std::array<std::uint64_t, kBusCounts>;
[[nodiscard]] std::string_view to_text(BusCount count);

/// The number of the line by which every host knows a bus: Address::scope.
[[nodiscard]] std::uint32_t line_of(std::size_t medium);
/// The address that a host asks for when it comes.
[[nodiscard]] wire::icmb::BusAddress wish_of(std::size_t host);

class Bus {
 public:
  struct Arrived {
    std::size_t host = 0;
    Datagram datagram;
  };

  Bus(const Plan& plan, std::size_t medium, Chronicle& chronicle);

  /// A process of that host opens the line, or it is gone.
  void open(std::size_t host, TimePoint now);
  void close(std::size_t host);
  [[nodiscard]] bool is_open(std::size_t host) const;
  void send(std::size_t host, const Datagram& message, TimePoint now);
  /// Without listening, without a frame: whatever the host puts on the wires.
  void write_raw(std::size_t host, ByteView characters, TimePoint now);
  [[nodiscard]] bool has_room(std::size_t host) const;
  [[nodiscard]] const link::IcmbPort* port(std::size_t host) const;
  /// Characters that a host has put on the line.
  [[nodiscard]] std::uint64_t written(std::size_t host) const;

  /// Whether the bus is in a cut phase of a fault BusFlaps. Such a phase ends by itself.
  [[nodiscard]] bool is_flapped_away(TimePoint now) const;

  [[nodiscard]] std::optional<TimePoint> next(TimePoint now) const;
  /// What hosts hear until now.
  [[nodiscard]] std::vector<Arrived> work(TimePoint now);
  [[nodiscard]] BusCounts counts() const;

 private:
  struct Node {
    std::size_t host = 0;
    std::unique_ptr<DiceRandom> random;
    std::unique_ptr<link::IcmbPort> port;
    TimePoint talks_until{};
    std::uint64_t written = 0;
    BusCounts counts{};  ///< of ports that are closed
  };
  [[nodiscard]] Node& node(std::size_t host) { return nodes_.at(index_.at(host)); }
  [[nodiscard]] bool concerns(const Fault& fault) const;
  [[nodiscard]] bool is_down(const Fault& fault, TimePoint now) const;
  [[nodiscard]] std::optional<TimePoint> next_edge(const Fault& fault, TimePoint now) const;
  void apply_faults(TimePoint now);
  [[nodiscard]] bool is_deaf(const Node& node, TimePoint now);
  void pump(std::size_t index, TimePoint now);
  void check_limits(const Node& node) const;
  void count(Node& node, const link::IcmbEvent& event);

  const Plan& plan_;
  std::size_t medium_;
  const BusPlan& kind_;
  Chronicle& chronicle_;
  std::vector<Node> nodes_;
  std::map<std::size_t, std::size_t> index_;  ///< of a host in nodes_
  std::vector<bool> was_active_;              ///< each fault, when it was looked at
  std::vector<std::size_t> echo_losses_;      ///< which faults
  std::optional<TimePoint> edge_;             ///< when one of them begins or ends
  Dice dice_;
  link::BusModel model_;
  double rate_ = 0;
  TimePoint visited_ = kBegin;
  std::vector<Arrived> arrived_;
};

}  // namespace fwr::sim
