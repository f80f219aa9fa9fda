// SPDX-License-Identifier: GPL-3.0-or-later
// Whole recoveries from real donors over simulated paths, in virtual time. PROTOCOL §6.4.
#include <gtest/gtest.h>

#include "support/recovery_rig.hpp"

namespace fwr::recipient {
namespace {

using namespace std::chrono_literals;
using test::DonorHost;
using test::LinkOptions;
using test::noise;
using test::RecoveryRig;
using test::SignedImage;

constexpr std::size_t kSmall = 600 * 1024 + 123;

SignedImage image(std::uint32_t seed = 1, const std::string& version = "2.0",
                  std::uint32_t security = 5) {
  return SignedImage::make(noise(kSmall, seed), version, security);
}

void expect_installed(RecoveryRig& rig, const SignedImage& expected) {
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  const flash::BootRecord& record = rig.slots.record;
  EXPECT_EQ(record.slot(record.active).state, flash::SlotState::Trial);
  EXPECT_EQ(record.slot(record.active).manifest, expected.entry.manifest_json);
  EXPECT_EQ(record.slot(record.active).signature, expected.entry.signature);
  Bytes got = rig.slots.of(record.active);
  got.resize(expected.bytes.size());
  EXPECT_EQ(got, expected.bytes);
  EXPECT_FALSE(rig.slots.active_was_written);
  EXPECT_FALSE(rig.slots.written_before_recorded);
  EXPECT_EQ(rig.finished->manifest, expected.entry.manifest);
  EXPECT_EQ(rig.finished->progress.done_bytes, expected.bytes.size());
  EXPECT_EQ(rig.finished->progress.fetched_bytes + rig.finished->progress.reused_bytes,
            expected.bytes.size());
}

TEST(Recovery, InstallsTheImageOfTheOnlyDonor) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  DonorHost& donor = rig.add_donor(wanted);
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  using enum State;
  const std::vector<State> path = {Discovering, Selecting,  Connecting,   Vetting,
                                   Accepting,   Preparing,  FetchingTree, FetchingImage,
                                   Verifying,   Activating, Reporting,    Done};
  EXPECT_EQ(rig.states, path);
  EXPECT_TRUE(donor.saw(donor::DonorEvent::Kind::Reported));
  EXPECT_EQ(donor.events.back().result, 0);
  EXPECT_EQ(donor.donor.leases(), 0U);
  EXPECT_EQ(donor.server.active_sessions(), 0U);
}

TEST(Recovery, DoesTheStepsOnTheSlotInTheirOrder) {
  RecoveryRig rig;
  rig.add_donor(image());
  ASSERT_TRUE(rig.run());
  const std::vector<std::string> calls = {"prepare b", "record writing", "flush b",
                                          "record verified", "record good"};
  // The last one activates: what was active is inactive then, and it was never confirmed here.
  ASSERT_EQ(rig.slots.calls.size(), calls.size());
  for (std::size_t i = 0; i + 1 < calls.size(); ++i) EXPECT_EQ(rig.slots.calls[i], calls[i]);
  ASSERT_TRUE(rig.slots.record.trial);
  EXPECT_EQ(rig.slots.record.trial->previous, flash::SlotId::A);
  EXPECT_EQ(rig.slots.record.trial->limit_s, 600U);
  EXPECT_GE(rig.slots.record.trial->began, 1800000000);
}

TEST(Recovery, ATrialThatBeginsWithADeadClockHasNoLimit) {
  RecoveryRig rig;
  rig.config.situation.wall_clock.reset();
  rig.add_donor(image());
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_TRUE(rig.slots.record.trial);
  EXPECT_FALSE(flash::trial_expired(rig.slots.record, 1800000000));
}

TEST(Recovery, ChoosesTheBestOfTwoDonors) {
  RecoveryRig rig;
  const SignedImage newer = image(2, "2.1");
  rig.add_donor(image(1, "2.0"), {.host = 7});
  rig.add_donor(newer, {.host = 8, .role = DonorRole::Peer});
  ASSERT_TRUE(rig.run());
  expect_installed(rig, newer);
  ASSERT_EQ(rig.offered.size(), 2U);
  EXPECT_EQ(rig.offered[0].candidate.version, "2.1");
  EXPECT_TRUE(rig.offered[0].verdict.accepted);
  ASSERT_EQ(rig.chosen.size(), 1U);
  EXPECT_EQ(to_text(rig.chosen[0].candidate.path.peer), "lan:10.0.0.8");
  EXPECT_EQ(rig.chosen[0].candidate.role, DonorRole::Peer);
}

TEST(Recovery, OneBlockImagesHaveNoTree) {
  for (const std::size_t size : {1UL, 4096UL, 4097UL}) {
    RecoveryRig rig;
    const SignedImage tiny = SignedImage::make(noise(size, 3), "1.0", 1);
    rig.add_donor(tiny);
    ASSERT_TRUE(rig.run());
    expect_installed(rig, tiny);
  }
}

TEST(Recovery, OffersOnlyListsThemAndEnds) {
  RecoveryRig rig;
  rig.config.offers_only = true;
  rig.config.policy.required_role = DonorRole::Peer;
  rig.add_donor(image(), {.host = 7});
  rig.add_donor(image(), {.host = 8, .role = DonorRole::Peer});
  ASSERT_TRUE(rig.run());
  EXPECT_FALSE(rig.finished->error);
  ASSERT_EQ(rig.offered.size(), 2U);
  EXPECT_TRUE(rig.offered[0].verdict.accepted);
  EXPECT_FALSE(rig.offered[1].verdict.accepted);
  EXPECT_NE(rig.offered[1].verdict.reason, "");
  EXPECT_TRUE(rig.chosen.empty());
  EXPECT_TRUE(rig.slots.calls.empty());
}

TEST(Recovery, NobodyAnswers) {
  RecoveryRig rig;
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoDonorAnswered);
  EXPECT_EQ(rig.now - rig.began, Duration(3s));
  EXPECT_EQ(rig.recovery->state(), State::Failed);
}

