// SPDX-License-Identifier: GPL-3.0-or-later
// Asking for firmware, collecting offers, and the order in which donors are tried.
// PROTOCOL §2.3, §5.2, §6.4.
#include <gtest/gtest.h>

#include <array>

#include "recipient/discovery.hpp"
#include "recipient/selection.hpp"
#include "session/sessionless.hpp"
#include "support/recovery_rig.hpp"
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

/// An offer as it comes over this path.
Bytes offer_over(Discovery& discovery, Address peer, Medium medium, Duration after,
                 const wire::oem::Offer& offer = offer_of(1)) {
  Path path{{}, peer};
  path.medium = medium;
  Bytes datagram = answer(offer);
  discovery.handle_datagram(path, datagram, kStart + after);
  return datagram;
}

TEST(Discovery, KeepsEachWayToADonorOnceWithItsShortestRoundTrip) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  for (const Duration after : {9ms, 2ms, 5ms}) {
    offer_over(discovery, ipv4(2), Medium::Wireless, after);
    offer_over(discovery, ipv4(3), Medium::Wired, after);
  }
  ASSERT_EQ(discovery.offers().size(), 2U);
  for (const Offer& offer : discovery.offers()) EXPECT_EQ(offer.candidate.round_trip, 2ms);
}

TEST(Discovery, AnOfferIsNotReplacedByOneThatClaimsSomethingElse) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  offer_over(discovery, ipv4(2), Medium::Wired, 9ms);
  wire::oem::Offer forged = offer_of(1);
  ++forged.size_bytes;
  offer_over(discovery, ipv4(2), Medium::Wired, 1ms, forged);
  ASSERT_EQ(discovery.offers().size(), 2U);
  EXPECT_EQ(discovery.offers()[0].candidate.size_bytes, offer_of(1).size_bytes);
  EXPECT_EQ(discovery.offers()[0].candidate.round_trip, 9ms);
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

wire::oem::Offer numbered_offer(unsigned number) {
  wire::oem::Offer offer = offer_of(0xee);
  offer.donor[0] = static_cast<std::byte>(number & 0xffU);
  offer.donor[1] = static_cast<std::byte>(number >> 8U);
  return offer;
}
bool has_offer_from(const Discovery& discovery, const Address& peer) {
  return std::any_of(discovery.offers().begin(), discovery.offers().end(),
                     [&](const Offer& offer) { return offer.candidate.path.peer == peer; });
}

