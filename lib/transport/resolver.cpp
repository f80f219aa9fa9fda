// SPDX-License-Identifier: GPL-3.0-or-later
// Lookups on threads that are left behind when they take too long: getaddrinfo(3) cannot be ended.
#include "transport/resolver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace fwr::transport {
namespace {

using Answer = Result<std::vector<Address>>;

/// What the caller and the threads share; it goes with the last of them.
struct Lookups {
  Lookups(std::span<const std::string> names, Lookup how)
      : hosts(names.begin(), names.end()), lookup(std::move(how)) {}

  const std::vector<std::string> hosts;
  const Lookup lookup;
  std::atomic<std::size_t> next = 0;
  Board<std::pair<std::size_t, Answer>> board;
};

/// Looks up one host after the other; each thread takes the next one.
void work(Lookups& lookups) {
  while (!lookups.board.abandoned()) {
    const std::size_t mine = lookups.next++;
    if (mine >= lookups.hosts.size()) return;
    lookups.board.post({mine, lookups.lookup(lookups.hosts[mine])});
  }
}

/// False: the system does not give a single thread.
bool start_threads(const std::shared_ptr<Lookups>& lookups) {
  const std::size_t wanted = std::min(kLookupThreads, lookups->hosts.size());
  for (std::size_t i = 0; i < wanted; ++i)
    if (!run_detached([lookups] { work(*lookups); })) return i > 0;
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
  const auto lookups = std::make_shared<Lookups>(hosts, lookup);
  if (!start_threads(lookups))
    return fail(Errc::IoFailed, "the system gives no thread to look names up");
  std::vector<std::optional<Answer>> found(hosts.size());
  std::size_t answered = 0;
  const auto take = [&](std::pair<std::size_t, Answer> one) {
    found[one.first] = std::move(one.second);
    return ++answered == hosts.size();
  };
  using End = decltype(lookups->board)::End;
  if (!hosts.empty() && lookups->board.collect(patience, take) == End::Interrupted)
    return fail(Errc::Interrupted, "while names were looked up");
  std::vector<Answer> answers;
  answers.reserve(hosts.size());
  for (std::size_t i = 0; i < hosts.size(); ++i)
    answers.push_back(found[i] ? *std::move(found[i]) : unanswered(hosts[i], patience.limit));
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
