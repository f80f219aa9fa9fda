// SPDX-License-Identifier: GPL-3.0-or-later
// Configuration files, overrides and secrets.
#include "settings/settings.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "settings/donor_config.hpp"
#include "settings/recipient_config.hpp"
#include "settings/secret.hpp"
#include "settings/trusted_keys.hpp"

namespace fwr::settings {
namespace {

constexpr std::array kTable{
    Setting{"net", "name", Kind::Text, "\"none\"", ""},
    Setting{"net", "hosts", Kind::TextList, "[]", ""},
    Setting{"net", "port", Kind::Integer, "623", "", {1, 65535}},
    Setting{"net", "on", Kind::Boolean, "true", ""},
    Setting{"net", "wait", Kind::Duration, "\"3s\"", ""},
    Setting{"net", "room", Kind::Size, "\"64MiB\"", ""},
    Setting{"net", "extra", Kind::Text, "", ""},
    Setting{"user.*", "file", Kind::Text, "", ""},
};

class SettingsFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "fwr-settings-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& content, mode_t mode = 0600) const {
    std::string path = directory_ / name;
    std::ofstream(path, std::ios::binary) << content;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  Result<Settings> load(const std::string& content,
                        const std::vector<std::string>& overrides = {}) {
    return Settings::load(kTable, write("x.toml", content), true, overrides);
  }
  /// The error's words, which must name the place and contain `part`.
  void expect_refused(const std::string& content, const std::string& part) {
    const auto settings = load(content);
    ASSERT_FALSE(settings) << content;
    EXPECT_EQ(settings.error().code, Errc::BadConfiguration);
    EXPECT_NE(settings.error().detail.find("x.toml"), std::string::npos) << settings.error().detail;
    EXPECT_NE(settings.error().detail.find(part), std::string::npos) << settings.error().detail;
  }
  std::filesystem::path directory_;
};

TEST_F(SettingsFile, HaveDefaults) {
  const auto settings = load("");
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->text("net.name"), "none");
  EXPECT_EQ(settings->integer("net.wait"), 3000);
  EXPECT_EQ(settings->integer("net.room"), 64 << 20);
  EXPECT_TRUE(settings->flag("net.on"));
  EXPECT_FALSE(settings->has("net.extra"));
  EXPECT_EQ(settings->source("net.port"), "default");
}

TEST_F(SettingsFile, ReadEveryKindAndRememberTheLine) {
  const auto settings = load(
      "[net]\nname = 'x'\nhosts = ['a', 'b']\nport = 7\non = false\nwait = 2\nroom = 4096\n"
      "[user.joe]\nfile = '/f'\n");
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->text("net.name"), "x");
  EXPECT_EQ(settings->list("net.hosts"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(settings->integer("net.port"), 7);
  EXPECT_FALSE(settings->flag("net.on"));
  EXPECT_EQ(settings->integer("net.wait"), 2000);
  EXPECT_EQ(settings->integer("net.room"), 4096);
  EXPECT_EQ(settings->names("user.*"), std::vector<std::string>{"joe"});
  EXPECT_EQ(settings->text("user.joe.file"), "/f");
  EXPECT_TRUE(settings->source("net.port").ends_with("x.toml:4"));
}

TEST_F(SettingsFile, AreOverriddenByTheCommandLine) {
  const auto settings = load("[net]\nport = 7\n", {"net.port=8", "net.name=bare", "net.hosts=['q']",
                                                   "net.wait=10m", "user.joe.file=/g"});
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->integer("net.port"), 8);
  EXPECT_EQ(settings->text("net.name"), "bare");
  EXPECT_EQ(settings->list("net.hosts"), std::vector<std::string>{"q"});
  EXPECT_EQ(settings->integer("net.wait"), 600'000);
  EXPECT_EQ(settings->text("user.joe.file"), "/g");
  EXPECT_EQ(settings->source("net.port"), "command line");
}

TEST_F(SettingsFile, TakeTheValuesOfOptionsWithoutReadingThemAsTOML) {
  const std::vector<std::string> texts{"net.hosts=['of', 'the', 'text']", "net.port=8"};
  const std::vector<Override> values{{"net.hosts", std::vector<std::string>{"it's", "\"b\"]"}},
                                     {"net.wait", std::int64_t{1500}},
                                     {"net.on", false}};
  const auto settings = Settings::load(kTable, write("x.toml", ""), true, texts, values);
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->list("net.hosts"), (std::vector<std::string>{"it's", "\"b\"]"}));
  EXPECT_EQ(settings->integer("net.wait"), 1500);
  EXPECT_FALSE(settings->flag("net.on"));
  EXPECT_EQ(settings->integer("net.port"), 8);
  EXPECT_EQ(settings->source("net.hosts"), "command line");
  std::vector<std::string> printed;
  for (const auto& one : settings->effective()) printed.push_back(one.name + "=" + one.value);
  const auto again = load("", printed);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->list("net.hosts"), settings->list("net.hosts"));
  EXPECT_EQ(again->integer("net.wait"), 1500);
}

