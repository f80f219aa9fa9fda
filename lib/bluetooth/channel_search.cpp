// SPDX-License-Identifier: GPL-3.0-or-later
// One thread for each search.
#include "bluetooth/channel_search.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fwr::transport {

Result<> ChannelSearches::start(const Address& device) {
  if (std::find(running_.begin(), running_.end(), device) != running_.end()) return {};
  if (running_.size() >= kSearchesAtOnce)
    return fail(Errc::IoFailed,
                fmt::format("{} searches for channels are under way", running_.size()));
  if (!run_detached([board = board_, search = search_, device] {
        board->post({device, search(device)});
      }))
    return fail(Errc::IoFailed, "the system gives no thread to search for a channel");
  running_.push_back(device);
  return {};
}

std::optional<ChannelSearches::Answer> ChannelSearches::poll() {
  auto answer = board_->poll();
  if (answer) std::erase(running_, answer->device);
  return answer;
}

}  // namespace fwr::transport
