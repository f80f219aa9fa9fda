// SPDX-License-Identifier: GPL-3.0-or-later
// Donors that lie, slots that fail, deadlines that pass: how recoveries end. PROTOCOL §6.4.
#include <gtest/gtest.h>

#include "recipient/patience.hpp"
#include "support/recovery_rig.hpp"
#include "wire/rmcp.hpp"

namespace fwr::recipient {
namespace {

using namespace std::chrono_literals;
using test::DonorHost;
using test::noise;
using test::RecoveryRig;
using test::SignedImage;
using wire::oem::Command;

SignedImage image(const test::TestSigner& signer = test::TestSigner(1)) {
  return SignedImage::make(noise(600 * 1024 + 123, 1), "2.0", 5, signer);
}

std::uint32_t seed(std::mt19937& dice) {
  return static_cast<std::uint32_t>(dice());
}

bool entered(const RecoveryRig& rig, State state) {
  return std::find(rig.states.begin(), rig.states.end(), state) != rig.states.end();
}

void expect_untouched(const RecoveryRig& rig) {
  EXPECT_FALSE(rig.slots.active_was_written);
  EXPECT_EQ(rig.slots.record.active, flash::SlotId::A);
  EXPECT_FALSE(rig.finished->manifest);
}

TEST(RecoveryFaults, AWrongBlockFromEveryoneIsAFailedVerification) {
  RecoveryRig rig;
  for (std::uint8_t host = 7; host < 9; ++host)
    rig.add_donor(image(), {.host = host}).catalogue.images()[0].bytes[100'000] ^= std::byte{1};
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::BadBlock);
  EXPECT_EQ(rig.finished->error->exit_code(), ExitCode::VerificationFailed);
  EXPECT_NE(rig.detail().find("image block 24 from lan:10.0.0.8"), std::string::npos)
      << rig.detail();
  expect_untouched(rig);
  EXPECT_TRUE(rig.donors[0]->saw(donor::DonorEvent::Kind::Reported));
  EXPECT_EQ(rig.donors[0]->events.back().result, 14);
}

TEST(RecoveryFaults, AWrongBlockDropsTheDonorAndTheNextOneContinues) {
  RecoveryRig rig;
  DonorHost& liar = rig.add_donor(image(), {.host = 7});
  liar.catalogue.images()[0].bytes[500'000] ^= std::byte{1};
  rig.add_donor(image(), {.host = 8, .role = DonorRole::Peer});
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].candidate.path.peer, liar.address);
  EXPECT_NE(rig.dropped[0].error.detail.find("block 122"), std::string::npos);
  EXPECT_EQ(rig.finished->progress.fetched_bytes, image().bytes.size());
}

TEST(RecoveryFaults, AWrongTreeBlockIsFoundBeforeAnyImageBlock) {
  RecoveryRig rig;
  rig.add_donor(image()).catalogue.images()[0].tree[5000] ^= std::byte{1};
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::BadBlock);
  EXPECT_NE(rig.detail().find("hash tree block 1"), std::string::npos) << rig.detail();
  EXPECT_FALSE(entered(rig, State::FetchingImage));
  EXPECT_EQ(rig.slots.writes, 0U);
}

TEST(RecoveryFaults, AManifestThatNobodySignedIsRefused) {
  RecoveryRig rig;
  SignedImage forged = image();
  forged.entry.manifest_json.replace(forged.entry.manifest_json.find("test firmware"), 4, "evil");
  rig.add_donor(forged);
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::BadSignature);
  EXPECT_FALSE(entered(rig, State::Accepting));
  EXPECT_TRUE(rig.slots.calls.empty());
}

TEST(RecoveryFaults, AnUnknownKeyIsRefused) {
  RecoveryRig rig;
  rig.add_donor(image(test::TestSigner(2)));
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::UntrustedKey);
  EXPECT_EQ(rig.finished->error->exit_code(), ExitCode::VerificationFailed);
}

