// SPDX-License-Identifier: GPL-3.0-or-later
// The recipient's facade on slots in files: what an administrator's commands do to them.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <future>
#include <thread>

#include "flash/slots_file.hpp"
#include "fwrecover/donor.hpp"
#include "fwrecover/recipient.hpp"
#include "image/hash_tree.hpp"
#include "image/manifest.hpp"
#include "support/io_fault.hpp"
#include "support/scratch_directory.hpp"
#include "support/test_signer.hpp"
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
  copy[8] = 3;
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
    write_text(path(slot), content_of(version));
    const std::string json = manifest_of(version);
    record_.slot(slot) = {state, json, signer_.sign(json)};
  }
  static std::string content_of(const std::string& version) {
    return std::string(5000, version.front());
  }
  /// Its security version is its version.
  static std::string manifest_of(const std::string& version) {
    const std::string content = content_of(version);
    fwr::image::TreeBuilder builder(content.size(), {});
    EXPECT_TRUE(builder.add(fwr::as_bytes(content)));
    fwr::image::Manifest manifest;
    manifest.name = "test firmware";
    manifest.component = "bmc";
    manifest.version = version;
    manifest.security_version = static_cast<std::uint32_t>(std::stoul(version));
    manifest.size_bytes = content.size();
    manifest.digest = builder.finish().value();
    manifest.platforms.emplace_back();
    manifest.created = 1700000000;
    return fwr::image::to_json(manifest);
  }
  /// As files; the path of the manifest.
  [[nodiscard]] std::string manifest_file(const std::string& version) const {
    const std::string json = manifest_of(version);
    write_text(scratch_ / "manifest", json);
    write_text(scratch_ / "manifest.minisig", signer_.sign(json));
    return scratch_ / "manifest";
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

TEST_F(RecipientOnFiles, RequestIfNewerIsSilentWhileATrialHasTime) {
  begin_trial(86'400);
  store();
  const fwrecover::RequestOptions if_newer{.if_newer = true};
  const Conclusion left = fwrecover::Recipient(source()).request(if_newer, seen_);
  EXPECT_TRUE(left.ok()) << left.message;
  EXPECT_NE(std::string::npos, left.message.find("slot b is on trial until")) << left.message;
  EXPECT_FALSE(seen_.saw("problem"));
  // A trial without a time limit would never end, so each request reports it.
  begin_trial(0);
  store();
  EXPECT_TRUE(fwrecover::Recipient(source()).request(if_newer, seen_).ok());
  EXPECT_TRUE(seen_.saw("problem"));
}

TEST_F(RecipientOnFiles, ARollBackSaysWhichImageRunsAndWhetherTheOtherIsRefused) {
  const auto words_of = [&] {
    std::filesystem::remove(scratch_ / "state");  // of a later generation
    record_.confirmed_version = "0";
    store();
    seen_.events.clear();
    EXPECT_TRUE(fwrecover::Recipient(source()).rollback(false, seen_).ok());
    std::string version;
    std::string words;
    for (const Event& event : seen_.events) {
      if (event.name() == "rollback") version = event.text("version");
      if (event.name() == "activated") words = event.text("text");
    }
    EXPECT_EQ("1", version);
    return words;
  };
  EXPECT_NE(std::string::npos, words_of().find("not taken again"));
  // One that was never confirmed.
  SetUp();
  record_.slot(SlotId::A).state = SlotState::Verified;
  EXPECT_NE(std::string::npos, words_of().find("not taken again"));
  // The same one, written a second time: it runs, and is not refused.
  SetUp();
  fill(SlotId::B, "1", SlotState::Trial);
  EXPECT_EQ(std::string::npos, words_of().find("not taken again"));
}

TEST_F(RecipientOnFiles, RequestKeepsTheImageThatATrialCanGoBackTo) {
  store();
  fwrecover::RequestOptions options;
  EXPECT_EQ("on-trial", fwrecover::Recipient(source()).request(options, seen_).code);
  // A trial image that is damaged needs a roll-back, not a recovery.
  write_text(path(SlotId::B), std::string(5000, 'x'));
  options.if_needed = true;
  EXPECT_EQ("on-trial", fwrecover::Recipient(source()).request(options, seen_).code);
  // These go on, here until they need a password.
  options.during_trial = true;
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(source()).request(options, seen_).code);
  options.during_trial = false;
  write_text(path(SlotId::A), std::string(5000, 'x'));
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(source()).request(options, seen_).code);
}

