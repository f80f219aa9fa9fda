// SPDX-License-Identifier: GPL-3.0-or-later
// SDP searches on threads of their own: libbluetooth's block.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/address.hpp"
#include "base/error.hpp"

namespace fwr::transport {

/// Asks the device for the channel of its donor. It may block, runs on a thread, and may still run
/// when nobody waits for it any more: it has to own what it uses.
using ChannelSearch = std::function<Result<std::uint8_t>(const Address& device)>;

/// Threads at one time, those included that nobody waits for any more.
inline constexpr std::size_t kSearchesAtOnce = 16;

class ChannelSearches {
 public:
  explicit ChannelSearches(ChannelSearch search);

  /// Readable when an answer is there. Negative: the system gave none, and nothing can be asked.
  [[nodiscard]] int descriptor() const;
  /// One that runs for this device already is not started again: its answer is taken. Error:
  /// IoFailed, the system gives no thread, or there are as many as may be.
  [[nodiscard]] Result<> start(const Address& device);
  struct Answer {
    Address device;
    Result<std::uint8_t> channel;
  };
  [[nodiscard]] std::optional<Answer> poll();

 private:
  struct Board;
  std::shared_ptr<Board> board_;
};

}  // namespace fwr::transport
