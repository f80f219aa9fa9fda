// SPDX-License-Identifier: GPL-3.0-or-later
// A donor on a bench: a catalogue in memory, virtual time, and users who ask it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "donor/donor.hpp"
#include "image/hash_tree.hpp"
#include "support/memory_catalogue.hpp"
#include "support/random.hpp"
#include "wire/oem.hpp"
#include "wire/stream.hpp"

namespace fwr::test {

using namespace std::chrono_literals;
using donor::Donor;
using donor::DonorConfig;
using donor::DonorEvent;
using wire::CompletionCode;
using wire::oem::Command;
using wire::stream::Object;

inline constexpr std::uint32_t kIana = 32473;

/// A catalogue of images that are random bytes: no signature of theirs is read.
class RandomCatalogue final : public MemoryCatalogue {
 public:
  const image::Manifest& add(std::size_t image_bytes, unsigned seed) {
    image::Manifest manifest;
    manifest.name = "test image";
    manifest.component = "bmc";
    manifest.version = "2.0";
    manifest.security_version = 7;
    manifest.size_bytes = image_bytes;
    manifest.created = 1000;
    manifest.platforms.resize(1);
    SeededRandom(seed).fill(manifest.digest);
    return add(manifest, seed);
  }
  const image::Manifest& add(const image::Manifest& manifest, unsigned seed) {
    const auto tree_bytes = image::TreeShape(manifest.size_bytes).tree_size_bytes();
    SignedImage image;
    image.bytes = random_bytes(static_cast<std::size_t>(manifest.size_bytes), seed);
    image.tree = random_bytes(static_cast<std::size_t>(tree_bytes), seed + 1);
    image.entry = {manifest, "{\"seed\":" + std::to_string(seed) + "}", "untrusted comment"};
    return MemoryCatalogue::add(std::move(image));
  }
};

inline session::Requester in_session(std::uint32_t session, std::string user = "alice") {
  session::Requester from;
  from.path.peer = {.family = AddressFamily::Ipv4, .port = 50000, .bytes = {10, 0, 0, 7}};
  from.session = session;
  from.user = std::move(user);
  return from;
}
inline session::Requester without_session() {
  return in_session(0, "");
}

inline DonorConfig bench_config() {
  DonorConfig config;
  config.iana = kIana;
  config.role = DonorRole::Peer;
  config.media = 0x03;
  config.guid[0] = std::byte{0x99};
  config.name = "bench";
  return config;
}

/// The fields of an answer that must be Ok.
template <class Message>
Message fields(const std::optional<wire::IpmiResponse>& response) {
  EXPECT_TRUE(response.has_value());
  if (!response) return {};
  EXPECT_EQ(CompletionCode::Ok, response->code);
  const auto body = wire::oem::strip_iana(kIana, response->data);
  EXPECT_TRUE(body.has_value());
  const auto message = body ? wire::decode<Message>(*body) : Result<Message>(Message{});
  EXPECT_TRUE(message.has_value());
  return message.value_or(Message{});
}

class DonorTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kImage_bytes = 3 * 4096 + 100;

  explicit DonorTest(DonorConfig config = bench_config()) : config_(std::move(config)) {
    digest_ = catalogue_.add(kImage_bytes, 1).digest;
    rebuild();
  }
  void rebuild() { donor_ = std::make_unique<Donor>(config_, catalogue_, random_, now_); }