TEST_F(RecipientOnFiles, NeverRollsBackBelowTheSecurityFloor) {
  store();
  EXPECT_TRUE(fwrecover::Recipient(source()).confirm(seen_).ok());
  EXPECT_EQ(2U, stored().security_floor);
  const Conclusion done = fwrecover::Recipient(source()).rollback(false, seen_);
  EXPECT_EQ("no-previous-image", done.code);
  EXPECT_NE(std::string::npos, done.message.find("security version 1 is below the floor 2"))
      << done.message;
  EXPECT_EQ(SlotId::B, stored().active);
}

// --- between the look and the lock ---------------------------------------------------------------

TEST_F(RecipientOnFiles, NeverRollsBackWhatIsConfirmedBetweenLookAndLock) {
  fill(SlotId::A, "3", SlotState::Good);  // or the floor would forbid the way back
  begin_trial(10);
  store();
  const auto source_of_test = source();
  // What the state file holds after "fwrecover confirm".
  const std::string file = scratch_ / "state";
  const std::string on_trial = fwr::test::read_text(file);
  ASSERT_TRUE(fwrecover::Recipient(source_of_test).confirm(seen_).ok());
  const BootRecord kept = stored();
  const std::string confirmed = fwr::test::read_text(file);
  write_text(file, on_trial);
  // How often one look at the record reads the file.
  std::size_t reads = 0;
  const auto count = [&](const fwr::test::IoCall& call) {
    if (call.kind == fwr::test::IoKind::Read && call.path == file) ++reads;
    return fwr::test::IoReply{};
  };
  {
    const fwr::test::IoFault counting(count);
    (void)stored();
  }
  const std::size_t look = reads;
  ASSERT_GT(look, 0U);
  reads = 0;
  {
    const fwr::test::IoFault between([&](const fwr::test::IoCall& call) {
      const std::size_t before = reads;
      const fwr::test::IoReply reply = count(call);
      if (before == look && reads > before) write_text(file, confirmed);
      return reply;
    });
    const Conclusion done = fwrecover::Recipient(source_of_test).rollback(true, seen_);
    EXPECT_EQ("nothing-on-trial", done.code) << done.message;
  }
  EXPECT_GT(reads, look) << "nobody looked again under the lock";
  EXPECT_EQ(kept, stored());
}

TEST_F(RecipientOnFiles, NeverGoesBackFromWhatIsConfirmedWhileTheHealthCommandsRun) {
  fill(SlotId::A, "3", SlotState::Good);
  store();
  const std::string file = scratch_ / "state";
  const std::string on_trial = fwr::test::read_text(file);
  auto ill = source();
  ASSERT_TRUE(fwrecover::Recipient(ill).confirm(seen_).ok());
  const BootRecord kept = stored();
  write_text(scratch_ / "confirmed", fwr::test::read_text(file));
  write_text(file, on_trial);
  ill.overrides.push_back(
      fmt::format("health.commands=['cp {}/confirmed {}', 'false']", scratch_.path(), file));
  ill.overrides.emplace_back("health.rollback=true");
  const Conclusion done = fwrecover::Recipient(ill).confirm({.if_healthy = true}, seen_);
  EXPECT_EQ(10, done.exit_code);
  EXPECT_EQ("not confirmed: \"false\": it exited with 1", done.message);
  EXPECT_EQ(kept, stored());
}

// --- signals -------------------------------------------------------------------------------------

TEST_F(RecipientOnFiles, WhatIsInterruptedEndsWithThatResultAndChangesNothing) {
  begin_trial(10);
  store();
  const auto source_of_test = source();
  const std::string manifest = manifest_file("2");
  const BootRecord before = stored();
  const fwr::test::IoFault signal_at_each_read([&](const fwr::test::IoCall& call) {
    if (call.kind == fwr::test::IoKind::Read && call.path.find("slot-") != std::string::npos) {
      EXPECT_EQ(0, std::raise(SIGTERM));
    }
    return fwr::test::IoReply{};
  });
  fwrecover::Recipient recipient(source_of_test);
  const fwrecover::RequestOptions if_needed{.if_needed = true};
  for (const Conclusion& done :
       {recipient.check(seen_), recipient.rollback(false, seen_), recipient.rollback(true, seen_),
        recipient.request({}, seen_), recipient.request(if_needed, seen_)}) {
    EXPECT_EQ("interrupted", done.code) << done.message;
    EXPECT_EQ(143, done.exit_code);
  }
  EXPECT_EQ(before, stored());
}