TEST(Discovery, AHostThatFloodsTheTableMakesRoomForOthers) {
  Discovery discovery(config_with({everyone()}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  for (unsigned i = 0; i < 1000; ++i)
    offer_over(discovery, ipv4(6, static_cast<std::uint16_t>(1 + i)), Medium::Wired, 1ms,
               numbered_offer(i));
  for (std::uint8_t host = 10; host < 20; ++host)
    offer_over(discovery, ipv4(host), Medium::Wired, 9ms);
  EXPECT_EQ(discovery.offers().size(), kOffersKept);
  for (std::uint8_t host = 10; host < 20; ++host)
    EXPECT_TRUE(has_offer_from(discovery, ipv4(host))) << int{host};
  for (unsigned i = 1000; i < 2000; ++i)
    offer_over(discovery, ipv4(6), Medium::Wired, 1ms, numbered_offer(i));
  EXPECT_TRUE(has_offer_from(discovery, ipv4(10)));
}

TEST(Discovery, OffersThatThePolicyRefusesGiveWayFirst) {
  RecoveryConfig config = config_with({everyone()});
  config.policy.minimum_security_version = 1;
  Discovery discovery(config, a_nonce(), kStart);
  (void)requests(discovery, kStart);
  const auto flood = [&](std::uint32_t security_version) {
    for (unsigned i = 0; i < 300; ++i) {
      wire::oem::Offer junk = numbered_offer(i);
      junk.security_version = security_version;
      Address peer = ipv4(static_cast<std::uint8_t>(i));
      peer.bytes[1] = static_cast<std::uint8_t>(i >> 8U);
      offer_over(discovery, peer, Medium::Wired, 1ms, junk);
    }
  };
  flood(0);
  wire::oem::Offer good = offer_of(7);
  good.security_version = 1;
  offer_over(discovery, ipv4(7, 624), Medium::Wired, 9ms, good);
  EXPECT_TRUE(has_offer_from(discovery, ipv4(7, 624)));
  flood(0);
  EXPECT_TRUE(has_offer_from(discovery, ipv4(7, 624)));
  EXPECT_EQ(discovery.offers().size(), kOffersKept);
}

TEST(Discovery, ASingleSystemThatWasAskedIsHeardInAnyFlood) {
  Discovery discovery(config_with({everyone(), one(250)}), a_nonce(), kStart);
  (void)requests(discovery, kStart);
  for (unsigned i = 0; i < 600; ++i) {
    Address peer = ipv4(static_cast<std::uint8_t>(i));
    peer.bytes[1] = static_cast<std::uint8_t>(1 + (i >> 8U));
    offer_over(discovery, peer, Medium::Wired, 1ms, numbered_offer(i));
    if (i == 400) offer_over(discovery, ipv4(250), Medium::Wired, 9ms);
  }
  EXPECT_TRUE(has_offer_from(discovery, ipv4(250)));
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

/// One donor, seen over several paths: the nearer the earlier.
Selection paths_of_one(const std::vector<Path>& paths, unsigned donors_tried = 8) {
  RecoveryConfig config = config_with({everyone()});
  config.policy.donors_tried = donors_tried;
  config.policy.allowed_media = 0x03;
  std::vector<Offer> offers;
  offers.reserve(paths.size());
  for (const Path& path : paths) offers.push_back(*read_offer(offer_of(7), a_nonce(), path));
  for (std::size_t i = 0; i < offers.size(); ++i)
    offers[i].candidate.round_trip = std::chrono::milliseconds(i);
  return {config, std::move(offers), {}};
}
Path wired(std::uint8_t host) {
  return {{}, ipv4(host), Medium::Wired};
}
Guid guid_of(std::uint8_t host) {
  Guid guid{};
  guid.fill(static_cast<std::byte>(host));
  return guid;
}

TEST(Selection, ListsADonorOnceAndTriesItsBestPathFirst) {
  Selection selection = paths_of_one(
      {{{}, ipv4(2), Medium::Wireless}, wired(3), wired(4), {{}, ipv4(5), Medium::Serial}});
  ASSERT_EQ(selection.verdicts().size(), 1U) << "the forbidden path is no news either";
  EXPECT_EQ(selection.verdicts()[0].candidate.path.peer, ipv4(3));
  std::vector<Address> order;
  while (const auto next = selection.next(kStart))
    order.push_back(selection.offer(next->index).candidate.path.peer);
  EXPECT_EQ(order, (std::vector{ipv4(3), ipv4(4), ipv4(2)}));
}

TEST(Selection, TriesOtherDonorsBeforeAnotherPathToOneThatFailed) {
  RecoveryConfig config = config_with({everyone()});
  std::vector<Offer> offers;
  for (const std::uint8_t host : std::array<std::uint8_t, 2>{2, 3})
    offers.push_back(*read_offer(offer_of(7), a_nonce(), wired(host)));
  offers.push_back(*read_offer(offer_of(8), a_nonce(), wired(8)));
  Selection selection(config, std::move(offers), {});
  std::vector<Address> order;
  while (const auto next = selection.next(kStart)) {
    order.push_back(selection.offer(next->index).candidate.path.peer);
    selection.proved(next->index, selection.offer(next->index).candidate.donor);
    selection.failed(next->index, Error{Errc::NoResponse, {}});
  }
  EXPECT_EQ(order, (std::vector{ipv4(2), ipv4(8), ipv4(3)}));
}

TEST(Selection, ABusyDonorIsBusyOnAllItsPathsWhichTakeTurns) {
  Selection selection = paths_of_one({wired(2), wired(3)});
  std::vector<std::size_t> order;
  for (int i = 1; i <= 4; ++i) {
    const auto next = selection.next(kStart);
    ASSERT_TRUE(next);
    if (i > 1) {
      EXPECT_EQ(next->not_before, kStart + std::chrono::seconds(i - 1));
    }
    order.push_back(next->index);
    selection.proved(next->index, guid_of(7));
    selection.busy(next->index, Error{Errc::DonorBusy, {}}, kStart + std::chrono::seconds(i));
  }
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 0, 1}));
}

TEST(Selection, AnUnprovenPathThatIsBusySaysNothingAboutTheOthers) {
  Selection selection = paths_of_one({wired(2), wired(3)});
  selection.busy(selection.next(kStart)->index, Error{Errc::SessionLimit, {}}, kStart + 5s);
  const auto next = selection.next(kStart);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->index, 1U);
  EXPECT_FALSE(next->not_before);
}

