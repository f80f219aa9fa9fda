// SPDX-License-Identifier: GPL-3.0-or-later
// The installed interface, as a program that links libfwrecover sees it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "fwrecover/advice.hpp"
#include "fwrecover/conclude.hpp"
#include "fwrecover/event.hpp"
#include "fwrecover/version.hpp"

namespace {

TEST(LibraryVersion, HasThreeNumbers) {
  const std::string version(fwrecover::library_version());
  EXPECT_EQ(2, std::count(version.begin(), version.end(), '.')) << version;
  EXPECT_EQ(std::string::npos, version.find_first_not_of("0123456789.")) << version;
}

TEST(DefaultIanaPen, FitsInThreeBytes) {
  EXPECT_GT(fwrecover::default_iana_pen(), 0U);
  EXPECT_LT(fwrecover::default_iana_pen(), 1U << 24);
}

// An operating system command, clearing the screen, the same as a C1 character, and no UTF-8.
constexpr const char* kHostile =
    "\x1b]0;owned\a\x1b[2J \xc2\x9b\x32J \xff\xc3\xa9\r\nerror: forged";
constexpr const char* kHarmless = "?]0;owned??[2J ??2J ?\xc3\xa9??error: forged";

TEST(EventText, ReachesNoTerminalAsACommand) {
  fwrecover::Event event("bt-device");
  event.set("name", std::string(kHostile));
  event.set("platforms", std::vector<std::string>{"rack", kHostile});
  EXPECT_EQ(kHarmless, event.text("name"));
  EXPECT_EQ((std::vector<std::string>{"rack", kHarmless}), event.list("platforms"));
  EXPECT_EQ(kHarmless,
            fwrecover::Event("image").set("version", std::string(kHostile)).text("version"));
}

TEST(EventText, HasNothingThatIsNotSeenOrThatTurnsTheDirection) {
  for (const std::string unseen :
       {"\u00ad", "\u061c", "\u115f", "\u180e", "\u200b", "\u200f", "\u2028", "\u2029", "\u202e",
        "\u2066", "\u2069", "\u3164", "\ufe0f", "\ufeff", "\ufff9", "\U0001d173", "\U000e0001",
        "\U000e0041"}) {
    const auto event = fwrecover::Event("image").set("name", "bmc" + unseen + "x");
    EXPECT_EQ("bmc?x", event.text("name"));
    EXPECT_EQ("bmc?x", fwrecover::conclude_ok("bmc" + unseen + "x").message);
  }
  for (const std::string seen : {"ä", "ファーム", "é", "𝄞", "🙂", "א", "ا", "\u2010", "\u2070"})
    EXPECT_EQ(seen, fwrecover::Event("image").set("name", seen).text("name"));
}

TEST(ConclusionText, ReachesNoTerminalAsACommand) {
  EXPECT_EQ(kHarmless, fwrecover::conclude_ok(kHostile).message);
  const auto failed = fwrecover::conclude({fwr::Errc::NoResponse, kHostile});
  EXPECT_NE(std::string::npos, failed.message.find(kHarmless)) << failed.message;
}

TEST(Advice, NeverNamesTheCommandThatFailed) {
  for (const std::string command :
       {"fwrecover check",   "fwrecover request", "fwrecover offers",    "fwrecover status",
        "fwrecover history", "fwrecover confirm", "fwrecover rollback",  "fwrecover adopt",
        "fwrecover verify",  "fwrecover config",  "fwdonor manifest",    "fwdonor add",
        "fwdonor list",      "fwdonor show",      "fwdonor verify",      "fwdonor remove",
        "fwdiag ping",       "fwdiag discover",   "fwdiag capabilities", "fwdiag donor",
        "fwdiag images",     "fwdiag why"}) {
    for (auto i = 0U; i <= static_cast<unsigned>(fwr::Errc::Internal); ++i) {
      const fwr::Error error{static_cast<fwr::Errc>(i), "detail"};
      const auto told = fwrecover::advise(fwrecover::conclude(error), command);
      EXPECT_FALSE(told.advice.empty());
      EXPECT_EQ(std::string::npos, told.advice.find("\"" + command))
          << told.code << " after " << command << ": " << told.advice;
    }
  }
}

TEST(Advice, IsASentenceForEveryCode) {
  for (auto i = 0U; i <= static_cast<unsigned>(fwr::Errc::Internal); ++i) {
    const fwr::ErrorInfo& row = fwr::info(static_cast<fwr::Errc>(i));
    const std::string_view advice = fwrecover::general_advice(row.code);
    ASSERT_FALSE(advice.empty()) << row.name;
    EXPECT_EQ('.', advice.back()) << row.name;
    EXPECT_TRUE(advice.front() >= 'A' && advice.front() <= 'Z') << row.name;
  }
}

TEST(Advice, IsForTheSubjectOfTheError) {
  using fwr::Errc;
  EXPECT_NE(std::string::npos, fwrecover::conclude({Errc::AddressUnavailable, "/dev/ttyS1: in use",
                                                    fwr::SerialLine{"/dev/ttyS1"}})
                                   .advice.find("\"fuser /dev/ttyS1\""));
  EXPECT_NE(
      std::string::npos,
      fwrecover::conclude({Errc::AddressUnavailable, "192.0.2.1:623"}).advice.find("ss -lup"));
  EXPECT_NE(std::string::npos,
            fwrecover::conclude({Errc::NotFound, "no adapter", fwr::BluetoothAdapter{}})
                .advice.find("bluetoothctl"));
}

TEST(Advice, IsForTheCauseAndTheCommand) {
  const auto advice = [](fwr::Errc code, const char* detail, const char* command,
                         const fwr::Subject& about = {}) {
    return fwrecover::advise(fwrecover::conclude({code, detail, about}), command).advice;
  };
  using fwr::Errc;
  EXPECT_NE(std::string::npos,
            advice(Errc::NoPermission, "/x: Read-only file system", "fwrecover request")
                .find("mount it writable"));
  EXPECT_NE(std::string::npos, advice(Errc::UntrustedKey, "", "fwdonor add").find("fwdonord.toml"));
  EXPECT_NE(std::string::npos, advice(Errc::NotFound, "there is no catalogue yet: /x",
                                      "fwdonor list", fwr::MissingCatalogue{})
                                   .find("add"));
  EXPECT_EQ(std::string::npos,
            advice(Errc::DeadlinePassed, "after 5 s; 1 donor tried: x: y", "fwrecover request")
                .find("the link is slow"));
  EXPECT_NE(std::string::npos,
            advice(Errc::NotFound, "a.json.minisig", "fwrecover verify").find("minisign -S"));
  EXPECT_NE(
      std::string::npos,
      advice(Errc::BadConfiguration, "nobody to ask: x", "fwrecover request").find("--target"));
}

}  // namespace
