// SPDX-License-Identifier: GPL-3.0-or-later
// The other hosts of a network: one that forges offers, one that sends garbage, and a client with
// an account that sends its commands in any order.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "network.hpp"
#include "session/client.hpp"

namespace fwr::sim {

/// Has no account. Hears everything, and sends under any address.
class Outsider {
 public:
  Outsider(const Plan& plan, Network& network, Chronicle& chronicle);
  void work(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> next() const;

 private:
  struct Act {
    std::size_t fault = 0;
    Dice dice{0};
    TimePoint at;
    Nonce last{};  ///< of the request that was answered
  };
  void forge_offers(Act& act, TimePoint now);
  void forge_in_name(Act& act, TimePoint now);
  void send_garbage(Act& act, TimePoint now);

  const Plan& plan_;
  Network& network_;
  Chronicle& chronicle_;
  std::vector<Act> acts_;
};

/// Has an account: the real client, with commands in any order, handles that are not its own, and
/// grants beyond every limit.
class UnrulyClient {
 public:
  UnrulyClient(const Plan& plan, std::size_t fault, std::size_t number, Network& network,
               Chronicle& chronicle);
  [[nodiscard]] std::size_t host() const { return kOutsider + number_; }
  void handle(const Delivery& delivery, TimePoint now);
  void work(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> next() const;

 private:
  void start(TimePoint now);
  void act(TimePoint now);
  void grant(TimePoint now);
  void drive(TimePoint now);
  void learn(const session::CommandDone& done);

  const Fault& fault_;
  std::size_t number_, medium_;
  Network& network_;
  Chronicle& chronicle_;
  Dice dice_;
  DiceRandom random_;
  std::unique_ptr<session::Client> client_;
  TimePoint at_{};
  bool is_over_ = false;

  Nonce nonce_{};
  Digest digest_{};
  std::array<std::byte, 16> token_{};
  std::uint32_t handle_ = 0;
  std::uint32_t grants_ = 0;
  std::uint64_t size_ = 0;
  enum class Asked : std::uint8_t { Other, Offer, Accept };
  Asked asked_ = Asked::Other;
};

}  // namespace fwr::sim
