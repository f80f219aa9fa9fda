// SPDX-License-Identifier: GPL-3.0-or-later
// The state record: its bytes, torn writes, and every change that it may see. PROTOCOL §7.4.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <tuple>
#include <vector>

#include "flash/record/boot_record.hpp"
#include "image/manifest.hpp"

namespace fwr::flash {
namespace {

constexpr std::size_t kSector_bytes = 512;
constexpr std::array kStates{SlotState::Empty, SlotState::Writing, SlotState::Verified,
                             SlotState::Trial, SlotState::Good,    SlotState::Bad};

BootRecord with(SlotState a, SlotState b, std::optional<Trial> trial = std::nullopt) {
  BootRecord record;
  record.generation = 10;
  record.slots[0] = {a, "manifest of a", "signature of a"};
  record.slots[1] = {b, "manifest of b", "signature of b"};
  record.trial = trial;
  record.security_floor = 5;
  return record;
}

/// A record whose copy fills most sectors, so that a torn one matters everywhere.
BootRecord large(std::uint64_t generation, char fill) {
  BootRecord record = with(SlotState::Good, SlotState::Verified);
  record.generation = generation;
  for (SlotInfo& slot : record.slots) {
    slot.manifest.assign(16384, fill);
    slot.signature.assign(2048, fill);
  }
  record.confirmed_version.assign(31, 'v');
  record.newest_time = image::kTimeLimit_s;
  FailedImage failed;
  failed.version.assign(31, '~');
  failed.when = image::kTimeLimit_s;
  failed.reason = FailureReason::TrialRanOut;
  record.failed.assign(kFailedImages, failed);
  return record;
}

image::Manifest manifest_of(std::string version, std::int64_t created, unsigned content = 1) {
  image::Manifest manifest;
  manifest.name = "Firmware";
  manifest.component = "bmc";
  manifest.version = std::move(version);
  manifest.size_bytes = 4096;
  manifest.digest.fill(static_cast<std::byte>(content));
  manifest.platforms.emplace_back();
  manifest.created = created;
  return manifest;
}

/// Slot a holds version 2.0 of the time 2000, slot b version 1.0 of the time 1000.
BootRecord two_versions(SlotState a, SlotState b, std::optional<Trial> trial = std::nullopt) {
  BootRecord record = with(a, b, trial);
  record.slots[0].manifest = to_json(manifest_of("2.0", 2000, 0xa2));
  record.slots[1].manifest = to_json(manifest_of("1.0", 1000, 0xb1));
  return record;
}

/// The same as version 0.1 of this program wrote it.
Bytes first_format(const BootRecord& record) {
  const auto base64 = [](const std::string& text) {
    std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                    reinterpret_cast<const unsigned char*>(text.data()),
                    static_cast<int>(text.size()));
    out.pop_back();
    return out;
  };
  const auto slot = [&](const SlotInfo& info) {
    return R"({"manifest":")" + base64(info.manifest) + R"(","signature":"","state":")" +
           std::string(to_text(info.state)) + R"("})";
  };
  std::string payload = R"({"active":")" + std::string(to_text(record.active)) + R"(","floor":)" +
                        std::to_string(record.security_floor) + R"(,"slots":{"a":)" +
                        slot(record.slots[0]) + R"(,"b":)" + slot(record.slots[1]) + "}";
  if (record.trial)
    payload += R"(,"trial":{"began":)" + std::to_string(record.trial->began) +
               R"(,"limit":1,"previous":")" + std::string(to_text(record.trial->previous)) +
               R"("})";
  payload += "}";
  ByteWriter out(kRecordCopy_bytes);
  out.bytes(as_bytes("FWRSTATE"));
  out.u32(1);
  out.le<8>(record.generation);
  out.u32(static_cast<std::uint32_t>(payload.size()));
  out.bytes(as_bytes(payload));
  out.zeros(kRecordCopy_bytes - out.size());
  return std::move(out).release();
}

/// One byte changed and the hash made right again: what another version could have written.
Bytes altered(Bytes copy, std::size_t at, unsigned value) {
  copy[at] = static_cast<std::byte>(value);
  ByteReader reader(ByteView(copy).subspan(20));
  const std::size_t counted = 24 + reader.u32();
  std::array<unsigned char, 32> hash{};
  EXPECT_EQ(1, EVP_Digest(copy.data(), counted, hash.data(), nullptr, EVP_sha256(), nullptr));
  std::transform(hash.begin(), hash.end(), copy.begin() + static_cast<std::ptrdiff_t>(counted),
                 [](unsigned char c) { return static_cast<std::byte>(c); });
  return copy;
}

