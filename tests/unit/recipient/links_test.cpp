// SPDX-License-Identifier: GPL-3.0-or-later
// What a link makes of asking, of times, and of the stream; and which offers may take the place of
// the one in use. PROTOCOL §8.6, §14.
#include <gtest/gtest.h>

#include "base/slow_link.hpp"
#include "recipient/discovery.hpp"
#include "recipient/link_timers.hpp"
#include "recipient/selection.hpp"
#include "recipient/transfer.hpp"
#include "recipient/vetting.hpp"
#include "session/sessionless.hpp"
#include "support/recovery_rig.hpp"
#include "wire/plain.hpp"
#include "wire/rmcp.hpp"

namespace fwr::recipient {
namespace {

using namespace std::chrono_literals;
using test::ipv4;
using test::kIana;

constexpr TimePoint kStart{std::chrono::hours(1)};

LinkProperties bus_at(std::uint64_t bits_per_s) {
  LinkProperties link;
  link.medium = Medium::Icmb;
  link.largest_message_bytes = 2049;
  link.bits_per_s = bits_per_s;
  link.sessions = false;
  link.half_duplex = true;
  return link;
}
Address node(std::uint16_t number) {
  return Address{.family = AddressFamily::Icmb,
                 .scope = 1,
                 .bytes = {static_cast<std::uint8_t>(number >> 8U),
                           static_cast<std::uint8_t>(number & 0xffU)}};
}
Path to(const Address& peer, Medium medium = Medium::Wired) {
  Path path;
  path.peer = peer;
  path.medium = medium;
  return path;
}

// --- times ---------------------------------------------------------------------------------------

TEST(LinkTimers, OfAFastLinkAreThoseOfALan) {
  const LinkTimers lan = timers_of({});
  EXPECT_EQ(lan.command.first_timeout, 1s);
  EXPECT_EQ(lan.first_round, 500ms);
  EXPECT_EQ(lan.keep_lease, 2s);
  EXPECT_EQ(lan.farewell, 2s);
  EXPECT_EQ(lan.pace_window, 30s);
  EXPECT_EQ(lan.stream.stall, 10s);
  EXPECT_EQ(lan.stream.grant.shortest, 20ms);
  EXPECT_FALSE(lan.stream.line);
  LinkProperties radio;
  radio.bits_per_s = kUnhurriedLink_bps;
  EXPECT_EQ(timers_of(radio).stream.stall, 10s);
}

TEST(LinkTimers, OfABusLeaveTimeForItsAddressAtEveryRate) {
  for (const std::uint64_t rate : {1'000'000U, 4'000'000U}) {
    EXPECT_TRUE(is_slow(bus_at(rate))) << rate;
    EXPECT_GT(timers_of(bus_at(rate)).offer_window, 3s) << rate;
    LinkProperties point_to_point = bus_at(rate);
    point_to_point.half_duplex = false;
    EXPECT_FALSE(is_slow(point_to_point)) << rate;
  }
}

TEST(LinkTimers, OfASlowLineWaitForTheTalksOfOthers) {
  const LinkTimers bus = timers_of(bus_at(19200));
  constexpr auto kTalk = 3200ms;  // 6,144 characters
  EXPECT_EQ(bus.command.first_timeout, 1s + kTalk);
  EXPECT_EQ(bus.first_round, 500ms + kTalk);
  EXPECT_EQ(bus.offer_window, 3s + 3 * kTalk);
  EXPECT_EQ(bus.farewell, 2s + 2 * kTalk);
  EXPECT_EQ(bus.pace_window, 30s + 10 * kTalk);
  EXPECT_EQ(bus.stream.stall, 10s + 4 * kTalk);
  EXPECT_EQ(bus.keep_lease, 20s);
  EXPECT_GT(bus.stream.grant.shortest, kTalk);
  EXPECT_LT(bus.stream.grant.longest, bus.stream.stall);
}

TEST(LinkTimers, OfASlowLineKeepWhatItCarriesInTenSecondsInFlight) {
  const auto in_flight = [](std::uint64_t bits_per_s) {
    return timers_of(bus_at(bits_per_s)).stream.line->in_flight_bytes;
  };
  EXPECT_EQ(in_flight(19200), 19200U);
  EXPECT_EQ(in_flight(1200), 8192U);
  EXPECT_EQ(in_flight(115200), 32768U);
  EXPECT_EQ(in_flight(720'000), 72'000U);
}

TEST(LinkTimers, TakeTheLargestSegmentThatFitsOrASmallerOneThatIsSuggested) {
  LinkProperties link = bus_at(19200);
  EXPECT_EQ(segment_granules_of(link), 31);  // 1 + 16 + 1,984 of 2,049
  link.suggested_message_bytes = 1 + 16 + 7 * 64 + 63;
  EXPECT_EQ(segment_granules_of(link), 7);
  link.suggested_message_bytes = 10;
  EXPECT_EQ(segment_granules_of(link), 1);
  link.suggested_message_bytes = 100'000;
  EXPECT_EQ(segment_granules_of(link), 31);
}

TEST(KnownLinks, TellTheFirstThatLeadsThereOrALan) {
  const std::vector<KnownLink> links{{AddressFamily::Icmb, 2, bus_at(9600)},
                                     {AddressFamily::Icmb, 0, bus_at(19200)}};
  Address other = node(7);
  other.scope = 2;
  EXPECT_EQ(properties_of(links, other).bits_per_s, 9600U);
  EXPECT_EQ(properties_of(links, node(7)).bits_per_s, 19200U);
  EXPECT_TRUE(properties_of(links, ipv4(7)).sessions);
}

TEST(ManifestFetch, AsksForPiecesThatFitIntoAMessage) {
  ManifestFetch fetch({}, 100);
  EXPECT_EQ(fetch.next().count, 94);
  wire::oem::GetManifestRs piece;
  piece.total = 100;
  piece.data = Bytes(94, std::byte{'x'});
  ASSERT_TRUE(fetch.add(piece));
  EXPECT_EQ(fetch.next().offset, 94);
  EXPECT_EQ(ManifestFetch({}, 100'000).next().count, wire::oem::kReadLimit_bytes);
  EXPECT_GT(ManifestFetch({}, 0).next().count, 0);
}

// --- asking --------------------------------------------------------------------------------------

Nonce a_nonce() {
  Nonce nonce{};
  nonce.fill(std::byte{7});
  return nonce;
}
wire::oem::Offer offer_of(std::uint8_t donor) {
  wire::oem::Offer offer;
  offer.nonce = a_nonce();
  offer.donor.fill(static_cast<std::byte>(donor));
  offer.digest.fill(std::byte{1});
  offer.size_bytes = 1000;
  offer.image_version = "2.0";
  offer.component = "bmc";
  return offer;
}
RecoveryConfig mixed() {
  RecoveryConfig config;
  config.iana = kIana;
  config.situation.slot_capacity_bytes = 64U << 20;
  config.links = {{AddressFamily::Icmb, 1, bus_at(19200)}};
  config.targets = {{.path = to(test::broadcast_address()), .broadcast = true},
                    {.path = to(node(0xffff), Medium::Icmb), .broadcast = true}};
  return config;
}
Bytes plain_answer(const Bytes& request, const wire::oem::Offer& offer) {
  return wire::plain::encode_response(
      wire::plain::decode_request(request).value(),
      wire::IpmiResponse{.data = wire::oem::response_data(kIana, offer)});
}
Bytes lan_answer(const wire::oem::Offer& offer) {
  const wire::LanMessage request = wire::make_lan_request(
      wire::oem::make_request(kIana, wire::oem::Command::RequestFirmware), 0);
  return wire::encode(wire::SessionlessV15{wire::encode(wire::make_lan_response(
      request, wire::IpmiResponse{.data = wire::oem::response_data(kIana, offer)}))});
}
/// What it sends on the bus now.
std::optional<Bytes> sent_on_bus(Discovery& discovery, TimePoint now) {
  std::optional<Bytes> found;
  while (const auto request = discovery.poll_transmit(now))
    if (request->path.peer.family == AddressFamily::Icmb) found = request->bytes;
  return found;
}

TEST(DiscoveryOnLinks, AsksInPlainMessagesWhereThereAreNoSessions) {
  Discovery discovery(mixed(), a_nonce(), kStart);
  const auto request = sent_on_bus(discovery, kStart);
  ASSERT_TRUE(request);
  const auto message = wire::plain::decode_request(*request);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->net_fn(), 0x2e);
  EXPECT_EQ(message->tag, 0);
  const auto body = wire::decode<wire::oem::RequestFirmwareRq>(
      wire::oem::strip_iana(kIana, message->data).value());
  EXPECT_EQ(body.value().flags, wire::oem::RequestFirmwareRq::kBroadcast);
  discovery.handle_datagram(to(node(0x11), Medium::Icmb), plain_answer(*request, offer_of(1)),
                            kStart + 1s);
  ASSERT_EQ(discovery.offers().size(), 1U);
  EXPECT_FALSE(discovery.offers()[0].candidate.authenticated);
  EXPECT_EQ(discovery.offers()[0].candidate.medium, Medium::Icmb);
}

TEST(DiscoveryOnLinks, EachLinkHasItsOwnRounds) {
  Discovery discovery(mixed(), a_nonce(), kStart);
  std::vector<std::int64_t> bus_ms;
  std::vector<std::int64_t> lan_ms;
  for (auto now = kStart; now < kStart + 60s; now += 100ms)
    while (const auto request = discovery.poll_transmit(now))
      (request->path.peer.family == AddressFamily::Icmb ? bus_ms : lan_ms)
          .push_back((now - kStart) / 1ms);
  EXPECT_EQ(lan_ms, (std::vector<std::int64_t>{0, 500, 1500}));
  EXPECT_EQ(bus_ms, (std::vector<std::int64_t>{0, 3700, 11100}));
}

TEST(DiscoveryOnLinks, AMessageOfTheOtherKindOfLinkIsIgnored) {
  Discovery discovery(mixed(), a_nonce(), kStart);
  const auto request = sent_on_bus(discovery, kStart);
  ASSERT_TRUE(request);
  discovery.handle_datagram(to(ipv4(7)), plain_answer(*request, offer_of(1)), kStart);
  discovery.handle_datagram(to(node(0x11)), lan_answer(offer_of(1)), kStart);
  EXPECT_TRUE(discovery.offers().empty());
  discovery.handle_datagram(to(ipv4(7)), lan_answer(offer_of(1)), kStart);
  EXPECT_EQ(discovery.offers().size(), 1U);
  EXPECT_TRUE(discovery.offers()[0].candidate.authenticated);
}

TEST(DiscoveryOnLinks, WaitsForSlowLinksOnlyWhileThereIsNoGoodOffer) {
  Discovery discovery(mixed(), a_nonce(), kStart);
  const auto request = sent_on_bus(discovery, kStart);
  EXPECT_FALSE(discovery.closed(kStart + 3s));
  EXPECT_FALSE(discovery.closed(kStart + 12s));
  EXPECT_TRUE(discovery.closed(kStart + 13s));
  EXPECT_FALSE(discovery.closed_early(kStart + 13s));

  discovery.handle_datagram(to(node(0x11)), plain_answer(*request, offer_of(1)), kStart);
  EXPECT_FALSE(discovery.closed(kStart + 3s)) << "the offer came over a slow link";
  discovery.handle_datagram(to(ipv4(7)), lan_answer(offer_of(2)), kStart);
  EXPECT_FALSE(discovery.closed(kStart + 2999ms));
  EXPECT_TRUE(discovery.closed(kStart + 3s));
  ASSERT_TRUE(discovery.closed_early(kStart + 3s));

  discovery.go_on();
  EXPECT_TRUE(discovery.offers().empty());
  EXPECT_FALSE(discovery.closed(kStart + 3s));
  EXPECT_LE(discovery.deadline(), kStart + 13s);
  EXPECT_TRUE(sent_on_bus(discovery, kStart + 4s));
  discovery.handle_datagram(to(node(0x12)), plain_answer(*request, offer_of(3)), kStart + 5s);
  EXPECT_EQ(discovery.offers().size(), 1U);
  EXPECT_TRUE(discovery.closed(kStart + 13s));
}

TEST(DiscoveryOnLinks, WaitsForAllLinksWhenOnlyOffersAreWanted) {
  RecoveryConfig config = mixed();
  config.offers_only = true;
  Discovery discovery(config, a_nonce(), kStart);
  (void)sent_on_bus(discovery, kStart);
  discovery.handle_datagram(to(ipv4(7)), lan_answer(offer_of(2)), kStart);
  EXPECT_FALSE(discovery.closed(kStart + 12s));
  EXPECT_TRUE(discovery.closed(kStart + 13s));
}

TEST(DiscoveryOnLinks, ItsDeadlineIsNeverPassedBeforeItIsClosed) {
  Discovery discovery(mixed(), a_nonce(), kStart);
  TimePoint now = kStart;
  for (int steps = 0; !discovery.closed(now); ++steps) {
    ASSERT_LT(steps, 20);
    while (discovery.poll_transmit(now)) {
    }
    ASSERT_GT(discovery.deadline(), now);
    now = discovery.deadline();
  }
  EXPECT_GT(now, kStart + 12s);
}

// --- offers that come later ----------------------------------------------------------------------

Offer candidate_at(const Address& peer, Medium medium, std::uint8_t donor = 1) {
  auto offer = read_offer(offer_of(donor), a_nonce(), to(peer, medium)).value();
  offer.token.fill(static_cast<std::byte>(donor));
  return offer;
}
const Error kLost{Errc::NoResponse, {}};

struct LaterOffers : ::testing::Test {
  /// The bus is in use; the wire was lost as often as it takes.
  void lose_the_wire() {
    selection.emplace(mixed(), std::vector{wire, bus}, std::vector<Decline>{});
    selection->proved(0, wire.candidate.donor);
    selection->proved(1, bus.candidate.donor);
    for (unsigned losses = 0; losses < kLossesInARow;) {
      const std::size_t index = next();
      selection->lost(index, kLost, kStart + 10s, index == 1);
      if (index == 0) ++losses;
    }
    ASSERT_EQ(next(), 1U);
  }
  std::size_t next() { return selection->next(kStart).value().index; }

  Offer wire = candidate_at(ipv4(7), Medium::Wired);
  Offer bus = candidate_at(node(0x11), Medium::Icmb);
  std::optional<Selection> selection;
};

TEST_F(LaterOffers, ADonorThatWasLostAndAnswersAgainTakesThePlaceOfOneOnAWorseMedium) {
  lose_the_wire();
  EXPECT_FALSE(selection->prefer_to(1, kStart + 60s)) << "it has not answered again";
  wire.token.fill(std::byte{9});
  EXPECT_TRUE(selection->add(std::vector{wire}).empty()) << "it is known";
  ASSERT_TRUE(selection->prefer_to(1, kStart + 60s));
  const auto chosen = selection->next(kStart + 60s);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->index, 0U);
  EXPECT_FALSE(chosen->not_before);
  EXPECT_EQ(selection->offer(0).token, wire.token);
  // And the bus can be gone back to.
  selection->failed(0, kLost);
  EXPECT_EQ(selection->next(kStart + 60s).value().index, 1U);
}

TEST_F(LaterOffers, NoneTakesThePlaceOfOneOnABetterMedium) {
  selection.emplace(mixed(), std::vector{wire, bus}, std::vector<Decline>{});
  ASSERT_EQ(next(), 0U);
  (void)selection->add(std::vector{bus});
  EXPECT_FALSE(selection->prefer_to(0, kStart));
}

TEST_F(LaterOffers, OneThatIsNewIsListedAndTaken) {
  selection.emplace(mixed(), std::vector{bus}, std::vector<Decline>{});
  ASSERT_EQ(next(), 0U);
  const auto fresh = selection->add(std::vector{wire, bus});
  ASSERT_EQ(fresh.size(), 1U);
  EXPECT_TRUE(fresh[0].verdict.accepted);
  EXPECT_TRUE(selection->prefer_to(0, kStart));
  EXPECT_EQ(next(), 1U);
}

TEST_F(LaterOffers, OneThatWasRefusedIsNotTakenAgain) {
  selection.emplace(mixed(), std::vector{wire, bus}, std::vector<Decline>{});
  ASSERT_EQ(next(), 0U);
  selection->failed(0, Error{Errc::BadSignature, {}});
  ASSERT_EQ(next(), 1U);
  (void)selection->add(std::vector{wire});
  EXPECT_FALSE(selection->prefer_to(1, kStart));
}

TEST_F(LaterOffers, OneThatWasTooSlowOrIsBusyDoesNotTakeThePlace) {
  for (const bool busy : {false, true}) {
    selection.emplace(mixed(), std::vector{wire, bus}, std::vector<Decline>{});
    ASSERT_EQ(next(), 0U);
    selection->proved(0, wire.candidate.donor);
    if (busy)
      selection->busy(0, kLost, kStart + 600s);
    else
      selection->slow(0, kLost, 10, kStart);
    (void)selection->add(std::vector{wire});
    EXPECT_FALSE(selection->prefer_to(1, kStart + 60s)) << busy;
  }
}

TEST_F(LaterOffers, AnotherImageDoesNotTakeThePlace) {
  wire.candidate.digest.fill(std::byte{2});
  selection.emplace(mixed(), std::vector{bus}, std::vector<Decline>{});
  ASSERT_EQ(next(), 0U);
  (void)selection->add(std::vector{wire});
  EXPECT_FALSE(selection->prefer_to(0, kStart));
}

TEST_F(LaterOffers, OneThatThePolicyRanksLowerForItsRoleDoesNotTakeThePlace) {
  wire.candidate.role = DonorRole::Peer;
  selection.emplace(mixed(), std::vector{bus}, std::vector<Decline>{});
  ASSERT_EQ(next(), 0U);
  (void)selection->add(std::vector{wire});
  EXPECT_FALSE(selection->prefer_to(0, kStart)) << "role comes before medium";
}

TEST_F(LaterOffers, NoMoreAreKeptThanTheLimit) {
  selection.emplace(mixed(), std::vector{bus}, std::vector<Decline>{});
  std::vector<Offer> many;
  many.reserve(kOffersKept + 10);
  for (std::size_t i = 0; i < kOffersKept + 10; ++i)
    many.push_back(candidate_at(ipv4(7, static_cast<std::uint16_t>(1000 + i)), Medium::Wired));
  EXPECT_EQ(selection->add(many).size(), kOffersKept - 1);
}

// --- the stream on a line ------------------------------------------------------------------------

TEST(GrantBookInOrder, ALaterSegmentEndsAllEarlierGrantsAndTheLastOneItsOwn) {
  GrantBook book(true);
  for (const std::uint32_t number : {1U, 2U, 3U}) {
    OpenGrant grant;
    grant.number = number;
    grant.bytes = 128;
    book.open(grant);
  }
  (void)book.arrived(1, 64, false, kStart);
  EXPECT_FALSE(book.take_overtaken());
  (void)book.arrived(2, 64, false, kStart);
  const auto lost = book.take_overtaken();
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->number, 1U);
  EXPECT_FALSE(book.take_overtaken());
  (void)book.arrived(2, 32, true, kStart);
  EXPECT_EQ(book.take_overtaken().value().number, 2U) << "its last segment came, and 32 bytes not";
  EXPECT_EQ(book.in_flight_bytes(), 128U);
}

}  // namespace
}  // namespace fwr::recipient
