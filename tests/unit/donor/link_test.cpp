// SPDX-License-Identifier: GPL-3.0-or-later
// A donor behind several links: payloads, terms and times of each. PROTOCOL §11.7.
#include "base/slow_link.hpp"
#include "donor/link_terms.hpp"
#include "support/donor_fixture.hpp"

namespace fwr::test {
namespace {

namespace oem = wire::oem;
using donor::LinkTerms;
using donor::terms_of;
using std::chrono::seconds;

constexpr LinkId kBus{2};

LinkProperties bus_properties(std::uint64_t bits_per_s = 19200) {
  LinkProperties properties;
  properties.medium = Medium::Icmb;
  properties.largest_message_bytes = 2049;
  properties.bits_per_s = bits_per_s;
  properties.sessions = false;
  properties.half_duplex = true;
  return properties;
}

class DonorLinks : public DonorTest {
 protected:
  static session::Requester on_bus(std::uint32_t session, std::uint8_t node = 0x20) {
    session::Requester from;
    from.path.peer = {.family = AddressFamily::Icmb, .port = 0, .bytes = {0, node}};
    from.session = session::kPlainSession | session;
    from.user = to_text(from.path.peer);
    from.link = kBus;
    from.properties = bus_properties();
    return from;
  }
  std::optional<std::uint32_t> next_session(LinkId link) {
    const auto out = donor_->next_payload(link, now_);
    return out ? std::optional(out->session) : std::nullopt;
  }
};

TEST_F(DonorLinks, GetOnlyTheirOwnPayloads) {
  const auto lan = in_session(1);
  const auto bus = on_bus(1);
  const auto lan_lease = accept(lan, 1);
  const auto bus_lease = accept(bus, 2);
  grant(bus, grant_of(bus_lease.handle, 1, {{0, 34}}));
  grant(lan, grant_of(lan_lease.handle, 1, {{0, 34}}));
  // However often one link is asked, the other one keeps its own.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(lan.session, next_session(kLanLink));
  EXPECT_FALSE(next_session(kLanLink));
  EXPECT_FALSE(next_session(LinkId{9}));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(bus.session, next_session(kBus));
  EXPECT_FALSE(next_session(kBus));
}

TEST_F(DonorLinks, TakeTurnsAmongTheLeasesOfOneLink) {
  const auto first = on_bus(1, 0x20);
  const auto second = on_bus(2, 0x21);
  const auto first_lease = accept(first, 1);
  const auto second_lease = accept(second, 2);
  grant(first, grant_of(first_lease.handle, 1, {{0, 51}}));
  grant(second, grant_of(second_lease.handle, 1, {{0, 34}}));
  std::vector<std::optional<std::uint32_t>> order;
  for (int i = 0; i < 5; ++i) order.push_back(next_session(kBus));
  EXPECT_EQ((std::vector<std::optional<std::uint32_t>>{first.session, second.session, first.session,
                                                       second.session, first.session}),
            order);
}

TEST_F(DonorLinks, GetTheirOwnRefusals) {
  grant(on_bus(1), grant_of(77, 5, {{0, 1}}));
  EXPECT_FALSE(next_session(kLanLink));
  EXPECT_EQ(on_bus(1).session, next_session(kBus));
}

TEST_F(DonorLinks, FollowALeaseThatIsAcceptedOverAnotherOne) {
  // One user, two roads: the stream goes where it was accepted last.
  auto lan = in_session(1);
  auto radio = in_session(2);
  radio.link = LinkId{5};
  const auto lease = accept(lan, 1);
  grant(lan, grant_of(lease.handle, 1, {{0, 17}}));
  EXPECT_EQ(lease.handle, accept(radio, 1).handle);
  EXPECT_FALSE(next_session(kLanLink));
  EXPECT_FALSE(next_session(radio.link)) << "what was granted before is forgotten";
  grant(radio, grant_of(lease.handle, 2, {{0, 17}}));
  EXPECT_EQ(radio.session, next_session(radio.link));
}

TEST_F(DonorLinks, SayWhatTheyTake) {
  const auto lease = accept(on_bus(1), 1);
  EXPECT_EQ(31, lease.segment_limit_granules) << "1,984 of the 2,032 bytes that a frame has";
  EXPECT_EQ(57600U, lease.credit_limit_bytes) << "30 s of the line";
  EXPECT_EQ(60 + 8, lease.lease_s);
  const auto capabilities = fields<oem::CapabilitiesRs>(
      ask(on_bus(1), Command::GetRecoveryCapabilities, oem::CapabilitiesRq{}));
  EXPECT_EQ(31, capabilities.segment_limit_granules);
  EXPECT_EQ(57600U, capabilities.credit_limit_bytes);
  EXPECT_EQ(900, capabilities.read_limit_bytes);
  // And on the network as ever.
  const auto usual = accept(in_session(1), 2);
  EXPECT_EQ(512, usual.segment_limit_granules);
  EXPECT_EQ(4U << 20U, usual.credit_limit_bytes);
  EXPECT_EQ(60, usual.lease_s);
}

TEST_F(DonorLinks, RefuseWhatDoesNotFit) {
  auto small = on_bus(1);
  small.properties.largest_message_bytes = 258;
  const auto lease = accept(small, 1);
  EXPECT_EQ(3, lease.segment_limit_granules);
  grant(small, grant_of(lease.handle, 1, {{0, 4}}, 4));
  const auto out = donor_->next_payload(kBus, now_);
  ASSERT_TRUE(out);
  const auto refusal = wire::stream::decode_message(out->payload);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(CompletionCode::InvalidField, std::get<wire::stream::Refusal>(*refusal).reason);
  expect_code(CompletionCode::InvalidField, small, Command::ReadImage,
              oem::ReadRq{lease.handle, 0, 251});
  EXPECT_EQ(250U,
            fields<oem::ReadRs>(ask(small, Command::ReadImage, oem::ReadRq{lease.handle, 0, 250}))
                .data.size());
  expect_code(CompletionCode::InvalidField, small, Command::GetManifest,
              oem::GetManifestRq{digest_, oem::ManifestPart::Manifest, 0, 249});
}

TEST_F(DonorLinks, KeepALeaseForTheTimeOfTheLine) {
  const auto from = on_bus(1);
  const auto lease = accept(from, 1);
  const Duration slack = slack_of(bus_properties());
  now_ += seconds(60) + slack - std::chrono::milliseconds(1);
  donor_->handle_timeout(now_);
  EXPECT_EQ(1U, donor_->leases());
  // A segment that leaves prolongs it, however slowly they follow each other.
  grant(from, grant_of(lease.handle, 1, {{0, 17}}));
  for (int i = 0; i < 1; ++i) EXPECT_TRUE(next_session(kBus));
  now_ += seconds(60) + slack;
  donor_->handle_timeout(now_);
  EXPECT_EQ(0U, donor_->leases());
}

TEST_F(DonorLinks, EndTheStreamOfAPeerThatBeginsAnew) {
  const auto from = on_bus(1);
  const auto old = accept(from, 1);
  grant(from, grant_of(old.handle, 1, {{0, 51}}));
  EXPECT_TRUE(next_session(kBus));
  accept(from, 2);
  EXPECT_FALSE(next_session(kBus)) << "nobody waits for it";
}

class BusyLinks : public DonorLinks {
 protected:
  BusyLinks() {
    config_.leases = 1;
    rebuild();
  }
};

TEST_F(BusyLinks, GiveAPeerTheLeaseThatItLeftBehind) {
  const auto old = accept(on_bus(1), 1);
  now_ += seconds(1);
  EXPECT_NE(old.handle, accept(on_bus(2), 2).handle);
  EXPECT_EQ(CompletionCode::LeaseEnded, read_code(on_bus(2), old.handle));
  EXPECT_EQ(CompletionCode::Busy,
            ask(on_bus(3, 0x21), Command::AcceptOffer, acceptance(offer(3)))->code)
      << "but not to another one";
}

TEST(LinkTerms, HaveRoomForSomethingOnAnyLink) {
  LinkTerms usual;
  usual.segment_limit_granules = 512;
  usual.credit_limit_bytes = 4U << 20U;
  auto link = bus_properties(1200);
  const LinkTerms slow = terms_of(link, usual);
  EXPECT_EQ(16384U, slow.credit_limit_bytes);
  EXPECT_EQ(136, std::chrono::duration_cast<seconds>(slow.slack).count());
  link.largest_message_bytes = 0;
  const LinkTerms none = terms_of(link, usual);
  EXPECT_EQ(1, none.segment_limit_granules);
  EXPECT_EQ(1, none.read_limit_bytes);
  // A bus is slow at every rate, a line of two nodes is not.
  link = bus_properties(2'000'000);
  EXPECT_LT(Duration::zero(), terms_of(link, usual).slack);
  link.half_duplex = false;
  EXPECT_EQ(Duration::zero(), terms_of(link, usual).slack);
  EXPECT_EQ(usual.credit_limit_bytes, terms_of(link, usual).credit_limit_bytes);
}

}  // namespace
}  // namespace fwr::test