// --- bytes ---------------------------------------------------------------------------------------

TEST(RecordCopy, HasTheLayoutOfTheProtocol) {
  BootRecord record;
  record.generation = 0x0102030405060708;
  const Bytes copy = encode_copy(record).value();
  ASSERT_EQ(kRecordCopy_bytes, copy.size());
  EXPECT_EQ("FWRSTATE", as_text(ByteView(copy).first(8)));
  EXPECT_EQ("020000000807060504030201", to_hex(ByteView(copy).subspan(8, 12)));
  ByteReader reader(ByteView(copy).subspan(20));
  const std::size_t length = reader.u32();
  EXPECT_EQ(R"({"active":"a","failed":[],"floor":0,"slots":{)"
            R"("a":{"manifest":"","signature":"","state":"empty"},)"
            R"("b":{"manifest":"","signature":"","state":"empty"}},"time":0,"version":""})",
            as_text(reader.take(length)));
  const ByteView after_hash = ByteView(copy).subspan(24 + length + 32);
  EXPECT_TRUE(std::all_of(after_hash.begin(), after_hash.end(),
                          [](std::byte b) { return b == std::byte{0}; }));
}

TEST(RecordCopy, ComesBackAsItWas) {
  BootRecord record =
      with(SlotState::Good, SlotState::Trial, Trial{SlotId::A, 1'700'000'000, UINT32_MAX});
  record.active = SlotId::B;
  record.generation = UINT64_MAX;
  record.security_floor = UINT32_MAX;
  // A minisign file's first comment is not signed: any bytes may be in it.
  record.slots[1].signature = std::string("\xff\xfe\0\"\n\\", 6);
  EXPECT_EQ(record, decode_copy(encode_copy(record).value()).value());
}

TEST(RecordCopy, HoldsTheLargestManifestsAndSignatures) {
  for (const char fill : {'"', '\x01', '\xff'}) {
    const BootRecord record = large(1, fill);
    EXPECT_EQ(record, decode_copy(encode_copy(record).value()).value());
  }
}

TEST(RecordCopy, RefusesAPayloadThatDoesNotFit) {
  for (const std::size_t size : {30'000U, 100'000U}) {
    BootRecord record = with(SlotState::Good, SlotState::Good);
    for (SlotInfo& slot : record.slots) slot.manifest.assign(size, 'm');
    const auto copy = encode_copy(record);
    ASSERT_FALSE(copy);
    EXPECT_EQ(Errc::LimitExceeded, copy.error().code);
  }
}

TEST(RecordCopy, RefusesToEncodeABrokenRule) {
  const auto copy = encode_copy(with(SlotState::Writing, SlotState::Good));
  ASSERT_FALSE(copy);
  EXPECT_EQ(Errc::Internal, copy.error().code);
}

TEST(RecordCopy, NoticesEveryChangedBitOfWhatCounts) {
  const Bytes good = encode_copy(with(SlotState::Good, SlotState::Bad)).value();
  ByteReader reader(ByteView(good).subspan(20));
  const std::size_t counted = 24 + reader.u32() + 32;
  for (std::size_t bit = 0; bit < counted * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    ASSERT_FALSE(decode_copy(bad)) << "bit " << bit;
  }
}

TEST(RecordCopy, SaysWhatIsWrong) {
  const auto complaint = [](ByteView copy) {
    const auto record = decode_copy(copy);
    return record ? std::string("nothing") : record.error().detail;
  };
  const Bytes good = encode_copy(BootRecord{}).value();
  EXPECT_EQ("nothing", complaint(good));
  EXPECT_EQ("a copy of 17 bytes", complaint(ByteView(good).first(17)));
  EXPECT_EQ("never written", complaint(Bytes(kRecordCopy_bytes)));
  Bytes bad = good;
  bad[0] = std::byte{'f'};
  EXPECT_EQ("does not begin with FWRSTATE", complaint(bad));
  EXPECT_EQ("it has format 3, and this version knows formats up to 2",
            complaint(altered(good, 8, 3)));
  bad = good;
  bad[23] = std::byte{0xff};
  EXPECT_NE(std::string::npos, complaint(bad).find("a payload of 42")) << complaint(bad);
  bad = good;
  bad[30] = std::byte{0};
  EXPECT_EQ("the hash does not match", complaint(bad));
}

// --- torn writes ---------------------------------------------------------------------------------

TEST(ChooseCopy, TakesTheHighestGeneration) {
  const Bytes older = encode_copy(large(7, 'o')).value();
  const Bytes newer = encode_copy(large(8, 'n')).value();
  EXPECT_EQ(1U, choose_copy(older, newer)->copy);
  EXPECT_EQ(8U, choose_copy(older, newer)->record.generation);
  EXPECT_EQ(0U, choose_copy(newer, older)->copy);
  EXPECT_EQ(8U, choose_copy(newer, older)->record.generation);
}

TEST(ChooseCopy, TakesTheOnlyValidOne) {
  const Bytes good = encode_copy(large(7, 'g')).value();
  const Bytes blank(kRecordCopy_bytes);
  EXPECT_EQ(0U, choose_copy(good, blank)->copy);
  EXPECT_EQ(1U, choose_copy(blank, good)->copy);
}

TEST(ChooseCopy, SaysWhatIsWrongWithBoth) {
  const Bytes blank(kRecordCopy_bytes);
  const auto chosen = choose_copy(blank, ByteView(blank).first(1));
  ASSERT_FALSE(chosen);
  EXPECT_EQ(Errc::CorruptState, chosen.error().code);
  EXPECT_EQ("copy 0: never written; copy 1: a copy of 1 bytes", chosen.error().detail);
}

TEST(ChooseCopy, NeverPassesAnUnknownFormatOverForAnOlderCopy) {
  const Bytes older = encode_copy(large(7, 'o')).value();
  const Bytes newer = altered(encode_copy(large(8, 'n')).value(), 8, 3);
  for (const auto& chosen : {choose_copy(older, newer), choose_copy(newer, older)}) {
    ASSERT_FALSE(chosen);
    EXPECT_EQ(Errc::NewerState, chosen.error().code);
    EXPECT_NE(std::string::npos, chosen.error().detail.find("format 3")) << chosen.error().detail;
    EXPECT_NE(std::string::npos, chosen.error().detail.find("formats up to 2"))
        << chosen.error().detail;
  }
  EXPECT_EQ(Errc::NewerState, choose_copy(newer, Bytes(kRecordCopy_bytes)).error().code);
}

TEST(ChooseCopy, TakesTheOlderCopyWhenANewerVersionWasInterrupted) {
  const Bytes older = encode_copy(large(7, 'o')).value();
  Bytes torn = altered(encode_copy(large(8, 'n')).value(), 8, 3);
  torn[kSector_bytes] ^= std::byte{1};
  EXPECT_EQ(7U, choose_copy(older, torn)->record.generation);
}

TEST(ChooseCopy, TakesTheLaterCopyBesideAnOlderOneOfAnotherFormat) {
  const Bytes older = altered(encode_copy(large(7, 'o')).value(), 8, 3);
  const Bytes newer = encode_copy(large(8, 'n')).value();
  EXPECT_EQ(8U, choose_copy(older, newer)->record.generation);
}

TEST(ChooseCopy, NeverPassesAWholeCopyOverThatItDoesNotUnderstand) {
  const Bytes older = encode_copy(large(7, 'o')).value();
  const Bytes newer = altered(encode_copy(large(8, 'n')).value(), 24, 'x');  // no JSON
  const auto chosen = choose_copy(older, newer);
  ASSERT_FALSE(chosen);
  EXPECT_EQ(Errc::CorruptState, chosen.error().code);
  EXPECT_EQ(0U, chosen.error().detail.find("copy 1: ")) << chosen.error().detail;
}

/// Writes `fresh` over one copy sector by sector in a random order. Cut before each sector, with
/// that sector untouched or garbled, the file has to give the old record or the new one.
void tear(std::uint32_t seed, const Bytes& keep, Bytes overwritten, const Bytes& fresh,
          const BootRecord& before, const BootRecord& after) {
  std::mt19937 random(seed);
  std::vector<std::size_t> order(kRecordCopy_bytes / kSector_bytes);
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), random);
  bool saw_old = false;
  for (const std::size_t sector : order) {
    const auto target = std::span(overwritten).subspan(sector * kSector_bytes, kSector_bytes);
    const auto source = ByteView(fresh).subspan(sector * kSector_bytes, kSector_bytes);
    for (const bool garble : {false, true}) {
      if (garble)
        for (std::byte& b : target) b = static_cast<std::byte>(random());
      const auto chosen = choose_copy(keep, overwritten);
      ASSERT_TRUE(chosen) << "seed " << seed << " sector " << sector;
      ASSERT_TRUE(chosen->record == before || chosen->record == after) << "seed " << seed;
      saw_old = saw_old || chosen->record == before;
    }
    std::copy(source.begin(), source.end(), target.begin());
  }
  EXPECT_TRUE(saw_old);
  EXPECT_EQ(after, choose_copy(keep, overwritten)->record);
}