TEST(Selection, CountsDonorsNotTheirPathsNorWhoNeverOpenedASession) {
  std::vector<std::uint8_t> hosts;
  for (std::uint8_t host = 10; host < 30; ++host) hosts.push_back(host);
  Selection selection = selection_of(hosts, 2);
  std::size_t chosen = 0;
  std::size_t proven = 0;
  while (const auto next = selection.next(kStart)) {
    if (++chosen % 5 == 0) {
      ++proven;
      selection.proved(next->index, selection.offer(next->index).candidate.donor);
    }
    selection.failed(next->index, Error{Errc::NoResponse, {}});
  }
  EXPECT_EQ(proven, 2U);
  EXPECT_EQ(chosen, 10U);

  Selection paths = paths_of_one({wired(2), wired(3), wired(4)}, 1);
  for (chosen = 0; const auto next = paths.next(kStart); ++chosen) {
    paths.proved(next->index, guid_of(7));
    paths.failed(next->index, Error{Errc::SessionLost, {}});
  }
  EXPECT_EQ(chosen, 3U);
}

TEST(Selection, AHostWithManyGuidsIsOneDonor) {
  RecoveryConfig config = config_with({everyone()});
  config.policy.donors_tried = 2;
  std::vector<Offer> offers;
  for (std::uint8_t donor = 10; donor < 20; ++donor)
    offers.push_back(*read_offer(offer_of(donor), a_nonce(), wired(6)));
  offers.push_back(*read_offer(offer_of(30), a_nonce(), wired(30)));
  Selection selection(config, std::move(offers), {});
  std::size_t chosen = 0;
  for (; const auto next = selection.next(kStart); ++chosen) {
    selection.proved(next->index, selection.offer(next->index).candidate.donor);
    selection.failed(next->index, Error{Errc::BadManifest, {}});
  }
  EXPECT_EQ(chosen, 11U);
}

TEST(Selection, ASlowDonorIsLeftForWhatMayBeFasterAndTheFastestIsTakenAgain) {
  Selection selection = selection_of({7, 8, 9});
  const Error slow{Errc::DonorTooSlow, {}};
  EXPECT_EQ(selection.next(kStart)->index, 0U);
  EXPECT_TRUE(selection.may_be_faster(0, 500, kStart)) << "two were not tried";
  selection.slow(0, slow, 500, kStart);
  EXPECT_EQ(selection.next(kStart)->index, 1U);
  selection.busy(1, Error{Errc::DonorBusy, {}}, kStart + 60s);
  EXPECT_EQ(selection.next(kStart)->index, 2U);
  EXPECT_FALSE(selection.may_be_faster(2, 300, kStart));
  EXPECT_TRUE(selection.may_be_faster(2, 250, kStart)) << "half as fast as the first was";
  selection.slow(2, slow, 250, kStart);
  EXPECT_EQ(selection.next(kStart)->index, 0U) << "before it waits for the busy one";
  EXPECT_FALSE(selection.may_be_faster(0, 130, kStart + 59s));
  for (unsigned i = 1; i < kAttemptsInsteadOfSlow; ++i) {
    EXPECT_TRUE(selection.may_be_faster(0, 500, kStart + 60s)) << "the busy one may have room";
    selection.slow(0, slow, 500, kStart + 60s);
    EXPECT_EQ(selection.next(kStart + 60s)->index, 1U);
    selection.busy(1, Error{Errc::DonorBusy, {}}, kStart + 60s);
    EXPECT_EQ(selection.next(kStart + 59s)->index, 0U);
  }
  EXPECT_FALSE(selection.may_be_faster(0, 500, kStart + 60s)) << "it was asked often enough";
}

TEST(Selection, ADonorThatIsLostThreeTimesWithoutProgressIsGone) {
  Selection selection = selection_of({7});
  const Error lost{Errc::NoResponse, {}};
  const auto lose = [&](bool progressed) {
    const auto next = selection.next(kStart);
    if (!next) return false;
    selection.proved(0, guid_of(7));
    selection.lost(0, lost, kStart + 10s, progressed);
    return true;
  };
  for (const bool progressed : {false, false, true, true, false}) EXPECT_TRUE(lose(progressed));
  EXPECT_TRUE(lose(false));
  EXPECT_FALSE(lose(false));
}

TEST(Selection, NoNumberOfForgedOffersEndsIt) {
  RecoveryConfig config = config_with({everyone()});
  std::vector<Offer> offers;
  for (unsigned i = 0; i < 200; ++i)
    offers.push_back(*read_offer(offer_of(static_cast<std::uint8_t>(i)), a_nonce(),
                                 wired(static_cast<std::uint8_t>(i))));
  Selection selection(config, std::move(offers), {});
  std::size_t chosen = 0;
  for (; const auto next = selection.next(kStart); ++chosen) {
    EXPECT_EQ(next->in_doubt, chosen > 0) << "after the first one each is in doubt";
    selection.failed(next->index, Error{Errc::NoResponse, {}});
  }
  EXPECT_EQ(chosen, 200U);
}

