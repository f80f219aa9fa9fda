// SPDX-License-Identifier: GPL-3.0-or-later
// Random sources that give the same bytes in every run.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"

namespace fwr::test {

/// One byte of each number that `Engine` draws from a seed.
template <class Engine>
class EngineRandom final : public RandomSource {
 public:
  explicit EngineRandom(std::uint64_t seed)
      : engine_(static_cast<typename Engine::result_type>(seed)) {}
  void fill(std::span<std::byte> out) override {
    ++fills_;
    for (std::byte& byte : out) byte = static_cast<std::byte>(engine_() & 0xffU);
  }
  [[nodiscard]] Engine& engine() { return engine_; }
  /// How many times it was asked for bytes.
  [[nodiscard]] unsigned fills() const { return fills_; }

 private:
  Engine engine_;
  unsigned fills_ = 0;
};
using SeededRandom = EngineRandom<std::mt19937_64>;

/// Gives what the test put in, then zeros: for handles that collide and delays that are known.
class ScriptedRandom final : public RandomSource {
 public:
  std::vector<std::byte> script;
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) {
      b = script.empty() ? std::byte{0} : script.front();
      if (!script.empty()) script.erase(script.begin());
    }
  }
};

inline Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  SeededRandom(seed).fill(bytes);
  return bytes;
}

}  // namespace fwr::test
