// SPDX-License-Identifier: GPL-3.0-or-later
// What the loop watches: a socket, a line. Whole messages go in and out of it.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/link_properties.hpp"
#include "base/types.hpp"

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

  /// Watched for what can be read. Closed by the endpoint, after the loop.
  [[nodiscard]] virtual int descriptor() const = 0;
  /// Whether it leads where the path goes: Exact also leaves from the path's own end.
  [[nodiscard]] virtual Fit fit(const Path& path) const = 0;
  /// What carries messages on that path.
  [[nodiscard]] virtual LinkProperties properties(const Path& path) const = 0;
  /// What has arrived, a bounded part of it. Error: the endpoint is gone, and the loop ends.
  [[nodiscard]] virtual Result<> receive(const Receive& take, TimePoint now) = 0;
  /// How many of them, from the front, were taken. Fewer: the descriptor has no room now.
  [[nodiscard]] virtual std::size_t send(std::span<const Datagram> messages, TimePoint now) = 0;

  /// Times of its own; it need not have any.
  [[nodiscard]] virtual std::optional<TimePoint> deadline() const { return std::nullopt; }
  [[nodiscard]] virtual Result<> handle_timeout(const Receive& take, TimePoint now) {
    (void)take;
    (void)now;
    return {};
  }
};

}  // namespace fwr::transport