TEST(RecoveryFaults, AnyOfSeveralTrustedKeysWillDo) {
  RecoveryRig rig;
  rig.config.trusted_keys.push_back(test::TestSigner(2).public_key());
  rig.add_donor(image(test::TestSigner(2)));
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
}

TEST(RecoveryFaults, ASignedManifestOfAnotherImageIsRefused) {
  RecoveryRig rig;
  SignedImage mixed = image();
  const SignedImage other = SignedImage::make(noise(70'000, 9), "2.0", 5);
  mixed.entry.manifest_json = other.entry.manifest_json;
  mixed.entry.signature = other.entry.signature;
  rig.add_donor(mixed);
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::BadManifest);
  EXPECT_FALSE(entered(rig, State::Accepting));
}

TEST(RecoveryFaults, AnOfferThatPromisesMoreThanTheManifestIsRefused) {
  RecoveryRig rig;
  rig.config.policy.minimum_security_version = 6;
  SignedImage boasted = image();  // signed: 5
  boasted.entry.manifest.security_version = 9;
  rig.add_donor(boasted);
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(entered(rig, State::Vetting));
  EXPECT_FALSE(entered(rig, State::Accepting));
  EXPECT_EQ(rig.recovery->state(), State::Failed);
}

TEST(RecoveryFaults, AManifestInPiecesThatDoNotFitIsRefused) {
  for (const std::uint16_t total : std::initializer_list<std::uint16_t>{0, 1, 20000}) {
    RecoveryRig rig;
    rig.add_donor(image()).meddle =
        [&](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
      if (request.command != static_cast<std::uint8_t>(Command::GetManifest)) return {};
      return wire::IpmiResponse{
          .data = wire::oem::response_data(
              test::kIana, wire::oem::GetManifestRs{.total = total, .data = Bytes(10)})};
    };
    ASSERT_TRUE(rig.run());
    ASSERT_EQ(rig.dropped.size(), 1U);
    EXPECT_FALSE(entered(rig, State::Accepting));
  }
}

TEST(RecoveryFaults, ALeaseThatContradictsTheManifestIsRefused) {
  RecoveryRig rig;
  rig.add_donor(image()).meddle =
      [&](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
    if (request.command != static_cast<std::uint8_t>(Command::AcceptOffer)) return {};
    return wire::IpmiResponse{
        .data = wire::oem::response_data(test::kIana,
                                         wire::oem::AcceptOfferRs{.handle = 1,
                                                                  .lease_s = 60,
                                                                  .image_size_bytes = 1,
                                                                  .tree_size_bytes = 0,
                                                                  .segment_limit_granules = 512,
                                                                  .credit_limit_bytes = 1U << 20})};
  };
  ASSERT_TRUE(rig.run());
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::BadField);
  EXPECT_TRUE(rig.slots.calls.empty());
}

TEST(RecoveryFaults, ADonorThatBecomesSilentInAnyStateIsLost) {
  using enum State;
  for (const State when : {Connecting, Vetting, Accepting, FetchingTree, FetchingImage}) {
    RecoveryRig rig;
    DonorHost& first = rig.add_donor(image(), {.host = 7});
    rig.add_donor(image(), {.host = 8, .role = DonorRole::Peer});
    rig.on_state[when] = [&] { first.cut = true; };
    ASSERT_TRUE(rig.run());
    EXPECT_TRUE(rig.succeeded()) << to_text(when) << ": " << rig.detail();
    ASSERT_EQ(rig.dropped.size(), 1U) << to_text(when);
    EXPECT_EQ(rig.dropped[0].candidate.path.peer, first.address);
  }
}

TEST(RecoveryFaults, ADonorThatIsGoneBeforeTheReportDoesNotUndoTheRecovery) {
  RecoveryRig rig;
  DonorHost& donor = rig.add_donor(image());
  rig.on_state[State::Verifying] = [&] { donor.cut = true; };
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_LT(rig.now - rig.reached[State::Reporting], Duration(5s));
}