TEST(Selection, WhatADonorSaysInItsSessionReplacesAllThatWasClaimedForItsAddress) {
  RecoveryConfig config = config_with({everyone()});
  std::vector<Offer> offers;
  for (std::uint8_t i = 1; i <= 100; ++i)
    offers.push_back(*read_offer(offer_of(i, "9." + std::to_string(i)), a_nonce(), wired(6)));
  offers.push_back(*read_offer(offer_of(8, "2.0"), a_nonce(), wired(8)));
  Selection selection(config, std::move(offers), {});
  const auto first = selection.next(kStart);
  ASSERT_TRUE(first);
  selection.proved(first->index, guid_of(7));
  const auto truth = *read_offer(offer_of(7, "3.0"), a_nonce(), wired(6));
  EXPECT_TRUE(selection.learn(first->index, truth).changed);
  EXPECT_TRUE(selection.stays_first(first->index));
  selection.failed(first->index, Error{Errc::NoResponse, {}});
  const auto second = selection.next(kStart);
  ASSERT_TRUE(second);
  EXPECT_EQ(ipv4(8), selection.offer(second->index).candidate.path.peer);
  selection.failed(second->index, Error{Errc::NoResponse, {}});
  EXPECT_FALSE(selection.next(kStart));
}

TEST(Selection, ADonorWhoseTrueOfferIsWorseWaitsForTheOthers) {
  RecoveryConfig config = config_with({everyone()});
  std::vector<Offer> offers;
  offers.push_back(*read_offer(offer_of(7, "9.0"), a_nonce(), wired(7)));
  offers.push_back(*read_offer(offer_of(8, "2.0"), a_nonce(), wired(8)));
  Selection selection(config, std::move(offers), {});
  const auto first = selection.next(kStart);
  (void)selection.learn(first->index, *read_offer(offer_of(7, "1.0"), a_nonce(), wired(7)));
  EXPECT_FALSE(selection.stays_first(first->index));
  const auto better = selection.next(kStart);
  EXPECT_EQ(ipv4(8), selection.offer(better->index).candidate.path.peer);
  selection.failed(better->index, Error{Errc::NoResponse, {}});
  EXPECT_EQ(first->index, selection.next(kStart)->index);
}

TEST(Selection, LiarsUseUpNeitherTheNumberOfDonorsNorAnotherPrefix) {
  RecoveryConfig config = config_with({everyone()});
  config.policy.donors_tried = 2;
  std::vector<Offer> offers;
  for (std::uint8_t i = 10; i < 30; ++i)
    offers.push_back(*read_offer(offer_of(i, "9.0"), a_nonce(), wired(i)));
  Address elsewhere = ipv4(40);
  elsewhere.bytes[1] = 77;
  offers.push_back(*read_offer(offer_of(40, "1.0"), a_nonce(), Path{{}, elsewhere}));
  offers.push_back(*read_offer(offer_of(41, "1.0"), a_nonce(), wired(41)));
  Selection selection(config, std::move(offers), {});
  std::set<Address> tried;
  unsigned lies = 0;
  while (const auto next = selection.next(kStart)) {
    const policy::Candidate candidate = selection.offer(next->index).candidate;
    tried.insert(candidate.path.peer);
    selection.proved(next->index, candidate.donor);
    // The first ten are caught lying, the others only fail.
    selection.failed(next->index, Error{++lies <= 10 ? Errc::BadManifest : Errc::NoResponse, {}});
  }
  // After a lie the choice goes round over prefixes; two others may fail, and no more.
  EXPECT_TRUE(tried.contains(elsewhere));
  EXPECT_EQ(13U, lies);
}

TEST(Selection, ADonorThatWasRefusedIsAskedOnAfterAllThatAreAcceptable) {
  RecoveryConfig config = config_with({everyone()});
  config.policy.pinned_version = "2.0";
  std::vector<Offer> offers;
  offers.push_back(*read_offer(offer_of(7, "3.0"), a_nonce(), wired(7)));
  offers.push_back(*read_offer(offer_of(8, "2.0"), a_nonce(), wired(8)));
  Selection selection(config, std::move(offers), {});
  const auto first = selection.next(kStart);
  EXPECT_EQ(ipv4(8), selection.offer(first->index).candidate.path.peer);
  selection.failed(first->index, Error{Errc::NoResponse, {}});
  const auto refused = selection.next(kStart);
  ASSERT_TRUE(refused);
  EXPECT_EQ(ipv4(7), selection.offer(refused->index).candidate.path.peer);
  EXPECT_FALSE(selection.verdict(refused->index).accepted);
  selection.asked_on(refused->index);
  const auto next = selection.add_next(refused->index,
                                       *read_offer(offer_of(7, "2.0"), a_nonce(), wired(7)), true);
  ASSERT_TRUE(next);
  EXPECT_TRUE(selection.verdict(*next).accepted);
  EXPECT_EQ(next, selection.next(kStart)->index);
}

