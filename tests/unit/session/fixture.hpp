// SPDX-License-Identifier: GPL-3.0-or-later
// A client and a server of lib/session joined by a network in memory, with virtual time.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "session/client.hpp"
#include "session/server.hpp"
#include "session/sessionless.hpp"
#include "support/random.hpp"
#include "wire/oem.hpp"
#include "wire/rmcp.hpp"

namespace fwr::session::testing {

using namespace std::chrono_literals;

inline constexpr std::uint32_t kIana = 32473;

using test::SeededRandom;

inline Secret secret(std::string_view text) {
  return Secret(as_bytes(text));
}
inline Bytes bytes(std::initializer_list<int> values) {
  Bytes out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}
inline Bytes pattern(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 7 + i / 256);
  return out;
}

/// A donor that answers each OEM command with its own data and remembers what it saw.
class EchoApplication : public Application {
 public:
  std::optional<wire::IpmiResponse> handle_command(const Requester& from,
                                                   const wire::IpmiRequest& request,
                                                   TimePoint) override {
    requesters.push_back(from);
    commands.push_back(request);
    if (silent) return std::nullopt;
    if (reply) return reply;
    return wire::IpmiResponse{.code = wire::CompletionCode::Ok, .data = request.data};
  }
  void handle_payload(const Requester& from, ByteView payload, TimePoint) override {
    requesters.push_back(from);
    payloads.emplace_back(payload.begin(), payload.end());
  }
  std::optional<Outgoing> next_payload(LinkId, TimePoint) override {
    if (outgoing.empty()) return std::nullopt;
    Outgoing next = std::move(outgoing.front());
    outgoing.pop_front();
    return next;
  }
  void session_closed(std::uint32_t session, TimePoint) override { closed.push_back(session); }

  bool silent = false;
  std::optional<wire::IpmiResponse> reply;
  std::vector<Requester> requesters;
  std::vector<wire::IpmiRequest> commands;
  std::vector<Bytes> payloads;
  std::deque<Outgoing> outgoing;
  std::vector<std::uint32_t> closed;
};

inline Path path_of(std::uint8_t last_byte, std::uint16_t port = 40000) {
  Path path;
  path.local.family = AddressFamily::Ipv4;
  path.local.bytes = {10, 0, 0, 1};
  path.local.port = kRmcpPort;
  path.peer.family = AddressFamily::Ipv4;
  path.peer.bytes = {10, 0, 0, last_byte};
  path.peer.port = port;
  return path;
}

inline ServerConfig basic_config() {
  ServerConfig config;
  config.accounts.push_back({"alice", secret("correct horse"), wire::Privilege::User});
  config.accounts.push_back({"root", secret("battery staple 12345"),  //
                             wire::Privilege::Administrator});
  config.allow_suite3 = true;
  config.identity.guid[0] = std::byte{0xa1};
  config.identity.guid[15] = std::byte{0x5f};
  config.identity.device_id = 0x20;
  config.identity.device_revision = 1;
  config.identity.firmware_major = 2;
  config.identity.firmware_minor = 17;
  config.identity.manufacturer_id = 0x00a2b3;
  config.identity.product_id = 0x1234;
  return config;
}

inline Credentials alice(CipherSuite suite = CipherSuite::Suite17) {
  Credentials credentials;
  credentials.user = "alice";
  credentials.password = secret("correct horse");
  credentials.suite = suite;
  return credentials;
}
inline Credentials root(wire::Privilege privilege = wire::Privilege::Administrator,
                        CipherSuite suite = CipherSuite::Suite17) {
  Credentials credentials;
  credentials.user = "root";
  credentials.password = secret("battery staple 12345");
  credentials.privilege = privilege;
  credentials.suite = suite;
  return credentials;
}

enum class Way : std::uint8_t { ToServer, ToClient };

/// One server and any number of clients. Each datagram takes 1 ms, unless `tamper` drops, changes
/// or multiplies it.
class Network {
 public:
  explicit Network(ServerConfig config = basic_config(), std::uint64_t seed = 1)
      : random(seed), server(std::move(config), kIana, application, random) {}

  struct Node {
    Path path;
    Client client;
    std::vector<ClientEvent> events;

    [[nodiscard]] bool is_up() const { return client.up(); }
    template <class Event>
    [[nodiscard]] const Event* find() const {
      for (const ClientEvent& event : events)
        if (const auto* wanted = std::get_if<Event>(&event)) return wanted;
      return nullptr;
    }
    [[nodiscard]] const wire::IpmiResponse* response(std::uint32_t ticket) const {
      for (const ClientEvent& event : events)
        if (const auto* done = std::get_if<CommandDone>(&event))
          if (done->ticket == ticket) return &done->response;
      return nullptr;
    }
    [[nodiscard]] std::optional<Errc> down() const {
      const auto* event = find<SessionDown>();
      return event == nullptr ? std::nullopt : std::optional(event->error.code);
    }
  };