TEST(RecoveryFaults, TheDeadlineEndsEveryWaitingState) {
  using enum State;
  for (const State when : {Connecting, Vetting, Accepting, FetchingTree, FetchingImage}) {
    RecoveryRig rig;
    rig.config.policy.deadline = 8s;
    DonorHost& donor = rig.add_donor(image());
    rig.on_state[when] = [&] { donor.cut = true; };
    ASSERT_TRUE(rig.run());
    EXPECT_EQ(rig.error(), Errc::DeadlinePassed) << to_text(when);
    EXPECT_EQ(rig.states[rig.states.size() - 2], when);
    EXPECT_NE(rig.detail().find("after 8 s, while"), std::string::npos) << rig.detail();
    EXPECT_LE(rig.now - rig.began, Duration(11s)) << "and 2 s for a last word";
    expect_untouched(rig);
  }
}

TEST(RecoveryFaults, TheDeadlineCanPassBeforeTheOffersAreThere) {
  RecoveryRig rig;
  rig.config.policy.deadline = 1s;
  rig.add_donor(image());
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::DeadlinePassed);
  EXPECT_EQ(rig.now - rig.began, Duration(1s));
}

TEST(RecoveryFaults, ASlotWithoutRoomKeepsWhatItHas) {
  RecoveryRig rig;
  rig.add_donor(image());
  rig.slots.record.slot(flash::SlotId::B).state = flash::SlotState::Good;
  rig.slots.prepare_error = Error{Errc::NoSpace, "slot b: 100 kB are missing"};
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoSpace);
  EXPECT_EQ(rig.finished->error->exit_code(), ExitCode::WriteFailed);
  EXPECT_EQ(rig.slots.record.slot(flash::SlotId::B).state, flash::SlotState::Good);
  EXPECT_TRUE(rig.donors[0]->saw(donor::DonorEvent::Kind::Reported));
  expect_untouched(rig);
}

TEST(RecoveryFaults, AStateRecordThatCannotBeReadOrWrittenEndsIt) {
  for (const bool reading : {true, false}) {
    RecoveryRig rig;
    rig.add_donor(image());
    const Error error{Errc::CorruptState, "state"};
    if (reading)
      rig.slots.load_error = error;
    else
      rig.slots.store_fault = [&](const flash::BootRecord&) { return std::optional(error); };
    ASSERT_TRUE(rig.run());
    EXPECT_EQ(rig.error(), Errc::CorruptState);
    EXPECT_EQ(rig.slots.writes, 0U);
  }
}

TEST(RecoveryFaults, ALeaseAloneDoesNotGiveUpTheImageInTheOtherSlot) {
  for (const State when : {State::FetchingTree, State::FetchingImage}) {
    RecoveryRig rig;
    DonorHost& liar = rig.add_donor(image());
    flash::SlotInfo& kept = rig.slots.record.slot(flash::SlotId::B);
    kept = {flash::SlotState::Good, "the way back", "its signature"};
    const flash::BootRecord before = rig.slots.record;
    rig.on_state[when] = [&] { liar.cut = true; };
    ASSERT_TRUE(rig.run());
    EXPECT_FALSE(rig.succeeded());
    EXPECT_EQ(rig.slots.record, before) << to_text(when);
    EXPECT_EQ(rig.slots.writes, 0U);
  }
}

TEST(RecoveryFaults, AFailedWriteToTheTreeEndsIt) {
  RecoveryRig rig;
  rig.add_donor(image());
  rig.slots.tree_write_error = Error{Errc::NoSpace, "tree"};
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::NoSpace);
  EXPECT_EQ(rig.states[rig.states.size() - 2], State::FetchingTree);
}