TEST_F(RecipientOnFiles, AdoptsNothingWhenItIsInterrupted) {
  const auto source_of_test = source();
  const std::string manifest = manifest_file("2");
  {
    const fwr::test::IoFault signal_at_each_read([&](const fwr::test::IoCall& call) {
      if (call.path.find("slot-") != std::string::npos) {
        EXPECT_EQ(0, std::raise(SIGINT));
      }
      return fwr::test::IoReply{};
    });
    const Conclusion done = fwrecover::Recipient(source_of_test).adopt({manifest, "", "b"}, seen_);
    EXPECT_EQ("interrupted", done.code) << done.message;
    EXPECT_EQ(130, done.exit_code);
  }
  EXPECT_EQ(0U, stored().generation);
}

// --- health --------------------------------------------------------------------------------------

TEST_F(RecipientOnFiles, ConfirmIfHealthyKeepsWhatIsHealthy) {
  store();
  auto healthy = source();
  healthy.overrides.emplace_back("health.commands=['true', \"sh -c 'exit 0'\"]");
  const Conclusion done = fwrecover::Recipient(healthy).confirm({.if_healthy = true}, seen_);
  EXPECT_TRUE(done.ok()) << done.message;
  EXPECT_EQ("slot b is confirmed: test firmware 2", done.message);
  EXPECT_EQ(SlotState::Good, stored().slot(SlotId::B).state);
  EXPECT_EQ("2", stored().confirmed_version);
  // Nothing is on trial any more: nothing to do.
  const BootRecord before = stored();
  EXPECT_TRUE(fwrecover::Recipient(healthy).confirm({.if_healthy = true}, seen_).ok());
  EXPECT_EQ(before, stored());
}

TEST_F(RecipientOnFiles, ConfirmIfHealthyLeavesTheTrialToItsEndWhenSomethingIsWrong) {
  store();
  const BootRecord before = stored();
  for (const auto& [commands, words] :
       {std::pair{"['true', 'false', 'true']", "\"false\": it exited with 1"},
        std::pair{"['/no/such/program']", "it cannot be run"},
        std::pair{"['sleep 60']", "did not end within 1000 ms"},
        std::pair{"[\"sh -c 'kill -9 $$'\"]", "signal 9 ended it"}}) {
    auto ill = source();
    ill.overrides.push_back(fmt::format("health.commands={}", commands));
    ill.overrides.emplace_back("health.timeout='1s'");
    const Conclusion done = fwrecover::Recipient(ill).confirm({.if_healthy = true}, seen_);
    EXPECT_EQ(10, done.exit_code);
    EXPECT_NE(std::string::npos, done.message.find(words)) << done.message;
  }
  EXPECT_EQ(before, stored());
  write_text(path(SlotId::B), std::string(5000, 'x'));
  EXPECT_EQ(10, fwrecover::Recipient(source()).confirm({.if_healthy = true}, seen_).exit_code);
  EXPECT_EQ(before, stored());
}

TEST_F(RecipientOnFiles, ConfirmIfHealthyGoesBackWhenTheConfigurationSaysSo) {
  store();
  auto ill = source();
  ill.overrides.emplace_back("health.commands=['false']");
  ill.overrides.emplace_back("health.rollback=true");
  EXPECT_EQ(10, fwrecover::Recipient(ill).confirm({.if_healthy = true}, seen_).exit_code);
  EXPECT_EQ(SlotId::A, stored().active);
  ASSERT_EQ(1U, stored().failed.size());
  EXPECT_EQ("2", stored().failed.front().version);
  EXPECT_EQ(fwr::flash::FailureReason::Unhealthy, stored().failed.front().reason);
  EXPECT_TRUE(seen_.saw("activated"));
}

TEST_F(RecipientOnFiles, HealthCommandsAreSplitWithoutAShell) {
  auto named = source();
  named.overrides.emplace_back(R"(health.commands=['a "b'])");
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(named).config(seen_).code);
  named.overrides.back() = R"(health.commands=[' '])";
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(named).config(seen_).code);
}

