// SPDX-License-Identifier: GPL-3.0-or-later
// A client by hand: the handshake one message at a time, for tests of the server.
#pragma once

#include <gtest/gtest.h>

#include "fixture.hpp"
#include "session/channel.hpp"
#include "session/keys.hpp"

namespace fwr::session::testing {

using wire::RakpStatus;

inline constexpr std::uint8_t kApp = 0x06;
inline constexpr std::uint8_t kOem = 0x2e;

template <class Message>
Message only_answer(Network& network, Result<Message> (*decode)(ByteView)) {
  const auto stray = network.take_stray();
  EXPECT_EQ(stray.size(), 1U);
  if (stray.size() != 1) return {};
  const auto message = wire::decode_rmcp(stray.front());
  EXPECT_TRUE(message);
  const auto answer = decode(std::get<wire::RmcpPlusPacket>(*message).payload);
  EXPECT_TRUE(answer);
  return answer ? *answer : Message{};
}

/// A client by hand, one message at a time.
struct Hand {
  Network& network;
  Path path = path_of(9);
  std::uint32_t console_session = 0xa0a2a3a4;
  std::uint32_t managed_session = 0;
  RakpExchange exchange{};

  wire::OpenSessionRs open(wire::OpenSessionRq request) {
    network.inject(path, plain(wire::PayloadType::OpenSessionRq, wire::encode(request)));
    return only_answer(network, wire::decode_open_session_rs);
  }
  [[nodiscard]] wire::OpenSessionRq request() const {
    wire::OpenSessionRq request;
    request.tag = 5;
    request.console_session = console_session;
    request.privilege = wire::Privilege::Administrator;
    request.authentication = wire::AuthAlgorithm::HmacSha256;
    request.integrity = wire::IntegrityAlgorithm::HmacSha256_128;
    request.confidentiality = wire::ConfidentialityAlgorithm::AesCbc128;
    return request;
  }
  wire::OpenSessionRs open() {
    const wire::OpenSessionRs response = open(request());
    managed_session = response.managed_session;
    return response;
  }
  [[nodiscard]] wire::Rakp1 rakp1_message() const {
    wire::Rakp1 message;
    message.tag = 6;
    message.managed_session = managed_session;
    message.console_random.fill(std::byte{0x42});
    message.role = 0x12;
    message.user = "alice";
    return message;
  }
  wire::Rakp2 rakp1(const wire::Rakp1& message) {
    network.inject(path, plain(wire::PayloadType::Rakp1, wire::encode(message)));
    auto answer = only_answer(network, wire::decode_rakp2);
    if (answer.status == RakpStatus::Ok)
      exchange = {.console_session = console_session,
                  .managed_session = managed_session,
                  .console_random = message.console_random,
                  .managed_random = answer.managed_random,
                  .guid = answer.guid,
                  .role = message.role,
                  .user = message.user};
    return answer;
  }
  [[nodiscard]] wire::Rakp3 rakp3_message(std::string_view password = "correct horse") const {
    wire::Rakp3 message;
    message.tag = 7;
    message.managed_session = managed_session;
    message.key_exchange_code = *rakp3_code(Hash::Sha256, secret(password), exchange);
    return message;
  }
  wire::Rakp4 rakp3(const wire::Rakp3& message) {
    send_rakp3(message);
    return only_answer(network, wire::decode_rakp4);
  }
  void send_rakp3(const wire::Rakp3& message) {
    network.inject(path, plain(wire::PayloadType::Rakp3, wire::encode(message)));
  }
};

}  // namespace fwr::session::testing
