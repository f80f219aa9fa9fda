// SPDX-License-Identifier: GPL-3.0-or-later
// The event loop on Asio: readiness, one timer, signals. Messages move in batches.
#include "transport/loop.hpp"

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "transport/clock.hpp"
#include "transport/udp_endpoint.hpp"

namespace fwr::transport {
namespace {

// A bound of one turn, so that neither direction, the timer nor a signal waits for long.
constexpr int kSendBatchesPerTurn = 4;  // of UdpSocket::kBatch datagrams

// An endpoint that failed is tried again after so long. One that lasted for its longest interval
// begins anew.
constexpr Duration kFirstReopening = std::chrono::seconds(1);  // doubles each time

// What a slow line still holds when the handler has finished may leave for so long: a burst of the
// bus (PROTOCOL §8.5) takes 2.1 s at 19,200 baud.
constexpr Duration kLastWords = std::chrono::seconds(3);

}  // namespace

class Loop::Impl {
 public:
  explicit Impl(Handler& handler) : handler_(handler), timer_(context_), signals_(context_) {}
  ~Impl() {
    if (stop_event_) stop_event_->release();    // the stopper closes it
    for (auto& port : ports_) port->unwatch();  // the endpoint closes it
  }

  void add(std::unique_ptr<Endpoint> endpoint, LinkId link) {
    ports_.push_back(std::make_unique<Port>(std::move(endpoint), link));
    const auto same = [&](const Link& known) { return known.id == link; };
    auto at = std::find_if(links_.begin(), links_.end(), same);
    if (at == links_.end()) at = links_.insert(links_.end(), Link{link, {}});
    at->ports.push_back(ports_.back().get());
  }

  void catch_signals(const std::vector<int>& numbers) {
    for (const int number : numbers) signals_.add(number);
    wait_for_signal();
  }

  void listen_to(const Stopper& stopper) { stopper_ = &stopper; }

  Result<> run() {
    try {
      wait_for_stop();
      for (auto& port : ports_) {
        if (port->endpoint->descriptor() >= 0)
          watch(*port);
        else
          plan_reopening(*port, now());
      }
      turn();
      context_.run();
    } catch (const std::system_error& error) {  // Asio could not register a descriptor
      return fail(Errc::IoFailed, fmt::format("event loop: {}", error.what()));
    }
    if (lost_) return tl::unexpected(*lost_);
    return {};
  }

 private:
  struct Port {
    Port(std::unique_ptr<Endpoint> e, LinkId l) : endpoint(std::move(e)), link(l) {}
    void unwatch() {
      if (descriptor) descriptor->release();
      descriptor.reset();
      waits_for_room = false;
      outgoing.clear();
    }
    [[nodiscard]] bool is_up() const { return descriptor.has_value(); }

    std::unique_ptr<Endpoint> endpoint;
    LinkId link;
    std::optional<asio::posix::stream_descriptor> descriptor;  // while it is up
    std::vector<Datagram> outgoing;  // at most UdpSocket::kBatch, waiting for room
    bool waits_for_room = false;
    TimePoint opened{};
    Duration retry = kFirstReopening;
    std::optional<TimePoint> reopen_at;  // while it is down
  };
  struct Link {
    LinkId id{};
    std::vector<Port*> ports;
  };

  void watch(Port& port) {
    port.descriptor.emplace(context_, port.endpoint->descriptor());
    port.opened = now();
    wait_readable(port);
  }

  void wait_readable(Port& port) {
    port.descriptor->async_wait(asio::posix::descriptor_base::wait_read,
                                [this, &port](const std::error_code& error) {
                                  if (error || done_ || !port.is_up()) return;
                                  keep(port, port.endpoint->receive(receiver(port), now()));
                                  if (port.is_up()) wait_readable(port);
                                  turn();
                                });
  }

  Endpoint::Receive receiver(const Port& port) {
    return [this, link = port.link](const Path& path, ByteView bytes) {
      if (!last_words_until_) handler_.handle_datagram(link, path, bytes, now());
    };
  }

