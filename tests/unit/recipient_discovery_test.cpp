// SPDX-License-Identifier: GPL-3.0-or-later
// Asking for firmware, collecting offers, and the order in which donors are tried.
// PROTOCOL §2.3, §5.2, §6.4.
#include <gtest/gtest.h>

#include <array>

#include "recipient/discovery.hpp"
#include "recipient/selection.hpp"
#include "recovery_rig.hpp"
#include "session/sessionless.hpp"
#include "wire/rmcp.hpp"

namespace fwr::recipient {
namespace {

using namespace std::chrono_literals;
using test::ipv4;
using test::kIana;
using wire::oem::RequestFirmwareRq;

constexpr TimePoint kStart{std::chrono::hours(1)};

RecoveryConfig config_with(std::vector<Target> targets) {
  RecoveryConfig config;
  config.iana = kIana;
  config.targets = std::move(targets);
  config.situation.slot_capacity_bytes = 64U << 20;
  return config;
}
Target everyone() {
  return {.path = Path{{}, test::broadcast_address()}, .broadcast = true};
}
Target one(std::uint8_t host) {
  return {.path = Path{{}, ipv4(host)}};
}

Nonce a_nonce() {
  Nonce nonce{};
  nonce.fill(std::byte{7});
  return nonce;
}

wire::oem::Offer offer_of(std::uint8_t donor, const std::string& version = "2.0") {
  wire::oem::Offer offer;
  offer.nonce = a_nonce();
  offer.donor.fill(static_cast<std::byte>(donor));
  offer.digest.fill(std::byte{1});
  offer.size_bytes = 1000;
  offer.image_version = version;
  offer.component = "bmc";
  return offer;
}

Bytes answer(const wire::IpmiResponse& response, std::uint8_t sequence = 0) {
  const wire::LanMessage request = wire::make_lan_request(
      wire::oem::make_request(kIana, wire::oem::Command::RequestFirmware), sequence);
  return wire::encode(
      wire::SessionlessV15{wire::encode(wire::make_lan_response(request, response))});
}
Bytes answer(const wire::oem::Offer& offer, std::uint8_t sequence = 0) {
  return answer(wire::IpmiResponse{.data = wire::oem::response_data(kIana, offer)}, sequence);
}
Bytes decline(const Nonce& nonce = a_nonce(), std::uint8_t sequence = 0) {
  wire::IpmiResponse response{.code = wire::CompletionCode::NoCompatibleImage,
                              .data = wire::oem::response_data(kIana)};
  response.data.insert(response.data.end(), nonce.begin(), nonce.end());
  return answer(response, sequence);
}

std::size_t requests(Discovery& discovery, TimePoint now) {
  std::size_t count = 0;
  while (discovery.poll_transmit(now)) ++count;
  return count;
}

TEST(Discovery, AsksAtMostFourTimesHalfASecondApartAndDoubling) {
  RecoveryConfig config = config_with({everyone(), one(7)});
  config.policy.offer_window = 60s;
  Discovery discovery(config, a_nonce(), kStart);
  std::vector<std::int64_t> times_ms;
  for (auto now = kStart; now < kStart + 60s; now += 1ms)
    for (std::size_t i = requests(discovery, now); i > 0; --i)
      times_ms.push_back((now - kStart) / 1ms);
  EXPECT_EQ(times_ms, (std::vector<std::int64_t>{0, 0, 500, 500, 1500, 1500, 3500, 3500}));
}

TEST(Discovery, AsksOnlyWhileOffersAreCollected) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  EXPECT_EQ(requests(discovery, kStart), 1U);
  EXPECT_FALSE(discovery.closed(kStart + 2999ms));
  EXPECT_TRUE(discovery.closed(kStart + 3s));
  EXPECT_EQ(requests(discovery, kStart + 3s), 0U);
}

TEST(Discovery, OnlyABroadcastHasItsFlagAndARequestIsNoShorterThanItsReply) {
  Discovery discovery(config_with({everyone(), one(7)}), a_nonce(), kStart);
  for (const bool broadcast : {true, false}) {
    const auto datagram = discovery.poll_transmit(kStart);
    ASSERT_TRUE(datagram);
    const auto message =
        std::get<wire::SessionlessV15>(wire::decode_rmcp(datagram->bytes).value()).message;
    const auto request = wire::decode_lan_message(message).value();
    const auto body =
        wire::decode<RequestFirmwareRq>(wire::oem::strip_iana(kIana, request.data).value());
    EXPECT_EQ(body.value().flags, broadcast ? 1 : 0);
    EXPECT_EQ(body.value().nonce, a_nonce());
    EXPECT_GE(datagram->bytes.size(), answer(offer_of(1)).size());
  }
}

TEST(Discovery, EndsEarlyWhenEveryTargetHasAnswered) {
  Discovery discovery(config_with({one(7), one(8)}), a_nonce(), kStart);
  EXPECT_EQ(requests(discovery, kStart), 2U);
  discovery.handle_datagram(Path{{}, ipv4(7)}, answer(offer_of(1)), kStart);
  EXPECT_FALSE(discovery.closed(kStart));
  EXPECT_EQ(requests(discovery, kStart + 500ms), 1U) << "who answered is not asked again";
  discovery.handle_datagram(Path{{}, ipv4(8)}, decline(), kStart);
  EXPECT_TRUE(discovery.closed(kStart));
  EXPECT_EQ(discovery.offers().size(), 1U);
  ASSERT_EQ(discovery.declines().size(), 1U);
  EXPECT_EQ(discovery.declines()[0].peer, ipv4(8));
}

TEST(Discovery, ADeclineOfSomebodyWhoWasNotAskedIsIgnored) {
  Discovery discovery(config_with({one(7)}), a_nonce(), kStart);
  EXPECT_EQ(requests(discovery, kStart), 1U);
  for (const Address& peer : {ipv4(9), ipv4(7, 624)})
    discovery.handle_datagram(Path{{}, peer}, decline(), kStart);
  EXPECT_TRUE(discovery.declines().empty());
  EXPECT_FALSE(discovery.closed(kStart));
}

TEST(Discovery, ADeclineOfSomebodyWhoDidNotSeeTheRequestIsIgnored) {
  Discovery discovery(config_with({one(7)}), a_nonce(), kStart);
  EXPECT_EQ(requests(discovery, kStart), 1U);
  Nonce guessed = a_nonce();
  guessed[15] ^= std::byte{1};
  const Bytes without_nonce = answer(wire::IpmiResponse{
      .code = wire::CompletionCode::NoCompatibleImage, .data = wire::oem::response_data(kIana)});
  for (const Bytes& forged : {without_nonce, decline(guessed), decline(a_nonce(), 1)})
    discovery.handle_datagram(Path{{}, ipv4(7)}, forged, kStart);
  EXPECT_TRUE(discovery.declines().empty());
  EXPECT_FALSE(discovery.closed(kStart));
  EXPECT_EQ(requests(discovery, kStart + 500ms), 1U) << "it is still asked";
  discovery.handle_datagram(Path{{}, ipv4(7)}, decline(a_nonce(), 1), kStart + 501ms);
  EXPECT_TRUE(discovery.closed(kStart + 501ms));
}

TEST(Discovery, AnOfferForARequestThatWasNotSentIsIgnored) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  discovery.handle_datagram(Path{{}, ipv4(7)}, answer(offer_of(1)), kStart);
  EXPECT_EQ(requests(discovery, kStart), 1U);
  for (const std::uint8_t sequence : std::array<std::uint8_t, 3>{1, 4, 63})
    discovery.handle_datagram(Path{{}, ipv4(7)}, answer(offer_of(1), sequence), kStart);
  EXPECT_TRUE(discovery.offers().empty());
}