TEST_F(SettingsFile, RefuseValuesOfOptionsThatNoFileCouldHave) {
  using Texts = std::vector<std::string>;
  const auto refused = [&](Override value) {
    const std::vector<Override> values{std::move(value)};
    const auto settings = Settings::load(kTable, write("x.toml", ""), true, {}, values);
    return settings ? Errc::Internal : settings.error().code;
  };
  EXPECT_EQ(refused({"net.hosts", Texts{"a\nb"}}), Errc::BadUsage);
  EXPECT_EQ(refused({"net.hosts", Texts{"\xff"}}), Errc::BadUsage);
  EXPECT_EQ(refused({"net.hosts", Texts{""}}), Errc::BadConfiguration);
  EXPECT_EQ(refused({"net.port", true}), Errc::BadConfiguration);
  EXPECT_EQ(refused({"net.wait", std::int64_t{-1}}), Errc::BadConfiguration);
  EXPECT_EQ(refused({"net.prot", std::int64_t{1}}), Errc::BadConfiguration);
}

TEST(SettingsTables, BoundEveryNumber) {
  for (const auto table : {recipient_table(), donor_table()})
    for (const Setting& row : table) {
      const bool number =
          row.kind == Kind::Integer || row.kind == Kind::Duration || row.kind == Kind::Size;
      const bool bounded = row.bounds.lowest >= 0 && row.bounds.highest < INT64_MAX;
      EXPECT_EQ(bounded, number && row.name() != "donor.cipher_suite") << row.name();
    }
}

TEST_F(SettingsFile, RefuseWhatTheyDoNotKnowWithItsPlace) {
  expect_refused("[net]\nprot = 7\n", "x.toml:2: there is no setting 'net.prot'");
  expect_refused("\n[met]\nport = 7\n", "[met]");
  expect_refused("port = 7\n", "'port'");
  expect_refused("[user.a.b]\nfile = 'x'\n", "[user.a.b]");
}

TEST_F(SettingsFile, RefuseAWrongTypeAndSayWhatIsExpected) {
  expect_refused("[net]\nport = '7'\n", "wants an integer");
  expect_refused("[net]\non = 1\n", "true or false");
  expect_refused("[net]\nhosts = 'a'\n", "a list of texts");
  expect_refused("[net]\nhosts = [1]\n", "a list of texts");
  expect_refused("[net]\nwait = '3 weeks'\n", "\"10m\"");
  expect_refused("[net]\nwait = -1\n", "seconds");
  expect_refused("[net]\nroom = '99999999999GiB'\n", "\"64MiB\"");
}

TEST_F(SettingsFile, RefuseOverridesThatNoFileCouldHave) {
  for (const char* text : {"net.name=[\xc3", "net.name=\xff", "net.n\xe4me=x", "net.name=a\x01",
                           "net.name=a\nport=8", "net.name=a\r"}) {
    const auto settings = load("", {text});
    ASSERT_FALSE(settings) << text;
    EXPECT_EQ(settings.error().code, Errc::BadUsage);
  }
  EXPECT_EQ(load("", {"net.name=Ger\xc3\xa4t"})->text("net.name"), "Ger\xc3\xa4t");
}

TEST_F(SettingsFile, ArePrintedAsTheyCanBeReadAgain) {
  const std::string value = "two\nlines, a\ttab and \"quotes\"";
  const auto settings =
      load("[net]\nname = \"two\\nlines, a\\ttab and \\\"quotes\\\"\"\nhosts = [\"a\\nb\"]\n");
  ASSERT_TRUE(settings) << settings.error().message();
  ASSERT_EQ(settings->text("net.name"), value);
  std::vector<std::string> overrides;
  for (const auto& one : settings->effective()) overrides.push_back(one.name + "=" + one.value);
  const auto again = load("", overrides);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->text("net.name"), value);
  EXPECT_EQ(again->list("net.hosts"), std::vector<std::string>{"a\nb"});
}