TEST(Selection, AfterAForgedOfferNamedDonorsComeFirstAndSuspectsLast) {
  RecoveryConfig config = config_with({everyone()});
  std::vector<Offer> offers;
  const auto add = [&](std::uint8_t donor, std::uint8_t host, const std::string& version) {
    offers.push_back(*read_offer(offer_of(donor, version), a_nonce(), wired(host)));
  };
  add(10, 6, "9.9");
  add(11, 6, "9.8");
  add(12, 5, "9.7");
  add(13, 7, "2.0");
  offers.back().named = true;
  Selection selection(config, std::move(offers), {});
  std::vector<Address> order;
  while (const auto next = selection.next(kStart)) {
    order.push_back(selection.offer(next->index).candidate.path.peer);
    selection.failed(next->index, Error{Errc::AuthenticationFailed, {}});
  }
  EXPECT_EQ(order, (std::vector{ipv4(6), ipv4(7), ipv4(5), ipv4(6)}));
}

TEST(Selection, NeverTakesADonorTwiceUnlessItWasBusy) {
  Selection selection = selection_of({7, 8});
  const std::size_t first = selection.next(kStart)->index;
  selection.busy(first, Error{Errc::DonorBusy, {}}, kStart + 5s);
  const std::size_t second = selection.next(kStart)->index;
  EXPECT_NE(first, second);
  selection.failed(second, Error{Errc::NoResponse, {}});
  const auto again = selection.next(kStart);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->index, first);
  EXPECT_EQ(again->not_before, kStart + 5s);
  selection.failed(first, Error{Errc::NoResponse, {}});
  EXPECT_FALSE(selection.next(kStart));
}

TEST(Selection, TakesTheBusyDonorThatIsFreeFirst) {
  Selection selection = selection_of({7, 8});
  const std::size_t first = selection.next(kStart)->index;
  const std::size_t second = selection.next(kStart)->index;
  selection.busy(first, Error{Errc::DonorBusy, {}}, kStart + 9s);
  selection.busy(second, Error{Errc::DonorBusy, {}}, kStart + 5s);
  EXPECT_EQ(selection.next(kStart)->index, second);
  EXPECT_EQ(selection.next(kStart)->index, first);
  EXPECT_FALSE(selection.next(kStart));
}

TEST(Selection, OnlyWrongContentFromEveryoneIsAFailedVerification) {
  Selection selection = selection_of({7, 8});
  selection.failed(selection.next(kStart)->index, Error{Errc::BadBlock, "image block 1"});
  EXPECT_EQ(selection.summary().code, Errc::BadBlock);
  selection.failed(selection.next(kStart)->index, Error{Errc::NoResponse, {}});
  EXPECT_EQ(selection.summary().code, Errc::AllDonorsFailed);
}

TEST(Selection, TellsWhatBecameOfEachDonor) {
  Selection selection = selection_of({7, 8, 9}, 2);
  for (const Error& error : {Error{Errc::SessionLost, {}}, Error{Errc::NoResponse, "for 10 s"}}) {
    const std::size_t index = selection.next(kStart)->index;
    selection.proved(index, selection.offer(index).candidate.donor);
    selection.failed(index, error);
  }
  EXPECT_FALSE(selection.next(kStart));
  const std::string story = selection.story();
  EXPECT_TRUE(story.starts_with("2 donors tried: lan:10.0.0.")) << story;
  EXPECT_NE(story.find("for 10 s"), std::string::npos) << story;
  EXPECT_NE(story.find("1 more acceptable offer not tried (policy allows 2 donors)"),
            std::string::npos)
      << story;
}

TEST(Selection, LongStoriesAreCut) {
  std::vector<std::uint8_t> hosts;
  for (std::uint8_t host = 10; host < 30; ++host) hosts.push_back(host);
  Selection selection = selection_of(hosts, 100);
  while (const auto next = selection.next(kStart))
    selection.failed(next->index, Error{Errc::NoResponse, {}});
  EXPECT_NE(selection.story().find(", and 12 more: "), std::string::npos) << selection.story();
}

}  // namespace
}  // namespace fwr::recipient