TEST(ChooseCopy, GivesTheOldOrTheNewRecordAfterATornWrite) {
  const BootRecord oldest = large(6, 'x');
  const BootRecord before = large(7, 'b');
  const BootRecord after = large(8, 'a');
  const Bytes keep = encode_copy(before).value();
  const Bytes fresh = encode_copy(after).value();
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    tear(seed, keep, encode_copy(oldest).value(), fresh, before, after);
    tear(seed, keep, Bytes(kRecordCopy_bytes), fresh, before, after);
  }
}

// --- changes -------------------------------------------------------------------------------------

TEST(BrokenRule, AcceptsExactlyTheStatesThatMayBe) {
  const auto allowed = [](SlotState active, SlotState inactive, bool trial) {
    if (inactive == SlotState::Trial) return false;
    switch (active) {
      case SlotState::Empty:
      case SlotState::Good: return !trial;
      case SlotState::Trial: return trial;
      case SlotState::Bad: return true;
      case SlotState::Writing:
      case SlotState::Verified: return false;
    }
    return false;
  };
  for (const SlotState a : kStates)
    for (const SlotState b : kStates)
      for (const bool trial : {false, true}) {
        const auto record = with(a, b, trial ? std::optional(Trial{}) : std::nullopt);
        const auto rule = broken_rule(record);
        EXPECT_EQ(allowed(a, b, trial), !rule)
            << to_text(a) << " " << to_text(b) << " " << trial << " " << rule.value_or("");
      }
  EXPECT_TRUE(broken_rule(with(SlotState::Trial, SlotState::Good, Trial{SlotId::B, -1, 0})));
}

