// SPDX-License-Identifier: GPL-3.0-or-later
// SDP searches on threads of their own: libbluetooth's block.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "transport/worker.hpp"

namespace fwr::transport {

/// Asks the device for the channel of its donor. It may block, and runs on a detached thread: it
/// has to own what it uses.
using ChannelSearch = std::function<Result<std::uint8_t>(const Address& device)>;

/// Searches at one time, including those whose answer has not been taken.
inline constexpr std::size_t kSearchesAtOnce = 16;

class ChannelSearches {
 public:
  explicit ChannelSearches(ChannelSearch search) : search_(std::move(search)) {}

  /// Readable when an answer is there. Negative: the system gave none, and nothing can be asked.
  [[nodiscard]] int descriptor() const { return board_->descriptor(); }
  /// One that runs for this device already is not started again: its answer is taken. Error:
  /// IoFailed, the system gives no thread, or there are as many as may be.
  [[nodiscard]] Result<> start(const Address& device);
  struct Answer {
    Address device;
    Result<std::uint8_t> channel;
  };
  [[nodiscard]] std::optional<Answer> poll();

 private:
  const ChannelSearch search_;
  std::shared_ptr<transport::Board<Answer>> board_ = std::make_shared<transport::Board<Answer>>();
  std::vector<Address> running_;  // at most kSearchesAtOnce
};

}  // namespace fwr::transport