TEST_F(SettingsFile, RefuseATruncatedFile) {
  const std::string whole = "[net]\nname = \"abc\"\nhosts = [\"a\", \"b\"]\n";
  expect_refused(whole.substr(0, 15), "x.toml:2");
  expect_refused(whole.substr(0, whole.size() - 3), "x.toml:");
}

TEST_F(SettingsFile, MayBeMissingOnlyWhenNobodyNamedThem) {
  const std::string path = directory_ / "none.toml";
  EXPECT_TRUE(Settings::load(kTable, path, false, {}));
  const auto named = Settings::load(kTable, path, true, {});
  ASSERT_FALSE(named);
  EXPECT_NE(named.error().detail.find(path), std::string::npos);
}

TEST_F(SettingsFile, AreNotEmptyBecauseNobodyWritesIntoAPipe) {
  const std::string path = directory_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const auto silent = Settings::load(kTable, path, true, {});
  ASSERT_FALSE(silent) << "the defaults are nobody's configuration";
  EXPECT_NE(silent.error().detail.find("nothing came"), std::string::npos) << silent.error().detail;
}

TEST_F(SettingsFile, AreBoundedInSize) {
  EXPECT_FALSE(load(std::string(kConfigLimit_bytes + 1, '#')));
}

TEST_F(SettingsFile, CheckBounds) {
  const auto settings = load("[net]\nport = 70000\n");
  ASSERT_TRUE(settings);
  const auto done = settings->check_bounds(kTable[2]);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().detail.find("from 1 to 65535"), std::string::npos);
  EXPECT_NE(done.error().detail.find("x.toml:2"), std::string::npos);
}

TEST_F(SettingsFile, RefuseSecretsThatOthersCanRead) {
  EXPECT_EQ(as_text(read_secret(write("pw", "geheim\n"), "", "password").value().view()), "geheim");
  for (const mode_t mode : {0640U, 0604U, 0644U, 0620U}) {
    const auto secret = read_secret(write("pw", "geheim\n", mode), "", "password");
    ASSERT_FALSE(secret);
    EXPECT_EQ(secret.error().code, Errc::InsecureSecret);
    EXPECT_EQ(secret.error().detail.find("geheim"), std::string::npos);
  }
}

TEST_F(SettingsFile, TakeACredentialOfTheServiceManagerAsItIs) {
  const std::string file = write("pw", "geheim", 0440);
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1), 0);
  EXPECT_EQ(as_text(read_secret(file, "", "password").value().view()), "geheim");
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", (directory_ / "p").c_str(), 1), 0);
  EXPECT_FALSE(read_secret(file, "", "password"));
  ASSERT_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

TEST_F(SettingsFile, PreferTheCredentialThatHasTheNameOfAFile) {
  const std::string credentials = directory_ / "credentials";
  ASSERT_EQ(mkdir(credentials.c_str(), 0700), 0);
  const std::vector<std::string> overrides{"donor.password_file=" + write("pw", "of root")};
  const auto settings = Settings::load(recipient_table(), "", false, overrides);
  ASSERT_TRUE(settings);
  ASSERT_EQ(setenv("CREDENTIALS_DIRECTORY", credentials.c_str(), 1), 0);
  const auto password = [&] {
    return read_secret(settings->secret_path("donor.password_file"), "", "password");
  };
  EXPECT_EQ(as_text(password().value().view()), "of root");
  write("credentials/pw", "handed over\n", 0440);
  EXPECT_EQ(as_text(password().value().view()), "handed over");
  // What the unit has in place of a file that is missing.
  write("credentials/pw", "\n", 0440);
  const auto missing = password();
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().detail.find("LoadCredential="), std::string::npos);
  ASSERT_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

TEST_F(SettingsFile, RefuseSecretsOfNoUse) {
  EXPECT_FALSE(read_secret(write("pw", ""), "", "password"));
  EXPECT_FALSE(read_secret(write("pw", std::string(21, 'x')), "", "password"));
  EXPECT_TRUE(read_secret(write("pw", std::string(20, 'x')), "", "password"));
  EXPECT_EQ(read_secret(directory_ / "none", "", "password").error().code, Errc::NotFound);
}