TEST(BeginWriting, GivesTheInactiveSlotToTheNewImage) {
  for (const SlotState state : kStates) {
    const BootRecord before = with(SlotState::Good, state);
    const BootRecord after = begin_writing(before, "m", "s");
    EXPECT_EQ((SlotInfo{SlotState::Writing, "m", "s"}), after.slot(SlotId::B));
    EXPECT_EQ(before.slot(SlotId::A), after.slot(SlotId::A));
    EXPECT_EQ(SlotId::A, after.active);
    EXPECT_EQ(11U, after.generation);
    EXPECT_EQ(5U, after.security_floor);
  }
}

TEST(BeginWriting, LeavesTheTrialNothingToGoBackTo) {
  const auto trial = Trial{SlotId::B, 100, 60};
  const BootRecord after = begin_writing(with(SlotState::Trial, SlotState::Good, trial), "m", "s");
  EXPECT_EQ((Trial{SlotId::A, 100, 60}), after.trial);
  EXPECT_FALSE(roll_back(after));
  // A new image that was never booted is no image to go back to.
  const auto back = roll_back(mark_verified(after));
  ASSERT_FALSE(back);
  EXPECT_EQ(Errc::NoPreviousImage, back.error().code);
}

TEST(MarkVerified, ChangesOnlyASlotThatIsBeingWritten) {
  for (const SlotState state : kStates) {
    const BootRecord after = mark_verified(with(SlotState::Good, state));
    EXPECT_EQ(state == SlotState::Writing ? SlotState::Verified : state,
              after.slot(SlotId::B).state);
    EXPECT_EQ(SlotState::Good, after.slot(SlotId::A).state);
    EXPECT_EQ(11U, after.generation);
  }
}

TEST(MarkBad, KeepsWhatTheSlotShouldHold) {
  const BootRecord after = mark_bad(with(SlotState::Good, SlotState::Good), SlotId::A);
  EXPECT_EQ((SlotInfo{SlotState::Bad, "manifest of a", "signature of a"}), after.slot(SlotId::A));
  EXPECT_EQ(SlotState::Good, after.slot(SlotId::B).state);
  EXPECT_EQ(SlotId::A, after.active);
  EXPECT_EQ(11U, after.generation);
}

TEST(MarkBad, LetsATrialEndByGoingBack) {
  const auto trial = Trial{SlotId::B, 100, 60};
  const BootRecord after = mark_bad(with(SlotState::Trial, SlotState::Good, trial), SlotId::A);
  EXPECT_EQ(trial, after.trial);
  EXPECT_TRUE(trial_expired(after, 160));
  EXPECT_EQ(Errc::NothingOnTrial, confirm(after, 9).error().code);
  EXPECT_EQ(SlotId::B, roll_back(after)->active);
}