  /// An endpoint with an error is down, until it can be opened again.
  void keep(Port& port, const Result<>& result) {
    if (result || !port.is_up()) return;
    const TimePoint time = now();
    port.unwatch();
    port.endpoint->handle_down();
    if (time - port.opened >= port.endpoint->longest_reopening()) port.retry = kFirstReopening;
    plan_reopening(port, time);
    if (!last_words_until_) handler_.handle_link_down(port.link, result.error(), time);
    const bool hope = std::any_of(ports_.begin(), ports_.end(),
                                  [](auto& p) { return p->is_up() || p->reopen_at.has_value(); });
    if (!hope && !lost_) lost_ = result.error();
  }

  static void plan_reopening(Port& port, TimePoint time) {
    if (!port.endpoint->can_reopen()) return;
    port.reopen_at = time + port.retry;
    port.retry = std::min(port.retry * 2, port.endpoint->longest_reopening());
  }

  void reopen(Port& port, TimePoint time) {
    port.reopen_at.reset();
    if (const auto opened = port.endpoint->reopen(time); !opened) return plan_reopening(port, time);
    watch(port);
    if (!last_words_until_) handler_.handle_link_up(port.link, time);
  }

  void wait_for_signal() {
    signals_.async_wait([this](const std::error_code& error, int number) {
      if (error || done_) return;
      if (last_words_until_)
        last_words_until_ = now();  // a second signal ends it at once
      else
        handler_.handle_signal(number, now());
      wait_for_signal();
      turn();
    });
  }

  void wait_for_stop() {
    if (stopper_ == nullptr || stopper_->descriptor() < 0) return;
    stop_event_.emplace(context_, stopper_->descriptor());
    stop_event_->async_wait(asio::posix::descriptor_base::wait_read,
                            [this](const std::error_code& error) {
                              if (!error && !done_) turn();
                            });
  }

  void obey_stop(TimePoint time) {
    if (stopped_ || stopper_ == nullptr || !stopper_->requested()) return;
    stopped_ = true;
    if (!last_words_until_) handler_.handle_signal(SIGTERM, time);
  }

  /// Everything that can be done now; then the timer waits for the handler's deadline.
  void turn() {
    const TimePoint time = now();
    obey_stop(time);
    for (auto& port : ports_) {
      if (port->reopen_at && *port->reopen_at <= time) reopen(*port, time);
      if (const auto due = deadline_of(*port); port->is_up() && due && *due <= time)
        keep(*port, port->endpoint->handle_timeout(receiver(*port), time));
    }
    if (last_words_until_) return say_last_words(time);
    if (const auto due = handler_.deadline(); due && *due <= time) handler_.handle_timeout(time);
    const bool more = transmit(time);
    for (auto& port : ports_)
      for (const Undelivered& undelivered : port->endpoint->take_undelivered())
        handler_.handle_undelivered(port->link, undelivered, time);
    handler_.drain_events(time);
    if (lost_) return stop();
    if (handler_.finished() && !more) {
      last_words_until_ = time + kLastWords;
      return say_last_words(time);
    }
    arm(more ? std::optional(time) : next_deadline());
  }

  /// The handler is not called any more.
  void say_last_words(TimePoint time) {
    const bool silent = std::none_of(ports_.begin(), ports_.end(), [](const auto& port) {
      return port->is_up() && port->endpoint->has_unsent();
    });
    if (silent || lost_ || time >= *last_words_until_) return stop();
    arm(next_deadline());
  }

  void stop() {
    done_ = true;
    context_.stop();
  }

  static std::optional<TimePoint> deadline_of(const Port& port) {
    return port.is_up() ? port.endpoint->deadline() : port.reopen_at;
  }

  std::optional<TimePoint> next_deadline() const {
    std::optional<TimePoint> next = last_words_until_ ? last_words_until_ : handler_.deadline();
    for (const auto& port : ports_)
      if (const auto due = deadline_of(*port); due && (!next || *due < *next)) next = due;
    return next;
  }