TEST_F(SettingsFile, TakeASecretFromTheEnvironmentWhenNoFileIsNamed) {
  ASSERT_EQ(setenv("FWR_TEST_SECRET", "aus der Umgebung", 1), 0);
  EXPECT_EQ(as_text(read_secret("", "FWR_TEST_SECRET", "password").value().view()),
            "aus der Umgebung");
  ASSERT_EQ(unsetenv("FWR_TEST_SECRET"), 0);
  const auto secret = read_secret("", "FWR_TEST_SECRET", "password");
  ASSERT_FALSE(secret);
  EXPECT_NE(secret.error().detail.find("FWR_TEST_SECRET"), std::string::npos);
}

TEST_F(SettingsFile, RefuseSecretsThatOtherToolsReadInAnotherWay) {
  for (const char* text : {"geheim\r\n", "geheim\r", "one\ntwo\n", "geheim\n\n", "ge\x07heim"}) {
    const auto secret = read_secret(write("pw", text), "", "password");
    ASSERT_FALSE(secret) << text;
    EXPECT_EQ(secret.error().detail.find("geheim"), std::string::npos);
  }
  EXPECT_TRUE(read_secret(write("kg", "\x01\r\n\xff"), "", "K_g"));
  EXPECT_FALSE(read_secret(write("kg", "key\r\n"), "", "K_g"));
}

TEST_F(SettingsFile, NeverRepeatASecretInPlaceOfItsPath) {
  for (const char* value :
       {"'TheSecret'", "['TheSecret']", "{ a = 'TheSecret' }", "'./TheSecret'"}) {
    const std::vector<std::string> overrides{std::string("donor.password_file=") + value};
    const auto settings = Settings::load(recipient_table(), "", false, overrides);
    ASSERT_FALSE(settings) << value;
    EXPECT_EQ(settings.error().detail.find("TheSecret"), std::string::npos)
        << settings.error().detail;
  }
  const auto missing = read_secret("/TheSecret", "", "password");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().detail.find("TheSecret"), std::string::npos);
}

TEST_F(SettingsFile, WantAbsolutePathsAndNoEmptyTexts) {
  for (const char* text : {"slots.a=slot-a", "slots.state=./state", "trust.keys=['v.pub']",
                           "policy.version=", "lan.targets=['']"}) {
    const std::vector<std::string> overrides{text};
    EXPECT_FALSE(Settings::load(recipient_table(), "", false, overrides)) << text;
  }
}

TEST_F(SettingsFile, TakeNamesWithDotsInQuotes) {
  const auto settings = load("[user.\"svc.rack7\"]\nfile = '/f'\n", {"user.'a=b.c'.file=/g"});
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->names("user.*"), (std::vector<std::string>{"a=b.c", "svc.rack7"}));
  EXPECT_EQ(settings->text(Settings::section_of("user.*", "svc.rack7") + ".file"), "/f");
}

TEST_F(SettingsFile, DistrustKeysThatOthersCanChange) {
  const std::string key = "RWQBAQEBAQEBAYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c\n";
  for (const mode_t mode : {0644U, 0666U, 0664U}) {
    const std::vector<std::string> overrides{"trust.keys=['" + write("v.pub", key, mode) + "']"};
    const auto settings = Settings::load(recipient_table(), "", false, overrides);
    ASSERT_TRUE(settings);
    EXPECT_EQ(read_trusted_keys(*settings).has_value(), mode == 0644U);
  }
  ASSERT_EQ(chmod(directory_.c_str(), 0777), 0);
  const std::vector<std::string> overrides{"trust.keys=['" + write("v.pub", key, 0644) + "']"};
  const auto settings = Settings::load(recipient_table(), "", false, overrides);
  ASSERT_TRUE(settings);
  EXPECT_FALSE(read_trusted_keys(*settings));
}

TEST_F(SettingsFile, OfTheRecipientHaveDefaultsThatAreGood) {
  const auto settings = Settings::load(recipient_table(), "", false, {});
  ASSERT_TRUE(settings) << settings.error().message();
  const auto config = read_recipient(*settings);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->policy.order.size(), 6U);
  EXPECT_EQ(config->policy.deadline, std::chrono::hours(1));
  EXPECT_EQ(config->trial_limit_s, 600U);
  EXPECT_TRUE(config->lan.broadcast);
}