TEST(Activate, PutsTheVerifiedSlotOnTrial) {
  const auto after = activate(with(SlotState::Good, SlotState::Verified), 1000, 600);
  ASSERT_TRUE(after);
  EXPECT_EQ(SlotId::B, after->active);
  EXPECT_EQ(SlotState::Trial, after->slot(SlotId::B).state);
  EXPECT_EQ(SlotState::Good, after->slot(SlotId::A).state);
  EXPECT_EQ((Trial{SlotId::A, 1000, 600}), after->trial);
  EXPECT_EQ(11U, after->generation);
  EXPECT_EQ(5U, after->security_floor);
}

TEST(Activate, RefusesASlotThatIsNotVerified) {
  for (const SlotState state : kStates) {
    const auto after = activate(with(SlotState::Good, state), 1000, 600);
    EXPECT_EQ(state == SlotState::Verified, after.has_value()) << to_text(state);
    if (!after) {
      EXPECT_EQ(Errc::Internal, after.error().code);
    }
  }
}

TEST(Activate, DoesNotCallAnUnconfirmedImageGood) {
  const auto after =
      activate(with(SlotState::Trial, SlotState::Verified, Trial{SlotId::A, 1, 2}), 1000, 600);
  EXPECT_EQ(SlotState::Verified, after->slot(SlotId::A).state);
  for (const SlotState state : {SlotState::Empty, SlotState::Good, SlotState::Bad})
    EXPECT_EQ(state, activate(with(state, SlotState::Verified), 0, 0)->slot(SlotId::A).state);
}

TEST(Activate, TakesADeadClockAsTheBeginOfTime) {
  const auto after = activate(with(SlotState::Good, SlotState::Verified), -5, 600);
  EXPECT_EQ(0, after->trial->began);
  EXPECT_FALSE(broken_rule(*after));
}

TEST(Confirm, MakesTheImageGoodAndRaisesTheFloor) {
  const BootRecord before = with(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 1, 2});
  const auto after = confirm(before, 9);
  ASSERT_TRUE(after);
  EXPECT_EQ(SlotState::Good, after->slot(SlotId::A).state);
  EXPECT_FALSE(after->trial);
  EXPECT_EQ(9U, after->security_floor);
  EXPECT_EQ(11U, after->generation);
  EXPECT_EQ(5U, confirm(before, 3)->security_floor);
}

TEST(Confirm, RefusesWhenNothingIsOnTrial) {
  for (const SlotState state : {SlotState::Empty, SlotState::Good, SlotState::Bad}) {
    const auto after = confirm(with(state, SlotState::Good), 9);
    ASSERT_FALSE(after);
    EXPECT_EQ(Errc::NothingOnTrial, after.error().code);
  }
}

TEST(Adopt, RecordsWhatTheSystemRunsFrom) {
  for (const SlotId slot : {SlotId::A, SlotId::B})
    for (const SlotState other_state : {SlotState::Empty, SlotState::Good, SlotState::Bad}) {
      const BootRecord before = with(other_state, other_state);
      const auto after = adopt(before, slot, {SlotState::Empty, "m", "s"}, 9);
      ASSERT_TRUE(after);
      EXPECT_EQ(slot, after->active);
      EXPECT_EQ((SlotInfo{SlotState::Good, "m", "s"}), after->slot(slot));
      EXPECT_EQ(before.slot(other(slot)), after->slot(other(slot)));
      EXPECT_EQ(9U, after->security_floor);
      EXPECT_EQ(11U, after->generation);
      EXPECT_FALSE(broken_rule(*after));
    }
  EXPECT_EQ(
      5U,
      adopt(BootRecord(with(SlotState::Good, SlotState::Good)), SlotId::A, {}, 3)->security_floor);
}

TEST(Adopt, LeavesATrialToThoseWhoDecide) {
  const auto trial = Trial{SlotId::B, 1, 2};
  const auto after = adopt(with(SlotState::Trial, SlotState::Good, trial), SlotId::A, {}, 9);
  ASSERT_FALSE(after);
  EXPECT_EQ(Errc::OnTrial, after.error().code);
}

TEST(RollBack, EndsATrialWithTheSlotBeforeIt) {
  const auto after = roll_back(with(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 1, 2}));
  ASSERT_TRUE(after);
  EXPECT_EQ(SlotId::B, after->active);
  EXPECT_EQ(SlotState::Good, after->slot(SlotId::B).state);
  EXPECT_EQ(SlotState::Bad, after->slot(SlotId::A).state);
  EXPECT_FALSE(after->trial);
  EXPECT_EQ(11U, after->generation);
  EXPECT_EQ(5U, after->security_floor);
}