TEST(Recovery, WithoutTargetsThereIsNobodyToAsk) {
  RecoveryRig rig;
  rig.config.targets.clear();
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoDonorAnswered);
}

TEST(Recovery, IncompatibleDonorsStaySilentToABroadcast) {
  RecoveryRig rig;
  rig.add_donor(SignedImage::make(noise(5000, 1), "2.0", 5, test::TestSigner(1), 0x9999));
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoDonorAnswered);
}

TEST(Recovery, AnIncompatibleDonorThatIsAskedAloneSaysSo) {
  RecoveryRig rig;
  DonorHost& donor =
      rig.add_donor(SignedImage::make(noise(5000, 1), "2.0", 5, test::TestSigner(1), 0x9999));
  rig.config.targets = {Target{.path = Path{{}, donor.address}}};
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoCompatibleImage);
  EXPECT_NE(rig.detail().find("lan:10.0.0.7: "), std::string::npos) << rig.detail();
  EXPECT_LT(rig.now - rig.began, Duration(100ms)) << "everybody has answered";
}

TEST(Recovery, RefusedOffersAreNamedWithTheirReasons) {
  RecoveryRig rig;
  rig.config.policy.minimum_security_version = 6;
  rig.add_donor(image());
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoOfferAcceptable);
  EXPECT_NE(rig.detail().find("lan:10.0.0.7: security version 5"), std::string::npos)
      << rig.detail();
}

TEST(Recovery, AnImageLargerThanTheSlotIsNotAcceptable) {
  RecoveryRig rig(256 * 1024);
  rig.add_donor(image());
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoOfferAcceptable);
  EXPECT_TRUE(rig.slots.calls.empty());
}

