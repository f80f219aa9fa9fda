// SPDX-License-Identifier: GPL-3.0-or-later
// Lookups on threads that are left behind when they take too long: getaddrinfo(3) cannot be ended.
#include "transport/resolver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "transport/blocked_signals.hpp"

namespace fwr::transport {
namespace {

using Answer = Result<std::vector<Address>>;

constexpr std::chrono::milliseconds kAskInterruption_interval{50};

/// What the caller and the threads share; it goes with the last of them.
struct Board {
  explicit Board(std::span<const std::string> names, Lookup how)
      : hosts(names.begin(), names.end()), lookup(std::move(how)), answers(names.size()) {}

  const std::vector<std::string> hosts;
  const Lookup lookup;
  std::mutex mutex;  // for what follows
  std::condition_variable changed;
  std::vector<std::optional<Answer>> answers;
  std::size_t next = 0;
  std::size_t answered = 0;
  bool abandoned = false;
};

void work(const std::shared_ptr<Board>& board) {
  std::unique_lock lock(board->mutex);
  while (!board->abandoned && board->next < board->hosts.size()) {
    const std::size_t mine = board->next++;
    lock.unlock();
    Answer answer = board->lookup(board->hosts[mine]);
    lock.lock();
    board->answers[mine] = std::move(answer);
    ++board->answered;
    board->changed.notify_one();
  }
}

/// False when the system gives not even one thread.
bool start_threads(const std::shared_ptr<Board>& board) {
  const BlockedSignals blocked;
  const std::size_t wanted = std::min(kLookupThreads, board->hosts.size());
  for (std::size_t i = 0; i < wanted; ++i) {
    try {
      std::thread(work, board).detach();
    } catch (const std::system_error&) {
      return i > 0;
    }
  }
  return true;
}

tl::unexpected<Error> unanswered(const std::string& host, std::chrono::milliseconds limit) {
  return fail(Errc::NameLookupFailed,
              fmt::format("host '{}': no name server answered within {} s", host,
                          std::chrono::duration<double>(limit).count()));
}

}  // namespace

Result<std::vector<Answer>> look_up_all(std::span<const std::string> hosts, const Lookup& lookup,
                                        const Patience& patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience.limit;
  const auto board = std::make_shared<Board>(hosts, lookup);
  if (!start_threads(board))
    return fail(Errc::IoFailed, "the system gives no thread to look names up");
  std::unique_lock lock(board->mutex);
  bool interrupted = false;
  while (board->answered < hosts.size() && std::chrono::steady_clock::now() < deadline) {
    const auto ask_at = std::chrono::steady_clock::now() + kAskInterruption_interval;
    board->changed.wait_until(lock, std::min(deadline, ask_at));
    interrupted = patience.interrupted && patience.interrupted();
    if (interrupted) break;
  }
  board->abandoned = true;
  if (interrupted) return fail(Errc::Interrupted, "while names were looked up");
  std::vector<Answer> answers;
  answers.reserve(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    std::optional<Answer>& answer = board->answers[i];
    answers.push_back(answer ? *std::move(answer) : unanswered(hosts[i], patience.limit));
  }
  return answers;
}

Result<std::vector<Answer>> resolve_all(std::span<const std::string> hosts,
                                        std::uint16_t default_port, const Patience& patience) {
  std::vector<Answer> answers;
  answers.reserve(hosts.size());
  std::vector<std::string> names;
  std::vector<std::size_t> places;
  for (const std::string& host : hosts) {
    answers.push_back(resolve_digits(host, default_port));
    if (answers.back() || answers.back().error().code != Errc::NotFound) continue;
    names.push_back(host);
    places.push_back(answers.size() - 1);
  }
  if (names.empty()) return answers;
  auto found = look_up_all(
      names, [default_port](const std::string& host) { return resolve(host, default_port); },
      patience);
  if (!found) return tl::unexpected(found.error());
  for (std::size_t i = 0; i < names.size(); ++i) answers[places[i]] = std::move((*found)[i]);
  return answers;
}

}  // namespace fwr::transport