TEST(RollBack, PutsAnUnconfirmedImageBackOnTrialWithoutLimit) {
  const auto second =
      activate(with(SlotState::Trial, SlotState::Verified, Trial{SlotId::A, 1, 2}), 1000, 600);
  const auto after = roll_back(*second);
  ASSERT_TRUE(after);
  EXPECT_EQ(SlotId::A, after->active);
  EXPECT_EQ(SlotState::Trial, after->slot(SlotId::A).state);
  EXPECT_EQ(SlotState::Bad, after->slot(SlotId::B).state);
  EXPECT_FALSE(trial_expired(*after, INT64_MAX));
  EXPECT_TRUE(confirm(*after, 9));
  EXPECT_EQ(Errc::NoPreviousImage, roll_back(*after).error().code);
}

TEST(RollBack, SwapsTwoGoodImages) {
  const auto after = roll_back(with(SlotState::Good, SlotState::Good));
  ASSERT_TRUE(after);
  EXPECT_EQ(SlotId::B, after->active);
  EXPECT_EQ(SlotState::Good, after->slot(SlotId::A).state);
  EXPECT_EQ(SlotState::Good, after->slot(SlotId::B).state);
  EXPECT_EQ(SlotState::Bad,
            roll_back(with(SlotState::Bad, SlotState::Good))->slot(SlotId::A).state);
}

TEST(RollBack, NeedsAnImageToGoBackTo) {
  for (const SlotState state :
       {SlotState::Empty, SlotState::Writing, SlotState::Verified, SlotState::Bad}) {
    const auto after = roll_back(with(SlotState::Good, state));
    ASSERT_FALSE(after);
    EXPECT_EQ(Errc::NoPreviousImage, after.error().code);
    EXPECT_NE(std::string::npos, after.error().detail.find(to_text(state)));
  }
  for (const SlotState state : {SlotState::Empty, SlotState::Writing, SlotState::Bad})
    EXPECT_FALSE(roll_back(with(SlotState::Trial, state, Trial{SlotId::B, 1, 2})));
}

TEST(TrialExpired, WhenItsTimeIsUpOnAClockThatGoes) {
  const auto record = with(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 1000, 600});
  EXPECT_FALSE(trial_expired(record, 1000));
  EXPECT_FALSE(trial_expired(record, 1599));
  EXPECT_TRUE(trial_expired(record, 1600));
  EXPECT_TRUE(trial_expired(record, INT64_MAX));
  EXPECT_FALSE(trial_expired(record, 999));
  EXPECT_FALSE(trial_expired(record, INT64_MIN));
  EXPECT_FALSE(trial_expired(with(SlotState::Good, SlotState::Good), INT64_MAX));
  EXPECT_FALSE(
      trial_expired(with(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 1000, 0}), INT64_MAX));
  EXPECT_TRUE(
      trial_expired(with(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 0, 1}), INT64_MAX));
}

// --- what is kept of the past --------------------------------------------------------------------

/// The bytes of a copy whose hash is made right.
Result<BootRecord> read_hashed(const Bytes& copy) {
  return decode_copy(altered(copy, 8, static_cast<unsigned>(copy[8])));
}

TEST(FirstFormat, IsReadAndSaysWhichVersionWasConfirmed) {
  const auto good = read_hashed(first_format(two_versions(SlotState::Good, SlotState::Good)));
  ASSERT_TRUE(good) << good.error().detail;
  EXPECT_EQ("2.0", good->confirmed_version);
  EXPECT_EQ(2000, good->newest_time);
  EXPECT_TRUE(good->failed.empty());
  // What is on trial is not confirmed, what ran before it is.
  const auto trial = read_hashed(
      first_format(two_versions(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 5000, 1})));
  EXPECT_EQ("1.0", trial->confirmed_version);
  EXPECT_EQ(5000, trial->newest_time);
  const auto lost = read_hashed(
      first_format(two_versions(SlotState::Trial, SlotState::Writing, Trial{SlotId::A, 1, 1})));
  EXPECT_EQ("", lost->confirmed_version);
}

TEST(FirstFormat, BecomesTheSecondWhenItIsStored) {
  const auto read = read_hashed(first_format(two_versions(SlotState::Good, SlotState::Good)));
  const Bytes stored = encode_copy(*read).value();
  EXPECT_EQ(std::byte{2}, stored[8]);
  EXPECT_EQ(*read, decode_copy(stored).value());
}