TEST(Recovery, AnOlderSecurityVersionIsNotAcceptable) {
  RecoveryRig rig;
  rig.config.situation.security_floor = 9;
  rig.add_donor(image());
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoOfferAcceptable);
}

TEST(Recovery, AUnicastTargetOutsideTheBroadcastDomainIsFound) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  DonorHost& donor = rig.add_donor(wanted);
  rig.config.targets.clear();
  for (std::uint8_t host = 1; host <= 8; ++host)
    rig.config.targets.push_back(Target{.path = Path{{}, test::ipv4(host)}});
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_TRUE(donor.saw(donor::DonorEvent::Kind::Reported));
}

TEST(Recovery, ADonorThatDiesIsFollowedByTheNextOneWhichContinues) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(8U << 20, 1), "2.0", 5);
  const LinkOptions link{.delay = 1ms, .bytes_per_s = 12.5e6, .mtu = 1500};
  DonorHost& first = rig.add_donor(wanted, {.host = 7, .link = link});
  DonorHost& second = rig.add_donor(wanted, {.host = 8, .link = link});
  std::uint64_t at_cut = 0;
  rig.on_progress = [&](const Progress& progress) {
    if (at_cut == 0 && progress.done_bytes > (4U << 20)) {
      at_cut = progress.done_bytes;
      (rig.chosen.back().candidate.path.peer == first.address ? first : second).cut = true;
    }
  };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::NoResponse);
  EXPECT_EQ(rig.chosen.size(), 2U);
  EXPECT_LT(second.from_donor.sent_bytes() + first.from_donor.sent_bytes(), 10U << 20)
      << "nothing is fetched twice, but for what was on its way";
  EXPECT_EQ(rig.finished->progress.fetched_bytes, wanted.bytes.size());
}

TEST(Recovery, TheOnlyDonorIsTakenAgainWhenItComesBack) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(4U << 20, 1), "2.0", 5);
  DonorHost& donor = rig.add_donor(
      wanted, {.host = 7, .link = {.delay = 1ms, .bytes_per_s = 12.5e6, .mtu = 1500}});
  rig.on_progress = [&](const Progress& progress) {
    if (progress.done_bytes > (2U << 20)) donor.cut = true;
  };
  rig.start();
  rig.run(20s);
  EXPECT_TRUE(donor.cut);
  rig.on_progress = nullptr;
  donor.cut = false;
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::NoResponse);
  EXPECT_EQ(rig.finished->progress.fetched_bytes, wanted.bytes.size());
}

TEST(Recovery, ADonorThatStaysAwayIsGivenUpAtTheThirdTry) {
  RecoveryRig rig;
  DonorHost& donor = rig.add_donor(image());
  rig.on_state[State::FetchingImage] = [&] { donor.cut = true; };
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::AllDonorsFailed);
  EXPECT_EQ(rig.chosen.size(), 3U);
  EXPECT_LT(rig.now - rig.began, Duration(90s));
}

TEST(Recovery, ALeaseThatEndedIsAskedForAgain) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(4U << 20, 1), "2.0", 5);
  DonorHost& donor = rig.add_donor(
      wanted, {.host = 7, .link = {.delay = 1ms, .bytes_per_s = 12.5e6, .mtu = 1500}});
  unsigned ended = 0;
  rig.on_progress = [&](const Progress& progress) {
    if (progress.done_bytes < (ended + 1) * (700U << 10)) return;
    ++ended;
    donor.donor.handle_timeout(rig.now + 120s);
  };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_GE(rig.dropped.size(), 4U) << "more often than a donor may be lost without progress";
  for (const Dropped& dropped : rig.dropped) EXPECT_EQ(dropped.error.code, Errc::LeaseLost);
}

TEST(Recovery, AnotherImageStartsAgainWithItsOwnManifest) {
  RecoveryRig rig;
  const SignedImage newer = image(2, "2.1");
  const SignedImage older = image(1, "2.0");
  DonorHost& broken = rig.add_donor(newer, {.host = 7});
  rig.add_donor(older, {.host = 8});
  broken.catalogue.images()[0].bytes[300'000] ^= std::byte{1};
  ASSERT_TRUE(rig.run());
  expect_installed(rig, older);
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::BadBlock);
}

