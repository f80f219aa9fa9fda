// SPDX-License-Identifier: GPL-3.0-or-later
// Random numbers that are the same on every machine: everything in a run follows from its seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/types.hpp"

namespace fwr::sim {

/// splitmix64. The distributions of the standard library differ between implementations.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t value = state_;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31U);
  }
  /// 0 .. count - 1; 0 when there is nothing to choose from.
  std::uint64_t below(std::uint64_t count) { return count == 0 ? 0 : next() % count; }
  /// Both ends included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  bool chance(double probability) {
    constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
    return static_cast<double>(next() >> 11U) * kScale < probability;
  }
  Duration time(Duration low, Duration high) {
    const auto span = static_cast<std::uint64_t>((high - low).count());
    return low + Duration(static_cast<Duration::rep>(below(span + 1)));
  }
  template <class Container>
  const auto& pick(const Container& from) {
    return from[static_cast<std::size_t>(below(std::size(from)))];
  }
  /// Dice of its own for one purpose: what it draws changes nothing elsewhere.
  [[nodiscard]] Dice fork(std::uint64_t label) const {
    Dice mixed(state_ ^ (label * 0xd1342543de82ef95ULL + 1));
    return Dice(mixed.next());
  }

 private:
  std::uint64_t state_;
};

class DiceRandom final : public RandomSource {
 public:
  explicit DiceRandom(Dice dice) : dice_(dice) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(dice_.next() >> 32U);
  }

 private:
  Dice dice_;
};

}  // namespace fwr::sim