TEST(NewestTime, IsTheLatestThatWasSeenAndNeverFalls) {
  BootRecord record = two_versions(SlotState::Good, SlotState::Empty);
  record = begin_writing(record, to_json(manifest_of("3.0", 3000)), "s");
  EXPECT_EQ(3000, record.newest_time);
  record = *activate(mark_verified(record), 4000, 600);
  EXPECT_EQ(4000, record.newest_time);
  // A clock that was set back, one that stands still, and one that shows what no clock may.
  EXPECT_EQ(4000, confirm(record, 1, 100)->newest_time);
  EXPECT_EQ(4000, roll_back(record, {FailureReason::RolledBack, 0})->newest_time);
  EXPECT_EQ(4000, confirm(record, 1, INT64_MAX)->newest_time);
  EXPECT_EQ(5000, confirm(record, 1, 5000)->newest_time);
  EXPECT_EQ(6000, roll_back(record, {FailureReason::RolledBack, 6000})->newest_time);
  EXPECT_EQ(7000, adopt(two_versions(SlotState::Good, SlotState::Good), SlotId::A,
                        {SlotState::Good, to_json(manifest_of("3.0", 3000)), "s"}, 1, 7000)
                      ->newest_time);
}

TEST(ConfirmedVersion, IsWhatSomebodyDecidedFor) {
  const BootRecord trial = two_versions(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 1, 2});
  EXPECT_EQ("", trial.confirmed_version);
  EXPECT_EQ("2.0", confirm(trial, 1)->confirmed_version);
  EXPECT_EQ("1.0", roll_back(trial)->confirmed_version);
  EXPECT_EQ("3.0", adopt(two_versions(SlotState::Good, SlotState::Good), SlotId::B,
                         {SlotState::Good, to_json(manifest_of("3.0", 3000)), "s"}, 1)
                       ->confirmed_version);
  // Begun, but neither confirmed nor gone back to.
  BootRecord next = *confirm(trial, 1);
  next = begin_writing(next, to_json(manifest_of("3.0", 3000)), "s");
  next = *activate(mark_verified(next), 4000, 600);
  EXPECT_EQ("2.0", next.confirmed_version);
}

TEST(FailedImages, AreWhatWasRolledBack) {
  const auto after =
      roll_back(two_versions(SlotState::Trial, SlotState::Good, Trial{SlotId::B, 1, 2}),
                {FailureReason::TrialRanOut, 9000});
  ASSERT_EQ(1U, after->failed.size());
  const FailedImage& failed = after->failed.front();
  EXPECT_EQ("2.0", failed.version);
  EXPECT_EQ(std::byte{0xa2}, failed.digest.front());
  EXPECT_EQ(9000, failed.when);
  EXPECT_EQ(FailureReason::TrialRanOut, failed.reason);
  EXPECT_EQ(*after, decode_copy(encode_copy(*after).value()).value());
  // Also one that was confirmed once.
  EXPECT_EQ(1U, roll_back(two_versions(SlotState::Good, SlotState::Good))->failed.size());
}

TEST(FailedImages, AreForgottenWhenSomebodyDecidesForThem) {
  const BootRecord first = *roll_back(two_versions(SlotState::Good, SlotState::Good));
  const BootRecord back = *roll_back(first);
  ASSERT_EQ(1U, back.failed.size());
  EXPECT_EQ("1.0", back.failed.front().version);
  const auto adopted = adopt(first, SlotId::A, first.slot(SlotId::A), 1);
  EXPECT_TRUE(adopted->failed.empty());
  BootRecord again = first;
  again = begin_writing(again, again.slot(SlotId::A).manifest, "s");
  again = *activate(mark_verified(again), 1, 2);
  EXPECT_EQ(1U, again.failed.size());
  EXPECT_TRUE(confirm(again, 1)->failed.empty());
}

TEST(FailedImages, AreBoundedAndTheOldestGivesWay) {
  BootRecord record = two_versions(SlotState::Good, SlotState::Empty);
  for (unsigned i = 0; i < kFailedImages + 3; ++i) {
    record = begin_writing(record, to_json(manifest_of("3." + std::to_string(i), 1, i)), "s");
    record = *activate(mark_verified(record), i, 600);
    record = *roll_back(record, {FailureReason::RolledBack, i});
  }
  ASSERT_EQ(kFailedImages, record.failed.size());
  EXPECT_EQ("3.3", record.failed.front().version);
  EXPECT_EQ("3.18", record.failed.back().version);
  EXPECT_FALSE(broken_rule(record));
  // The same one again is there once, and is the newest.
  record = begin_writing(record, to_json(manifest_of("3.5", 1, 5)), "s");
  record = *roll_back(*activate(mark_verified(record), 1, 600));
  EXPECT_EQ(kFailedImages, record.failed.size());
  EXPECT_EQ("3.5", record.failed.back().version);
}

