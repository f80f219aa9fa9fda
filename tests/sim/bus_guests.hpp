// SPDX-License-Identifier: GPL-3.0-or-later
// The other nodes of a bus: one that talks to others, one that wishes an address that is taken, one
// that sends without listening, a stranger that asks for everything, and a forger that answers in
// the name of donors.
#pragma once

#include <optional>

#include "network.hpp"
#include "wire/plain.hpp"
#include "wire/stream.hpp"

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
  /// Before the donor does, to what has just been heard.
  void forge(TimePoint now);
  // The characters of a frame; none: what was heard needs no answer.
  [[nodiscard]] Bytes false_frame(const Delivery& heard);
  [[nodiscard]] Bytes false_defence(wire::icmb::BusAddress address) const;
  [[nodiscard]] Bytes false_answer(const Bytes& bytes, wire::icmb::BusAddress asker,
                                   wire::icmb::BusAddress donor);
  [[nodiscard]] wire::IpmiResponse false_response(const wire::plain::Message& request);
  [[nodiscard]] Bytes false_segment(const wire::stream::Grant& grant);
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
  std::uint64_t forged_ = 0;
  TimePoint heard_{};
};

}  // namespace fwr::sim