TEST(RecoveryFaults, AFailedWriteToTheSlotEndsItAndTheNextAttemptContinues) {
  RecoveryRig rig;
  rig.add_donor(image());
  rig.slots.write_fault = [](flash::SlotId, std::uint64_t offset) -> std::optional<Error> {
    if (offset < 300'000) return std::nullopt;
    return Error{Errc::SlotWriteFailed, "slot b: I/O error"};
  };
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::SlotWriteFailed);
  EXPECT_EQ(rig.slots.record.slot(flash::SlotId::B).state, flash::SlotState::Writing);
  expect_untouched(rig);
  rig.slots.write_fault = nullptr;
  rig.restart();
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_GT(rig.finished->progress.reused_bytes, 200'000U);
}

TEST(RecoveryFaults, ASlotThatForgetsWhatWasWrittenNeverBecomesActive) {
  RecoveryRig rig;
  rig.add_donor(image());
  rig.slots.on_flush = [&] { rig.slots.inactive()[123'456] ^= std::byte{4}; };
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::DigestMismatch);
  EXPECT_EQ(rig.slots.record.slot(flash::SlotId::B).state, flash::SlotState::Writing);
  expect_untouched(rig);
}

TEST(RecoveryFaults, ASlotThatCannotBeReadBackNeverBecomesActive) {
  RecoveryRig rig;
  rig.add_donor(image());
  rig.slots.read_fault = [](flash::SlotId slot, std::uint64_t,
                            std::size_t) -> std::optional<Error> {
    if (slot == flash::SlotId::A) return std::nullopt;
    return Error{Errc::SlotUnreadable, "slot b: I/O error"};
  };
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::SlotUnreadable);
  EXPECT_EQ(rig.states[rig.states.size() - 2], State::Verifying);
  expect_untouched(rig);
}

TEST(RecoveryFaults, AFailedActivationLeavesTheOldSlotActive) {
  RecoveryRig rig;
  rig.add_donor(image());
  rig.slots.store_fault = [](const flash::BootRecord& next) -> std::optional<Error> {
    if (next.active == flash::SlotId::A) return std::nullopt;
    return Error{Errc::IoFailed, "state: I/O error"};
  };
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::IoFailed);
  EXPECT_EQ(rig.states[rig.states.size() - 2], State::Activating);
  EXPECT_EQ(rig.slots.record.slot(flash::SlotId::B).state, flash::SlotState::Verified);
  expect_untouched(rig);
}

TEST(RecoveryFaults, StoppingReleasesTheLeaseAndCanBeContinued) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(4U << 20, 1), "2.0", 5);
  DonorHost& donor = rig.add_donor(
      wanted, {.host = 7, .link = {.delay = 1ms, .bytes_per_s = 12.5e6, .mtu = 1500}});
  rig.start();
  while (!entered(rig, State::FetchingImage)) rig.run(1ms);
  rig.run(100ms);
  rig.recovery->abort(rig.now);
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::Interrupted);
  EXPECT_TRUE(donor.saw(donor::DonorEvent::Kind::Released));
  EXPECT_EQ(donor.server.active_sessions(), 0U);
  rig.restart();
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded());
  EXPECT_GT(rig.finished->progress.reused_bytes, 500'000U);
}

TEST(RecoveryFaults, StoppingInAnyStateEndsInBoundedTime) {
  using enum State;
  for (const State when :
       {Discovering, Connecting, Vetting, Accepting, FetchingTree, FetchingImage, Verifying}) {
    RecoveryRig rig;
    rig.add_donor(image());
    rig.on_state[when] = [&] { rig.recovery->abort(rig.now); };
    ASSERT_TRUE(rig.run(10s)) << to_text(when);
    EXPECT_EQ(rig.error(), Errc::Interrupted) << to_text(when);
    // A lease that was asked for a moment ago ends by itself: the recipient never learned its
    // handle.
    EXPECT_EQ(rig.donors[0]->donor.leases(), when == Accepting ? 1U : 0U) << to_text(when);
  }
}

TEST(RecoveryFaults, StoppingAfterTheActivationDoesNotTurnSuccessIntoFailure) {
  RecoveryRig rig;
  rig.add_donor(image());
  rig.on_state[State::Reporting] = [&] { rig.recovery->abort(rig.now); };
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_EQ(rig.slots.record.active, flash::SlotId::B);
}

