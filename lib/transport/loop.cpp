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

#include "transport/clock.hpp"
#include "transport/udp_endpoint.hpp"

namespace fwr::transport {
namespace {

// A bound of one turn, so that neither direction, the timer nor a signal waits for long.
constexpr int kSendBatchesPerTurn = 4;  // of UdpSocket::kBatch datagrams

}  // namespace

class Loop::Impl {
 public:
  explicit Impl(Machine& machine) : machine_(machine), timer_(context_), signals_(context_) {}
  ~Impl() {
    for (auto& port : ports_) port->descriptor.release();  // the endpoint closes it
  }

  void add(std::unique_ptr<Endpoint> endpoint) {
    ports_.push_back(std::make_unique<Port>(context_, std::move(endpoint)));
  }

  void catch_signals(const std::vector<int>& numbers) {
    for (const int number : numbers) signals_.add(number);
    wait_for_signal();
  }

  Result<> run() {
    try {
      for (auto& port : ports_) wait_readable(*port);
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
    Port(asio::io_context& context, std::unique_ptr<Endpoint> e)
        : endpoint(std::move(e)), descriptor(context, endpoint->descriptor()) {}
    std::unique_ptr<Endpoint> endpoint;
    asio::posix::stream_descriptor descriptor;
    std::vector<Datagram> outgoing;  // at most UdpSocket::kBatch, waiting for room
    bool waits_for_room = false;
  };

  void wait_readable(Port& port) {
    port.descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                               [this, &port](const std::error_code& error) {
                                 if (error || done_) return;
                                 receive(port);
                                 wait_readable(port);
                                 turn();
                               });
  }

  void receive(Port& port) { keep(port.endpoint->receive(take_, now())); }

  /// The loop ends with the first error of an endpoint.
  void keep(const Result<>& result) {
    if (result || lost_) return;
    lost_ = result.error();
  }

  void wait_for_signal() {
    signals_.async_wait([this](const std::error_code& error, int number) {
      if (error || done_) return;
      machine_.handle_signal(number, now());
      wait_for_signal();
      turn();
    });
  }

  /// Everything that can be done now; then the timer waits for the machine's deadline.
  void turn() {
    const TimePoint time = now();
    for (auto& port : ports_)
      if (const auto due = port->endpoint->deadline(); due && *due <= time)
        keep(port->endpoint->handle_timeout(take_, time));
    if (const auto due = machine_.deadline(); due && *due <= time) machine_.handle_timeout(time);
    const bool more = transmit(time);
    machine_.drain_events(time);
    if (lost_ || (machine_.finished() && !more)) {
      done_ = true;
      context_.stop();
      return;
    }
    arm(more ? std::optional(time) : next_deadline());
  }

  std::optional<TimePoint> next_deadline() const {
    std::optional<TimePoint> next = machine_.deadline();
    for (const auto& port : ports_)
      if (const auto due = port->endpoint->deadline(); due && (!next || *due < *next)) next = due;
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

  Port* port_for(const Path& path) {
    Port* first = nullptr;
    for (auto& port : ports_) {
      const Endpoint::Fit fit = port->endpoint->fit(path);
      if (fit == Endpoint::Fit::Exact) return port.get();
      if (fit == Endpoint::Fit::Family && first == nullptr) first = port.get();
    }
    return first;
  }

  /// True when the machine may have more to send at once.
  bool transmit(TimePoint time) {
    for (int batch = 0; batch < kSendBatchesPerTurn; ++batch) {
      if (std::any_of(ports_.begin(), ports_.end(), [](auto& p) { return p->waits_for_room; }))
        return false;
      std::size_t taken = 0;
      for (; taken < UdpSocket::kBatch; ++taken) {
        std::optional<Datagram> datagram = machine_.poll_transmit(time);
        if (!datagram) break;
        // An address family without an endpoint: lost, as on a network without a route.
        if (Port* port = port_for(datagram->path)) port->outgoing.push_back(std::move(*datagram));
      }
      for (auto& port : ports_) flush(*port);
      if (taken < UdpSocket::kBatch) return false;
    }
    return true;
  }

  void flush(Port& port) {
    if (port.outgoing.empty()) return;
    const std::size_t sent = port.endpoint->send(port.outgoing, now());
    port.outgoing.erase(port.outgoing.begin(),
                        port.outgoing.begin() + static_cast<std::ptrdiff_t>(sent));
    if (port.outgoing.empty() || port.waits_for_room) return;
    port.waits_for_room = true;
    port.descriptor.async_wait(asio::posix::descriptor_base::wait_write,
                               [this, &port](const std::error_code& error) {
                                 port.waits_for_room = false;
                                 if (error || done_) return;
                                 flush(port);
                                 turn();
                               });
  }

  Machine& machine_;
  const Endpoint::Receive take_ = [this](const Path& path, ByteView bytes) {
    machine_.handle_datagram(path, bytes, now());
  };
  asio::io_context context_{1};
  asio::steady_timer timer_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::optional<Error> lost_;
  bool done_ = false;
};

Loop::Loop(Machine& machine) : impl_(std::make_unique<Impl>(machine)) {}
Loop::~Loop() = default;
void Loop::add(UdpSocket socket) {
  impl_->add(std::make_unique<UdpEndpoint>(std::move(socket)));
}
void Loop::add(std::unique_ptr<Endpoint> endpoint) {
  impl_->add(std::move(endpoint));
}
void Loop::catch_signals(const std::vector<int>& numbers) {
  impl_->catch_signals(numbers);
}
Result<> Loop::run() {
  return impl_->run();
}

}  // namespace fwr::transport