  void arm(std::optional<TimePoint> due) {
    if (!due) {
      timer_.cancel();
      return;
    }
    timer_.expires_at(*due);
    timer_.async_wait([this](const std::error_code& error) {
      if (!error && !done_) turn();
    });
  }

  static Port* port_for(const Link& link, const Path& path) {
    Port* first = nullptr;
    for (Port* port : link.ports) {
      if (!port->is_up()) continue;
      const Endpoint::Fit fit = port->endpoint->fit(path);
      if (fit == Endpoint::Fit::Exact) return port;
      if (fit == Endpoint::Fit::Family && first == nullptr) first = port;
    }
    return first;
  }

  /// How many messages the link takes now: none while one of its endpoints still has some.
  static std::size_t room_of(const Link& link) {
    std::size_t room = 0;
    for (const Port* port : link.ports) {
      if (!port->is_up()) continue;
      if (!port->outgoing.empty()) return 0;
      const std::size_t wanted = std::min(port->endpoint->room(), UdpSocket::kBatch);
      if (wanted == 0) return 0;
      room = room == 0 ? wanted : std::min(room, wanted);
    }
    return room;
  }

  /// True when the handler may have more to send at once.
  bool transmit(TimePoint time) {
    for (auto& port : ports_)
      if (!port->waits_for_room) flush(*port);  // what a line without room left behind
    for (int batch = 0; batch < kSendBatchesPerTurn; ++batch) {
      bool more = false;
      for (const Link& link : links_) more = transmit(link, time) || more;
      if (!more) return false;
    }
    return true;
  }

  /// True when it took all that it had room for.
  bool transmit(const Link& link, TimePoint time) {
    const std::size_t room = room_of(link);
    std::size_t taken = 0;
    for (; taken < room; ++taken) {
      std::optional<Datagram> datagram = handler_.poll_transmit(link.id, time);
      if (!datagram) break;
      // An address family without an endpoint: lost, as on a network without a route.
      if (Port* port = port_for(link, datagram->path))
        port->outgoing.push_back(std::move(*datagram));
      else if (link.id == kLanLink)
        handler_.handle_undelivered(link.id, {datagram->path, EAFNOSUPPORT, {}}, time);
    }
    for (Port* port : link.ports) flush(*port);
    return room > 0 && taken == room;
  }

  void flush(Port& port) {
    if (!port.is_up() || port.outgoing.empty()) return;
    const std::size_t sent = port.endpoint->send(port.outgoing, now());
    port.outgoing.erase(port.outgoing.begin(),
                        port.outgoing.begin() + static_cast<std::ptrdiff_t>(sent));
    if (port.outgoing.empty() || port.waits_for_room || port.endpoint->room() == 0) return;
    port.waits_for_room = true;
    port.descriptor->async_wait(asio::posix::descriptor_base::wait_write,
                                [this, &port](const std::error_code& error) {
                                  if (error || done_ || !port.is_up()) return;
                                  port.waits_for_room = false;
                                  turn();
                                });
  }

  Handler& handler_;
  asio::io_context context_{1};
  asio::steady_timer timer_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<Link> links_;
  std::optional<asio::posix::stream_descriptor> stop_event_;
  const Stopper* stopper_ = nullptr;
  bool stopped_ = false;  // it was said once
  std::optional<Error> lost_;
  std::optional<TimePoint> last_words_until_;  // since the handler has finished
  bool done_ = false;
};

Loop::Loop(Handler& handler) : impl_(std::make_unique<Impl>(handler)) {}
Loop::~Loop() = default;
void Loop::add(UdpSocket socket) {
  impl_->add(std::make_unique<UdpEndpoint>(std::move(socket)), kLanLink);
}
void Loop::add(std::unique_ptr<Endpoint> endpoint, LinkId link) {
  impl_->add(std::move(endpoint), link);
}
void Loop::catch_signals(const std::vector<int>& numbers) {
  impl_->catch_signals(numbers);
}
void Loop::listen_to(const Stopper& stopper) {
  impl_->listen_to(stopper);
}
Result<> Loop::run() {
  return impl_->run();
}

}  // namespace fwr::transport
