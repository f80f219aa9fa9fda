// SPDX-License-Identifier: GPL-3.0-or-later
// The recipient's facade on slots in files: what an administrator's commands do to them.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "flash/slots.hpp"
#include "fwrecover/recipient.hpp"
#include "image/hash_tree.hpp"
#include "image/manifest.hpp"
#include "scratch_directory.hpp"
#include "test_signer.hpp"
#include "transport/clock.hpp"

namespace {

using fwr::flash::BootRecord;
using fwr::flash::SlotId;
using fwr::flash::SlotState;
using fwr::flash::Trial;
using fwr::test::write_text;
using fwrecover::Conclusion;
using fwrecover::Event;

class Collector final : public fwrecover::Observer {
 public:
  void on_event(const Event& event) override { events.push_back(event); }
  [[nodiscard]] bool saw(std::string_view name) const {
    return std::any_of(events.begin(), events.end(),
                       [&](const Event& event) { return event.name() == name; });
  }
  std::vector<Event> events;
};

/// The copy of a state record as a later format would have it: another format, and the hash of it.
std::string of_newer_version(std::string copy) {
  copy[8] = 2;
  fwr::ByteReader reader(fwr::as_bytes(copy).subspan(20));
  const std::size_t counted = 24 + reader.u32();
  std::array<unsigned char, 32> hash{};
  EXPECT_EQ(1, EVP_Digest(copy.data(), counted, hash.data(), nullptr, EVP_sha256(), nullptr));
  std::copy(hash.begin(), hash.end(), copy.begin() + static_cast<std::ptrdiff_t>(counted));
  return copy;
}

/// A system with an image in each slot: "1" in a, good; "2" in b, active and on trial.
class RecipientOnFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    fill(SlotId::A, "1", SlotState::Good);
    fill(SlotId::B, "2", SlotState::Trial);
    record_.active = SlotId::B;
    begin_trial(0);
  }

  void fill(SlotId slot, const std::string& version, SlotState state) {
    const std::string content(5000, version.front());
    write_text(path(slot), content);
    fwr::image::TreeBuilder builder(content.size(), {});
    ASSERT_TRUE(builder.add(fwr::as_bytes(content)));
    fwr::image::Manifest manifest;
    manifest.name = "test firmware";
    manifest.component = "bmc";
    manifest.version = version;
    manifest.security_version = static_cast<std::uint32_t>(std::stoul(version));
    manifest.size_bytes = content.size();
    manifest.digest = builder.finish().value();
    manifest.platforms.emplace_back();
    manifest.created = 1700000000;
    const std::string json = fwr::image::to_json(manifest);
    record_.slot(slot) = {state, json, signer_.sign(json)};
  }
  /// Zero: it has no limit.
  void begin_trial(std::uint32_t limit_s) {
    record_.trial = Trial{SlotId::A, fwr::transport::wall_clock().value_or(0) - 100, limit_s};
  }
  void store() {
    const auto slots = fwr::flash::open_file_slots(
        {path(SlotId::A), path(SlotId::B), 65536, scratch_.path()}, fwr::flash::Access::ReadWrite);
    ASSERT_TRUE(slots);
    ++record_.generation;
    ASSERT_TRUE((*slots)->store_record(record_));
  }
  [[nodiscard]] BootRecord stored() const {
    const auto slots = fwr::flash::open_file_slots(
        {path(SlotId::A), path(SlotId::B), 65536, scratch_.path()}, fwr::flash::Access::ReadOnly);
    return (*slots)->load_record().value();
  }
  [[nodiscard]] std::string path(SlotId slot) const {
    return scratch_ / (slot == SlotId::A ? "slot-a" : "slot-b");
  }
  [[nodiscard]] fwrecover::RecipientSource source() const {
    write_text(scratch_ / "none.toml", "");
    write_text(scratch_ / "test.pub", signer_.public_key_text());
    return {
        scratch_ / "none.toml",
        {fmt::format("slots.a='{}'", path(SlotId::A)), fmt::format("slots.b='{}'", path(SlotId::B)),
         "slots.size='64KiB'", fmt::format("slots.state='{}'", scratch_.path()),
         "lan.broadcast=false", fmt::format("trust.keys=['{}']", scratch_ / "test.pub")}};
  }

  fwr::test::ScratchDirectory scratch_;
  fwr::test::TestSigner signer_;
  BootRecord record_;
  Collector seen_;
};

