// SPDX-License-Identifier: GPL-3.0-or-later
// Liars that have the account, and one honest donor: it is reached, in bounded time. PROTOCOL §6.4.
#include <gtest/gtest.h>

#include "recipient/selection.hpp"
#include "support/recovery_rig.hpp"

namespace fwr::test {
namespace {

using wire::oem::Command;
using namespace std::chrono_literals;

class Liars : public ::testing::Test {
 protected:
  static constexpr std::uint8_t kHonest = 250;

  Liars() { rig_.config.policy.deadline = 10min; }

  static SignedImage image(const std::string& version, std::uint32_t security, std::uint32_t seed,
                           std::uint8_t key = 1, std::size_t size = 20000) {
    return SignedImage::make(noise(size, seed), version, security, TestSigner(key));
  }
  static bool is(const wire::IpmiRequest& request, Command command) {
    return request.command == static_cast<std::uint8_t>(command);
  }
  static wire::IpmiResponse refusal(wire::CompletionCode code) {
    return {.code = code, .data = wire::oem::response_data(kIana)};
  }
  /// `count` images signed with an untrusted key, each better than the next one.
  static std::vector<SignedImage> worthless(unsigned count) {
    std::vector<SignedImage> images;
    for (unsigned i = 0; i < count; ++i)
      images.push_back(image("9." + std::to_string(i), 1000 + i, 1000 + i, 2, 100 + i));
    return images;
  }
  void add_honest(const SignedImage& wanted) {
    rig_.add_donor(wanted, {.host = kHonest, .role = DonorRole::Peer});
  }
  /// The honest donor's image is in the slot; seconds that it took.
  double expect_installed() {
    EXPECT_TRUE(rig_.run());
    EXPECT_TRUE(rig_.succeeded()) << rig_.detail();
    if (rig_.succeeded()) {
      EXPECT_EQ(rig_.finished->manifest->version, "2.0");
    }
    return std::chrono::duration<double>(rig_.now - rig_.began).count();
  }
  RecoveryRig rig_;
};

TEST_F(Liars, AnyNumberThatRefusesALeaseKeepsNobodyFromTheHonestDonor) {
  const SignedImage wanted = image("2.0", 3, 1);
  for (std::uint8_t host = 2; host < 100; ++host) {
    rig_.add_donor(wanted, {.host = host}).meddle =
        [](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
      if (!is(request, Command::AcceptOffer)) return {};
      return refusal(wire::CompletionCode::Unspecified);
    };
  }
  add_honest(wanted);
  EXPECT_LT(expect_installed(), 30);
}

TEST_F(Liars, OneThatAnswersJustInTimeForEverHasItsTurnAndNoMore) {
  // Each answer takes 3 s, and there is always one more image.
  rig_.add_donor(worthless(200), {.host = 2, .link = {.delay = 1500ms}});
  add_honest(image("2.0", 3, 1));
  EXPECT_LT(expect_installed(), 60);
}

TEST_F(Liars, ThatFallSilentInTheirSessionsCostOneWaitWhereTheHonestDonorWasNamed) {
  rig_.config.targets = {{.path = Path{{}, broadcast_address()}, .broadcast = true},
                         {.path = Path{{}, ipv4(kHonest)}}};
  for (std::uint8_t host = 2; host < 42; ++host) {
    DonorHost& liar = rig_.add_donor(image("9.9", 1000U + host, 1), {.host = host});
    liar.before = [&liar](const wire::IpmiRequest& request) {
      liar.cut = liar.cut || is(request, Command::GetManifest);
    };
  }
  add_honest(image("2.0", 3, 1));
  EXPECT_LT(expect_installed(), 60);
}

TEST_F(Liars, ManyThatAnswerJustInTimeShareTheTime) {
  for (std::uint8_t host = 2; host < 82; ++host)
    rig_.add_donor(worthless(100), {.host = host, .link = {.delay = 700ms}});
  add_honest(image("2.0", 3, 1));
  EXPECT_LT(expect_installed(), 400);
}

TEST_F(Liars, ThatSayBusyInTheNameOfTheHonestDonorPutItOffTwice) {
  const SignedImage wanted = image("2.0", 3, 1);
  for (std::uint8_t host = 2; host < 66; ++host) {
    rig_.add_donor(wanted, {.host = host, .claims = kHonest}).meddle =
        [](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
      if (!is(request, Command::AcceptOffer)) return {};
      wire::IpmiResponse busy = refusal(wire::CompletionCode::Busy);
      busy.data.push_back(std::byte{60});
      busy.data.push_back(std::byte{0});
      return busy;
    };
  }
  add_honest(wanted);
  EXPECT_LT(expect_installed(), 250);
}

TEST_F(Liars, AnOldManifestOfTheSameImageCountsWhereItCameFrom) {
  const SignedImage wanted = image("2.0", 3, 1);
  SignedImage old = wanted;
  old.entry.manifest.expires = old.entry.manifest.created + 1;
  old.sign(TestSigner(1));
  // Without a clock it offers what has expired, too.
  rig_.add_donor(old, {.host = 2, .claims = kHonest});
  add_honest(wanted);
  EXPECT_LT(expect_installed(), 30);
}

TEST_F(Liars, WithoutTheAccountCostTwoTriesEach) {
  rig_.config.policy.deadline = 5min;
  for (std::uint8_t host = 2; host < 42; ++host)
    rig_.add_donor(image("9.9", 1000U + host, 1), {.host = host});
  add_honest(image("2.0", 3, 1));
  // They offer, and then do not answer.
  rig_.on_state[recipient::State::Selecting] = [this] {
    for (const auto& donor : rig_.donors) donor->cut = donor->address != ipv4(kHonest);
  };
  // 40 times 3 s, each up to a quarter longer, and 15 s for the first one.
  EXPECT_LT(expect_installed(), 170);
}

recipient::Offer offer_of(std::uint8_t host, std::uint32_t number) {
  recipient::Offer offer;
  offer.candidate.path = Path{{}, ipv4(host)};
  offer.candidate.donor.fill(static_cast<std::byte>(host));
  offer.candidate.component = "bmc";
  offer.candidate.version = "1." + std::to_string(number);
  offer.candidate.size_bytes = 1000;
  SeededRandom(number).fill(offer.candidate.digest);
  return offer;
}

TEST(LiarsImages, AtAnAddressWhereNobodyAnsweredTakeNobodyFromADonorThatHasOne) {
  // Two offers of an address that is not there, better than the third.
  std::vector<recipient::Offer> offers{offer_of(7, 3), offer_of(7, 2), offer_of(8, 1)};
  recipient::Selection selection(recipient::RecoveryConfig{}, offers, {});
  const auto forged = selection.next(TimePoint{});
  ASSERT_TRUE(forged);
  EXPECT_EQ(forged->index, 0U);
  selection.late(forged->index, Error{Errc::DonorTooSlow, {}}, TimePoint{});
  const auto honest = selection.next(TimePoint{});
  ASSERT_TRUE(honest);
  EXPECT_EQ(honest->index, 2U);
  EXPECT_TRUE(honest->in_doubt);
  selection.proved(honest->index, offers[2].candidate.donor);
  EXPECT_TRUE(selection.stays_first(honest->index));
}

TEST(LiarsImages, OfAnyNumberLeaveRoomForTheSecondOneOfTheHonestDonor) {
  constexpr std::uint8_t kLiars = 20;
  std::vector<recipient::Offer> offers;
  for (std::uint8_t host = 1; host <= kLiars + 1; ++host) offers.push_back(offer_of(host, 0));
  recipient::Selection selection(recipient::RecoveryConfig{}, offers, {});
  const Error bad{Errc::BadSignature, {}};
  std::uint32_t number = 0;
  for (std::size_t liar = 0; liar < kLiars; ++liar) {
    std::size_t at = liar;
    for (int i = 0; i < 250; ++i) {
      const auto next =
          selection.add_next(at, offer_of(static_cast<std::uint8_t>(liar + 1), ++number), true);
      ASSERT_TRUE(next) << "image " << number;
      selection.refuse_image(at, bad, false);
      selection.asked_on(at);
      at = *next;
    }
    selection.refuse_image(at, bad, false);
    selection.asked_on(at);
  }
  const auto second = selection.add_next(kLiars, offer_of(kLiars + 1, ++number), true);
  ASSERT_TRUE(second);
  EXPECT_EQ(selection.offer(*second).candidate.path.peer, ipv4(kLiars + 1));
}

}  // namespace
}  // namespace fwr::test
