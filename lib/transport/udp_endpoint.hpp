// SPDX-License-Identifier: GPL-3.0-or-later
// A UDP socket in the loop.
#pragma once

#include "transport/endpoint.hpp"
#include "transport/udp_socket.hpp"

namespace fwr::transport {

class UdpEndpoint final : public Endpoint {
 public:
  explicit UdpEndpoint(UdpSocket socket) : socket_(std::move(socket)) {}
  [[nodiscard]] int descriptor() const override { return socket_.fd(); }
  [[nodiscard]] Fit fit(const Path& path) const override;
  [[nodiscard]] LinkProperties properties(const Path& path) const override;
  [[nodiscard]] Result<> receive(const Receive& take, TimePoint now) override;
  [[nodiscard]] std::size_t send(std::span<const Datagram> messages, TimePoint now) override;
  [[nodiscard]] std::vector<Undelivered> take_undelivered() override {
    return socket_.take_undelivered();
  }

 private:
  UdpSocket socket_;
};

}  // namespace fwr::transport