  Node& add(Credentials credentials, Path path = path_of(7), ClientTimers timers = {}) {
    nodes.push_back(std::make_unique<Node>(
        Node{path, Client(std::move(credentials), kIana, timers, random), {}}));
    return *nodes.back();
  }
  /// Opens a session and fails the test when that does not work.
  Node& connect(Credentials credentials, Path path = path_of(7)) {
    Node& node = add(std::move(credentials), path);
    node.client.start(now);
    run(100ms);
    EXPECT_TRUE(node.is_up());
    return node;
  }

  /// Sends by hand what the server should get from this path.
  void inject(const Path& path, Bytes datagram) {
    server.handle_datagram(kLanLink, path, datagram, now);
    collect();
  }

  /// Replies to paths that no client has.
  std::vector<Bytes> take_stray() { return std::exchange(stray, {}); }

  void run(Duration for_time) {
    const TimePoint end = now + for_time;
    collect();
    while (true) {
      std::optional<TimePoint> next = server.deadline();
      const auto sooner = [&next](std::optional<TimePoint> at) {
        if (at && (!next || *at < *next)) next = at;
      };
      for (const auto& node : nodes) sooner(node->client.deadline());
      if (!in_flight_.empty()) sooner(in_flight_.begin()->first);
      if (!next || *next > end) break;
      now = std::max(now, *next);
      deliver();
      server.handle_timeout(now);
      for (const auto& node : nodes) node->client.handle_timeout(now);
      collect();
    }
    now = end;
  }

  wire::IpmiResponse ask(Node& node, std::uint8_t net_fn, std::uint8_t command, Bytes data = {}) {
    const auto ticket = node.client.submit({net_fn, command, std::move(data)}, now);
    EXPECT_TRUE(ticket.has_value());
    run(50ms);
    const auto* response = ticket ? node.response(*ticket) : nullptr;
    EXPECT_NE(response, nullptr) << "no answer";
    return response == nullptr ? wire::IpmiResponse{} : *response;
  }

  SeededRandom random;
  EchoApplication application;
  Server server;
  TimePoint now{};
  std::vector<std::unique_ptr<Node>> nodes;
  /// What becomes of a datagram; none, one or several. The default passes it on.
  std::function<std::vector<Bytes>(Way, const Bytes&)> tamper;
  std::vector<std::pair<Way, Bytes>> log;
  std::vector<Bytes> stray;

 private:
  struct Packet {
    Way way;
    Path path;
    Bytes datagram;
  };

  void send(Way way, const Path& path, Bytes datagram) {
    log.emplace_back(way, datagram);
    std::vector<Bytes> passed;
    if (tamper)
      passed = tamper(way, datagram);
    else
      passed.push_back(std::move(datagram));
    for (Bytes& copy : passed) in_flight_.emplace(now + 1ms, Packet{way, path, std::move(copy)});
  }

  void collect() {
    for (const auto& node : nodes) {
      while (auto datagram = node->client.poll_transmit())
        send(Way::ToServer, node->path, std::move(*datagram));
      while (auto event = node->client.poll_event()) node->events.push_back(std::move(*event));
    }
    while (auto datagram = server.poll_transmit(kLanLink, now)) {
      bool known = false;
      for (const auto& node : nodes) known |= node->path == datagram->path;
      if (known)
        send(Way::ToClient, datagram->path, std::move(datagram->bytes));
      else
        stray.push_back(std::move(datagram->bytes));
    }
  }

  void deliver() {
    while (!in_flight_.empty() && in_flight_.begin()->first <= now) {
      const Packet packet = std::move(in_flight_.begin()->second);
      in_flight_.erase(in_flight_.begin());
      if (packet.way == Way::ToServer) {
        server.handle_datagram(kLanLink, packet.path, packet.datagram, now);
        continue;
      }
      for (const auto& node : nodes)
        if (node->path == packet.path) node->client.handle_datagram(packet.datagram, now);
    }
  }

  std::multimap<TimePoint, Packet> in_flight_;
};

/// The payload type byte's number, 0xff for what is not RMCP+.
inline std::uint8_t payload_type(const Bytes& datagram) {
  const auto message = wire::decode_rmcp(datagram);
  if (!message) return 0xff;
  const auto* packet = std::get_if<wire::RmcpPlusPacket>(&*message);
  return packet == nullptr ? 0xff : packet->header.payload_type;
}
inline bool is_type(const Bytes& datagram, wire::PayloadType type) {
  return payload_type(datagram) == static_cast<std::uint8_t>(type);
}
inline bool is_protected(const Bytes& datagram) {
  const auto message = wire::decode_rmcp(datagram);
  const auto* packet = message ? std::get_if<wire::RmcpPlusPacket>(&*message) : nullptr;
  return packet != nullptr && packet->header.encrypted && packet->header.authenticated;
}
inline Bytes plain(wire::PayloadType type, ByteView payload) {
  wire::RmcpPlusHeader header;
  header.payload_type = static_cast<std::uint8_t>(type);
  return wire::encode_plain(header, payload);
}

}  // namespace fwr::session::testing