TEST_F(RecipientOnFiles, RollsBackToAnImageThatIsStillThere) {
  store();
  const Conclusion done = fwrecover::Recipient(source()).rollback(false, seen_);
  EXPECT_TRUE(done.ok()) << done.message;
  EXPECT_EQ(SlotId::A, stored().active);
  EXPECT_EQ(SlotState::Bad, stored().slot(SlotId::B).state);
  EXPECT_TRUE(seen_.saw("rollback"));
}

TEST_F(RecipientOnFiles, NeverRollsBackToASlotThatLostItsImage) {
  begin_trial(10);
  store();
  write_text(path(SlotId::A), std::string(5000, 'x'));
  for (const bool if_expired : {false, true}) {
    const Conclusion done = fwrecover::Recipient(source()).rollback(if_expired, seen_);
    EXPECT_EQ("no-previous-image", done.code);
    EXPECT_NE(std::string::npos, done.message.find("slot b stays active")) << done.message;
  }
  std::filesystem::remove(path(SlotId::A));
  EXPECT_EQ("no-previous-image", fwrecover::Recipient(source()).rollback(true, seen_).code);
  EXPECT_EQ(SlotId::B, stored().active);
  EXPECT_EQ(SlotState::Trial, stored().slot(SlotId::B).state);
  EXPECT_FALSE(seen_.saw("rollback"));
}

TEST_F(RecipientOnFiles, CheckWithoutPermissionDoesNotCallForReplacement) {
  store();
  const auto source_of_test = source();
  std::filesystem::permissions(scratch_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(path(SlotId::B), std::filesystem::perms::none);
  const bool root = ::geteuid() == 0;
  constexpr uid_t kNobody = 65534;
  if (root) {
    ASSERT_EQ(0, ::seteuid(kNobody));
  }
  const Conclusion done = fwrecover::Recipient(source_of_test).check(seen_);
  if (root) {
    ASSERT_EQ(0, ::seteuid(0));
  }
  EXPECT_EQ("no-permission", done.code) << done.message;
}

TEST_F(RecipientOnFiles, NothingActsOnARecordOfANewerVersion) {
  store();
  const std::string file = scratch_ / "state";
  const std::string before = fwr::test::read_text(file);
  // The first store went into the second copy; here the format changes in it, and its hash.
  const std::string newer = of_newer_version(before.substr(fwr::flash::kRecordCopy_bytes));
  write_text(file, before.substr(0, fwr::flash::kRecordCopy_bytes) + newer);
  fwrecover::Recipient recipient(source());
  for (const Conclusion& done :
       {recipient.check(seen_), recipient.status(seen_), recipient.confirm(seen_),
        recipient.rollback(false, seen_), recipient.request({}, seen_)}) {
    EXPECT_EQ("newer-state", done.code) << done.message;
    EXPECT_EQ(15, done.exit_code);
  }
  EXPECT_EQ(before.substr(0, fwr::flash::kRecordCopy_bytes) + newer, fwr::test::read_text(file));
}

TEST_F(RecipientOnFiles, RequestIfNeededLeavesAnExpiredTrialItsWayBack) {
  begin_trial(10);
  store();
  EXPECT_EQ("replacement-needed", fwrecover::Recipient(source()).check(seen_).code);
  const fwrecover::RequestOptions if_needed{.if_needed = true};
  const Conclusion left = fwrecover::Recipient(source()).request(if_needed, seen_);
  EXPECT_TRUE(left.ok()) << left.message;
  EXPECT_TRUE(seen_.saw("problem"));
  // Without a way back it goes on, here until it needs a password.
  write_text(path(SlotId::A), std::string(5000, 'x'));
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(source()).request(if_needed, seen_).code);
}

}  // namespace
