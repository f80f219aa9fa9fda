// SPDX-License-Identifier: GPL-3.0-or-later
// Loss by sequence numbers and by damaged frames, forgotten by halves.
#include "link/icmb_peers.hpp"

#include <algorithm>
#include <cmath>

#include "wire/crc16.hpp"

namespace fwr::link {
namespace {

using wire::icmb::BusAddress;
using wire::icmb::Frame;

constexpr double kFrameMemory = 256;          // frames of a peer, then both counts are halved
constexpr double kCharacterMemory = 262'144;  // of the line: 2 minutes at 19200 baud
constexpr std::uint8_t kLargestGap = 64;      // frames; a larger one is a node that started again

}  // namespace

std::size_t best_payload_bytes(double character_error_rate, std::size_t overhead) {
  const auto limit = static_cast<double>(wire::icmb::kPayloadLimit_bytes);
  if (character_error_rate <= 0) return wire::icmb::kPayloadLimit_bytes;
  // The share is p / (p + h) * (1 - e)^(p + h); its derivative is zero where p^2 + h p = h / e'.
  const double h = static_cast<double>(overhead);
  const double e = -std::log1p(-std::min(character_error_rate, 0.5));
  const double best = (std::sqrt(h * h + 4 * h / e) - h) / 2;
  return static_cast<std::size_t>(std::clamp(best, 1.0, limit));
}

double character_error_rate(double frame_loss, double frame_characters) {
  if (frame_loss <= 0 || frame_characters <= 0) return 0;
  return -std::expm1(std::log1p(-std::min(frame_loss, 0.99)) / frame_characters);
}

void IcmbPeers::make_room() {
  if (peers_.size() < limits_.peers) return;
  const auto oldest = std::min_element(peers_.begin(), peers_.end(), [](auto& a, auto& b) {
    return a.second.heard_at < b.second.heard_at;
  });
  peers_.erase(oldest);
}

bool IcmbPeers::came_again(const Peer& peer, const Heard& frame) const {
  return std::any_of(peer.heard.begin(), peer.heard.end(), [&](const Heard& before) {
    return before.at && before.sequence == frame.sequence && before.check == frame.check &&
           *frame.at - *before.at <= limits_.duplicate_time();
  });
}

bool IcmbPeers::hear_frame(const Frame& frame, TimePoint now) {
  if (frame.source == BusAddress::Unassigned) return true;
  auto found = peers_.find(frame.source);
  const bool known = found != peers_.end();
  if (!known) {
    make_room();
    found = peers_.emplace(frame.source, Peer{}).first;
  }
  Peer& peer = found->second;
  peer.heard_at = now;
  const Heard heard{frame.sequence, wire::crc16(frame.payload), now};
  if (came_again(peer, heard)) return false;
  peer.heard.at(peer.oldest) = heard;
  peer.oldest = (peer.oldest + 1) % kRemembered;
  const auto gap = static_cast<std::uint8_t>(frame.sequence - peer.sequence - 1);
  if (known && gap < kLargestGap) peer.lost += gap;
  peer.sequence = frame.sequence;
  ++peer.frames;
  peer.characters += static_cast<double>(frame.payload.size() + wire::icmb::kFrameOverhead_bytes);
  if (peer.frames + peer.lost > kFrameMemory) {
    peer.frames /= 2;
    peer.lost /= 2;
    peer.characters /= 2;
  }
  return true;
}

void IcmbPeers::hear_damaged() {
  ++line_damaged_;
}

void IcmbPeers::hear_character() {
  if (++line_characters_ < kCharacterMemory) return;
  line_characters_ /= 2;
  line_damaged_ /= 2;
}

double IcmbPeers::frame_loss(BusAddress address) const {
  const auto found = peers_.find(address);
  if (found == peers_.end() || found->second.lost <= 0) return 0;
  return found->second.lost / (found->second.frames + found->second.lost);
}

double IcmbPeers::character_error_rate(BusAddress address) const {
  // Damage that its talker hears too is repaired at once and leaves no gap, so both count.
  const double by_line = line_characters_ > 0 ? line_damaged_ / line_characters_ : 0;
  const auto found = peers_.find(address);
  if (found == peers_.end() || found->second.frames < 1) return by_line;
  const double by_peer = link::character_error_rate(
      frame_loss(address), found->second.characters / found->second.frames);
  return std::max(by_line, by_peer);
}

}  // namespace fwr::link
