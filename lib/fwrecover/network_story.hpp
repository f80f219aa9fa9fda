// SPDX-License-Identifier: GPL-3.0-or-later
// What was asked on the network, and what happened to each system that was asked.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/types.hpp"
#include "fwrecover/event.hpp"
#include "transport/undelivered.hpp"

namespace fwrecover {

/// "lan:10.0.0.7", "lan:[ff02::1%eth0]", "lan:255.255.255.255 on eth0".
[[nodiscard]] std::string target_text(const fwr::Path& path);
/// "bmc of manufacturer=32473 product=7"
[[nodiscard]] std::string wanted_text(const fwr::Platform& platform);
/// "255.255.255.255 and ff02::1 on eth0, lan:10.0.0.7, and 3 more"
[[nodiscard]] std::string targets_text(const std::vector<fwr::Path>& paths);

/// Counts what was sent, and remembers what did not arrive. Nothing is ended by it.
class NetworkStory {
 public:
  static constexpr std::size_t kPeerLimit = 1024;  ///< targets that are remembered
  static constexpr std::size_t kEventLimit = 64;   ///< "unreachable" events

  void note_sent(const fwr::Path& path) {
    if (path.peer.family == fwr::AddressFamily::Ipv4 ||
        path.peer.family == fwr::AddressFamily::Ipv6)
      ++sent_;
  }
  /// Tells `observer` ("unreachable") about each peer and reason once.
  void note(const fwr::transport::Undelivered& undelivered, Observer& observer);

  /// "lan:10.0.0.7: Network is unreachable; nothing could be sent"; empty: nothing is known.
  [[nodiscard]] std::string text() const;
  /// The last reason for this peer; empty: none is known.
  [[nodiscard]] std::string reason(const fwr::Address& peer) const;
  /// Every datagram was refused by this system.
  [[nodiscard]] bool nothing_left() const { return sent_ > 0 && refused_here_ >= sent_; }

 private:
  /// A target: of a broadcast the interface counts as well.
  using Key = std::pair<std::uint32_t, fwr::Address>;
  static Key key_of(const fwr::Path& path);
  struct Last {
    std::string target;
    std::string reason;
  };
  std::map<Key, Last> last_;
  std::size_t sent_ = 0;
  std::size_t refused_here_ = 0;
  std::size_t told_ = 0;
};

}  // namespace fwrecover