TEST_F(RecipientOnFiles, HealthCommandsThatNeedAShellAreRefused) {
  auto named = source();
  named.overrides.emplace_back();
  for (const char* command :
       {"true && false", "true || false", "true; false", "true ;false", "true | false",
        "test -e $HOME/gone", "true `false`", "true >/dev/null", "true & false", "test a < b",
        "true\\nfalse", "x=$(false)"}) {
    named.overrides.back() = fmt::format(R"(health.commands=["{}"])", command);
    const Conclusion refused = fwrecover::Recipient(named).config(seen_);
    EXPECT_EQ("bad-configuration", refused.code) << command;
    EXPECT_NE(std::string::npos, refused.message.find("sh -c")) << refused.message;
  }
  for (const char* command :
       {"sh -c 'true && true'", "test '$HOME|' != \\\"$a\\\"", "test a\\\\;b = 'a;b'"}) {
    named.overrides.back() = fmt::format(R"(health.commands=["{}"])", command);
    const Conclusion taken = fwrecover::Recipient(named).config(seen_);
    EXPECT_TRUE(taken.ok()) << command << ": " << taken.message;
  }
}

TEST_F(RecipientOnFiles, HealthCommandsCountWhenWhoStartedUsIgnoresTheEndsOfChildren) {
  store();
  auto healthy = source();
  healthy.overrides.emplace_back("health.commands=['true']");
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  const Conclusion done = fwrecover::Recipient(healthy).confirm({.if_healthy = true}, seen_);
  EXPECT_EQ(SIG_IGN, std::signal(SIGCHLD, before));
  EXPECT_TRUE(done.ok()) << done.message;
}

TEST_F(RecipientOnFiles, CheckOfATrialThatRanOutAsksForADecision) {
  begin_trial(10);
  store();
  const Conclusion done = fwrecover::Recipient(source()).check(seen_);
  EXPECT_EQ(10, done.exit_code);
  EXPECT_EQ(std::string::npos, done.message.find("needs to be replaced")) << done.message;
  EXPECT_EQ(std::string::npos, done.advice.find("request")) << done.advice;
  EXPECT_NE(std::string::npos, done.advice.find("fwrecover rollback")) << done.advice;
}

TEST_F(RecipientOnFiles, CheckGoesByTheFloorAndByThePolicysMinimum) {
  record_.active = SlotId::A;
  fill(SlotId::B, "2", SlotState::Bad);
  record_.trial.reset();
  store();
  EXPECT_TRUE(fwrecover::Recipient(source()).check(seen_).ok());
  auto raised = source();
  raised.overrides.emplace_back("policy.minimum_security_version=2");
  EXPECT_EQ(10, fwrecover::Recipient(raised).check(seen_).exit_code);
  // What is needed is asked for, here until that needs a password.
  const fwrecover::RequestOptions if_needed{.if_needed = true};
  EXPECT_TRUE(fwrecover::Recipient(source()).request(if_needed, seen_).ok());
  raised.overrides.emplace_back("lan.targets=['127.0.0.1:9']");
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(raised).request(if_needed, seen_).code);
  record_.security_floor = 2;
  ++record_.generation;
  store();
  EXPECT_EQ(10, fwrecover::Recipient(source()).check(seen_).exit_code);
  auto floored = source();
  floored.overrides.emplace_back("lan.targets=['127.0.0.1:9']");
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(floored).request(if_needed, seen_).code);
}

// --- the history ---------------------------------------------------------------------------------

TEST_F(RecipientOnFiles, ARequestThatNobodyAnsweredIsInTheHistory) {
  store();
  ASSERT_TRUE(fwrecover::Recipient(source()).confirm(seen_).ok());
  auto lonely = source();
  write_text(scratch_ / "password", "twenty-bytes-of-pass");
  std::filesystem::permissions(scratch_ / "password", std::filesystem::perms(0600));
  lonely.overrides.insert(lonely.overrides.end(),
                          {"lan.targets=['127.0.0.1:9']", "policy.offer_window='100ms'",
                           fmt::format("donor.password_file='{}'", scratch_ / "password")});
  fwrecover::Recipient recipient(lonely);
  for (const bool with_offers : {false, true}) {
    const Conclusion done = with_offers ? recipient.offers(seen_) : recipient.request({}, seen_);
    EXPECT_EQ("no-donor-answered", done.code) << done.message;
  }
  Collector told;
  EXPECT_EQ("2 entries", recipient.history(told).message);
  ASSERT_EQ(2U, told.events.size());
  EXPECT_EQ("confirmed", told.events.front().text("what"));
  EXPECT_EQ("failed", told.events.back().text("what"));
  EXPECT_EQ("no-donor-answered", told.events.back().text("code"));
  EXPECT_NE(std::string::npos, told.events.back().text("reason").find("127.0.0.1"));
}

