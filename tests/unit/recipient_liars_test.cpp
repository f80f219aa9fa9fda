// SPDX-License-Identifier: GPL-3.0-or-later
// Liars that have the account, and one honest donor: it is reached, in bounded time. PROTOCOL §6.4.
#include <gtest/gtest.h>

#include "recovery_rig.hpp"

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
  /// `count` images that nobody trusted signed, each better than the next one.
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

}  // namespace
}  // namespace fwr::test
