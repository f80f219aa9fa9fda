// SPDX-License-Identifier: GPL-3.0-or-later
// Capabilities, requests, offers and their tokens. PROTOCOL §5.1, §5.2, §6.2.
#include "support/donor_fixture.hpp"

namespace fwr::test {
namespace {

namespace oem = wire::oem;

class DonorCapabilities : public DonorTest {};
class DonorOffer : public DonorTest {};
class OfferToken : public DonorTest {};

TEST_F(DonorCapabilities, AreThoseOfTheConfiguration) {
  config_.credit_bytes = 123456;
  config_.segment_limit_granules = 21;
  config_.leases = 5;
  rebuild();
  const auto rs = fields<oem::CapabilitiesRs>(
      ask(without_session(), Command::GetRecoveryCapabilities, oem::CapabilitiesRq{}));
  EXPECT_EQ(1, rs.version);
  EXPECT_EQ(1, rs.oldest_version);
  EXPECT_EQ(DonorRole::Peer, rs.role);
  EXPECT_EQ(0x03, rs.media);
  EXPECT_EQ(900, rs.read_limit_bytes);
  EXPECT_EQ(21, rs.segment_limit_granules);
  EXPECT_EQ(123456U, rs.credit_limit_bytes);
  EXPECT_EQ(5, rs.lease_limit);
}

TEST_F(DonorCapabilities, NeedNoPaddingInASession) {
  auto request = oem::make_request(kIana, Command::GetRecoveryCapabilities, oem::CapabilitiesRq{});
  request.data.resize(4);
  EXPECT_FALSE(send(without_session(), request));
  fields<oem::CapabilitiesRs>(send(in_session(1), request));
}

TEST_F(DonorCapabilities, OfANewerPeerAreAnsweredInOurVersion) {
  const auto rs = fields<oem::CapabilitiesRs>(
      ask(without_session(), Command::GetRecoveryCapabilities, oem::CapabilitiesRq{9}));
  EXPECT_EQ(1, rs.version);
}

TEST_F(DonorCapabilities, OfAVersionBelowTheOldestAreRefused) {
  expect_code(CompletionCode::VersionUnsupported, without_session(),
              Command::GetRecoveryCapabilities, oem::CapabilitiesRq{0});
}

TEST_F(DonorOffer, SaysWhatTheCatalogueHolds) {
  auto rq = firmware_request(5);
  rq.version = 200;
  const auto rs = fields<oem::Offer>(ask(without_session(), Command::RequestFirmware, rq));
  EXPECT_EQ(1, rs.version);
  EXPECT_EQ(DonorRole::Peer, rs.role);
  EXPECT_EQ(0x03, rs.media);
  EXPECT_EQ(0, rs.load_percent);
  EXPECT_EQ(rq.nonce, rs.nonce);
  EXPECT_EQ(config_.guid, rs.donor);
  EXPECT_EQ(digest_, rs.digest);
  EXPECT_EQ(7U, rs.security_version);
  EXPECT_EQ(kImage_bytes, rs.size_bytes);
  EXPECT_EQ(60, rs.hold_s);
  EXPECT_EQ("2.0", rs.image_version);
  EXPECT_EQ("bmc", rs.component);
}

TEST_F(DonorOffer, IsNoLargerThanItsRequest) {
  const auto request = oem::make_request(kIana, Command::RequestFirmware, firmware_request());
  const auto response = send(without_session(), request);
  ASSERT_TRUE(response);
  EXPECT_LE(response->data.size() + 1, request.data.size());
}

TEST_F(DonorOffer, IsNotMadeForARequestShorterThanItself) {
  auto request = oem::make_request(kIana, Command::RequestFirmware, firmware_request());
  const std::size_t offer_bytes = send(without_session(), request)->data.size() + 1;
  request.data.resize(offer_bytes);
  EXPECT_TRUE(send(without_session(), request));
  while (!request.data.empty()) {
    request.data.pop_back();
    EXPECT_FALSE(send(without_session(), request)) << request.data.size();
  }
}

TEST_F(DonorOffer, NeedsNoPaddingInASession) {
  auto request = oem::make_request(kIana, Command::RequestFirmware, firmware_request());
  request.data.resize(44);
  fields<oem::Offer>(send(in_session(1), request));
  request.data.resize(43);
  EXPECT_EQ(CompletionCode::InvalidLength, send(in_session(1), request)->code);
}

TEST_F(DonorOffer, ToABroadcastIsMadeToo) {
  EXPECT_TRUE(ask(without_session(), Command::RequestFirmware, firmware_request(1, true)));
}

/// PROTOCOL §5.2: a decline shows that it answers this request.
void expect_decline(CompletionCode code, const oem::RequestFirmwareRq& request,
                    const std::optional<wire::IpmiResponse>& response) {
  ASSERT_TRUE(response);
  EXPECT_EQ(code, response->code);
  Bytes expected = oem::response_data(kIana);
  expected.insert(expected.end(), request.nonce.begin(), request.nonce.end());
  EXPECT_EQ(expected, response->data);
}

TEST_F(DonorOffer, GoesOnBehindAnImageWithoutASessionAndInOneAndIsNoLarger) {
  auto rq = firmware_request();
  const auto first = ask(without_session(), Command::RequestFirmware, rq);
  ASSERT_TRUE(first);
  rq.after = digest_;
  expect_decline(CompletionCode::NoCompatibleImage, rq,
                 ask(without_session(), Command::RequestFirmware, rq));
  expect_decline(CompletionCode::NoCompatibleImage, rq,
                 ask(in_session(1), Command::RequestFirmware, rq));
  image::Manifest older = catalogue_.entry(0).manifest;
  older.version = "0.1";
  older.digest.fill(std::byte{0x33});
  catalogue_.add(older, 77);
  const auto next = ask(without_session(), Command::RequestFirmware, rq);
  ASSERT_TRUE(next);
  EXPECT_EQ(CompletionCode::Ok, next->code);
  EXPECT_EQ(first->data.size(), next->data.size());
  const auto offer = wire::decode<oem::Offer>(*oem::strip_iana(kIana, next->data));
  ASSERT_TRUE(offer);
  EXPECT_EQ("0.1", offer->image_version);
  // Nothing is said to a broadcast when the order is at its end.
  rq.after = older.digest;
  rq.flags = oem::RequestFirmwareRq::kBroadcast;
  EXPECT_FALSE(ask(without_session(), Command::RequestFirmware, rq));
}

TEST_F(DonorOffer, LeavesOutWhatHasExpiredByTheClockOfTheDonor) {
  image::Manifest& manifest = catalogue_.entry(0).manifest;
  manifest.expires = manifest.created + 100;
  std::optional<std::int64_t> clock = *manifest.expires;
  config_.wall_clock = [&] { return clock; };
  rebuild();
  expect_decline(CompletionCode::NoCompatibleImage, firmware_request(),
                 ask(without_session(), Command::RequestFirmware, firmware_request()));
  clock.reset();
  EXPECT_EQ(CompletionCode::Ok,
            ask(without_session(), Command::RequestFirmware, firmware_request())->code);
}

TEST_F(DonorOffer, WithoutImageIsSilenceToABroadcastAndADeclineToAUnicast) {
  auto rq = firmware_request(1, true);
  rq.platform.component = "bios";
  EXPECT_FALSE(ask(without_session(), Command::RequestFirmware, rq));
  rq.flags = 0;
  expect_decline(CompletionCode::NoCompatibleImage, rq,
                 ask(without_session(), Command::RequestFirmware, rq));
}

TEST_F(DonorOffer, WithoutImageIsADeclineInASessionWhateverTheFlag) {
  auto rq = firmware_request(1, true);
  rq.platform.component = "bios";
  expect_decline(CompletionCode::NoCompatibleImage, rq,
                 ask(in_session(1), Command::RequestFirmware, rq));
}

TEST_F(DonorOffer, OfAnUnspokenVersionIsRefusedAndSilentToABroadcast) {
  auto rq = firmware_request();
  rq.version = 0;
  expect_decline(CompletionCode::VersionUnsupported, rq,
                 ask(without_session(), Command::RequestFirmware, rq));
  rq.flags = oem::RequestFirmwareRq::kBroadcast;
  EXPECT_FALSE(ask(without_session(), Command::RequestFirmware, rq));
}

TEST_F(DonorOffer, RefusesTextThatIsNoTextAndStaysSilentToABroadcast) {
  auto request = oem::make_request(kIana, Command::RequestFirmware, firmware_request());
  request.data[28] = std::byte{0x07};
  EXPECT_EQ(CompletionCode::InvalidField, send(without_session(), request)->code);
  request.data[4] = std::byte{oem::RequestFirmwareRq::kBroadcast};
  EXPECT_FALSE(send(without_session(), request));
}

TEST_F(DonorOffer, TellsTheLoad) {
  config_.leases = 3;
  config_.leases_per_user = 3;
  rebuild();
  accept(in_session(1));
  EXPECT_EQ(33, offer(2).load_percent);
  accept(in_session(1), 2);
  accept(in_session(1), 3);
  EXPECT_EQ(100, offer(4).load_percent);
}

TEST_F(DonorOffer, IsAnEventForTheLog) {
  const auto from = without_session();
  ask(from, Command::RequestFirmware, firmware_request());
  const auto all = events();
  ASSERT_EQ(1U, all.size());
  EXPECT_EQ(DonorEvent::Kind::Offered, all[0].kind);
  EXPECT_EQ(from.path, all[0].path);
  EXPECT_EQ(digest_, all[0].digest);
}

TEST_F(DonorOffer, EventsOfAFloodAreFew) {
  for (unsigned second = 0; second < 5; ++second, now_ += 1s) {
    for (unsigned i = 0; i < 500; ++i) offer(i);
    EXPECT_EQ(second == 0 ? 50U : 10U, events().size());
  }
}

TEST_F(DonorOffer, EventsOfAFloodLeaveRoomForThoseOfUsers) {
  for (unsigned i = 0; i < 1000; ++i) offer(i);
  accept(in_session(1));
  const auto all = events();
  EXPECT_LT(all.size(), 256U);
  EXPECT_EQ(DonorEvent::Kind::Accepted, all.back().kind);
}

// --- tokens --------------------------------------------------------------------------------------

TEST_F(OfferToken, HoldsExactlyAsLongAsTheOfferSays) {
  const auto rq = acceptance(offer());
  now_ += 60s;
  EXPECT_EQ(CompletionCode::Ok, ask(in_session(1), Command::AcceptOffer, rq)->code);
}

TEST_F(OfferToken, IsExpiredAfterItsTime) {
  const auto rq = acceptance(offer());
  now_ += 60s + 1ns;
  expect_code(CompletionCode::OfferExpired, in_session(1), Command::AcceptOffer, rq);
}

TEST_F(OfferToken, HoldsAtLeastItsTimeWhenItWasMadeBetweenSeconds) {
  now_ += 300ms;
  const auto rq = acceptance(offer());
  now_ += 60s;
  EXPECT_EQ(CompletionCode::Ok, ask(in_session(1), Command::AcceptOffer, rq)->code);
  now_ += 701ms;
  expect_code(CompletionCode::OfferExpired, in_session(2, "bob"), Command::AcceptOffer, rq);
}

TEST_F(OfferToken, HasTheEndOfTheOfferAsUptimeInFront) {
  now_ += 7s;
  const auto made = offer();
  EXPECT_EQ(67U, ByteReader(made.token).le<4>());
}

TEST_F(OfferToken, WithAnyBitChangedIsRefused) {
  const auto good = acceptance(offer());
  for (std::size_t bit = 0; bit < good.token.size() * 8; ++bit) {
    auto forged = good;
    forged.token[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    expect_code(CompletionCode::OfferExpired, in_session(1), Command::AcceptOffer, forged);
  }
  EXPECT_EQ(0U, donor_->leases());
}

TEST_F(OfferToken, IsForItsNonceAndItsDigestOnly) {
  const auto good = acceptance(offer());
  auto other = good;
  other.nonce[15] ^= std::byte{1};
  expect_code(CompletionCode::OfferExpired, in_session(1), Command::AcceptOffer, other);
  other = good;
  other.digest = catalogue_.add(100, 9).digest;
  expect_code(CompletionCode::OfferExpired, in_session(1), Command::AcceptOffer, other);
}

TEST_F(OfferToken, OfAnotherDonorIsRefused) {
  const auto rq = acceptance(offer());
  rebuild();  // the same donor started again: another key
  expect_code(CompletionCode::OfferExpired, in_session(1), Command::AcceptOffer, rq);
}

TEST_F(OfferToken, ForARemovedImageIsAnsweredUnknownImage) {
  const auto rq = acceptance(offer());
  RandomCatalogue empty;
  donor_->replace_catalogue(empty, now_);
  expect_code(CompletionCode::UnknownImage, in_session(1), Command::AcceptOffer, rq);
}

}  // namespace
}  // namespace fwr::test
