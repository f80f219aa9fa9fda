// SPDX-License-Identifier: GPL-3.0-or-later
// The hash and the lines of a run.
#include "chronicle.hpp"

#include <cstring>

namespace fwr::sim {

void Chronicle::mix(ByteView bytes) {
  mix(bytes.size());
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    mix(word);
  }
  std::uint64_t rest = 0;
  for (; at < bytes.size(); ++at) rest = rest << 8U | std::to_integer<std::uint64_t>(bytes[at]);
  mix(rest);
}

void Chronicle::add_line(const std::string& text) {
  if (lines_.size() >= kLines) lines_.pop_front();
  const double seconds = std::chrono::duration<double>(now_ - kBegin).count();
  lines_.push_back(fmt::format("{:12.6f} {}", seconds, text));
}

void Chronicle::violate(std::string checker, std::string text) {
  if (violation_) return;
  note("VIOLATED {}: {}", checker, text);
  violation_ = Violation{std::move(checker), std::move(text), now_, steps_};
}

}  // namespace fwr::sim