TEST_F(SettingsFile, OfTheRecipientRoundAShortTrialUpRatherThanToNoLimit) {
  const std::vector<std::string> overrides{"slots.trial=500ms"};
  const auto settings = Settings::load(recipient_table(), "", false, overrides);
  ASSERT_TRUE(settings) << settings.error().message();
  const auto config = read_recipient(*settings);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->trial_limit_s, 1U);
}

TEST_F(SettingsFile, OfTheRecipientOrderMediaAndSayWhatTheyMustProve) {
  const std::vector<std::string> overrides{"policy.media=['icmb', 'wired', 'icmb']",
                                           "policy.return=false", "policy.return_after=90s",
                                           "policy.authenticated=true"};
  const auto settings = Settings::load(recipient_table(), "", false, overrides);
  ASSERT_TRUE(settings) << settings.error().message();
  const auto config = read_recipient(*settings);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->policy.allowed_media, 0x05);
  EXPECT_EQ(config->policy.media_order, (std::vector{Medium::Icmb, Medium::Wired}));
  EXPECT_FALSE(config->policy.return_to_better);
  EXPECT_EQ(config->policy.return_after, std::chrono::seconds(90));
  EXPECT_TRUE(config->policy.authenticated);
  const auto usual = Settings::load(recipient_table(), "", false, {});
  ASSERT_TRUE(usual);
  EXPECT_EQ(read_recipient(*usual)->policy.media_order, policy::default_media_order());
  EXPECT_TRUE(read_recipient(*usual)->policy.return_to_better);
  EXPECT_EQ(read_recipient(*usual)->policy.return_after, std::chrono::seconds(60));
  EXPECT_FALSE(read_recipient(*usual)->policy.authenticated);
}

TEST_F(SettingsFile, OfTheRecipientRefuseWhatPolicyDoesNotKnow) {
  for (const char* text :
       {"policy.role=boss", "policy.media=['air']", "policy.prefer=['price']", "policy.donors=0",
        "policy.offer_window=0", "policy.return_after=500ms", "system.component=BMC!",
        "system.manufacturer=16777216", "slots.size=1", "lan.port=0"}) {
    const std::vector<std::string> overrides{text};
    const auto settings = Settings::load(recipient_table(), "", false, overrides);
    ASSERT_TRUE(settings) << text;
    const auto config = read_recipient(*settings);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().exit_code(), ExitCode::Usage) << text;
    EXPECT_NE(config.error().detail.find("command line"), std::string::npos)
        << config.error().detail;
  }
}

TEST_F(SettingsFile, OfTheDonorListenNowhereByThemselves) {
  const auto settings = Settings::load(donor_table(), "", false, {});
  ASSERT_TRUE(settings) << settings.error().message();
  const auto config = read_donor(*settings);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(config->listen.empty());
  EXPECT_TRUE(config->server.accounts.empty());
  EXPECT_FALSE(config->server.allow_suite3);
  EXPECT_EQ(read_donor(*settings)->donor.guid, config->donor.guid);  // the same on every start
}

TEST_F(SettingsFile, OfTheDonorRefuseMoreThanItCanServe) {
  for (const char* text : {"session.sessions=0", "session.sessions=256", "session.idle=4s",
                           "session.idle=61m", "donor.leases=256", "donor.credit=65MiB"}) {
    const std::vector<std::string> overrides{text};
    const auto settings = Settings::load(donor_table(), "", false, overrides);
    ASSERT_TRUE(settings) << text;
    EXPECT_FALSE(read_donor(*settings)) << text;
  }
}

TEST_F(SettingsFile, OfTheDonorReadAccounts) {
  const std::string file = write("pw", "0123456789");
  const std::vector<std::string> overrides{"user.joe.password_file=" + file,
                                           "user.joe.privilege=operator"};
  const auto settings = Settings::load(donor_table(), "", false, overrides);
  ASSERT_TRUE(settings) << settings.error().message();
  const auto config = read_donor(*settings);
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->server.accounts.size(), 1U);
  EXPECT_EQ(config->server.accounts[0].name, "joe");
  EXPECT_EQ(config->server.accounts[0].limit, wire::Privilege::Operator);
  EXPECT_EQ(as_text(config->server.accounts[0].password.view()), "0123456789");
}

}  // namespace
}  // namespace fwr::settings
