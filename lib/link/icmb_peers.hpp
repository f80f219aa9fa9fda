// SPDX-License-Identifier: GPL-3.0-or-later
// What the line loses, in all and from each node, and which payload is best for that.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>

#include "base/types.hpp"
#include "link/icmb_limits.hpp"
#include "wire/icmb.hpp"

namespace fwr::link {

/// The payload with the largest share of good bytes on the line, when a character is damaged with
/// this probability and each frame costs `overhead` characters more. Not above the limit of a
/// frame.
[[nodiscard]] std::size_t best_payload_bytes(double character_error_rate, std::size_t overhead);
/// Of one frame, back to one character.
[[nodiscard]] double character_error_rate(double frame_loss, double frame_characters);

class IcmbPeers {
 public:
  explicit IcmbPeers(const IcmbLimits& limits) : limits_(limits) {}

  /// False for a frame that came again: its talker had a damaged echo.
  bool hear_frame(const wire::icmb::Frame& frame, TimePoint now);
  void hear_damaged();
  /// Characters that others sent: what the damaged frames are counted against.
  void hear_character();

  /// Of frames from a peer that did not arrive whole, by their sequence numbers; 0 when unknown.
  [[nodiscard]] double frame_loss(wire::icmb::BusAddress peer) const;
  [[nodiscard]] double character_error_rate(wire::icmb::BusAddress peer) const;

 private:
  /// As many short frames as a talker may have on the line before it hears the first of them.
  static constexpr std::size_t kRemembered = 32;
  struct Heard {
    std::uint8_t sequence = 0;
    std::uint16_t check = 0;  ///< of the payload
    std::optional<TimePoint> at;
  };
  struct Peer {
    std::uint8_t sequence = 0;  ///< of the last frame
    TimePoint heard_at{};
    std::array<Heard, kRemembered> heard{};
    std::size_t oldest = 0;  ///< of them
    double frames = 0;
    double lost = 0;
    double characters = 0;  ///< of the frames that arrived
  };
  void make_room();
  [[nodiscard]] bool came_again(const Peer& peer, const Heard& frame) const;

  const IcmbLimits& limits_;
  std::map<wire::icmb::BusAddress, Peer> peers_;
  double line_characters_ = 0;
  double line_damaged_ = 0;  ///< frames
};

}  // namespace fwr::link
