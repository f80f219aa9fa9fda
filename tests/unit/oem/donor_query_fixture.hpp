// SPDX-License-Identifier: GPL-3.0-or-later
// The real RMCP+ server on loopback, and a donor behind it whose answers the test writes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "session/server.hpp"
#include "support/random.hpp"

namespace fwr::test {

/// Answers OEM commands with what the test's function gives.
class ScriptedDonor final : public session::Application {
 public:
  using Answer = std::function<std::optional<wire::IpmiResponse>(const wire::IpmiRequest&)>;
  explicit ScriptedDonor(Answer answer) : answer_(std::move(answer)) {}

  std::optional<wire::IpmiResponse> handle_command(const session::Requester&,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint) override {
    return answer_(request);
  }
  void handle_payload(const session::Requester&, ByteView, TimePoint) override {}
  std::optional<Outgoing> next_payload(LinkId, TimePoint) override { return std::nullopt; }
  void session_closed(std::uint32_t, TimePoint) override {}

 private:
  Answer answer_;
};

/// Runs a session::Server on a port of loopback in a thread of its own until it goes.
class LoopbackServer {
 public:
  /// `application` must outlive the server.
  LoopbackServer(session::ServerConfig config, std::uint32_t iana,
                 session::Application& application, int family = AF_INET)
      : server_(std::move(config), iana, application, random_) {
    socket_ = ::socket(family, SOCK_DGRAM, 0);
    sockaddr_storage address{};
    socklen_t length = 0;
    if (family == AF_INET6) {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
      v6->sin6_family = AF_INET6;
      v6->sin6_addr = in6addr_loopback;
      length = sizeof *v6;
    } else {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&address);
      v4->sin_family = AF_INET;
      v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      length = sizeof *v4;
    }
    bound_ = ::bind(socket_, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
             ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0;
    port_ = ntohs(family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                     : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
    host_ = (family == AF_INET6 ? "[::1]:" : "127.0.0.1:") + std::to_string(port_);
    thread_ = std::thread([this] { run(); });
  }
  ~LoopbackServer() {
    stop_ = true;
    thread_.join();
    ::close(socket_);
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  [[nodiscard]] bool bound() const { return bound_; }
  [[nodiscard]] const char* host() const { return host_.c_str(); }
  /// From now on datagrams come and nothing answers.
  void fall_silent() { silent_ = true; }

 private:
  static constexpr int kPoll_ms = 10;

  void run() {
    Bytes buffer(65536);
    while (!stop_) {
      pollfd ready{socket_, POLLIN, 0};
      const bool readable = ::poll(&ready, 1, kPoll_ms) > 0;
      const TimePoint now = std::chrono::steady_clock::now();
      if (server_.deadline() && *server_.deadline() <= now) server_.handle_timeout(now);
      if (!readable) continue;
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      const ssize_t size = ::recvfrom(socket_, buffer.data(), buffer.size(), 0,
                                      reinterpret_cast<sockaddr*>(&from), &length);
      if (size < 0 || silent_) continue;
      // One client at a time, so the path does not have to tell clients apart.
      server_.handle_datagram(kLanLink, Path{},
                              ByteView(buffer).first(static_cast<std::size_t>(size)), now);
      while (const auto reply = server_.poll_transmit(kLanLink, now)) {
        if (silent_) break;
        (void)::sendto(socket_, reply->bytes.data(), reply->bytes.size(), 0,
                       reinterpret_cast<sockaddr*>(&from), length);
      }
    }
  }

  SeededRandom random_{20090715};
  session::Server server_;
  int socket_ = -1;
  bool bound_ = false;
  std::uint16_t port_ = 0;
  std::string host_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> silent_ = false;
  std::thread thread_;
};

/// A server with a scripted donor.
class LoopbackDonor {
 public:
  LoopbackDonor(session::ServerConfig config, std::uint32_t iana, ScriptedDonor::Answer answer,
                int family = AF_INET)
      : donor_(std::move(answer)), server_(std::move(config), iana, donor_, family) {}

  [[nodiscard]] bool bound() const { return server_.bound(); }
  [[nodiscard]] const char* host() const { return server_.host(); }
  void fall_silent() { server_.fall_silent(); }

 private:
  ScriptedDonor donor_;
  LoopbackServer server_;
};

}  // namespace fwr::test