TEST_F(RecipientOnFiles, ARollBackMarksASlotBadThatLostItsImage) {
  store();
  write_text(path(SlotId::A), std::string(5000, 'x'));
  EXPECT_EQ("no-previous-image", fwrecover::Recipient(source()).rollback(false, seen_).code);
  EXPECT_EQ(SlotState::Bad, stored().slot(SlotId::A).state);
  EXPECT_EQ(SlotId::B, stored().active);
}

TEST_F(RecipientOnFiles, CheckSaysThatThereIsNoRecord) {
  EXPECT_EQ(10, fwrecover::Recipient(source()).check(seen_).exit_code);
  for (const Event& event : seen_.events) {
    if (event.name() != "finding") continue;
    EXPECT_FALSE(event.flag("ok")) << event.text("finding");
    EXPECT_EQ(event.text("finding") == "state-record", event.flag("known"))
        << event.text("finding");
    // What is not there was not found to be damaged.
    EXPECT_EQ(std::string::npos, event.text("text").find("not readable")) << event.text("text");
  }
}

// --- stop() --------------------------------------------------------------------------------------

/// Asks an address that does not answer, for ten minutes.
fwrecover::RecipientSource waiting(fwrecover::RecipientSource source) {
  source.handle_signals = false;
  source.overrides.insert(
      source.overrides.end(),
      {"lan.targets=['127.0.0.1:9']", "policy.offer_window='600s'", "policy.deadline='2h'"});
  return source;
}

TEST_F(RecipientOnFiles, AnotherThreadStopsWhatTakesLong) {
  fwrecover::Recipient recipient(waiting(source()));
  for (int round = 0; round < 3; ++round) {
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 * round));  // also before it begins
      recipient.stop();
    });
    const Conclusion done = recipient.offers(seen_);
    other.join();
    EXPECT_EQ("interrupted", done.code) << done.message;
    EXPECT_EQ(130, done.exit_code);
  }
}

TEST_F(RecipientOnFiles, AnObserverStopsWhatItWatches) {
  class Impatient final : public fwrecover::Observer {
   public:
    explicit Impatient(fwrecover::Recipient& watched) : watched_(watched) {}
    void on_event(const fwrecover::Event& event) override {
      if (event.name() != "waiting") return;
      EXPECT_EQ("Discovering", event.text("state"));
      EXPECT_GE(event.real("seconds"), 1.0);
      watched_.stop();
    }

   private:
    fwrecover::Recipient& watched_;
  };
  fwrecover::Recipient recipient(waiting(source()));
  Impatient impatient(recipient);
  EXPECT_EQ("interrupted", recipient.offers(impatient).code);
}

TEST_F(RecipientOnFiles, AStopIsForOneOperation) {
  store();
  fwrecover::Recipient recipient(source());
  recipient.stop();
  EXPECT_EQ("interrupted", recipient.rollback(false, seen_).code);
  EXPECT_TRUE(recipient.rollback(false, seen_).ok());
}

TEST(DonorDaemon, StopsWhenAnotherThreadSaysSo) {
  class Waker final : public fwrecover::Observer {
   public:
    void on_event(const fwrecover::Event& event) override {
      if (event.name() == "ready") ready.set_value();
    }
    std::promise<void> ready;
  };
  const fwr::test::ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "catalogue");
  fwr::test::write_text(scratch / "none.toml", "");
  fwr::test::write_text(scratch / "password", "of the test");
  std::filesystem::permissions(scratch / "password", std::filesystem::perms::owner_read);
  fwrecover::DonorDaemon daemon(
      {scratch / "none.toml",
       {fmt::format("catalogue.directory='{}'", scratch / "catalogue"),
        fmt::format("trust.keys=['{}']", scratch / "*.pub"), "lan.listen=['127.0.0.1:29623']",
        fmt::format("user.test.password_file='{}'", scratch / "password")}});
  fwrecover::ServeOptions options;
  options.handle_signals = false;
  Waker waker;
  std::thread other([&] {
    waker.ready.get_future().wait();
    daemon.stop();
  });
  const Conclusion done = daemon.serve(options, waker);
  EXPECT_TRUE(done.ok()) << done.message;
  if (!done.ok()) waker.ready.set_value();
  other.join();
}

