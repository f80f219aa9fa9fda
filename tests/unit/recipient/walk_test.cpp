// SPDX-License-Identifier: GPL-3.0-or-later
// Every image of a donor is within reach, and forged claims cost an honest donor nothing.
// PROTOCOL §5.2, §6.4.
#include <gtest/gtest.h>

#include "recipient/discovery.hpp"
#include "support/recovery_rig.hpp"
#include "wire/rmcp.hpp"

namespace fwr::test {
namespace {

using recipient::Event;
using recipient::State;

class Walk : public ::testing::Test {
 protected:
  Walk() {
    rig_.config.targets = {{.path = Path{{}, broadcast_address()}, .broadcast = true}};
    rig_.config.situation.installed_version = "1.0";
  }
  static SignedImage image(const std::string& version, const std::string& minimum = "",
                           std::size_t size = 20000, std::uint8_t key = 1) {
    SignedImage made =
        SignedImage::make(noise(size, static_cast<std::uint32_t>(version[0]) + key), version, 1);
    if (!minimum.empty()) made.entry.manifest.minimum_version = minimum;
    made.sign(TestSigner(key));
    return made;
  }
  void expect_installed(const std::string& version) {
    ASSERT_TRUE(rig_.run());
    ASSERT_TRUE(rig_.succeeded()) << rig_.detail();
    EXPECT_EQ(version, rig_.finished->manifest->version);
  }
  /// An attacker that hears the request and answers with `count` offers in the name of a donor.
  void forge(DonorHost& victim, unsigned count, bool own_guid, std::uint32_t security = 4000000) {
    const auto forged = std::make_shared<bool>(false);
    rig_.on_datagram = [this, &victim, count, own_guid, security, forged](const Datagram& sent) {
      if (std::exchange(*forged, true)) return;
      const auto rmcp = wire::decode_rmcp(sent.bytes);
      const auto* v15 = std::get_if<wire::SessionlessV15>(&rmcp.value());
      ASSERT_NE(nullptr, v15);
      const auto request = wire::decode_lan_message(v15->message).value();
      const auto rq = wire::decode<wire::oem::RequestFirmwareRq>(
                          wire::oem::strip_iana(kIana, request.data).value())
                          .value();
      for (unsigned i = 0; i < count; ++i) {
        wire::oem::Offer offer;
        offer.nonce = rq.nonce;
        offer.security_version = security - i;
        offer.image_version = "9.9";
        offer.component = "bmc";
        offer.size_bytes = 1000 + i;
        SeededRandom(i).fill(offer.digest);
        SeededRandom(i).fill(offer.token);
        if (own_guid)
          offer.donor.fill(static_cast<std::byte>(victim.address.bytes[3]));
        else
          SeededRandom(i + 7).fill(offer.donor);
        const auto response = wire::make_lan_response(
            request, {wire::CompletionCode::Ok, wire::oem::response_data(kIana, offer)});
        rig_.recovery->handle_datagram(Path{ipv4(1, 40000), victim.address},
                                       wire::encode(wire::SessionlessV15{wire::encode(response)}),
                                       rig_.now);
      }
    };
  }
  RecoveryRig rig_{64U << 10};
};

TEST_F(Walk, TakesASteppingStoneWhenTheBestNeedsOne) {
  rig_.add_donor({image("1.0"), image("3.0", "2.0"), image("2.0")});
  expect_installed("2.0");
  // What was considered ended with a verdict in words.
  bool told = false;
  for (const auto& offered : rig_.offered)
    told = told || (offered.candidate.version == "3.0" && !offered.verdict.accepted &&
                    offered.verdict.reason.find("over version 2.0") != std::string::npos);
  EXPECT_TRUE(told);
}

TEST_F(Walk, FindsThePinnedVersionBehindANewerOne) {
  rig_.config.policy.pinned_version = "1.0";
  rig_.config.policy.allow_downgrade = true;
  rig_.config.situation.installed_version = "2.0";
  rig_.add_donor({image("1.0"), image("2.0"), image("3.0")});
  expect_installed("1.0");
}

TEST_F(Walk, FindsWhatFitsTheSlotAndWhatHasNotExpiredAndWhatATrustedKeySigned) {
  SignedImage expired = image("5.0");
  expired.entry.manifest.expires = 1750000000;
  expired.sign(TestSigner(1));
  rig_.add_donor({image("6.0", "", 80U << 10), expired, image("4.0", "", 20000, 66), image("3.0")});
  expect_installed("3.0");
}

TEST_F(Walk, GoesOnBehindAnImageWhoseContentIsWrong) {
  DonorHost& donor = rig_.add_donor({image("3.0"), image("2.0")});
  for (SignedImage& one : donor.catalogue.images())
    if (one.entry.manifest.version == "3.0") one.bytes[5] ^= std::byte{1};
  expect_installed("2.0");
}

TEST_F(Walk, ADonorThatDoesNotKnowHowToGoOnIsLeftAtOnce) {
  DonorHost& donor = rig_.add_donor({image("3.0", "2.0"), image("2.0")});
  unsigned asked = 0;
  donor.before = [&](wire::IpmiRequest& request) {
    if (request.command != static_cast<std::uint8_t>(wire::oem::Command::RequestFirmware)) return;
    ++asked;
    std::fill(request.data.begin() + 44, request.data.begin() + 76, std::byte{0});
  };
  ASSERT_TRUE(rig_.run());
  EXPECT_EQ(Errc::ImageIncompatible, rig_.error());
  EXPECT_LE(asked, recipient::kRequestRounds + 2) << "the rounds of the broadcast, and two";
}

TEST_F(Walk, TheBestOfAllDonorsIsTakenAlsoWhenOneHasToGoOn) {
  rig_.add_donor({image("5.0", "4.0"), image("2.0")});
  rig_.add_donor(image("3.0"), {.host = 8});
  expect_installed("3.0");
  EXPECT_TRUE(rows_taken<recipient::TalkState>().contains(
      {recipient::TalkState::Vetting, Event::BetterDonor}));
}

// Donors of one prefix (/24), more than policy.donors: each is asked, and the last one has it.
TEST_F(Walk, DonorsWithNothingForThisSystemUseUpNobodysNumber) {
  enum Nothing { TooLarge, NotPinned, ForeignKey };
  for (const Nothing nothing : {TooLarge, NotPinned, ForeignKey}) {
    rig_.restart();
    rig_.donors.clear();
    rig_.config.policy.pinned_version.reset();
    if (nothing == NotPinned) rig_.config.policy.pinned_version = "2.0";
    const auto useless = nothing == TooLarge    ? image("3.0", "", 80U << 10)
                         : nothing == NotPinned ? image("3.0")
                                                : image("3.0", "", 20000, 66);
    const auto many = static_cast<std::uint8_t>(rig_.config.policy.donors_tried + 4);
    for (std::uint8_t host = 20; host < 20 + many; ++host) rig_.add_donor(useless, {.host = host});
    rig_.add_donor({useless, image("2.0")}, {.host = 99});
    expect_installed("2.0");
  }
}

TEST_F(Walk, AnEmptyWalkEndsWithTheReasonOfEachImage) {
  rig_.config.policy.pinned_version = "7.0";
  rig_.add_donor({image("2.0"), image("3.0")});
  ASSERT_TRUE(rig_.run());
  EXPECT_EQ(Errc::NoOfferAcceptable, rig_.error());
  EXPECT_NE(std::string::npos, rig_.detail().find("version 2.0 is not 7.0")) << rig_.detail();
  EXPECT_NE(std::string::npos, rig_.detail().find("version 3.0 is not 7.0")) << rig_.detail();
}

TEST_F(Walk, AThousandForgedOffersInItsOwnNameCostADonorOneSession) {
  for (const unsigned count : {64U, 1000U}) {
    for (const bool own_guid : {true, false}) {
      rig_.restart();
      rig_.donors.clear();
      rig_.chosen.clear();
      DonorHost& donor = rig_.add_donor(image("2.0"));
      forge(donor, count, own_guid);
      rig_.start();
      expect_installed("2.0");
      EXPECT_EQ(1U, donor.server.counters().sessions_opened) << count << own_guid;
    }
  }
}

// --- who only looks ------------------------------------------------------------------------------

/// "3.0 1, 2.0 refused"
std::string listed(const RecoveryRig& rig) {
  std::string text;
  for (const auto& one : rig.offered)
    text += (text.empty() ? "" : ", ") + one.candidate.version + " " +
            (one.verdict.accepted ? std::to_string(one.rank) : "refused");
  return text;
}

TEST_F(Walk, WhoOnlyLooksSeesAllImagesOfAllDonorsOnce) {
  rig_.config.offers_only = true;
  rig_.add_donor({image("1.0"), image("3.0", "2.0"), image("2.0")});
  rig_.add_donor({image("4.0"), image("0.5")}, {.host = 8});
  ASSERT_TRUE(rig_.run());
  EXPECT_FALSE(rig_.finished->error) << rig_.detail();
  EXPECT_EQ("4.0 1, 3.0 2, 2.0 3, 1.0 4, 0.5 refused", listed(rig_));
  EXPECT_TRUE(rig_.chosen.empty());
  for (const auto& donor : rig_.donors) EXPECT_EQ(0U, donor->server.counters().sessions_opened);
}

TEST_F(Walk, AcceptableAfterVerifyingIsWhatARequestInstalls) {
  rig_.config.offers_only = rig_.config.verify = true;
  SignedImage expired = image("5.0");
  expired.entry.manifest.expires = 1750000000;
  expired.sign(TestSigner(1));
  rig_.add_donor({image("6.0", "", 80U << 10), expired, image("4.0", "", 20000, 66),
                  image("3.0", "2.0"), image("2.0")});
  ASSERT_TRUE(rig_.run());
  EXPECT_FALSE(rig_.finished->error) << rig_.detail();
  EXPECT_EQ(1, std::count_if(rig_.offered.begin(), rig_.offered.end(),
                             [](const auto& one) { return one.verdict.accepted; }));
  EXPECT_EQ("2.0", rig_.offered.at(0).candidate.version);
  EXPECT_TRUE(rig_.offered.at(0).manifest);
  EXPECT_TRUE(rig_.slots.calls.empty());
  EXPECT_FALSE(rig_.donors.at(0)->saw(donor::DonorEvent::Kind::Accepted));
}

TEST_F(Walk, WhatOnlyALiarOffersIsNotVerified) {
  rig_.config.offers_only = rig_.config.verify = true;
  DonorHost& donor = rig_.add_donor(image("2.0"));
  forge(donor, 100, true);
  ASSERT_TRUE(rig_.run());
  EXPECT_FALSE(rig_.finished->error) << rig_.detail();
  EXPECT_EQ("2.0 1", listed(rig_));
  EXPECT_EQ(1U, donor.server.counters().sessions_opened);
}

TEST_F(Walk, ADonorThatDoesNotTakeThePasswordHasNothingAcceptable) {
  rig_.config.offers_only = rig_.config.verify = true;
  rig_.add_donor({image("3.0"), image("2.0")}, {.host = 8, .password = "other"});
  ASSERT_TRUE(rig_.run());
  EXPECT_EQ(Errc::AllDonorsFailed, rig_.error());
  EXPECT_EQ(Errc::AuthenticationFailed, rig_.finished->cause);
  EXPECT_EQ("3.0 refused", listed(rig_));
  ASSERT_EQ(1U, rig_.dropped.size());
}

TEST_F(Walk, ADonorThatIsGoneMeanwhileCostsItsTimeAndNoMore) {
  for (const bool verify : {false, true}) {
    rig_.restart();
    rig_.donors.clear();
    rig_.config.offers_only = true;
    rig_.config.verify = verify;
    rig_.add_donor({image("3.0"), image("2.0")});
    rig_.add_donor({image("2.0"), image("1.0")}, {.host = 8});
    rig_.start();
    bool gone = false;
    rig_.on_datagram = [&](const Datagram& sent) {
      if (gone || sent.path.peer != rig_.donors.at(0)->address) return;
      gone = true;
      rig_.donors.at(0)->cut = true;
    };
    ASSERT_TRUE(rig_.run());
    EXPECT_FALSE(rig_.finished->error) << rig_.detail();
    EXPECT_EQ(verify ? "2.0 1, 1.0 2, 3.0 refused" : "3.0 1, 2.0 2, 1.0 3", listed(rig_));
    EXPECT_EQ(1U, rig_.dropped.size());
    EXPECT_LT(rig_.now - rig_.began, std::chrono::seconds(30));
  }
}

TEST_F(Walk, ADonorThatDoesNotKnowHowToGoOnShowsItsBestImage) {
  for (const bool verify : {false, true}) {
    rig_.restart();
    rig_.donors.clear();
    rig_.config.offers_only = true;
    rig_.config.verify = verify;
    DonorHost& donor = rig_.add_donor({image("3.0"), image("2.0")});
    donor.before = [&](wire::IpmiRequest& request) {
      if (request.command == static_cast<std::uint8_t>(wire::oem::Command::RequestFirmware))
        std::fill(request.data.begin() + 44, request.data.begin() + 76, std::byte{0});
    };
    rig_.start();
    ASSERT_TRUE(rig_.run());
    EXPECT_EQ("3.0 1", listed(rig_));
  }
}

}  // namespace
}  // namespace fwr::test
