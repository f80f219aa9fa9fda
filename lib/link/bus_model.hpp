// SPDX-License-Identifier: GPL-3.0-or-later
// A model of a two-wire bus: paced characters, every node hears every other, talkers collide.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace fwr::link {

enum class BusNoise : std::uint8_t {
  Line,      ///< all hear the same damage
  Receiver,  ///< each has its own, the talker in its echo too
};

struct BusOptions {
  std::uint32_t baud = 19200;
  double bit_error_rate = 0;  ///< for each of the eight data bits
  BusNoise noise = BusNoise::Line;
  std::uint64_t seed = 1;
  std::size_t fifo_characters = 16;  ///< of a UART: what discard() cannot take back
};

/// For the simulator and for the emulator of "fwdiag icmb-bus". Characters of all talkers begin
/// together: a coarser world than the real one, in which collisions last as long.
class BusModel {
 public:
  struct Counters {
    std::uint64_t characters = 0;
    std::uint64_t collisions = 0;  ///< characters of more than one talker
    std::uint64_t bit_errors = 0;
  };

  BusModel(std::size_t nodes, BusOptions options);

  void write(std::size_t node, ByteView characters, TimePoint now);
  /// Takes back what has not reached the UART.
  void discard(std::size_t node);
  /// What the UART takes at once.
  [[nodiscard]] std::size_t room(std::size_t node) const {
    return nodes_[node].driver.empty() ? options_.fifo_characters - nodes_[node].uart.size() : 0;
  }
  void set_connected(std::size_t node, bool connected) { nodes_[node].connected = connected; }
  [[nodiscard]] bool is_connected(std::size_t node) const { return nodes_[node].connected; }
  /// Talks garbage without an end.
  void set_babbling(std::size_t node, bool babbling, TimePoint now);
  void set_bit_error_rate(double rate);

  /// Everything that the line carried until now.
  void advance(TimePoint now);
  /// When the character on the line is complete; nothing: the line is idle.
  [[nodiscard]] std::optional<TimePoint> next() const { return done_at_; }
  /// What a node has heard since the last call.
  [[nodiscard]] Bytes take_heard(std::size_t node);

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] Duration character_time() const { return character_time_; }

 private:
  struct Node {
    std::deque<std::byte> uart;
    std::deque<std::byte> driver;
    Bytes heard;
    bool connected = true;
    bool babbling = false;
    std::uint64_t until_error_bits = 0;
  };
  void begin(TimePoint now);
  void deliver();
  std::byte damaged(std::byte character, std::uint64_t& until_error_bits);
  std::uint64_t draw_distance();
  void refill(Node& node) const;

  BusOptions options_;
  Duration character_time_;
  std::vector<Node> nodes_;
  std::mt19937_64 dice_;
  std::optional<TimePoint> done_at_;
  std::optional<std::byte> on_line_;  ///< nothing: no connected node talks
  std::uint64_t until_error_bits_ = 0;
  Counters counters_;
};

}  // namespace fwr::link
