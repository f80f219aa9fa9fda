// SPDX-License-Identifier: GPL-3.0-or-later
// The event loop on Asio: readiness, one timer, signals. Datagrams move in batches.
#include "transport/loop.hpp"

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "transport/clock.hpp"

namespace fwr::transport {
namespace {

// Bounds of one turn, so that neither direction, the timer nor a signal waits for long.
constexpr int kReceiveBatchesPerTurn = 4;  // of UdpSocket::kBatch datagrams
constexpr int kSendBatchesPerTurn = 4;

}  // namespace

class Loop::Impl {
 public:
  explicit Impl(Machine& machine) : machine_(machine), timer_(context_), signals_(context_) {}
  ~Impl() {
    for (auto& port : ports_) port->descriptor.release();  // the UdpSocket closes it
  }

  void add(UdpSocket socket) {
    ports_.push_back(std::make_unique<Port>(context_, std::move(socket)));
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
    return {};
  }

 private:
  struct Port {
    Port(asio::io_context& context, UdpSocket s)
        : socket(std::move(s)), descriptor(context, socket.fd()) {}
    UdpSocket socket;
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

  void receive(Port& port) {
    for (int batch = 0; batch < kReceiveBatchesPerTurn; ++batch) {
      const std::span<const Received> arrived = port.socket.receive();
      const TimePoint time = now();
      for (const Received& datagram : arrived)
        machine_.handle_datagram(datagram.path, datagram.bytes, time);
      if (arrived.size() < UdpSocket::kBatch) return;
    }
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
    if (const auto due = machine_.deadline(); due && *due <= time) machine_.handle_timeout(time);
    const bool more = transmit(time);
    machine_.drain_events(time);
    if (machine_.finished() && !more) {
      done_ = true;
      context_.stop();
      return;
    }
    arm(more ? std::optional(time) : machine_.deadline());
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
      if (port->socket.family() != path.peer.family) continue;
      if (first == nullptr) first = port.get();
      if (port->socket.local().bytes == path.local.bytes) return port.get();
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
        // An address family without a socket: lost, as on a network without a route.
        if (Port* port = port_for(datagram->path)) port->outgoing.push_back(std::move(*datagram));
      }
      for (auto& port : ports_) flush(*port);
      if (taken < UdpSocket::kBatch) return false;
    }
    return true;
  }

  void flush(Port& port) {
    if (port.outgoing.empty()) return;
    const std::size_t sent = port.socket.send(port.outgoing);
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
  asio::io_context context_{1};
  asio::steady_timer timer_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<Port>> ports_;
  bool done_ = false;
};

Loop::Loop(Machine& machine) : impl_(std::make_unique<Impl>(machine)) {}
Loop::~Loop() = default;
void Loop::add(UdpSocket socket) {
  impl_->add(std::move(socket));
}
void Loop::catch_signals(const std::vector<int>& numbers) {
  impl_->catch_signals(numbers);
}
Result<> Loop::run() {
  return impl_->run();
}

}  // namespace fwr::transport