// --- a system without a record
// -------------------------------------------------------------------

TEST_F(RecipientOnFiles, RequestWithoutARecordNeedsToKnowWhatRuns) {
  const Conclusion done = fwrecover::Recipient(source()).request({}, seen_);
  EXPECT_EQ("active-slot-unknown", done.code);
  EXPECT_EQ(15, done.exit_code);
  auto stated = source();
  for (const char* slot : {"a", "b"}) {
    stated.overrides.push_back(fmt::format("slots.active={}", slot));
    // What was confirmed here is not known: the gates would be open.
    EXPECT_EQ("no-record", fwrecover::Recipient(stated).request({}, seen_).code);
    // Here it goes on until it needs a password.
    EXPECT_EQ("bad-configuration",
              fwrecover::Recipient(stated).request({.without_record = true}, seen_).code);
    seen_.events.clear();
    EXPECT_TRUE(fwrecover::Recipient(stated).status(seen_).ok());
    EXPECT_EQ(slot, seen_.events.back().text("active"));
    EXPECT_FALSE(seen_.events.back().flag("recorded"));
  }
  stated.overrides.emplace_back("slots.active=c");
  EXPECT_EQ("bad-configuration", fwrecover::Recipient(stated).status(seen_).code);
}

TEST_F(RecipientOnFiles, AdoptsWhatTheAdministratorSaysTheSystemRuns) {
  const std::string manifest = manifest_file("2");
  fwrecover::Recipient recipient(source());
  EXPECT_EQ("active-slot-unknown", recipient.adopt({manifest, "", ""}, seen_).code);
  EXPECT_EQ("digest-mismatch", recipient.adopt({manifest, "", "a"}, seen_).code);
  EXPECT_EQ("bad-usage", recipient.adopt({manifest, "", "c"}, seen_).code);
  EXPECT_EQ(0U, stored().generation);
  const Conclusion done = recipient.adopt({manifest, "", "b"}, seen_);
  EXPECT_TRUE(done.ok()) << done.message;
  EXPECT_TRUE(seen_.saw("adopted"));
  EXPECT_EQ(SlotId::B, stored().active);
  EXPECT_EQ(SlotState::Good, stored().slot(SlotId::B).state);
  EXPECT_EQ(2U, stored().security_floor);
  EXPECT_TRUE(recipient.check(seen_).ok());
  // Once more changes nothing, and an older image is refused from now on.
  const BootRecord before = stored();
  EXPECT_TRUE(recipient.adopt({manifest, "", ""}, seen_).ok());
  EXPECT_EQ(before, stored());
  EXPECT_EQ("image-too-old", recipient.adopt({manifest_file("1"), "", "a"}, seen_).code);
  EXPECT_EQ(before, stored());
}

TEST_F(RecipientOnFiles, AdoptsSlotAWhenNothingElseCanRun) {
  std::filesystem::remove(path(SlotId::B));
  EXPECT_TRUE(fwrecover::Recipient(source()).adopt({manifest_file("1"), "", ""}, seen_).ok());
  EXPECT_EQ(SlotId::A, stored().active);
}

TEST_F(RecipientOnFiles, AdoptsNothingThatIsNotSignedOrNotForThisSystem) {
  const std::string manifest = manifest_file("1");
  auto other_system = source();
  other_system.overrides.emplace_back("system.component=other");
  EXPECT_EQ("image-incompatible",
            fwrecover::Recipient(other_system).adopt({manifest, "", "a"}, seen_).code);
  write_text(manifest, manifest_of("2"));
  EXPECT_EQ("bad-signature", fwrecover::Recipient(source()).adopt({manifest, "", "b"}, seen_).code);
  EXPECT_EQ("not-found",
            fwrecover::Recipient(source()).adopt({scratch_ / "no", "", "b"}, seen_).code);
  EXPECT_EQ(0U, stored().generation);
  EXPECT_FALSE(seen_.saw("adopted"));
}

TEST_F(RecipientOnFiles, AdoptsNothingDuringATrial) {
  store();
  EXPECT_EQ("on-trial",
            fwrecover::Recipient(source()).adopt({manifest_file("2"), "", ""}, seen_).code);
}

}  // namespace
