// SPDX-License-Identifier: GPL-3.0-or-later
// Manifests: each key, each rule of the canonical form, and whatever else a peer may send.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "image/manifest.hpp"
#include "support/stock_tool.hpp"

namespace fwr::image {
namespace {

using testing::HasSubstr;

constexpr std::string_view kDigestText =
    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Every key, in order, with a value for each.
std::vector<std::pair<std::string, std::string>> all_keys() {
  const std::string digest = '"' + std::string(kDigestText) + '"';
  return {{"base", "[" + digest + "]"},
          {"component", "\"bmc\""},
          {"created", "1760000000"},
          {"digest", digest},
          {"expires", "1890000000"},
          {"format", "1"},
          {"minimum", "\"1.0~rc1\""},
          {"name", "\"Firmware of the \\\"lab\\\" boards, \xc3\xa9t\xc3\xa9\""},
          {"platforms",
           "[{\"device\":32,\"manufacturer\":674,\"product\":4660,\"revision\":[1,3]},{}]"},
          {"security", "7"},
          {"size", "33554432"},
          {"version", "\"2.4.1\""}};
}

std::string object_of(const std::vector<std::pair<std::string, std::string>>& keys) {
  std::string text;
  for (const auto& [key, value] : keys)
    text.append(text.empty() ? "{\"" : ",\"").append(key).append("\":").append(value);
  return text + "}";
}

std::string complete() {
  return object_of(all_keys());
}

/// The complete manifest with one value replaced, or with one key more; empty value: without it.
std::string with(const std::string& key, const std::string& value) {
  auto keys = all_keys();
  std::erase_if(keys, [&](const auto& row) { return row.first == key; });
  if (!value.empty()) keys.emplace_back(key, value);
  std::sort(keys.begin(), keys.end());
  return object_of(keys);
}

std::string why_refused(std::string_view json) {
  const auto parsed = parse_manifest(json);
  if (parsed) return "accepted";
  EXPECT_EQ(parsed.error().code, Errc::BadManifest);
  return parsed.error().detail;
}

TEST(ParseManifest, ReadsEveryKey) {
  const auto m = parse_manifest(complete());
  ASSERT_TRUE(m) << m.error().message();
  EXPECT_EQ(m->name, "Firmware of the \"lab\" boards, \xc3\xa9t\xc3\xa9");
  EXPECT_EQ(m->component, "bmc");
  EXPECT_EQ(m->version, "2.4.1");
  EXPECT_EQ(m->security_version, 7U);
  EXPECT_EQ(m->size_bytes, 33554432U);
  EXPECT_EQ(to_text(m->digest), kDigestText);
  EXPECT_EQ(m->minimum_version, "1.0~rc1");
  EXPECT_EQ(m->created, 1760000000);
  EXPECT_EQ(m->expires, 1890000000);
  ASSERT_EQ(m->bases.size(), 1U);
  EXPECT_EQ(to_text(m->bases[0]), kDigestText);
  const PlatformMatch first{674, 4660, 32, PlatformMatch::RevisionRange{1, 3}};
  EXPECT_EQ(m->platforms, (std::vector<PlatformMatch>{first, PlatformMatch{}}));
}

TEST(ParseManifest, DoesWithoutTheOptionalKeys) {
  for (const char* key : {"base", "expires", "minimum"}) {
    const auto m = parse_manifest(with(key, ""));
    EXPECT_TRUE(m) << key << ": " << m.error().message();
  }
}

TEST(ParseManifest, NamesTheKeyThatIsMissing) {
  for (const char* key : {"component", "created", "digest", "format", "name", "platforms",
                          "security", "size", "version"})
    EXPECT_EQ(why_refused(with(key, "")), "\"" + std::string(key) + "\" is missing");
}

TEST(ParseManifest, IgnoresUnknownKeys) {
  const auto known = parse_manifest(complete());
  for (const auto& json :
       {with("aaa", "[null,true,{\"must-not\":-1}]"), with("zzz", "\"\\u0000\\n\""),
        with("platforms",
             "[{\"device\":32,\"manufacturer\":674,\"product\":4660,\"revision\":[1,3],"
             "\"serial\":\"x\"},{\"more\":[]}]")}) {
    const auto m = parse_manifest(json);
    ASSERT_TRUE(m) << json << ": " << m.error().message();
    EXPECT_EQ(*m, *known);
  }
}

TEST(ParseManifest, RefusesWhatMustBeUnderstood) {
  const std::string rule = "\"must-have\" must be understood, and this program does not know it";
  EXPECT_EQ(why_refused(with("must-have", "1")), rule);
  EXPECT_EQ(why_refused(with("platforms", "[{},{\"must-have\":1}]")), "platform 2: " + rule);
  EXPECT_EQ(why_refused(with("muster", "1")), "accepted");
}

struct BadValue {
  const char* key;
  std::string value;
  std::string reason;
};

TEST(ParseManifest, ChecksTheValueOfEachKey) {
  const std::string version_rule = " must be 1 to 31 characters of A-Z a-z 0-9 . _ + ~ -, not ";
  const std::string digest_rule = " must be 64 lower-case hexadecimal digits, not ";
  const std::string upper(64, 'A');
  const std::string name_rule = "\"name\" must be 1 to 64 characters without control characters";
  const std::string time_rule = " must be an integer from 0 to 253402300799, not ";
  const std::string range_rule =
      "platform 1: \"revision\" must be an array of the lowest and the highest revision";
  for (const BadValue& bad : std::vector<BadValue>{
           {"base", "1", "\"base\" must be an array of 0 to 16 digests of images"},
           {"base", "[1]", "\"base\"" + digest_rule + "1"},
           {"base", "[\"00\"]", "\"base\"" + digest_rule + "\"00\""},
           {"component", "\"BMC\"",
            "\"component\" must be 1 to 15 characters of a-z 0-9 . _ -, not \"BMC\""},
           {"component", "\"\"", "\"component\""},
           {"component", "\"abcdefghijklmnop\"", "\"component\""},
           {"component", "7", "\"component\""},
           {"created", "-1", "\"created\"" + time_rule + "-1"},
           {"created", "253402300800", "\"created\"" + time_rule + "253402300800"},
           {"created", "\"now\"", "\"created\"" + time_rule + "\"now\""},
           {"created", "null", "\"created\"" + time_rule + "null"},
           {"digest", "\"" + upper + "\"", "\"digest\"" + digest_rule},
           {"digest", "[]", "\"digest\"" + digest_rule + "[]"},
           {"expires", "-1", "\"expires\"" + time_rule + "-1"},
           {"format", "2", "\"format\" must be an integer from 1 to 1, not 2"},
           {"minimum", "\"1 2\"", "\"minimum\"" + version_rule + "\"1 2\""},
           {"minimum", "\"\"", "\"minimum\"" + version_rule + "\"\""},
           {"name", "\"\"", name_rule},
           {"name", "\"\\u001b[2J\"", name_rule + ", not \"\\u001b[2J\""},
           {"name", "\"\x7f\"", name_rule},
           {"name", "\"\xc2\x9b\"", name_rule},
           {"name", "\"" + std::string(65, 'x') + "\"", name_rule},
           {"platforms", "[]", "\"platforms\" must be an array of 1 to 64 platforms"},
           {"platforms", "{}", "\"platforms\" must be an array of 1 to 64 platforms"},
           {"platforms", "[{},1]", "\"platforms\" must be an array of objects, but element 2 is 1"},
           {"platforms", "[{\"manufacturer\":16777216}]",
            "platform 1: \"manufacturer\" must be an integer from 0 to 16777215, not 16777216"},
           {"platforms", "[{\"product\":65536}]",
            "platform 1: \"product\" must be an integer from 0 to 65535, not 65536"},
           {"platforms", "[{},{\"device\":256}]",
            "platform 2: \"device\" must be an integer from 0 to 255, not 256"},
           {"platforms", "[{\"device\":\"32\"}]", "platform 1: \"device\" must be an integer"},
           {"platforms", "[{\"revision\":[3,1]}]", range_rule},
           {"platforms", "[{\"revision\":[1]}]", range_rule},
           {"platforms", "[{\"revision\":[1,2,3]}]", range_rule},
           {"platforms", "[{\"revision\":[0,256]}]", range_rule},
           {"platforms", "[{\"revision\":1}]", range_rule},
           {"security", "4294967296",
            "\"security\" must be an integer from 0 to 4294967295, not 4294967296"},
           {"security", "-1", "\"security\""},
           {"size", "0", "\"size\" must be an integer from 1 to 4294967296, not 0"},
           {"size", "4294967297", "\"size\""},
           {"version", "\"1/2\"", "\"version\"" + version_rule + "\"1/2\""},
           {"version", "true", "\"version\"" + version_rule + "true"},
       })
    EXPECT_THAT(why_refused(with(bad.key, bad.value)), HasSubstr(bad.reason))
        << bad.key << ": " << bad.value;
}

TEST(ParseManifest, TakesTheLimitsThemselves) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"component", "\"abcdefghijklmno\""},
           {"created", "0"},
           {"created", "253402300799"},
           {"name", "\"" + std::string(64, 'x') + "\""},
           {"security", "4294967295"},
           {"size", "1"},
           {"size", "4294967296"},
           {"version", "\"" + std::string(31, '9') + "\""},
           {"platforms",
            "[{\"device\":255,\"manufacturer\":16777215,\"product\":65535,"
            "\"revision\":[0,255]}]"},
           {"platforms", "[{\"revision\":[4,4]}]"},
           {"base", "[]"},
       })
    EXPECT_EQ(why_refused(with(key, value)), "accepted") << key << ": " << value;
}