// --- every record that there can be --------------------------------------------------------------

/// What is really in the slots, beside what the record says of it.
struct World {
  BootRecord record;
  std::array<bool, 2> whole{};     ///< the slot has all of one image
  bool previous_is_there = false;  ///< the inactive slot has what was active before the trial
};

using Key = std::tuple<SlotId, SlotState, SlotState, int, bool, bool, bool>;
Key key(const World& world) {
  const int trial = world.record.trial ? 1 + static_cast<int>(world.record.trial->previous) : 0;
  return {world.record.active,
          world.record.slots[0].state,
          world.record.slots[1].state,
          trial,
          world.whole[0],
          world.whole[1],
          world.previous_is_there};
}

std::size_t index(SlotId slot) {
  return static_cast<std::size_t>(slot);
}

/// What must hold after any change, and after `switched` changes to another active slot.
void check(const World& before, const World& after, bool switched) {
  const auto rule = broken_rule(after.record);
  ASSERT_FALSE(rule) << *rule;
  ASSERT_EQ(before.record.generation + 1, after.record.generation);
  ASSERT_GE(after.record.security_floor, before.record.security_floor);
  ASSERT_EQ(switched, before.record.active != after.record.active);
  if (switched) {
    ASSERT_TRUE(after.whole[index(after.record.active)]);
  }
  const SlotInfo& active = after.record.slot(before.record.active);
  ASSERT_EQ(before.record.slot(before.record.active).manifest, active.manifest);
  for (const SlotId slot : {SlotId::A, SlotId::B}) {
    const SlotState state = after.record.slot(slot).state;
    if (state == SlotState::Verified || state == SlotState::Good || state == SlotState::Trial) {
      ASSERT_TRUE(after.whole[index(slot)]) << to_text(state);
    }
  }
}

std::vector<World> steps_from(const World& from) {
  std::vector<World> next;
  const SlotId inactive = other(from.record.active);
  const auto take = [&](BootRecord record, bool switched) -> World& {
    World to = from;
    to.record = std::move(record);
    if (switched) to.previous_is_there = false;
    next.push_back(to);
    return next.back();
  };
  {
    World& to = take(begin_writing(from.record, "m", "s"), false);
    to.whole[index(inactive)] = false;
    to.previous_is_there = false;
    check(from, to, false);
  }
  {
    World& to = take(mark_verified(from.record), false);
    // The caller has read the slot back; it does so only for one that it wrote.
    if (from.record.slot(inactive).state == SlotState::Writing) to.whole[index(inactive)] = true;
    check(from, to, false);
  }
  for (const SlotId slot : {SlotId::A, SlotId::B})
    check(from, take(mark_bad(from.record, slot), false), false);
  if (auto record = activate(from.record, 1000, 600)) {
    World& to = take(*record, true);
    to.previous_is_there = true;
    check(from, to, true);
  }
  if (auto record = confirm(from.record, 7)) {
    World& to = take(*record, false);
    to.previous_is_there = false;
    check(from, to, false);
  }
  if (auto record = roll_back(from.record)) {
    if (from.record.trial) {
      EXPECT_TRUE(from.previous_is_there);
    }
    check(from, take(*record, true), true);
  }
  return next;
}

TEST(BootRecord, HoldsItsRulesInEveryStateThatCanBeReached) {
  std::map<Key, World> seen;
  std::vector<World> open{World{}};
  while (!open.empty()) {
    const World world = open.back();
    open.pop_back();
    if (!seen.emplace(key(world), world).second) continue;
    for (World& next : steps_from(world)) open.push_back(std::move(next));
    if (HasFatalFailure()) return;
  }
  // Enough to show that the walk went everywhere: each state was seen in each slot.
  std::array<std::array<bool, kStates.size()>, 2> reached{};
  for (const auto& [unused, world] : seen) {
    for (std::size_t slot = 0; slot < 2; ++slot)
      reached[slot][static_cast<std::size_t>(world.record.slots[slot].state)] = true;
    EXPECT_EQ(world.record, decode_copy(encode_copy(world.record).value()).value());
  }
  for (const auto& slot : reached)
    EXPECT_TRUE(std::all_of(slot.begin(), slot.end(), [](bool b) { return b; }));
}

}  // namespace
}  // namespace fwr::flash
