// SPDX-License-Identifier: GPL-3.0-or-later
// A board that threads and caller share; it goes with the last of them.
#include "bluetooth/channel_search.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "transport/blocked_signals.hpp"

namespace fwr::transport {

struct ChannelSearches::Board {
  explicit Board(ChannelSearch how)
      : search(std::move(how)), event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  const ChannelSearch search;
  const UniqueFd event;
  std::mutex mutex;  // for what follows
  std::deque<Answer> answers;
  std::vector<Address> running;  // at most kSearchesAtOnce
};

ChannelSearches::ChannelSearches(ChannelSearch search)
    : board_(std::make_shared<Board>(std::move(search))) {}

int ChannelSearches::descriptor() const {
  return board_->event.get();
}

Result<> ChannelSearches::start(const Address& device) {
  const auto work = [board = board_, device] {
    Answer answer{device, board->search(device)};
    const std::lock_guard lock(board->mutex);
    std::erase(board->running, device);
    board->answers.push_back(std::move(answer));
    (void)::eventfd_write(board->event.get(), 1);
  };
  const std::lock_guard lock(board_->mutex);
  std::vector<Address>& running = board_->running;
  if (std::find(running.begin(), running.end(), device) != running.end()) return {};
  if (running.size() >= kSearchesAtOnce)
    return fail(Errc::IoFailed,
                fmt::format("{} searches for channels are under way", running.size()));
  try {
    const BlockedSignals blocked;
    std::thread(work).detach();
    running.push_back(device);
  } catch (const std::system_error&) {
    return fail(Errc::IoFailed, "the system gives no thread to search for a channel");
  }
  return {};
}

std::optional<ChannelSearches::Answer> ChannelSearches::poll() {
  const std::lock_guard lock(board_->mutex);
  if (board_->answers.empty()) {
    eventfd_t count = 0;
    (void)::eventfd_read(board_->event.get(), &count);
    return std::nullopt;
  }
  Answer answer = std::move(board_->answers.front());
  board_->answers.pop_front();
  return answer;
}

}  // namespace fwr::transport