TEST(ParseManifest, BoundsTheArrays) {
  const auto array_of = [](const std::string& element, std::size_t count) {
    std::string text = "[" + element;
    for (std::size_t i = 1; i < count; ++i) text += "," + element;
    return text + "]";
  };
  const std::string digest = '"' + std::string(kDigestText) + '"';
  EXPECT_EQ(why_refused(with("platforms", array_of("{}", 64))), "accepted");
  EXPECT_THAT(why_refused(with("platforms", array_of("{}", 65))), HasSubstr("1 to 64"));
  EXPECT_EQ(why_refused(with("base", array_of(digest, 16))), "accepted");
  EXPECT_THAT(why_refused(with("base", array_of(digest, 17))), HasSubstr("0 to 16"));
}

TEST(ParseManifest, RefusesEverythingButTheCanonicalForm) {
  const std::string good = complete();
  EXPECT_EQ(why_refused(good + "\n"), "byte " + std::to_string(good.size() + 1) +
                                          " follows the closing brace, where the file must end");
  EXPECT_THAT(why_refused(good + std::string(1, '\0')), HasSubstr("follows the closing brace"));
  EXPECT_EQ(why_refused("{ " + good.substr(1)),
            "white space at byte 2, but the canonical form has none");
  EXPECT_THAT(why_refused("\n" + good), HasSubstr("white space at byte 1"));
  EXPECT_EQ(why_refused("\xef\xbb\xbf" + good), "byte 1 differs from the canonical form");
  EXPECT_THAT(why_refused(with("zzz", "\"\\/\"")), HasSubstr("differs from the canonical form"));
  EXPECT_THAT(why_refused(with("zzz", "\"\\u0041\"")), HasSubstr("differs from the canonical"));
  EXPECT_THAT(why_refused(with("zzz", "\"\\u000A\"")), HasSubstr("differs from the canonical"));
  EXPECT_THAT(why_refused(with("zzz", "\"\\u001F\"")), HasSubstr("differs from the canonical"));
  EXPECT_THAT(why_refused(with("zzz", "-0")), HasSubstr("differs from the canonical form"));
  EXPECT_EQ(why_refused(with("zzz", "\"\\n\\u001f/A\"")), "accepted");
}