TEST(Recovery, ABusyDonorIsTriedAgainAfterTheOthersAndItsTime) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  DonorHost& donor = rig.add_donor(wanted, {.host = 7});
  donor.meddle = [&](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
    if (request.command != static_cast<std::uint8_t>(wire::oem::Command::AcceptOffer)) return {};
    if (rig.now - rig.began > 8s) return {};
    wire::IpmiResponse busy{.code = wire::CompletionCode::Busy,
                            .data = wire::oem::response_data(test::kIana)};
    busy.data.push_back(std::byte{2});
    busy.data.push_back(std::byte{0});
    return busy;
  };
  std::vector<TimePoint> tries;
  rig.on_state[State::Vetting] = [&] { tries.push_back(rig.now); };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  ASSERT_GE(tries.size(), 3U);
  EXPECT_EQ(rig.dropped.size(), tries.size() - 1);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::DonorBusy);
  for (std::size_t i = 1; i < tries.size(); ++i) {
    EXPECT_GE(tries[i] - tries[i - 1], Duration(2s));
    EXPECT_LT(tries[i] - tries[i - 1], Duration(3100ms)) << "a second more, chosen at random";
  }
  EXPECT_NE(tries[1] - tries[0], tries[2] - tries[1]);
}

TEST(Recovery, OthersAreTriedBeforeABusyDonor) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  rig.add_donor(wanted, {.host = 7, .leases = 0});
  rig.add_donor(wanted, {.host = 8, .role = DonorRole::Peer});
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::DonorBusy);
  EXPECT_LT(rig.now - rig.began, Duration(4s));
}

TEST(Recovery, AnExpiredOfferIsAskedForOnceMore) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  rig.add_donor(wanted, {.host = 7, .hold = 1s});  // shorter than the time for offers
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_TRUE(rig.dropped.empty());
}

TEST(Recovery, AWrongPasswordIsToldAsSuch) {
  RecoveryRig rig;
  rig.add_donor(image(), {.host = 7, .password = "other"});
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::AllDonorsFailed);
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::AuthenticationFailed);
  EXPECT_NE(rig.detail().find("1 donor tried: lan:10.0.0.7: "), std::string::npos) << rig.detail();
}

TEST(Recovery, TriesNoMoreDonorsThanThePolicyAllows) {
  RecoveryRig rig;
  rig.config.policy.donors_tried = 2;
  for (std::uint8_t host = 7; host < 12; ++host) {
    rig.add_donor(image(), {.host = host}).meddle =
        [](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
      if (request.command != static_cast<std::uint8_t>(wire::oem::Command::GetManifest)) return {};
      return wire::IpmiResponse{.code = wire::CompletionCode::UnknownImage,
                                .data = wire::oem::response_data(test::kIana)};
    };
  }
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::AllDonorsFailed);
  EXPECT_EQ(rig.chosen.size(), 2U);
  EXPECT_NE(rig.detail().find("3 more acceptable offers not tried"), std::string::npos)
      << rig.detail();
}

