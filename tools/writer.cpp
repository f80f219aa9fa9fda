// SPDX-License-Identifier: GPL-3.0-or-later
// A thread for each file that is written to. A write may take for ever: a full pipe, a terminal
// after XOFF, a log shipper that hangs. Then the thread waits, and the program does not.
#include "writer.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include "config.h"

#ifdef FWR_HAVE_SYSTEMD
#include <sys/uio.h>
// The place in the source is the same for all entries.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

namespace tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kActs_bytes = 1024UL * 1024;  // hours of progress at five lines a second
constexpr std::size_t kLogs_bytes = 256UL * 1024;
// At the end, since the reader last took something.
constexpr auto kActs_wait = std::chrono::seconds(10);
constexpr auto kLogs_wait = std::chrono::seconds(1);

std::uint64_t count_lines(std::string_view text) {
  const auto breaks = std::count(text.begin(), text.end(), '\n');
  return static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(breaks, 1));
}

/// The program's threads have the signals, this one has none.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all{};
    ::sigfillset(&all);
    ::sigdelset(&all, SIGTTOU);  // "stty tostop" stops a writer in the background
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

/// Errors: an errno, 0 for none.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd room{fd, POLLOUT, 0};
      (void)::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

bool send_to_journal([[maybe_unused]] const std::vector<std::string>& fields) {
#ifdef FWR_HAVE_SYSTEMD
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  // sd_journal_sendv() only reads, the type has no const.
  for (const std::string& field : fields)
    parts.push_back({const_cast<char*>(field.data()), field.size()});
  return ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
#else
  return false;
#endif
}

bool same_file(int one, int other) {
  struct stat a {};
  struct stat b {};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

int descriptor(Writer::Stream stream) {
  return stream == Writer::Stream::Out ? STDOUT_FILENO : STDERR_FILENO;
}

}  // namespace

/// Shared with the thread, which outlives the program's wish to end when a write does not return.
class Writer::Queue : public std::enable_shared_from_this<Writer::Queue> {
 public:
  explicit Queue(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  void put(Stream stream, std::string text, bool transient, bool must) {
    const std::unique_lock lock(mutex_);
    State& state = state_of(stream);
    if (state.gone) return;
    if (!start()) return write_now(stream, text);
    Piece piece{stream, std::move(text), {}, transient, 0};
    if (transient && !pieces_.empty() && pieces_.back().transient &&
        pieces_.back().stream == stream)
      drop_last();
    if (!must && !has_room(piece.text.size())) {
      if (!transient) state.lost += count_lines(piece.text);
      return;
    }
    if (!transient) tell_lost(stream);
    push(std::move(piece));
  }

  void put_journal(std::vector<std::string> fields, std::string line) {
    const std::unique_lock lock(mutex_);
    if (!start()) return write_now(Stream::Err, line);
    if (!has_room(line.size())) {
      state_of(Stream::Err).lost += count_lines(line);
      return;
    }
    tell_lost(Stream::Err);
    push(Piece{Stream::Err, std::move(line), std::move(fields), false, 0});
  }

  void tell_lost_by(const LostText& text) {
    const std::unique_lock lock(mutex_);
    lost_text_ = text;
  }

  Delivery finish(Stream stream, std::optional<Clock::duration> limit) {
    std::unique_lock lock(mutex_);
    if (started_) tell_lost(stream);
    const auto done = [&] { return pieces_.empty() && !busy_; };
    while (!done()) {
      if (!limit) {
        written_.wait(lock);
      } else if (const auto until =
                     std::max(last_write_, finishing_.value_or(Clock::now())) + *limit;
                 written_.wait_until(lock, until) == std::cv_status::timeout &&
                 Clock::now() >= std::max(last_write_, *finishing_) + *limit) {
        break;
      }
    }
    for (const Piece& piece : pieces_)
      if (piece.stream == stream && !piece.transient)
        state_of(stream).lost += count_lines(piece.text);
    if (!done()) pieces_.clear();
    return {state_of(stream).error, state_of(stream).lost};
  }

  void begin_finishing() {
    const std::unique_lock lock(mutex_);
    if (!finishing_) finishing_ = Clock::now();
  }

 private:
  struct Piece {
    Stream stream;
    std::string text;
    std::vector<std::string> fields;  ///< of a journal entry
    bool transient;
    std::uint64_t lost_before;  ///< the number it reports
  };
  struct State {
    int error = 0;
    std::uint64_t lost = 0;  ///< not reported yet
    bool gone = false;       ///< the reader is gone
  };

  State& state_of(Stream stream) { return states_.at(static_cast<std::size_t>(stream)); }

  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return limit_bytes_ == 0 || queued_bytes_ + bytes <= limit_bytes_;
  }

