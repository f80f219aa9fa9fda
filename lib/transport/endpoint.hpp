// SPDX-License-Identifier: GPL-3.0-or-later
// What the loop watches: a socket, a line. Whole messages go in and out of it.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/link_properties.hpp"
#include "base/types.hpp"
#include "transport/undelivered.hpp"

namespace fwr::transport {

class Endpoint {
 public:
  /// Takes a message that arrived; the bytes are valid during the call.
  using Receive = std::function<void(const Path& path, ByteView bytes)>;
  enum class Fit : std::uint8_t { None, Family, Exact };

  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  Endpoint(Endpoint&&) = delete;
  Endpoint& operator=(Endpoint&&) = delete;
  virtual ~Endpoint() = default;

  /// Watched for what can be read; negative while it is not open. Closed by the endpoint, in
  /// handle_down(), in reopen() or after the loop.
  [[nodiscard]] virtual int descriptor() const = 0;
  /// Whether it leads where the path goes: Exact also leaves from the path's own end.
  [[nodiscard]] virtual Fit fit(const Path& path) const = 0;
  /// What carries messages on that path.
  [[nodiscard]] virtual LinkProperties properties(const Path& path) const = 0;
  /// What has arrived, a bounded part of it. Error: the endpoint is gone.
  [[nodiscard]] virtual Result<> receive(const Receive& take, TimePoint now) = 0;
  /// How many of them, from the front, were taken. Fewer: the descriptor has no room now, or
  /// room() is 0.
  [[nodiscard]] virtual std::size_t send(std::span<const Datagram> messages, TimePoint now) = 0;
  /// How many messages it wants now, as far as it knows. 0: it is asked again after each of its
  /// own events, so a slow line keeps little and the handler decides late what comes next.
  [[nodiscard]] virtual std::size_t room() const { return kUnlimitedRoom; }
  static constexpr std::size_t kUnlimitedRoom = std::numeric_limits<std::size_t>::max();

  /// What did not reach its peer since the last call, as far as that was reported.
  [[nodiscard]] virtual std::vector<Undelivered> take_undelivered() { return {}; }

  /// Whether something that it took has not left yet: when the handler has finished, the loop gives
  /// a slow line a moment for its last words.
  [[nodiscard]] virtual bool has_unsent() const { return false; }

  /// After an error, when the loop does not watch the descriptor any more. Closes it at once: a
  /// device that was pulled keeps its name while a program holds it, and cannot come back by that
  /// name.
  virtual void handle_down() {}
  /// Whether it may come back after an error: then the loop calls reopen() now and then. After
  /// success there may be another descriptor.
  [[nodiscard]] virtual bool can_reopen() const { return false; }
  [[nodiscard]] virtual Result<> reopen(TimePoint now) {
    (void)now;
    return fail(Errc::Internal, "an endpoint that cannot come back");
  }
  /// Between two attempts, at most; the first ones come sooner.
  static constexpr Duration kLongestReopening = std::chrono::seconds(30);
  [[nodiscard]] virtual Duration longest_reopening() const { return kLongestReopening; }

  /// Times of its own; it need not have any.
  [[nodiscard]] virtual std::optional<TimePoint> deadline() const { return std::nullopt; }
  [[nodiscard]] virtual Result<> handle_timeout(const Receive& take, TimePoint now) {
    (void)take;
    (void)now;
    return {};
  }
};

}  // namespace fwr::transport