TEST(Discovery, MeasuresTheRoundTripFromTheRequestThatIsAnswered) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  (void)requests(discovery, kStart + 500ms);
  discovery.handle_datagram(Path{{}, ipv4(7)}, answer(offer_of(1), 1), kStart + 504ms);
  ASSERT_EQ(discovery.offers().size(), 1U);
  EXPECT_EQ(discovery.offers()[0].candidate.round_trip, 4ms);
}

TEST(Discovery, KeepsTheBestWayToADonorThatAnswersOnSeveral) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  const auto from = [&](std::uint8_t host, Medium medium, Duration after) {
    Path path{{}, ipv4(host)};
    path.medium = medium;
    discovery.handle_datagram(path, answer(offer_of(1)), kStart + after);
    EXPECT_EQ(discovery.offers().size(), 1U);
    return discovery.offers()[0].candidate.path.peer;
  };
  EXPECT_EQ(from(2, Medium::Wireless, 1ms), ipv4(2));
  EXPECT_EQ(from(3, Medium::Wired, 5ms), ipv4(3)) << "wired before wireless";
  EXPECT_EQ(from(4, Medium::Wired, 9ms), ipv4(3)) << "the nearer one";
  EXPECT_EQ(from(5, Medium::Wireless, 1ms), ipv4(3));
}

TEST(Discovery, AWayThatThePolicyForbidsIsNotTheBest) {
  RecoveryConfig config = config_with({everyone()});
  config.policy.allowed_media = static_cast<std::uint8_t>(Medium::Wireless);
  Discovery discovery(config, a_nonce(), kStart);
  (void)requests(discovery, kStart);
  for (const Medium medium : {Medium::Wired, Medium::Wireless, Medium::Wired}) {
    Path path{{}, ipv4(medium == Medium::Wired ? 2 : 3)};
    path.medium = medium;
    discovery.handle_datagram(path, answer(offer_of(1)), kStart);
  }
  ASSERT_EQ(discovery.offers().size(), 1U);
  EXPECT_EQ(discovery.offers()[0].candidate.medium, Medium::Wireless);
}

