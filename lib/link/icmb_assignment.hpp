// SPDX-License-Identifier: GPL-3.0-or-later
// How a node gets its address on the bus and keeps it. PROTOCOL §11.3.
#pragma once

#include <optional>

#include "base/types.hpp"
#include "link/icmb_limits.hpp"
#include "wire/icmb.hpp"

namespace fwr::link {

class IcmbAssignment {
 public:
  enum class State : std::uint8_t { Off, Claiming, Holding, Refused };
  enum class Change : std::uint8_t {
    Held,     ///< an address is ours
    Moved,    ///< another one holds it; a new one is tried
    Refused,  ///< another one holds our fixed address
  };

  IcmbAssignment(const IcmbLimits& limits, RandomSource& random, const Guid& guid);

  /// Claims `wish`, or what the GUID gives when it is Unassigned. A fixed address is never changed;
  /// a wish that was not to be had is claimed again now and then.
  void start(wire::icmb::BusAddress wish, bool fixed, TimePoint now);
  void stop();
  /// The address when it is ours.
  [[nodiscard]] wire::icmb::BusAddress address() const;
  [[nodiscard]] State state() const { return state_; }

  void handle_message(const wire::icmb::AddressMessage& message, TimePoint now);
  /// Whether it is the address that we hold or claim.
  [[nodiscard]] bool uses(wire::icmb::BusAddress address) const;
  /// A frame from that address that was not ours.
  void handle_impostor(TimePoint now);
  /// A frame from another address: as long as a node talks from the address we wish for, it is
  /// taken.
  void handle_talker(wire::icmb::BusAddress source, TimePoint now);
  /// The address message that was polled last has been on the line.
  void handle_sent(TimePoint now);
  /// The line was cut, and is back: others may have come.
  void handle_restored(TimePoint now);
  void handle_timeout(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] std::optional<wire::icmb::AddressMessage> poll_message();
  [[nodiscard]] std::optional<Change> poll_change();

 private:
  void claim(wire::icmb::BusAddress candidate, TimePoint now);
  void move_on(TimePoint now);
  void hold(wire::icmb::BusAddress address, TimePoint now);
  void give_up_wish(TimePoint now);
  void send_claim(wire::icmb::BusAddress candidate, TimePoint now);
  void defend(TimePoint now);
  /// Another address than ours is held while the one that was configured is not.
  [[nodiscard]] bool is_away() const;
  [[nodiscard]] bool outranks(const Guid& other) const;
  wire::icmb::BusAddress random_address();

  const IcmbLimits& limits_;
  RandomSource& random_;
  Guid guid_;
  wire::icmb::BusAddress wish_ = wire::icmb::BusAddress::Unassigned;  ///< that was configured
  bool fixed_ = false;
  bool returning_ = false;  ///< away, and claiming the wish
  State state_ = State::Off;
  wire::icmb::BusAddress address_ = wire::icmb::BusAddress::Unassigned;
  std::uint32_t claims_sent_ = 0;
  bool in_transit_ = false;  ///< a claim was polled and has not been on the line yet
  std::optional<TimePoint> next_;
  std::optional<TimePoint> defended_at_;
  std::optional<wire::icmb::AddressMessage> wanted_;
  std::optional<Change> change_;
};

}  // namespace fwr::link