TEST(ParseManifest, WantsKeysInByteOrderAndOnce) {
  EXPECT_EQ(why_refused("{\"b\":1,\"a\":2}"),
            "\"a\" comes after \"b\", but keys must be in byte order");
  EXPECT_EQ(why_refused("{\"a\":1,\"a\":2}"), "\"a\" is there twice");
  EXPECT_THAT(why_refused("{\"a\":{\"y\":1,\"x\":1}}"), HasSubstr("\"x\" comes after \"y\""));
  // Bytes, not signed characters: U+00E9 is after z.
  EXPECT_THAT(why_refused("{\"\xc3\xa9\":1,\"z\":2}"), HasSubstr("comes after"));
  EXPECT_EQ(why_refused(with("zz\xc3\xa9", "1")), "accepted");
}

TEST(ParseManifest, TakesIntegersOnly) {
  for (const char* number : {"1.0", "1e3", "1.5", "18446744073709551616", "-9223372036854775809"})
    EXPECT_EQ(why_refused(with("size", number)),
              "\"size\" has a number that is not an integer of at most 64 bits");
  EXPECT_THAT(why_refused(with("zzz", "[1,[2.5]]")), HasSubstr("\"zzz\" has a number"));
  EXPECT_EQ(why_refused("1.5"), "it has a number that is not an integer of at most 64 bits");
  EXPECT_THAT(why_refused(with("size", "01")), HasSubstr("not JSON"));
}

