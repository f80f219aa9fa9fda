// SPDX-License-Identifier: GPL-3.0-or-later
// A board that the thread and its owner share; it goes with the last of them.
#include "bluetooth/record_keeper.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/unique_fd.hpp"
#include "transport/blocked_signals.hpp"

namespace fwr::transport {
namespace {

constexpr std::size_t kNews_limit = 16;  // what nobody reads is not kept

bool is_readable_within(int fd, Duration time) {
  pollfd watched{fd, POLLIN, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(time);
  return ::poll(&watched, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

struct RecordKeeper::Board {
  Board(std::unique_ptr<ServiceRecord> first, Register how, Times waits)
      : again(std::move(how)),
        times(waits),
        event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        stop(::eventfd(0, EFD_CLOEXEC)),
        record(std::move(first)) {}

  void tell(News what) {
    const std::lock_guard lock(mutex);
    if (news.size() == kNews_limit) news.pop_front();
    news.push_back(what);
    (void)::eventfd_write(event.get(), 1);
  }

  const Register again;
  const Times times;
  const UniqueFd event;
  const UniqueFd stop;
  std::unique_ptr<ServiceRecord> record;  // the thread's, while there is one
  std::mutex mutex;                       // for what follows
  std::deque<News> news;
};

RecordKeeper::RecordKeeper(std::unique_ptr<ServiceRecord> record, Register again, Times times)
    : board_(std::make_shared<Board>(std::move(record), std::move(again), times)) {
  if (!board_->event.is_open() || !board_->stop.is_open()) return;
  try {
    const BlockedSignals blocked;
    std::thread([board = board_] { work(*board); }).detach();
  } catch (const std::system_error&) {
    // Then nobody notices that the record is lost: what there is keeps its place.
    return;
  }
}

RecordKeeper::~RecordKeeper() {
  if (board_->stop.is_open()) (void)::eventfd_write(board_->stop.get(), 1);
}

void RecordKeeper::work(Board& board) {
  Duration wait = board.times.first;
  for (;;) {
    if (board.record != nullptr) {
      const bool lost = board.record->wait_until_lost(board.stop.get());
      board.record.reset();
      if (!lost) return;
      board.tell(News::Lost);
      wait = board.times.first;
    }
    if (is_readable_within(board.stop.get(), wait)) return;
    wait = std::min(wait * 2, board.times.limit);
    auto made = board.again();
    if (!made) continue;
    board.record = *std::move(made);
    board.tell(News::Registered);
  }
}

int RecordKeeper::descriptor() const {
  return board_->event.get();
}

std::optional<RecordKeeper::News> RecordKeeper::poll() {
  const std::lock_guard lock(board_->mutex);
  if (board_->news.empty()) {
    eventfd_t count = 0;
    (void)::eventfd_read(board_->event.get(), &count);
    return std::nullopt;
  }
  const News what = board_->news.front();
  board_->news.pop_front();
  return what;
}

}  // namespace fwr::transport