  void push(Piece piece) {
    queued_bytes_ += piece.text.size();
    pieces_.push_back(std::move(piece));
    work_.notify_one();
  }

  void drop_last() {
    queued_bytes_ -= pieces_.back().text.size();
    pieces_.pop_back();
  }

  void tell_lost(Stream stream) {
    State& state = state_of(stream);
    if (state.lost == 0 || !lost_text_ || state.gone) return;
    std::string text = lost_text_(state.lost);
    if (!has_room(text.size())) return;
    push(Piece{stream, std::move(text), {}, false, state.lost});
    state.lost = 0;
  }

  /// False without a thread: then writing is all that can be done.
  bool start() {
    if (started_) return true;
    const AllSignalsBlocked blocked;
    try {
      std::thread([self = shared_from_this()] { self->run(); }).detach();
      started_ = true;
    } catch (const std::system_error&) {
      return false;
    }
    return true;
  }

  void write_now(Stream stream, std::string_view text) {
    took(stream, write_all(descriptor(stream), text), count_lines(text));
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [&] { return !pieces_.empty(); });
      const Piece piece = std::move(pieces_.front());
      pieces_.pop_front();
      queued_bytes_ -= piece.text.size();
      if (state_of(piece.stream).gone) {
        written_.notify_all();
        continue;
      }
      busy_ = true;
      lock.unlock();
      const bool journal = !piece.fields.empty() && send_to_journal(piece.fields);
      const int error = journal ? 0 : write_all(descriptor(piece.stream), piece.text);
      lock.lock();
      busy_ = false;
      took(piece.stream, error,
           piece.transient ? 0 : std::max(piece.lost_before, count_lines(piece.text)));
      written_.notify_all();
    }
  }

  void took(Stream stream, int error, std::uint64_t lines) {
    State& state = state_of(stream);
    last_write_ = Clock::now();
    if (error == 0) return;
    if (error == EPIPE) {  // as head(1) leaves it: all that was wanted has been read
      state.gone = true;
      return;
    }
    if (state.error == 0) state.error = error;
    state.lost += lines;
  }

  const std::size_t limit_bytes_;  ///< 0: none
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable written_;
  std::deque<Piece> pieces_;
  std::size_t queued_bytes_ = 0;
  std::array<State, 2> states_;
  LostText lost_text_;
  Clock::time_point last_write_{};
  std::optional<Clock::time_point> finishing_;
  bool busy_ = false;
  bool started_ = false;
};

Writer::Writer(Patience patience) : patience_(patience) {
  const std::size_t limit = patience == Patience::Shows  ? 0
                            : patience == Patience::Acts ? kActs_bytes
                                                         : kLogs_bytes;
  out_ = std::make_shared<Queue>(limit);
  err_ = same_file(STDOUT_FILENO, STDERR_FILENO) ? out_ : std::make_shared<Queue>(limit);
}
Writer::~Writer() = default;

void Writer::put(Stream stream, std::string lines) {
  queue(stream).put(stream, std::move(lines), false, false);
}
void Writer::put_transient(Stream stream, std::string text) {
  queue(stream).put(stream, std::move(text), true, false);
}
void Writer::put_last(Stream stream, std::string lines) {
  queue(stream).put(stream, std::move(lines), false, true);
}
void Writer::put_journal(std::vector<std::string> fields, std::string line) {
  err_->put_journal(std::move(fields), std::move(line));
}
void Writer::tell_lost_by(LostText text) {
  out_->tell_lost_by(text);
  err_->tell_lost_by(text);
}

Delivery Writer::finish(Stream stream) {
  std::optional<Clock::duration> limit;
  if (patience_ == Patience::Acts) limit = kActs_wait;
  if (patience_ == Patience::Logs) limit = kLogs_wait;
  queue(stream).begin_finishing();
  return queue(stream).finish(stream, limit);
}

bool stderr_is_journal() {
#ifdef FWR_HAVE_SYSTEMD
  const char* said = std::getenv("JOURNAL_STREAM");
  struct stat there {};
  if (said == nullptr || ::fstat(STDERR_FILENO, &there) != 0) return false;
  return said == fmt::format("{}:{}", there.st_dev, there.st_ino);
#else
  return false;
#endif
}

}  // namespace tool