TEST(ParseManifest, BoundsTheDepth) {
  const auto nested = [](std::size_t levels) {
    return with("zzz", std::string(levels, '[') + std::string(levels, ']'));
  };
  EXPECT_EQ(why_refused(nested(7)), "accepted");
  EXPECT_EQ(why_refused(nested(8)), "more than 8 levels");
  EXPECT_EQ(why_refused(std::string(kManifestLimit_bytes, '[')), "more than 8 levels");
}

TEST(ParseManifest, BoundsTheSize) {
  const std::size_t rest = kManifestLimit_bytes - with("zzz", "\"\"").size();
  EXPECT_EQ(why_refused(with("zzz", "\"" + std::string(rest, 'x') + "\"")), "accepted");
  EXPECT_EQ(why_refused(with("zzz", "\"" + std::string(rest + 1, 'x') + "\"")),
            "it has 16385 bytes, more than the limit of 16384");
}

TEST(ParseManifest, SaysWhereTheJsonEnds) {
  EXPECT_EQ(why_refused(""), "not JSON, at byte 1");
  EXPECT_EQ(why_refused("{\"a\":}"), "not JSON, at byte 6");
  EXPECT_THAT(why_refused("{\"a\":\"\xff\"}"), HasSubstr("not JSON, at byte"));
  EXPECT_THAT(why_refused(complete().substr(0, 100)), HasSubstr("not JSON, at byte 101"));
  for (const char* json : {"[]", "1", "null", "\"x\""})
    EXPECT_EQ(why_refused(json), "it is not a JSON object");
}

TEST(ParseManifest, RepeatsNothingThatATerminalObeys) {
  const std::string hostile = "\\u001b]0;x\\u0007\xc2\x9b\xe2\x80\xae";
  for (const std::string& json :
       {with("version", "\"" + hostile + "\""), with("must-" + hostile, "1"),
        with("size", "[\"" + hostile + "\"]"), "{\"" + hostile + "\":1.5}"}) {
    const std::string why = why_refused(json);
    EXPECT_NE(why, "accepted");
    for (const char c : why) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << why;
    EXPECT_LT(why.size(), 200U);
  }
}

/// What is accepted is valid: it survives its own canonical form.
void expect_sound(std::string_view json) {
  const auto m = parse_manifest(json);
  if (!m) {
    EXPECT_FALSE(m.error().detail.empty());
    return;
  }
  const auto again = parse_manifest(to_json(*m));
  ASSERT_TRUE(again) << json;
  EXPECT_EQ(*again, *m);
}

TEST(ParseManifest, SurvivesRandomBytes) {
  std::mt19937 engine(1);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes(engine() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(engine());
    expect_sound(bytes);
    for (char& c : bytes) c = "{}[]\",:0123456789.-eEtrufalsn\\ \n"[engine() % 33];
    expect_sound(bytes);
  }
}

TEST(ParseManifest, SurvivesDamageToAGoodOne) {
  const std::string good = complete();
  std::mt19937 engine(2);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = good;
    for (auto edits = 1 + engine() % 3; edits > 0; --edits) {
      const std::size_t at = engine() % damaged.size();
      switch (engine() % 4) {
        case 0: damaged[at] = static_cast<char>(engine()); break;
        case 1: damaged.erase(at, 1 + engine() % 8); break;
        case 2: damaged.insert(at, 1, static_cast<char>(engine())); break;
        default: damaged.insert(at, damaged.substr(engine() % damaged.size(), engine() % 20));
      }
      if (damaged.empty()) break;
    }
    expect_sound(damaged);
  }
}

Manifest sample() {
  Manifest m;
  m.name = "Quote \" backslash \\ slash / \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x94\xa7";
  m.component = "bmc";
  m.version = "1.0~rc1+2";
  m.security_version = 4294967295U;
  m.size_bytes = kImageLimit_bytes;
  m.digest.fill(std::byte{0xab});
  m.platforms = {PlatformMatch{},
                 PlatformMatch{0xffffff, 0xffff, 0xff, PlatformMatch::RevisionRange{0, 255}},
                 PlatformMatch{{}, 0, {}, {}}};
  m.created = kTimeLimit_s;
  return m;
}