TEST(Recovery, DonorsThatDoNotKnowThePasswordDoNotUseUpTheTries) {
  RecoveryRig rig;
  rig.config.policy.donors_tried = 1;
  for (std::uint8_t host = 10; host < 30; ++host)
    rig.add_donor(image(2, "9.9", 4'000'000'000), {.host = host, .password = "other"});
  const SignedImage wanted = image();
  rig.add_donor(wanted, {.host = 7});
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_EQ(rig.chosen.size(), 21U);
}

TEST(Recovery, AForgedPathToADonorDoesNotHideTheRealOne) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  DonorHost& forger = rig.add_donor(wanted, {.host = 6, .password = "other", .claims = 7});
  DonorHost& real = rig.add_donor(wanted, {.host = 7, .link = {.delay = 5ms}});
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_EQ(rig.offered.size(), 1U) << "they look like two paths to one donor";
  ASSERT_EQ(rig.chosen.size(), 2U);
  EXPECT_EQ(rig.chosen[0].candidate.path.peer, forger.address) << "it is nearer";
  EXPECT_EQ(rig.chosen[1].candidate.path.peer, real.address);
}

TEST(Recovery, ResumesAfterTheProcessWasKilled) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(4U << 20, 1), "2.0", 5);
  rig.add_donor(wanted, {.host = 7, .link = {.delay = 1ms, .bytes_per_s = 12.5e6, .mtu = 1500}});
  std::uint64_t done = 0;
  rig.on_progress = [&](const Progress& progress) { done = progress.done_bytes; };
  rig.start();
  while (done < (3U << 20)) rig.run(10ms);
  EXPECT_EQ(rig.slots.record.slot(flash::SlotId::B).state, flash::SlotState::Writing);
  const std::uint64_t generation = rig.slots.record.generation;
  rig.restart();
  rig.on_progress = nullptr;
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_LT(rig.finished->progress.fetched_bytes, (1U << 20) + 100'000);
  EXPECT_GE(rig.finished->progress.reused_bytes, 3U << 20);
  EXPECT_EQ(rig.slots.record.generation, generation + 2) << "writing was recorded already";
}

TEST(Recovery, ADamagedActiveSlotGivesItsGoodBlocks) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(2U << 20, 1), "2.0", 5);
  rig.add_donor(wanted);
  Bytes damaged = wanted.bytes;
  for (std::size_t block = 0; block < 512; block += 50) damaged[block * 4096 + 5] ^= std::byte{8};
  rig.slots.of(flash::SlotId::A) = damaged;
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_EQ(rig.finished->progress.fetched_bytes, 11U * 4096);
  EXPECT_EQ(rig.slots.of(flash::SlotId::A), damaged);
}

TEST(Recovery, AWholeInactiveSlotIsVerifiedAgainAndFetchesNothing) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  rig.add_donor(wanted);
  rig.slots.of(flash::SlotId::B) = wanted.bytes;
  rig.slots.record.slot(flash::SlotId::B) = {flash::SlotState::Verified, wanted.entry.manifest_json,
                                             wanted.entry.signature};
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_EQ(rig.finished->progress.fetched_bytes, 0U);
  EXPECT_EQ(rig.slots.writes, 0U);
}

TEST(Recovery, UnreadablePlacesInTheActiveSlotAreFetched) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  rig.add_donor(wanted);
  rig.slots.of(flash::SlotId::A) = wanted.bytes;
  rig.slots.read_fault = [](flash::SlotId slot, std::uint64_t offset,
                            std::size_t size) -> std::optional<Error> {
    const bool touches = offset <= 200'000 && offset + size > 200'000;
    if (slot != flash::SlotId::A || !touches) return std::nullopt;
    return Error{Errc::SlotUnreadable, "slot a: I/O error"};
  };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_EQ(rig.finished->progress.fetched_bytes, 4096U);
}

class RecoveryLoss : public testing::TestWithParam<int> {};
TEST_P(RecoveryLoss, StillInstalls) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(2U << 20, 1), "2.0", 5);
  const LinkOptions link{
      .delay = 2ms, .bytes_per_s = 12.5e6, .loss = GetParam() / 100.0, .mtu = 1500};
  for (std::uint8_t host = 7; host < 11; ++host)
    rig.add_donor(wanted, {.host = host, .link = link});
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
}
INSTANTIATE_TEST_SUITE_P(Percent, RecoveryLoss, testing::Values(1, 5, 20));