TEST(Discovery, IgnoresOffersThatCannotBeMeant) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  const auto ignored = [&](auto change) {
    wire::oem::Offer offer = offer_of(1);
    change(offer);
    discovery.handle_datagram(Path{{}, ipv4(7)}, answer(offer), kStart);
    return discovery.offers().empty();
  };
  EXPECT_TRUE(ignored([](auto& offer) { offer.nonce[0] ^= std::byte{1}; }));
  EXPECT_TRUE(ignored([](auto& offer) { offer.version = 2; }));
  EXPECT_TRUE(ignored([](auto& offer) { offer.version = 0; }));
  EXPECT_TRUE(ignored([](auto& offer) { offer.role = static_cast<DonorRole>(2); }));
  EXPECT_TRUE(ignored([](auto& offer) { offer.size_bytes = 0; }));
  EXPECT_TRUE(ignored([](auto& offer) { offer.size_bytes = image::kImageLimit_bytes + 1; }));
  EXPECT_FALSE(ignored([](auto&) {}));
}

TEST(Discovery, Keeps256Offers) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  for (unsigned i = 0; i < 300; ++i) {
    wire::oem::Offer offer = offer_of(1);
    offer.donor[0] = static_cast<std::byte>(i & 0xffU);
    offer.donor[1] = static_cast<std::byte>(i >> 8U);
    discovery.handle_datagram(Path{{}, ipv4(7)}, answer(offer), kStart);
  }
  EXPECT_EQ(discovery.offers().size(), kOffersKept);
}

Selection selection_of(const std::vector<std::uint8_t>& hosts, unsigned donors_tried = 8) {
  RecoveryConfig config = config_with({everyone()});
  config.policy.donors_tried = donors_tried;
  std::vector<Offer> offers;
  offers.reserve(hosts.size());
  for (const std::uint8_t host : hosts)
    offers.push_back(*read_offer(offer_of(host), a_nonce(), Path{{}, ipv4(host)}));
  return {config, std::move(offers), {}};
}

TEST(Selection, NeverTakesADonorTwiceUnlessItWasBusy) {
  Selection selection = selection_of({7, 8});
  const std::size_t first = selection.next()->index;
  selection.busy(first, Error{Errc::DonorBusy, {}}, kStart + 5s);
  const std::size_t second = selection.next()->index;
  EXPECT_NE(first, second);
  selection.failed(second, Error{Errc::NoResponse, {}});
  const auto again = selection.next();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->index, first);
  EXPECT_EQ(again->not_before, kStart + 5s);
  selection.failed(first, Error{Errc::NoResponse, {}});
  EXPECT_FALSE(selection.next());
}

TEST(Selection, TakesTheBusyDonorThatIsFreeFirst) {
  Selection selection = selection_of({7, 8});
  const std::size_t first = selection.next()->index;
  const std::size_t second = selection.next()->index;
  selection.busy(first, Error{Errc::DonorBusy, {}}, kStart + 9s);
  selection.busy(second, Error{Errc::DonorBusy, {}}, kStart + 5s);
  EXPECT_EQ(selection.next()->index, second);
  EXPECT_EQ(selection.next()->index, first);
  EXPECT_FALSE(selection.next());
}

TEST(Selection, OnlyWrongContentFromEveryoneIsAFailedVerification) {
  Selection selection = selection_of({7, 8});
  selection.failed(selection.next()->index, Error{Errc::BadBlock, "image block 1"});
  EXPECT_EQ(selection.summary().code, Errc::BadBlock);
  selection.failed(selection.next()->index, Error{Errc::NoResponse, {}});
  EXPECT_EQ(selection.summary().code, Errc::AllDonorsFailed);
}

TEST(Selection, TellsWhatBecameOfEachDonor) {
  Selection selection = selection_of({7, 8, 9}, 2);
  selection.failed(selection.next()->index, Error{Errc::AuthenticationFailed, {}});
  selection.failed(selection.next()->index, Error{Errc::NoResponse, "for 10 s"});
  EXPECT_FALSE(selection.next());
  const std::string story = selection.story();
  EXPECT_TRUE(story.starts_with("2 donors tried: lan:10.0.0.")) << story;
  EXPECT_NE(story.find("for 10 s"), std::string::npos) << story;
  EXPECT_NE(story.find("1 more acceptable offer not tried"), std::string::npos) << story;
}

TEST(Selection, LongStoriesAreCut) {
  std::vector<std::uint8_t> hosts;
  for (std::uint8_t host = 10; host < 30; ++host) hosts.push_back(host);
  Selection selection = selection_of(hosts, 100);
  while (const auto next = selection.next())
    selection.failed(next->index, Error{Errc::NoResponse, {}});
  EXPECT_NE(selection.story().find("; and 12 more"), std::string::npos) << selection.story();
}

}  // namespace
}  // namespace fwr::recipient
