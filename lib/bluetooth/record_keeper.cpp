// SPDX-License-Identifier: GPL-3.0-or-later
// The thread, and what it shares with the owner of the keeper.
#include "bluetooth/record_keeper.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "base/unique_fd.hpp"
#include "transport/worker.hpp"

namespace fwr::transport {
namespace {

constexpr std::size_t kNews_limit = 16;  // news that are not read are not kept for ever

bool is_readable_within(int fd, Duration time) {
  pollfd watched{fd, POLLIN, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(time);
  return ::poll(&watched, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

struct RecordKeeper::Shared {
  Shared(std::unique_ptr<ServiceRecord> first, Register how, Times waits)
      : again(std::move(how)),
        times(waits),
        stop(::eventfd(0, EFD_CLOEXEC)),
        record(std::move(first)) {}

  const Register again;
  const Times times;
  const UniqueFd stop;
  std::unique_ptr<ServiceRecord> record;  // the thread's, while there is one
  Board<News> news{kNews_limit};
};

RecordKeeper::RecordKeeper(std::unique_ptr<ServiceRecord> record, Register again, Times times)
    : shared_(std::make_shared<Shared>(std::move(record), std::move(again), times)) {
  if (shared_->news.descriptor() < 0 || !shared_->stop.is_open()) return;
  // Without a thread the loss of the record goes unnoticed, and the record that is there stays.
  (void)run_detached([shared = shared_] { work(*shared); });
}

RecordKeeper::~RecordKeeper() {
  if (shared_->stop.is_open()) (void)::eventfd_write(shared_->stop.get(), 1);
}

void RecordKeeper::work(Shared& shared) {
  Duration wait = shared.times.first;
  for (;;) {
    if (shared.record != nullptr) {
      const bool lost = shared.record->wait_until_lost(shared.stop.get());
      shared.record.reset();
      if (!lost) return;
      shared.news.post(News::Lost);
      wait = shared.times.first;
    }
    if (is_readable_within(shared.stop.get(), wait)) return;
    wait = std::min(wait * 2, shared.times.limit);
    auto made = shared.again();
    if (!made) continue;
    shared.record = *std::move(made);
    shared.news.post(News::Registered);
  }
}

int RecordKeeper::descriptor() const {
  return shared_->news.descriptor();
}

std::optional<RecordKeeper::News> RecordKeeper::poll() {
  return shared_->news.poll();
}

}  // namespace fwr::transport
