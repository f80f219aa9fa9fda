// SPDX-License-Identifier: GPL-3.0-or-later
// The hash and the lines of a run.
#include "chronicle.hpp"

#include <cstring>

namespace fwr::sim {

std::string_view to_text(Strand strand) {
  switch (strand) {
    case Strand::Datagrams: return "datagrams";
    case Strand::Files: return "files";
    case Strand::Events: return "events";
    case Strand::States: return "states";
  }
  return "?";
}

void Chronicle::mix(Strand strand, ByteView bytes) {
  std::uint64_t hash =
      mixed(bytes.size(), static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    hash = mixed(hash, word);
  }
  std::uint64_t rest = 0;
  for (; at < bytes.size(); ++at) rest = rest << 8U | std::to_integer<std::uint64_t>(bytes[at]);
  hash = mixed(hash, rest);
  mix(hash);
  std::uint64_t& of_strand = strands_.at(static_cast<std::size_t>(strand));
  of_strand = mixed(of_strand, hash);
}

void Chronicle::mix(Strand strand, std::string_view text) {
  mix(strand, as_bytes(text));
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