  // --- commands
  std::optional<wire::IpmiResponse> send(const session::Requester& from,
                                         const wire::IpmiRequest& request) {
    return donor_->handle_command(from, request, now_);
  }
  template <class Message>
  std::optional<wire::IpmiResponse> ask(const session::Requester& from, Command command,
                                        const Message& message) {
    return send(from, wire::oem::make_request(kIana, command, message));
  }
  template <class Message>
  void expect_code(CompletionCode code, const session::Requester& from, Command command,
                   const Message& message) {
    const auto response = ask(from, command, message);
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(code, response->code) << wire::describe(response->code);
    EXPECT_EQ(wire::oem::response_data(kIana), response->data);
  }
  static wire::oem::RequestFirmwareRq firmware_request(unsigned nonce_seed = 1,
                                                       bool broadcast = false) {
    wire::oem::RequestFirmwareRq rq;
    SeededRandom(nonce_seed).fill(rq.nonce);
    rq.flags = broadcast ? wire::oem::RequestFirmwareRq::kBroadcast : 0;
    return rq;
  }
  wire::oem::Offer offer(unsigned nonce_seed = 1) {
    return fields<wire::oem::Offer>(
        ask(without_session(), Command::RequestFirmware, firmware_request(nonce_seed)));
  }
  static wire::oem::AcceptOfferRq acceptance(const wire::oem::Offer& offer) {
    return {offer.nonce, offer.digest, offer.token};
  }
  wire::oem::AcceptOfferRs accept(const session::Requester& from, unsigned nonce_seed = 1) {
    return fields<wire::oem::AcceptOfferRs>(
        ask(from, Command::AcceptOffer, acceptance(offer(nonce_seed))));
  }
  wire::oem::DonorStatusRs status() {
    return fields<wire::oem::DonorStatusRs>(
        send(in_session(900, "watcher"), wire::oem::make_request(kIana, Command::GetDonorStatus)));
  }
  CompletionCode read_code(const session::Requester& from, std::uint32_t handle) {
    return ask(from, Command::ReadImage, wire::oem::ReadRq{handle, 0, 1})->code;
  }

  // --- image stream
  struct Sent {
    std::uint32_t session = 0;
    Bytes payload;
    std::variant<wire::stream::Segment, wire::stream::Refusal> message;  // views the payload
    const wire::stream::Segment* segment() const {
      return std::get_if<wire::stream::Segment>(&message);
    }
    const wire::stream::Refusal* refusal() const {
      return std::get_if<wire::stream::Refusal>(&message);
    }
  };
  static wire::stream::Grant grant_of(std::uint32_t handle, std::uint32_t number,
                                      std::vector<wire::stream::Range> ranges,
                                      std::uint16_t segment = 17, Object object = Object::Image) {
    return {object, segment, handle, number, std::move(ranges)};
  }
  void grant(const session::Requester& from, const wire::stream::Grant& grant) {
    donor_->handle_payload(from, encode(grant), now_);
  }
  std::unique_ptr<Sent> next() {
    auto outgoing = donor_->next_payload(kLanLink, now_);
    if (!outgoing) return nullptr;
    auto sent = std::make_unique<Sent>();
    sent->session = outgoing->session;
    sent->payload = std::move(outgoing->payload);
    auto message = wire::stream::decode_message(sent->payload);
    EXPECT_TRUE(message.has_value());
    if (!message) return sent;
    if (const auto* segment = std::get_if<wire::stream::Segment>(&*message))
      sent->message = *segment;
    else if (const auto* refusal = std::get_if<wire::stream::Refusal>(&*message))
      sent->message = *refusal;
    else
      ADD_FAILURE() << "a donor sends no grants";
    return sent;
  }
  std::vector<std::unique_ptr<Sent>> drain() {
    std::vector<std::unique_ptr<Sent>> all;
    while (auto sent = next()) all.push_back(std::move(sent));
    return all;
  }
  void expect_refusal(CompletionCode reason, std::uint32_t handle, std::uint32_t number) {
    const auto sent = next();
    ASSERT_TRUE(sent);
    ASSERT_NE(nullptr, sent->refusal());
    EXPECT_EQ(reason, sent->refusal()->reason) << wire::describe(sent->refusal()->reason);
    EXPECT_EQ(handle, sent->refusal()->handle);
    EXPECT_EQ(number, sent->refusal()->number);
  }

  std::vector<DonorEvent> events() {
    std::vector<DonorEvent> all;
    while (auto event = donor_->poll_event()) all.push_back(std::move(*event));
    return all;
  }
  std::size_t count(DonorEvent::Kind kind) {
    const auto all = events();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const DonorEvent& event) { return event.kind == kind; }));
  }

  DonorConfig config_;
  RandomCatalogue catalogue_;
  SeededRandom random_{42};
  TimePoint now_{1000s};
  Digest digest_{};
  std::unique_ptr<Donor> donor_;
};

}  // namespace fwr::test
