// SPDX-License-Identifier: GPL-3.0-or-later
// The event loop: drives one handler with endpoints, the clock and signals until it has finished.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "base/types.hpp"
#include "transport/endpoint.hpp"
#include "transport/stopper.hpp"
#include "transport/udp_socket.hpp"

namespace fwr::transport {

/// What a loop drives: the driver of a sans-I/O machine, or a machine itself.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void handle_datagram(LinkId link, const Path& path, ByteView datagram, TimePoint now) = 0;
  virtual void handle_timeout(TimePoint now) = 0;
  /// What goes out over this link: asked only while the link has room.
  [[nodiscard]] virtual std::optional<Datagram> poll_transmit(LinkId link, TimePoint now) = 0;
  /// An endpoint of this link failed; what was on its way is lost. handle_link_up() follows if it
  /// comes back.
  virtual void handle_link_down(LinkId link, const Error& error, TimePoint now) {
    (void)link;
    (void)error;
    (void)now;
  }
  virtual void handle_link_up(LinkId link, TimePoint now) {
    (void)link;
    (void)now;
  }
  /// A datagram did not reach its peer. Information for people: it can be forged, and ends nothing.
  virtual void handle_undelivered(LinkId link, const Undelivered& undelivered, TimePoint now) {
    (void)link;
    (void)undelivered;
    (void)now;
  }
  [[nodiscard]] virtual std::optional<TimePoint> deadline() const = 0;
  /// Called after every step: takes the events out of the machine and reports them.
  virtual void drain_events(TimePoint now) = 0;
  [[nodiscard]] virtual bool finished() const = 0;
  /// A signal that the loop was asked to catch.
  virtual void handle_signal(int number, TimePoint now) = 0;
};

class Loop {
 public:
  explicit Loop(Handler& handler);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// The first endpoint of a link and address family sends what goes to it, unless another fits the
  /// path's own end exactly. A link that has no room blocks no other one.
  void add(UdpSocket socket);  ///< of kLanLink
  void add(std::unique_ptr<Endpoint> endpoint, LinkId link = kLanLink);
  /// SIGINT and the like become handle_signal().
  void catch_signals(const std::vector<int>& numbers);
  /// A stop that is requested there becomes handle_signal(SIGTERM). It must outlive the loop.
  void listen_to(const Stopper& stopper);
  /// Until the handler has finished. Errors: IoFailed; that of the last endpoint, when none is
  /// left and none can come back.
  [[nodiscard]] Result<> run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fwr::transport
