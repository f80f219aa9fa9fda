// SPDX-License-Identifier: GPL-3.0-or-later
// Fuzzes manifests: canonical JSON, the judgement on what it says, and the order of versions.
//
// encode(decode(bytes)) == bytes, once unknown keys and an empty `base` are left out: they are
// allowed and ignored (PROTOCOL §7.2).
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "fuzz.hpp"
#include "image/manifest.hpp"
#include "policy/policy.hpp"

namespace fwr::fuzz {
namespace {

using image::Manifest;
using nlohmann::json;

json without_unknown_keys(json document) {
  const std::set<std::string> known{"base",    "component", "created",  "digest",
                                    "expires", "format",    "minimum",  "name",
                                    "size",    "platforms", "security", "version"};
  const std::set<std::string> of_platform{"manufacturer", "product", "device", "revision"};
  const auto keep = [](json& object, const std::set<std::string>& keys) {
    json kept = json::object();
    for (const auto& [key, value] : object.items())
      if (keys.contains(key)) kept[key] = value;
    object = std::move(kept);
  };
  keep(document, known);
  for (json& platform : document["platforms"]) keep(platform, of_platform);
  if (document.contains("base") && document["base"].empty()) document.erase("base");
  return document;
}

void require_limits(const Manifest& m) {
  require(m.size_bytes >= 1 && m.size_bytes <= image::kImageLimit_bytes, "the size of an image");
  require(!m.platforms.empty() && m.platforms.size() <= image::kPlatformLimit, "platforms");
  require(m.bases.size() <= image::kBaseLimit, "bases");
  require(image::is_component(m.component) && image::is_version(m.version), "words");
  require(!m.minimum_version || image::is_version(*m.minimum_version), "minimum");
  require(m.created >= 0 && m.created <= image::kTimeLimit_s, "created");
}

/// Where the judge accepts, each rule that protects the system holds (PROTOCOL §7.2 to §7.4, §9).
void judge(const Manifest& m, Input& in) {
  policy::Policy policy;
  policy.minimum_security_version = in.flag() ? m.security_version + in.u8() - 1U : 0;
  policy.allow_downgrade = in.flag();
  if (in.flag()) policy.pinned_version = in.flag() ? m.version : "1.0";
  policy::Situation system;
  system.security_floor = in.flag() ? m.security_version + in.u8() - 1U : 0;
  system.slot_capacity_bytes = in.flag() ? m.size_bytes - 1 + in.u8() : 1U << 20;
  if (in.flag()) system.installed_version = in.flag() ? m.version : "2.0";
  if (in.flag()) system.wall_clock = (m.expires ? *m.expires : m.created) + in.u8() - 128;
  system.platform.component = in.flag() ? m.component : "bmc";
  system.platform.manufacturer_id =
      in.flag() && m.platforms[0].manufacturer_id ? *m.platforms[0].manufacturer_id : in.u8();
  system.platform.product_id = in.u8();
  system.platform.hardware_revision = in.u8();
  policy::Candidate claim;
  claim.digest = m.digest;
  claim.security_version = m.security_version + in.u8() % 2U;
  claim.version = m.version;
  claim.component = m.component;
  claim.size_bytes = m.size_bytes;
  if (in.flag()) claim.digest = in.array<32>();

  const auto refused = policy::judge_manifest(policy, system, claim, m);
  if (refused) return require(!refused->detail.empty(), "a refusal has a reason");
  require(m.digest == claim.digest, "the image is the offered one");
  require(m.size_bytes <= system.slot_capacity_bytes, "the image fits");
  require(m.security_version >= system.security_floor, "never below the security floor");
  require(m.security_version >= policy.minimum_security_version, "never below the minimum");
  require(!policy.pinned_version || m.version == *policy.pinned_version, "the pinned version");
  require(!image::incompatibility(m, system.platform), "the image is for this system");
  require(!m.expires || !system.wall_clock || *system.wall_clock <= m.created ||
              *system.wall_clock < *m.expires,
          "not expired");
  require(policy.allow_downgrade || !system.installed_version ||
              image::compare_versions(m.version, *system.installed_version) >= 0,
          "no downgrade");
}

void from_json(ByteView bytes, Input& in) {
  const auto manifest = image::parse_manifest(as_text(bytes));
  if (!manifest) {
    require(manifest.error().code == Errc::BadManifest, "the code of a refusal");
    require(manifest.error().detail.size() < 400, "what a peer wrote does not fill the log");
    return;
  }
  require_limits(*manifest);
  const std::string again = image::to_json(*manifest);
  require(again == without_unknown_keys(json::parse(as_text(bytes))).dump(),
          "encode(decode(x)) == x: manifest");
  const auto twice = image::parse_manifest(again);
  require(twice && *twice == *manifest, "decode(encode(x)) == x: manifest");
  judge(*manifest, in);
}

std::string word(Input& in, std::string_view letters, std::size_t limit) {
  std::string out;
  const std::size_t size = 1 + in.below(limit);
  for (std::size_t i = 0; i < size; ++i) out.push_back(letters[in.below(letters.size())]);
  return out;
}

void from_fields(Input& in) {
  constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  constexpr std::string_view kVersion = "0123456789.~+-_aZ";
  Manifest m;
  m.name = in.flag() ? "Ger\xc3\xa4t \"x\"\\" : word(in, kLower, 64);
  m.component = word(in, kLower, 15);
  m.version = word(in, kVersion, 31);
  m.security_version = in.u32();
  m.size_bytes = 1 + in.u64() % image::kImageLimit_bytes;
  m.digest = in.array<32>();
  m.created = static_cast<std::int64_t>(in.u64() % (image::kTimeLimit_s + 1));
  if (in.flag()) m.expires = static_cast<std::int64_t>(in.u64() % (image::kTimeLimit_s + 1));
  if (in.flag()) m.minimum_version = word(in, kVersion, 31);
  m.platforms.resize(1 + in.below(3));
  for (image::PlatformMatch& platform : m.platforms) {
    if (in.flag()) platform.manufacturer_id = in.u32() & 0xffffffU;
    if (in.flag()) platform.product_id = in.u16();
    if (in.flag()) platform.device_id = in.u8();
    const std::uint8_t lowest = in.u8();
    const std::uint8_t highest = in.u8();
    if (lowest <= highest && in.flag()) platform.hardware_revision = {lowest, highest};
  }
  m.bases.resize(in.below(3));
  for (Digest& base : m.bases) base = in.array<32>();
  const std::string text = image::to_json(m);
  if (text.size() > image::kManifestLimit_bytes) return;
  const auto read = image::parse_manifest(text);
  require(read && *read == m, "decode(encode(x)) == x: manifest");
  judge(m, in);
}

/// dpkg's order is an order: no loop of images that each replace the one before.
void versions(Input& in) {
  const Bytes a = exact(in.bytes());
  const Bytes b = exact(in.bytes());
  const Bytes c = exact(in.rest());
  const auto compare = [](const Bytes& x, const Bytes& y) {
    const int order = image::compare_versions(as_text(x), as_text(y));
    return (order > 0) - (order < 0);
  };
  require(compare(a, a) == 0, "a version equals itself");
  require(compare(a, b) == -compare(b, a), "the order of versions is antisymmetric");
  if (compare(a, b) <= 0 && compare(b, c) <= 0)
    require(compare(a, c) <= 0, "the order of versions is transitive");
}

enum class InputKind : std::uint8_t { Json, Fields, Versions };
constexpr std::array<NamedAction<InputKind>, 3> kInputKinds{{
    {InputKind::Json, "json"},
    {InputKind::Fields, "fields"},
    {InputKind::Versions, "versions"},
}};

}  // namespace
}  // namespace fwr::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fwr::fuzz;
  Input in(data, size);
  switch (draw_action(in, kInputKinds)) {
    case InputKind::Json: {
      // The judge's numbers come after the text, so that the text stays readable.
      const fwr::Bytes text = exact(in.bytes());
      from_json(text, in);
      break;
    }
    case InputKind::Fields: from_fields(in); break;
    case InputKind::Versions: versions(in); break;
  }
  return 0;
}
