// SPDX-License-Identifier: GPL-3.0-or-later
// What happened in a run: hashes of it, lines for people when they are asked for, and the first
// promise that was broken.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/types.hpp"
#include "fault.hpp"

namespace fwr::sim {

/// A run begins here: machines must not take zero for a time that never was.
inline constexpr TimePoint kBegin{std::chrono::hours(1)};

struct Violation {
  std::string checker;  ///< stable name
  std::string text;
  TimePoint at{};
  std::uint64_t step = 0;
};

/// The parts of a run that a change without a change of behaviour must leave as they are. Each has
/// a hash of its own, so that a difference says where it is.
enum class Strand : std::uint8_t {
  Datagrams,  ///< each one that is sent or arrives on a bus, with its time
  Files,      ///< each system call of a recipient on its disk, with the bytes of writes
  Events,     ///< what fwrecover shows of a recovery: offers, the donor, progress, the result
  States,     ///< transitions of the recovery machine
};
inline constexpr std::size_t kStrands = static_cast<std::size_t>(Strand::States) + 1;
[[nodiscard]] std::string_view to_text(Strand strand);
/// A sum over seeds, so that it does not matter which job ran which seed.
using Fingerprint = std::array<std::uint64_t, kStrands>;

class Chronicle {
 public:
  explicit Chronicle(bool with_lines) : with_lines_(with_lines) {}

  void set_now(TimePoint now) { now_ = now; }
  [[nodiscard]] TimePoint now() const { return now_; }
  void count_step() { ++steps_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  /// Part of the identity of the run, and a line when lines are kept.
  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
    if (with_lines_) add_line(fmt::format(format, std::forward<Args>(args)...));
  }
  [[nodiscard]] bool with_lines() const { return with_lines_; }
  void mix(std::uint64_t value) { hash_ = mixed(hash_, value); }
  /// Part of the run and of this strand of it, at the present time.
  void mix(Strand strand, ByteView bytes);
  void mix(Strand strand, std::string_view text);
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const Fingerprint& strands() const { return strands_; }
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

  void injected(FaultKind kind) { ++injected_.at(static_cast<std::size_t>(kind)); }
  [[nodiscard]] const std::array<std::uint64_t, kFaultKinds>& injected() const { return injected_; }

  /// Only the first one counts: what follows may be its consequence.
  void violate(std::string checker, std::string text);
  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }

 private:
  static constexpr std::size_t kLines = 4000;  ///< the last ones are kept
  static std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
    return hash ^ (hash >> 29U);
  }
  void add_line(const std::string& text);

  bool with_lines_;
  TimePoint now_ = kBegin;
  std::uint64_t hash_ = 0x243f6a8885a308d3ULL;
  Fingerprint strands_{};
  std::uint64_t steps_ = 0;
  std::deque<std::string> lines_;
  std::array<std::uint64_t, kFaultKinds> injected_{};
  std::optional<Violation> violation_;
};

}  // namespace fwr::sim
