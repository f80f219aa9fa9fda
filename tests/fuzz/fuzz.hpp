// SPDX-License-Identifier: GPL-3.0-or-later
// What every fuzz program shares: rules that end the process, and inputs that are read front to
// back, so that a corpus file can be written and understood by hand.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "support/random.hpp"

namespace fwr::fuzz {

/// Also in a build without assert(): a broken rule is a finding.
inline void require(bool holds, std::string_view rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %.*s\n", static_cast<int>(rule.size()), rule.data());
  std::abort();
}

/// The bytes of one input. Past its end everything is zero, so that any input means something.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : reader_(std::as_bytes(std::span(data, size))) {}

  [[nodiscard]] bool ended() const { return reader_.remaining() == 0; }
  [[nodiscard]] std::uint8_t u8() { return reader_.u8(); }
  [[nodiscard]] std::uint16_t u16() { return reader_.u16(); }
  [[nodiscard]] std::uint32_t u32() { return reader_.u32(); }
  [[nodiscard]] std::uint64_t u64() { return reader_.le<8>(); }
  /// 0 to count - 1; count is at most 256.
  [[nodiscard]] unsigned below(std::size_t count) {
    return static_cast<unsigned>(reader_.u8() % count);
  }
  [[nodiscard]] bool flag() { return (reader_.u8() & 1U) != 0; }
  /// Two bytes of length, then as many of them as there are.
  [[nodiscard]] ByteView bytes() {
    const std::size_t wanted = reader_.u16();
    return reader_.take(std::min(wanted, reader_.remaining()));
  }
  [[nodiscard]] ByteView rest() { return reader_.take_rest(); }
  template <std::size_t N>
  [[nodiscard]] std::array<std::byte, N> array() {
    std::array<std::byte, N> out{};
    const ByteView some = reader_.take(std::min(N, reader_.remaining()));
    std::copy(some.begin(), some.end(), out.begin());
    return out;
  }

 private:
  ByteReader reader_;
};

/// One row of a program's table of what an input may do.
template <class Action>
struct NamedAction {
  Action action;
  std::string_view name;
};

/// With FWR_FUZZ_TRACE in the environment: prints what an input does. Files of the corpus have
/// their names from it.
inline void trace(std::string_view action) {
  static const bool kWanted = std::getenv("FWR_FUZZ_TRACE") != nullptr;
  if (kWanted) std::fprintf(stderr, "%.*s\n", static_cast<int>(action.size()), action.data());
}

/// Takes one byte and gives the action of that row, modulo the rows. An action in two rows comes
/// twice as often. New rows change what every file of the corpus means.
template <class Action, std::size_t N>
[[nodiscard]] Action draw_action(Input& in, const std::array<NamedAction<Action>, N>& table) {
  const NamedAction<Action>& row = table.at(in.below(N));
  trace(row.name);
  return row.action;
}

/// A copy of exactly its size, in which AddressSanitizer sees a read past the end.
[[nodiscard]] inline Bytes exact(ByteView view) {
  return {view.begin(), view.end()};
}

/// The same bytes in every run: a finding must be there again when its input is replayed. The state
/// of minstd_rand is small, and a machine is made for every input.
using SeededRandom = test::EngineRandom<std::minstd_rand>;

/// What a decoder accepts has one written form that reads back as the same: encode(decode(bytes))
/// is a fixed point. `canonical(view)` decodes and encodes again, or gives nothing.
template <class Canonical>
void require_fixed_point(Canonical canonical, ByteView bytes) {
  const auto once = canonical(exact(bytes));
  if (!once) return;
  const auto twice = canonical(*once);
  require(twice.has_value(), "a decoder accepts what its encoder wrote");
  require(*twice == *once, "encode(decode(x)) is a fixed point");
}

}  // namespace fwr::fuzz