class RecoveryMtu : public testing::TestWithParam<int> {};
TEST_P(RecoveryMtu, StillInstalls) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(1U << 20, 1), "2.0", 5);
  DonorHost& donor = rig.add_donor(
      wanted, {.host = 7, .link = {.delay = 1ms, .mtu = static_cast<std::size_t>(GetParam())}});
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  // The overhead of the largest segments that fit.
  EXPECT_LT(static_cast<double>(donor.from_donor.sent_bytes()), 1.25 * (1U << 20));
}
INSTANTIATE_TEST_SUITE_P(Bytes, RecoveryMtu, testing::Values(1280, 1500, 9000, 65535));

TEST(Recovery, ThirtyTwoMebibytesOverTwentyMillisecondsInLessThanThreeSeconds) {
  for (const double loss : {0.0, 0.01, 0.05}) {
    RecoveryRig rig;
    const SignedImage wanted = SignedImage::make(noise(32U << 20, 1), "2.0", 5);
    rig.add_donor(
        wanted,
        {.host = 7, .link = {.delay = 10ms, .bytes_per_s = 25e6, .loss = loss, .mtu = 1500}});
    ASSERT_TRUE(rig.run());
    ASSERT_TRUE(rig.succeeded()) << rig.detail();
    EXPECT_LT(rig.seconds(State::FetchingTree, State::Verifying), 3.0) << loss;
  }
}

TEST(Recovery, TheSessionStaysAliveWhileASlowSlotIsVerified) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(16U << 20, 1), "2.0", 5);
  DonorHost& donor = rig.add_donor(wanted);
  // Every step of reading back takes 12 s.
  rig.on_state[State::Verifying] = [&] {
    rig.slots.read_fault = [&](flash::SlotId, std::uint64_t, std::size_t) -> std::optional<Error> {
      rig.now += 12s;
      return std::nullopt;
    };
  };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_TRUE(donor.saw(donor::DonorEvent::Kind::Reported));
  EXPECT_FALSE(donor.saw(donor::DonorEvent::Kind::Expired));
}

TEST(Recovery, ALeaseIsNeverSilentForLongWhileASlotIsVerified) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(16U << 20, 1), "2.0", 5);
  DonorHost& donor = rig.add_donor(wanted);
  std::vector<TimePoint> heard;
  donor.meddle = [&](const wire::IpmiRequest&) -> std::optional<wire::IpmiResponse> {
    if (rig.recovery->state() == State::Verifying) heard.push_back(rig.now);
    return std::nullopt;
  };
  rig.on_state[State::Verifying] = [&] {
    heard.push_back(rig.now);
    rig.slots.read_fault = [&](flash::SlotId, std::uint64_t, std::size_t) -> std::optional<Error> {
      rig.now += 1s;
      return std::nullopt;
    };
  };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  ASSERT_GE(heard.size(), 5U);
  for (std::size_t i = 1; i < heard.size(); ++i)
    EXPECT_LE(heard[i] - heard[i - 1], Duration(3s)) << "a donor yields leases after 5 s";
}

TEST(Recovery, KeepAlivesDoNotPileUpWhileTheDonorIsAway) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(30U << 20, 1), "2.0", 5);
  DonorHost& donor = rig.add_donor(wanted);
  TimePoint back{};
  std::size_t just_after = 0;
  donor.meddle = [&](const wire::IpmiRequest&) -> std::optional<wire::IpmiResponse> {
    if (back != TimePoint{} && rig.now < back + 1500ms) ++just_after;
    return std::nullopt;
  };
  rig.on_state[State::Verifying] = [&] {
    donor.cut = true;
    rig.slots.read_fault = [&](flash::SlotId, std::uint64_t, std::size_t) -> std::optional<Error> {
      rig.now += 500ms;
      if (donor.cut && rig.now > rig.reached.at(State::Verifying) + 8s) {
        donor.cut = false;
        back = rig.now;
      }
      return std::nullopt;
    };
  };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_NE(back, TimePoint{});
  EXPECT_LE(just_after, 1U);
  EXPECT_TRUE(donor.saw(donor::DonorEvent::Kind::Reported));
}

