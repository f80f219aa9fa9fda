// SPDX-License-Identifier: GPL-3.0-or-later
// One character time after the other.
#include "link/bus_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace fwr::link {
namespace {

constexpr std::uint64_t kBitsOnTheLine = 10;  // bits of a character: start, 8 data, stop
constexpr std::uint64_t kDataBits = 8;
constexpr std::byte kGarble{0x10};  // two drivers against each other: neither hears itself
constexpr std::uint64_t kNanoseconds = 1'000'000'000;

}  // namespace

BusModel::BusModel(std::size_t nodes, BusOptions options)
    : options_(options),
      character_time_(std::chrono::nanoseconds(kBitsOnTheLine * kNanoseconds / options.baud)),
      nodes_(nodes),
      dice_(options.seed) {
  set_bit_error_rate(options.bit_error_rate);
}

void BusModel::set_bit_error_rate(double rate) {
  options_.bit_error_rate = rate;
  until_error_bits_ = draw_distance();
  for (Node& node : nodes_) node.until_error_bits = draw_distance();
}

std::uint64_t BusModel::draw_distance() {
  if (options_.bit_error_rate <= 0) return std::numeric_limits<std::uint64_t>::max();
  const double u = std::uniform_real_distribution<double>(1e-12, 1.0)(dice_);
  const double distance = std::log(u) / std::log1p(-std::min(options_.bit_error_rate, 0.5));
  return static_cast<std::uint64_t>(distance);
}

std::byte BusModel::damaged(std::byte character, std::uint64_t& until_error_bits) {
  std::uint64_t left = kDataBits;
  while (until_error_bits < left) {
    left -= until_error_bits + 1;
    character ^= std::byte{1} << static_cast<int>(kDataBits - 1 - left);
    ++counters_.bit_errors;
    until_error_bits = draw_distance();
  }
  if (until_error_bits != std::numeric_limits<std::uint64_t>::max()) until_error_bits -= left;
  return character;
}

void BusModel::refill(Node& node) const {
  while (node.uart.size() < options_.fifo_characters && !node.driver.empty()) {
    node.uart.push_back(node.driver.front());
    node.driver.pop_front();
  }
}

void BusModel::write(std::size_t node, ByteView characters, TimePoint now) {
  advance(now);
  Node& talker = nodes_[node];
  talker.driver.insert(talker.driver.end(), characters.begin(), characters.end());
  refill(talker);
  if (!done_at_) begin(now);
}

void BusModel::discard(std::size_t node) {
  nodes_[node].driver.clear();
}

void BusModel::set_babbling(std::size_t node, bool babbling, TimePoint now) {
  nodes_[node].babbling = babbling;
  if (!done_at_) begin(now);
}

void BusModel::begin(TimePoint now) {
  done_at_.reset();
  on_line_.reset();
  std::size_t talkers = 0;
  for (Node& node : nodes_) {
    if (node.uart.empty() && !node.babbling) continue;
    done_at_ = now + character_time_;
    std::byte character = static_cast<std::byte>(dice_() & 0xffU);
    if (!node.babbling) {
      character = node.uart.front();
      node.uart.pop_front();
      refill(node);
    }
    if (!node.connected) continue;  // reaches no node
    ++talkers;
    on_line_ = on_line_ ? *on_line_ & character : character;
  }
  if (talkers < 2) return;
  *on_line_ ^= kGarble;
  ++counters_.collisions;
}

void BusModel::deliver() {
  if (!on_line_) return;
  ++counters_.characters;
  const bool common = options_.noise == BusNoise::Line;
  const std::byte character = common ? damaged(*on_line_, until_error_bits_) : *on_line_;
  for (Node& node : nodes_) {
    if (!node.connected) continue;
    node.heard.push_back(common ? character : damaged(character, node.until_error_bits));
  }
}

void BusModel::advance(TimePoint now) {
  while (done_at_ && *done_at_ <= now) {
    const TimePoint then = *done_at_;
    deliver();
    begin(then);
  }
}

Bytes BusModel::take_heard(std::size_t node) {
  return std::exchange(nodes_[node].heard, {});
}

}  // namespace fwr::link