TEST(RecoveryFaults, ForgedAndStaleOffersAreIgnored) {
  RecoveryRig rig;
  const SignedImage wanted = image();
  DonorHost& donor = rig.add_donor(wanted);
  // An offer for another request, and noise, from the donor's own address.
  rig.start();
  std::mt19937 dice(3);
  const auto throw_in = [&](const wire::oem::Offer& offer) {
    wire::LanMessage message = wire::make_lan_request(
        wire::IpmiRequest{.net_fn = wire::raw(wire::NetFn::OemGroupRq),
                          .command = static_cast<std::uint8_t>(Command::RequestFirmware),
                          .data = {}},
        0);
    message = wire::make_lan_response(
        message, wire::IpmiResponse{.data = wire::oem::response_data(test::kIana, offer)});
    const Bytes datagram = wire::encode(wire::SessionlessV15{wire::encode(message)});
    rig.recovery->handle_datagram(Path{{}, donor.address}, datagram, rig.now);
  };
  wire::oem::Offer forged;
  forged.size_bytes = 1000;
  forged.image_version = "9.9";
  forged.component = "bmc";
  throw_in(forged);
  for (int i = 0; i < 500; ++i)
    rig.recovery->handle_datagram(Path{{}, donor.address}, noise(dice() % 300, seed(dice)),
                                  rig.now);
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_EQ(rig.offered.size(), 1U);
}

TEST(RecoveryFaults, NoiseInEveryStateChangesNothing) {
  RecoveryRig rig;
  DonorHost& donor = rig.add_donor(image());
  std::mt19937 dice(4);
  for (auto state = State::Idle; state <= State::Failed;
       state = static_cast<State>(static_cast<int>(state) + 1))
    rig.on_state[state] = [&] {
      for (int i = 0; i < 50; ++i) {
        Bytes datagram = noise(dice() % 200, seed(dice));
        const std::array<std::byte, 6> header = {std::byte{6}, std::byte{0}, std::byte{0xff},
                                                 std::byte{7}, std::byte{6}, std::byte{0x10}};
        if (i % 2 == 0 && datagram.size() > header.size())
          std::copy(header.begin(), header.end(), datagram.begin());
        donor.from_donor.send(Datagram{.path = Path{{}, donor.address}, .bytes = datagram},
                              rig.now);
      }
    };
  ASSERT_TRUE(rig.run());
  EXPECT_TRUE(rig.succeeded()) << rig.detail();
}

TEST(RecoveryFaults, SlowLinksAreAwaitedWhenTheOffersOfFastOnesAreNoGood) {
  RecoveryRig rig;
  SignedImage forged = SignedImage::make(noise(1U << 20, 1), "2.0", 5);
  forged.sign(test::TestSigner(2));
  rig.add_donor(forged);
  LinkProperties bus;
  bus.medium = Medium::Icmb;
  bus.bits_per_s = 19200;
  bus.sessions = false;
  rig.config.links = {{AddressFamily::Icmb, 0, bus}};
  Path everyone;
  everyone.peer = Address{.family = AddressFamily::Icmb, .scope = 1, .bytes = {0xff, 0xff}};
  rig.config.targets.push_back(Target{.path = everyone, .broadcast = true});
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::UntrustedKey) << rig.detail();
  EXPECT_EQ(std::count(rig.states.begin(), rig.states.end(), State::Discovering), 2);
  EXPECT_GT(rig.now - rig.began, 12s);
  EXPECT_LT(rig.now - rig.began, 20s);
}

// --- donors that are slow ------------------------------------------------------------------------

constexpr std::size_t kLarge = 4U << 20;