/// A slow radio, and a wire that comes back when the state is reached.
void returns_to_the_wire_in(State state, Bytes content, double bytes_per_s) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(std::move(content), "2.0", 5);
  DonorHost& radio = rig.add_donor(
      wanted, {.host = 7, .link = {.bytes_per_s = bytes_per_s}, .medium = Medium::Wireless});
  DonorHost& wire = rig.add_donor(wanted, {.host = 8});
  wire.cut = true;
  rig.on_state[state] = [&] { wire.cut = false; };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  for (const Dropped& dropped : rig.dropped) ADD_FAILURE() << dropped.error.message();
  ASSERT_EQ(rig.chosen.size(), 2U);
  EXPECT_EQ(rig.chosen[0].candidate.medium, Medium::Wireless);
  EXPECT_EQ(rig.chosen[1].candidate.medium, Medium::Wired);
  EXPECT_TRUE(test::rows_taken<Phase>().contains({phase_of(state), Event::BetterDonor}));
  EXPECT_TRUE(radio.saw(donor::DonorEvent::Kind::Released));
  EXPECT_FALSE(radio.saw(donor::DonorEvent::Kind::Reported));
}

TEST(Recovery, ReturnsToABetterMediumWhileTheImageComes) {
  returns_to_the_wire_in(State::FetchingImage, noise(4U << 20, 1), 20'000);
}

TEST(Recovery, ReturnsToABetterMediumWhileTheTreeComes) {
  // Zeros are in the slot already; their hashes are not.
  returns_to_the_wire_in(State::FetchingTree, Bytes(64U << 20), 5000);
}

TEST(Recovery, JudgesABlockThatCannotBeReadByNothingThatWasReadBefore) {
  RecoveryRig rig;
  // Each chunk that is examined has the bytes of the one before it.
  constexpr std::size_t kChunk_bytes = 32 * image::kBlock_bytes;
  Bytes bytes = noise(kChunk_bytes, 3);
  bytes.reserve(2 * kChunk_bytes);
  bytes.insert(bytes.end(), bytes.begin(), bytes.begin() + kChunk_bytes);
  const SignedImage wanted = SignedImage::make(bytes, "2.0", 5);
  rig.add_donor(wanted);
  rig.slots.inactive() = bytes;
  const std::uint64_t bad = kChunk_bytes + 7 * image::kBlock_bytes;
  bool healed = false;
  const Error dead{Errc::SlotUnreadable, "a dead block"};
  rig.slots.read_fault = [&](flash::SlotId slot, std::uint64_t offset,
                             std::size_t size) -> std::optional<Error> {
    const bool hit = slot == flash::SlotId::B && offset <= bad && bad < offset + size;
    return hit && !healed ? std::optional(dead) : std::nullopt;
  };
  rig.slots.write_fault = [&](flash::SlotId, std::uint64_t offset) -> std::optional<Error> {
    healed = healed || offset == bad;
    return std::nullopt;
  };
  ASSERT_TRUE(rig.run());
  expect_installed(rig, wanted);
  EXPECT_EQ(rig.finished->progress.fetched_bytes, image::kBlock_bytes);
}

TEST(Recovery, FetchesNoShortLastBlockThatIsThere) {
  for (const std::byte value : {std::byte{0x00}, std::byte{0xff}, std::byte{0x31}}) {
    RecoveryRig rig;
    Bytes bytes = noise(5 * image::kBlock_bytes, 4);
    bytes.resize(bytes.size() + 100, value);
    const SignedImage wanted = SignedImage::make(bytes, "2.0", 5);
    rig.add_donor(wanted);
    rig.slots.inactive() = bytes;
    ASSERT_TRUE(rig.run());
    expect_installed(rig, wanted);
    EXPECT_EQ(rig.finished->progress.fetched_bytes, 0U);
  }
}

}  // namespace
}  // namespace fwr::recipient
