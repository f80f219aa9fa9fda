// SPDX-License-Identifier: GPL-3.0-or-later
// Who else is on a bus: others who talk, somebody who wishes an address that is taken, somebody who
// listens to nobody, and a stranger who asks for everything.
#pragma once

#include <optional>

#include "network.hpp"

namespace fwr::sim {

class BusGuest {
 public:
  BusGuest(const Plan& plan, std::size_t fault, Network& network, Chronicle& chronicle);
  [[nodiscard]] std::size_t host() const { return kFirstGuest + number_; }
  void handle(const Delivery& delivery);
  void work(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> next() const;

 private:
  void come_or_go(TimePoint now);
  void act(TimePoint now);
  void talk(TimePoint now);
  void make_noise(TimePoint now);
  void ask_for_everything(TimePoint now);
  [[nodiscard]] wire::icmb::BusAddress any_donor();
  void send(wire::icmb::BusAddress to, Bytes message, TimePoint now);

  const Plan& plan_;
  std::size_t number_;
  const Fault& fault_;
  std::size_t medium_;
  Network& network_;
  Chronicle& chronicle_;
  Dice dice_;
  TimePoint at_;
  bool is_over_ = false;
  std::uint8_t tag_ = 0;
  std::uint32_t handle_ = 0;
};

}  // namespace fwr::sim