/// Donors at links of these rates, in bytes a second, on hosts 7, 8, ...; they are tried in order.
std::vector<DonorHost*> add_slow_donors(RecoveryRig& rig, const SignedImage& image,
                                        const std::vector<double>& rates) {
  std::vector<DonorHost*> donors;
  for (std::size_t i = 0; i < rates.size(); ++i)
    donors.push_back(&rig.add_donor(
        image,
        {.host = static_cast<std::uint8_t>(7 + i),
         .role = i == 0 ? DonorRole::Console : DonorRole::Peer,
         .link = {.delay = 1ms, .bytes_per_s = rates[i], .queue_bytes = 20'000, .mtu = 1500}}));
  return donors;
}

TEST(SlowDonor, IsLeftForOneThatWasNotTried) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(kLarge, 1), "2.0", 5);
  const auto donors = add_slow_donors(rig, wanted, {1500, 1e6});
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_EQ(rig.dropped.size(), 1U);
  EXPECT_EQ(rig.dropped[0].error.code, Errc::DonorTooSlow);
  EXPECT_EQ(rig.dropped[0].candidate.path.peer, donors[0]->address);
  EXPECT_LT(rig.now - rig.began, Duration(90s));
  EXPECT_EQ(rig.finished->progress.fetched_bytes, wanted.bytes.size()) << "what it sent is used";
}

TEST(SlowDonor, GoesOnWhenThereIsNoOther) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(kLarge, 1), "2.0", 5);
  add_slow_donors(rig, wanted, {2000});
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_TRUE(rig.dropped.empty());
  EXPECT_GT(rig.now - rig.began, Duration(2000s));
}

TEST(SlowDonor, IsKeptWhenItWillBeInTime) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(kLarge, 1), "2.0", 5);
  add_slow_donors(rig, wanted, {5000, 1e6});
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_TRUE(rig.dropped.empty());
}

TEST(SlowDonor, IsTakenAgainWhenTheOthersAreSlower) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(kLarge, 1), "2.0", 5);
  const auto donors = add_slow_donors(rig, wanted, {2000, 900, 800});
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  ASSERT_EQ(rig.chosen.size(), 4U);
  EXPECT_EQ(rig.chosen[3].candidate.path.peer, donors[0]->address);
  for (const Dropped& dropped : rig.dropped) EXPECT_EQ(dropped.error.code, Errc::DonorTooSlow);
}

TEST(SlowDonor, AMediumThatIsSlowForAllIsNotLeftTwice) {
  RecoveryRig rig;
  const SignedImage wanted = SignedImage::make(noise(kLarge, 1), "2.0", 5);
  add_slow_donors(rig, wanted, {2000, 1900, 1800});
  ASSERT_TRUE(rig.run());
  ASSERT_TRUE(rig.succeeded()) << rig.detail();
  EXPECT_EQ(rig.chosen.size(), 3U);
}

TEST(SlowDonor, DoesNotSendAManifestByteByByte) {
  RecoveryRig rig;
  DonorHost& donor = rig.add_donor(image(), {.host = 7});
  unsigned asked = 0;
  donor.meddle = [&](const wire::IpmiRequest& request) -> std::optional<wire::IpmiResponse> {
    if (request.command != static_cast<std::uint8_t>(Command::GetManifest)) return {};
    ++asked;
    return wire::IpmiResponse{
        .data = wire::oem::response_data(test::kIana,
                                         wire::oem::GetManifestRs{.total = 500, .data = Bytes(1)})};
  };
  ASSERT_TRUE(rig.run());
  EXPECT_EQ(rig.error(), Errc::AllDonorsFailed);
  EXPECT_EQ(asked, 1U);
}

TEST(Patience, MeasuresEachWindowByItself) {
  Patience patience;
  const TimePoint start{1h};
  patience.begin(1000, 30s, start);
  EXPECT_EQ(patience.deadline(), start + 30s);
  EXPECT_FALSE(patience.rate(5000, start + 29999ms));
  EXPECT_EQ(patience.rate(4000, start + 30s), 100.0);
  EXPECT_FALSE(patience.rate(9000, start + 31s));
  EXPECT_EQ(patience.rate(4000, start + 70s), 0.0);
}

TEST(Patience, KeepsHalfOfTheTimeForOthers) {
  EXPECT_FALSE(too_slow(100, 5000, 100s));
  EXPECT_TRUE(too_slow(100, 5001, 100s));
  EXPECT_TRUE(too_slow(0, 1, 100s));
  EXPECT_FALSE(too_slow(0, 0, 100s));
}

}  // namespace
}  // namespace fwr::recipient