TEST(ToJson, IsReadBackAsTheSame) {
  Manifest m = sample();
  EXPECT_EQ(parse_manifest(to_json(m)), m);
  m.minimum_version = "0.1";
  m.expires = 0;
  m.bases = {m.digest, Digest{}};
  const auto again = parse_manifest(to_json(m));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, m);
}

TEST(ToJson, GivesTheTextThatWasParsed) {
  const std::string json = complete();
  EXPECT_EQ(to_json(parse_manifest(json).value()), json);
}

TEST(ToJson, IsTheCanonicalFormOfAnotherProgram) {
  const test::Scratch scratch;
  const std::string json = to_json(sample());
  const auto python = test::run(
      scratch, {"python3", "-c",
                "import json, sys\n"
                "text = open(sys.argv[1], encoding='utf-8').read()\n"
                "form = json.dumps(json.loads(text), sort_keys=True, separators=(',', ':'),\n"
                "                  ensure_ascii=False)\n"
                "sys.exit(0 if form == text else form)\n",
                scratch.put("manifest.json", json)});
  if (!python) GTEST_SKIP() << "there is no python3";
  EXPECT_EQ(python->status, 0) << json << "\n" << python->output;
}

// --- compatibility -------------------------------------------------------------------------------

constexpr std::uint32_t kManufacturer = 674;

Platform system_here() {
  return {kManufacturer, 0x4321, 0x20, 5, "bmc"};
}

Manifest image_for(std::vector<PlatformMatch> platforms) {
  Manifest m = sample();
  m.platforms = std::move(platforms);
  return m;
}

TEST(Incompatibility, IsNoneWhenEveryDescriptorMatches) {
  using Range = PlatformMatch::RevisionRange;
  for (const PlatformMatch& platform :
       {PlatformMatch{}, PlatformMatch{kManufacturer, {}, {}, {}},
        PlatformMatch{{}, 0x4321, {}, {}}, PlatformMatch{{}, {}, 0x20, {}},
        PlatformMatch{{}, {}, {}, Range{5, 5}},
        PlatformMatch{kManufacturer, 0x4321, 0x20, Range{0, 255}}})
    EXPECT_EQ(incompatibility(image_for({platform}), system_here()), std::nullopt);
}

TEST(Incompatibility, NamesBothSides) {
  using Range = PlatformMatch::RevisionRange;
  const auto why = [](const PlatformMatch& platform) {
    return incompatibility(image_for({platform}), system_here()).value_or("none");
  };
  EXPECT_EQ(why({343, {}, {}, {}}), "manufacturer id: image 343, system 674");
  EXPECT_EQ(why({{}, 0x1234, {}, {}}), "product id: image 0x1234, system 0x4321");
  EXPECT_EQ(why({{}, {}, 0x01, {}}), "device id: image 0x01, system 0x20");
  EXPECT_EQ(why({{}, {}, {}, Range{1, 4}}), "hardware revision: image 1 to 4, system 5");
  EXPECT_EQ(why({{}, {}, {}, Range{6, 9}}), "hardware revision: image 6 to 9, system 5");
  EXPECT_EQ(why({343, 0x1234, {}, {}}),
            "manufacturer id: image 343, system 674; product id: image 0x1234, system 0x4321");
}

TEST(Incompatibility, ComparesTheComponentFirst) {
  Platform system = system_here();
  system.component = "bios";
  EXPECT_EQ(incompatibility(image_for({PlatformMatch{}}), system),
            "component: image \"bmc\", system \"bios\"");
}

TEST(Incompatibility, NeedsOnlyOnePlatformOfSeveral) {
  const PlatformMatch wrong{343, 0x1234, {}, {}};
  const PlatformMatch right{kManufacturer, {}, {}, {}};
  EXPECT_EQ(incompatibility(image_for({wrong, right}), system_here()), std::nullopt);
}

TEST(Incompatibility, ShowsTheNearestPlatformOfSeveral) {
  const PlatformMatch far{343, 0x1234, {}, {}};
  const PlatformMatch near{kManufacturer, 0x1234, {}, {}};
  EXPECT_EQ(incompatibility(image_for({far, near}), system_here()),
            "none of the image's 2 platforms matches, the nearest differs in product id: image "
            "0x1234, system 0x4321");
  EXPECT_EQ(incompatibility(image_for({}), system_here()), "the image names no platform");
}

}  // namespace
}  // namespace fwr::image
